//! Two cases, metric by metric: ratio, interval and a word. Pure.
//!
//! | module | what it holds |
//! |---|---|
//! | this one | every mode of a run against its baseline, as `comparison.parquet` has it |
//! | [`gate`] | `analysis compare`: cases of one run, or runs, with one exit code |
//! | [`alike`] | what must agree before anything is compared |
//! | [`environment`] | what else differs, and is told |
//! | [`floor`] | how far the same thing, measured twice in one run, differs from itself |

pub mod alike;
pub mod environment;
pub mod floor;
pub mod gate;
pub mod output;

use pipeline::Verdict;
use pipeline::artifact::ComparisonRow;
use stats::compare::{Ratio, Tests, paired_ratio};
use stats::{Confidence, Judgement, Share};

use alike::Alike;
use floor::Floor;

use crate::judge::CaseVerdict;
use crate::load::Case;
use crate::metric::{Metric, Quantity, Statistic};
use crate::summarize::CaseSummary;

/// What a comparison depends on beside the data.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Percentiles to compare.
    pub percentiles: Vec<Share>,
    /// Differences within it are SAME.
    pub margin: f64,
    /// Confidence of intervals.
    pub confidence: Confidence,
}

/// One side of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// What was measured.
    pub case: &'a Case,
    /// What it adds up to.
    pub summary: &'a CaseSummary,
    /// How far it may be trusted.
    pub verdict: &'a CaseVerdict,
}

impl Side<'_> {
    /// Whether it counts, but not without reserve.
    fn is_doubtful(&self) -> bool {
        !matches!(self.verdict.verdict, Verdict::Valid | Verdict::Skipped | Verdict::Failed)
    }

    /// Why a metric of it decides nothing; `None` when it may.
    pub(crate) fn obstacle(&self, metric: Metric) -> Option<String> {
        if self.verdict.verdict == Verdict::Failed {
            let why = self.verdict.reasons.first().map_or("", String::as_str);
            return Some(format!("{} FAILED, so its numbers do not count: {why}", self.case.name));
        }
        let row = self.summary.row(metric);
        let short = row.filter(|row| row.verdict == Verdict::TooShort)?;
        Some(format!("{metric} of {} is TOO-SHORT: {}", self.case.name, short.reasons.join("; ")))
    }
}

/// Compares every metric that both sides have and that says the same of both.
/// `all` are the sides of the whole run, for its noise floor.
pub fn compare(
    side: Side<'_>,
    baseline: Side<'_>,
    all: &[Side<'_>],
    rules: &Rules,
) -> Vec<ComparisonRow> {
    let twins = floor::twins(all, [&side.case.name, &baseline.case.name]);
    metrics(side, baseline, &rules.percentiles)
        .into_iter()
        .map(|metric| compare_metric(side, baseline, metric, &twins, rules))
        .collect()
}

/// The metrics in which two cases can be compared, throughput first.
pub fn metrics(side: Side<'_>, baseline: Side<'_>, percentiles: &[Share]) -> Vec<Metric> {
    let same_streams = side.case.streams() == baseline.case.streams();
    let percentiles = percentiles.iter().copied().map(Statistic::Percentile);
    let statistics: Vec<Statistic> = std::iter::once(Statistic::Mean).chain(percentiles).collect();
    let times = Quantity::ALL
        .into_iter()
        .filter(|quantity| same_streams || quantity.compares_across_streams())
        .flat_map(|quantity| statistics.iter().map(move |&s| Metric::Time(quantity, s)));
    std::iter::once(Metric::Throughput)
        .chain(times)
        .filter(|&metric| {
            side.summary.row(metric).is_some() && baseline.summary.row(metric).is_some()
        })
        .collect()
}

/// Values of a metric in the rounds that both cases completed, paired.
pub fn pairs(side: &CaseSummary, baseline: &CaseSummary, metric: Metric) -> (Vec<f64>, Vec<f64>) {
    common(side.rounds_of(metric), baseline.rounds_of(metric))
}

/// The values of the rounds that both have, paired.
fn common(side: &[(i64, f64)], other: &[(i64, f64)]) -> (Vec<f64>, Vec<f64>) {
    let pair = |&(round, value): &(i64, f64)| {
        let (_, other) = other.iter().find(|&&(index, _)| index == round)?;
        Some((value, *other))
    };
    side.iter().filter_map(pair).unzip()
}

/// The ratio of two values over the rounds that both have; `None` below two common rounds.
pub(crate) fn paired(
    side: &[(i64, f64)],
    other: &[(i64, f64)],
    confidence: Confidence,
) -> Option<Ratio> {
    let (values, others) = common(side, other);
    paired_ratio(&values, &others, confidence)
}

/// The paired ratio of a metric; `None` below two common rounds.
pub fn ratio(
    side: &CaseSummary,
    baseline: &CaseSummary,
    metric: Metric,
    confidence: Confidence,
) -> Option<Ratio> {
    paired(side.rounds_of(metric), baseline.rounds_of(metric), confidence)
}

fn compare_metric(
    side: Side<'_>,
    baseline: Side<'_>,
    metric: Metric,
    twins: &[(Side<'_>, Side<'_>)],
    rules: &Rules,
) -> ComparisonRow {
    let estimate = |summary: &CaseSummary| summary.row(metric).and_then(|row| row.estimate);
    let plain = estimate(side.summary).zip(estimate(baseline.summary)).map(|(a, b)| a / b);
    let mut row = ComparisonRow {
        case: side.case.name.clone(),
        baseline: baseline.case.name.clone(),
        metric: metric.to_string(),
        ratio: plain.filter(|ratio| ratio.is_finite()),
        lower: None,
        upper: None,
        confidence: rules.confidence.get(),
        rounds: pairs(side.summary, baseline.summary, metric).0.len() as i64,
        margin: rules.margin,
        verdict: Judgement::Undecided.as_str().to_owned(),
        reasons: Vec::new(),
    };
    let found = ratio(side.summary, baseline.summary, metric, rules.confidence);
    if let Some(found) = found {
        row.ratio = Some(found.ratio);
        row.lower = Some(found.lower);
        row.upper = Some(found.upper);
    }
    let alike = Alike::of(baseline.case.setup(), side.case.setup());
    let obstacle = [side, baseline].iter().find_map(|side| side.obstacle(metric));
    if !alike.unlike.is_empty() {
        row.reasons.push(format!("not comparable: {}", alike.words()));
    } else if let Some(obstacle) = obstacle {
        row.reasons.push(obstacle);
    } else if let Some(found) = found {
        let tests = found.tests(rules.margin, metric.direction());
        let floor = floor::of(twins, metric, rules.confidence);
        let (judged, why) = judge(tests, &found, floor.as_ref(), rules.confidence);
        judged.as_str().clone_into(&mut row.verdict);
        row.reasons.extend(why);
    } else {
        row.reasons.push(TOO_FEW_ROUNDS.to_owned());
    }
    let doubtful = [baseline, side].into_iter().filter(Side::is_doubtful);
    row.reasons
        .extend(doubtful.map(|side| format!("{} is {}", side.case.name, side.verdict.verdict)));
    row
}

/// Why two cases without two common rounds cannot be compared, and what to do.
pub(crate) const TOO_FEW_ROUNDS: &str =
    "fewer than 2 common rounds: what rounds differ by is not known; measure 3 rounds or more";

/// The word on tested differences, and why when it is UNDECIDED.
pub(crate) fn judge(
    tests: Tests,
    found: &Ratio,
    floor: Option<&Floor>,
    confidence: Confidence,
) -> (Judgement, Option<String>) {
    let judged = tests.judge(1.0 - confidence.get());
    let differs = matches!(judged, Judgement::Faster | Judgement::Slower);
    if differs && let Some(floor) = floor.filter(|floor| floor.hides(found.ratio)) {
        return (Judgement::Undecided, Some(floor.words()));
    }
    let open = "the interval reaches across the margin: take more or longer rounds";
    (judged, (judged == Judgement::Undecided).then(|| open.to_owned()))
}
