//! Two cases of one run, metric by metric: ratio, interval and a word. Pure.

use pipeline::Verdict;
use pipeline::artifact::{CaseRow, ComparisonRow};
use stats::compare::{Ratio, paired_ratio};
use stats::{Confidence, Judgement, Share};

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
}

/// Compares every metric that both sides have and that says the same of both.
pub fn compare(side: Side<'_>, baseline: Side<'_>, rules: &Rules) -> Vec<ComparisonRow> {
    metrics(side, baseline, rules)
        .into_iter()
        .map(|metric| compare_metric(side, baseline, metric, rules))
        .collect()
}

/// The metrics in which two cases can be compared, throughput first.
pub fn metrics(side: Side<'_>, baseline: Side<'_>, rules: &Rules) -> Vec<Metric> {
    let same_streams = side.case.streams() == baseline.case.streams();
    let percentiles = rules.percentiles.iter().copied().map(Statistic::Percentile);
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
    let unlike = differences(side.case.setup(), baseline.case.setup());
    let unresolved = [side, baseline]
        .into_iter()
        .find(|side| side.summary.row(metric).is_some_and(|row| row.verdict == Verdict::TooShort));
    if let Some(found) = found {
        row.ratio = Some(found.ratio);
        row.lower = Some(found.lower);
        row.upper = Some(found.upper);
    }
    if !unlike.is_empty() {
        row.reasons.push(format!("not comparable: {}", unlike.join("; ")));
    } else if let Some(short) = unresolved {
        row.reasons.push(format!("{metric} of {} is TOO-SHORT", short.case.name));
    } else if let Some(found) = found {
        let judged = found.judge(rules.margin, metric.direction(), rules.confidence);
        judged.as_str().clone_into(&mut row.verdict);
        if judged == Judgement::Undecided {
            row.reasons.push(
                "the interval reaches across the margin: take more or longer rounds".to_owned(),
            );
        }
    } else {
        row.reasons
            .push("fewer than 2 common rounds: what rounds differ by is not known".to_owned());
    }
    row
}

/// In what two cases differ that forbids comparing them, in words.
pub fn differences(left: Option<&CaseRow>, right: Option<&CaseRow>) -> Vec<String> {
    let (Some(left), Some(right)) = (left, right) else { return Vec::new() };
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    let facts = |row: &CaseRow| {
        [
            ("model", short(&row.model_digest)),
            ("achieved precision", row.achieved_precision.clone()),
            ("batch", row.batch.to_string()),
            ("transfers", row.transfers.to_string()),
            ("depth", row.depth.to_string()),
        ]
    };
    facts(left)
        .into_iter()
        .zip(facts(right))
        .filter(|(left, right)| left.1 != right.1)
        .map(|((name, left), (_, right))| format!("{name} {left} and {right}"))
        .collect()
}
