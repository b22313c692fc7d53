//! Samples → summary rows: estimate, interval, n and verdict of every metric. Pure.
//!
//! An interval is the wider of what one run tells (effective n, order statistics) and what rounds tell
//! (Student's t over round values), once there are three rounds; see METHODOLOGY.md.

use std::collections::BTreeMap;

use pipeline::Verdict;
use pipeline::artifact::{EngineRow, SummaryRow};
use stats::batch::{BatchMeans, overlapping};
use stats::correlation::effective_n_above;
use stats::interval::over_rounds;
use stats::{Confidence, Estimator, Interval, Moments, Share, order};

use crate::builds;
use crate::format::{count, percent};
use crate::load::Case;
use crate::metric::{Metric, Quantity, Statistic};
use crate::rounding;
use crate::series::{Completions, Series, throughput};

/// Rounds below which an interval speaks of this run only.
pub const ROUNDS_FOR_SCOPE: usize = 3;

/// What to sum up and how surely.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Percentiles, ascending.
    pub percentiles: Vec<Share>,
    /// Confidence of intervals.
    pub confidence: Confidence,
}

/// One case, summed up.
#[derive(Clone, Debug)]
pub struct CaseSummary {
    /// Name of the mode.
    pub case: String,
    /// Rows of `summary.parquet`, in the order of the tables.
    pub rows: Vec<SummaryRow>,
    /// Values of each metric by round, of rounds that were measured to their end.
    pub rounds: BTreeMap<Metric, Vec<(i64, f64)>>,
    /// The times that the case has.
    pub series: Vec<Series>,
}

impl CaseSummary {
    /// A case of which nothing is known yet.
    pub(crate) fn empty(case: String) -> Self {
        Self { case, rows: Vec::new(), rounds: BTreeMap::new(), series: Vec::new() }
    }

    /// The row of a metric.
    pub fn row(&self, metric: Metric) -> Option<&SummaryRow> {
        let name = metric.to_string();
        self.rows.iter().find(|row| row.metric == name)
    }

    /// The series of a quantity.
    pub fn series(&self, quantity: Quantity) -> Option<&Series> {
        self.series.iter().find(|series| series.quantity == quantity)
    }

    /// Values of a metric by round.
    pub fn rounds_of(&self, metric: Metric) -> &[(i64, f64)] {
        self.rounds.get(&metric).map_or(&[], Vec::as_slice)
    }
}

/// A row on its way: everything but names.
pub(crate) struct Draft {
    pub(crate) estimate: f64,
    pub(crate) within: Interval,
    pub(crate) n: usize,
    pub(crate) n_effective: Option<f64>,
    pub(crate) estimator: String,
    /// What is missing when a bound is.
    pub(crate) missing: String,
}

/// Sums up one case; `engines` are all builds of the run.
pub fn summarize(case: &Case, engines: &[EngineRow], asked: &Asked) -> CaseSummary {
    let series = Quantity::ALL.into_iter().filter_map(|quantity| Series::of(case, quantity));
    let mut summary =
        CaseSummary { series: series.collect(), ..CaseSummary::empty(case.name.clone()) };
    add_throughput(&mut summary, case, asked);
    let estimator = if case.is_of_trtexec() { Estimator::Trtexec } else { Estimator::InverseCdf };
    for series in summary.series.clone() {
        add_moments(&mut summary, &series, asked);
        add_percentiles(&mut summary, &series, estimator, asked);
    }
    rounding::widen(&mut summary, case);
    builds::add(&mut summary, case, engines, asked);
    summary
}

impl CaseSummary {
    /// Completes a draft with what the rounds say, and keeps it.
    pub(crate) fn push(
        &mut self,
        metric: Metric,
        draft: Draft,
        round_values: Vec<(i64, f64)>,
        asked: &Asked,
    ) {
        let values: Vec<f64> = round_values.iter().map(|&(_, value)| value).collect();
        let by_rounds = values.len() >= ROUNDS_FOR_SCOPE;
        let mut interval = draft.within;
        if by_rounds && let Some(rounds) = over_rounds(&values, asked.confidence) {
            interval = draft.within.wider(rounds.interval);
        }
        // a time or a rate is never negative, and an interval holds its own estimate
        let lower = interval.lower.map(|lower| lower.min(draft.estimate).max(0.0));
        let upper = interval.upper.map(|upper| upper.max(draft.estimate));
        let open = lower.is_none() || upper.is_none();
        let is_extreme = matches!(metric, Metric::Time(_, Statistic::Min | Statistic::Max));
        let verdict = if open && !is_extreme { Verdict::TooShort } else { Verdict::Valid };
        let reasons = if open { vec![draft.missing] } else { Vec::new() };
        self.rounds.insert(metric, round_values);
        self.rows.push(SummaryRow {
            case: self.case.clone(),
            metric: metric.to_string(),
            estimate: Some(draft.estimate),
            lower,
            upper,
            confidence: asked.confidence.get(),
            n: draft.n as i64,
            n_effective: draft.n_effective,
            unit: metric.unit().to_owned(),
            estimator: draft.estimator,
            scope: if by_rounds { "rounds" } else { "this-run" }.to_owned(),
            verdict,
            reasons,
        });
    }
}

pub(crate) fn add_throughput(summary: &mut CaseSummary, case: &Case, asked: &Asked) {
    let completions: Vec<Completions> = case.rounds.iter().filter_map(Completions::of).collect();
    let all: Vec<&Completions> = completions.iter().collect();
    let Some((estimate, n)) = throughput(&all) else { return };
    let gaps: Vec<&[f64]> = completions.iter().map(|round| round.gaps.as_slice()).collect();
    let cycles = overlapping(&gaps);
    let streams = completions.iter().map(|round| round.streams.len()).max().unwrap_or(1);
    let within = cycles.map(|cycles| interval_of_gaps(&gaps, &cycles, asked.confidence));
    let within = within.unwrap_or_default();
    let draft = Draft {
        estimate,
        within: Interval {
            lower: within.lower.map(|ratio| estimate * ratio),
            upper: within.upper.map(|ratio| estimate * ratio),
        },
        n,
        n_effective: cycles.map(|cycles| (cycles.n_effective * streams as f64).min(n as f64)),
        estimator: "completed/window".to_owned(),
        missing: "too few inferences for an interval: measure longer".to_owned(),
    };
    let rounds = completions
        .iter()
        .filter(|round| round.complete)
        .filter_map(|round| Some((round.index, throughput(&[round])?.0)))
        .collect();
    summary.push(Metric::Throughput, draft, rounds, asked);
}

/// Bounds of the rate relative to its estimate, from the interval of the mean gap between completions.
fn interval_of_gaps(gaps: &[&[f64]], cycles: &BatchMeans, confidence: Confidence) -> Interval {
    let n: usize = gaps.iter().map(|round| round.len()).sum();
    let mean = gaps.iter().flat_map(|round| round.iter()).sum::<f64>() / n as f64;
    if mean <= 0.0 {
        return Interval::default();
    }
    let interval = cycles.interval(mean, confidence);
    Interval {
        lower: interval.upper.map(|upper| mean / upper),
        upper: interval.lower.filter(|lower| *lower > 0.0).map(|lower| mean / lower),
    }
}

fn add_moments(summary: &mut CaseSummary, series: &Series, asked: &Asked) {
    let Some(moments) = Moments::of(&series.sorted) else { return };
    let floats: Vec<Vec<f64>> = series
        .rounds
        .iter()
        .map(|round| round.values.iter().map(|&value| value as f64).collect())
        .collect();
    let floats: Vec<&[f64]> = floats.iter().map(Vec::as_slice).collect();
    let means = overlapping(&floats);
    let time = |statistic| Metric::Time(series.quantity, statistic);
    let by_round = |pick: &dyn Fn(&Moments) -> Option<f64>| -> Vec<(i64, f64)> {
        let complete = series.rounds.iter().filter(|round| round.complete);
        complete
            .filter_map(|round| Some((round.index, pick(&Moments::of(&round.values)?)?)))
            .collect()
    };
    let draft = |estimate, estimator: &str, missing: &str| Draft {
        estimate,
        within: Interval::default(),
        n: moments.n,
        n_effective: None,
        estimator: estimator.to_owned(),
        missing: missing.to_owned(),
    };
    let mean = Draft {
        within: means
            .map(|means| means.interval(moments.mean, asked.confidence))
            .unwrap_or_default(),
        n_effective: means.map(|means| means.n_effective),
        ..draft(moments.mean, "mean", "too few samples for an interval: measure longer")
    };
    summary.push(time(Statistic::Mean), mean, by_round(&|m| Some(m.mean)), asked);
    if let Some(cv) = moments.cv() {
        let rounds = by_round(&|m| m.cv());
        let values: Vec<f64> = rounds.iter().map(|&(_, value)| value).collect();
        let enough = values.len() >= ROUNDS_FOR_SCOPE;
        let interval = enough.then(|| over_rounds(&values, asked.confidence)).flatten();
        let cv = Draft {
            within: interval.map(|rounds| rounds.interval).unwrap_or_default(),
            ..draft(cv, "sample-cv", "an interval of the cv comes from rounds and needs 3 of them")
        };
        summary.push(time(Statistic::Cv), cv, rounds, asked);
    }
    let extreme = "an extreme of the samples: no interval exists";
    let min = draft(moments.min as f64, "min", extreme);
    summary.push(time(Statistic::Min), min, by_round(&|m| Some(m.min as f64)), asked);
    let max = draft(moments.max as f64, "max", extreme);
    summary.push(time(Statistic::Max), max, by_round(&|m| Some(m.max as f64)), asked);
}

fn add_percentiles(
    summary: &mut CaseSummary,
    series: &Series,
    estimator: Estimator,
    asked: &Asked,
) {
    let segments = series.segments();
    let sorted_rounds: Vec<(i64, Vec<i64>)> = series
        .rounds
        .iter()
        .filter(|round| round.complete)
        .map(|round| {
            let mut values = round.values.clone();
            values.sort_unstable();
            (round.index, values)
        })
        .collect();
    let mut unresolved: Option<Share> = None;
    for &share in &asked.percentiles {
        let Some(value) = estimator.of_sorted(&series.sorted, share) else { return };
        let n_effective = effective_n_above(&segments, value).n_effective;
        let draft = Draft {
            estimate: value as f64,
            within: order::interval(&series.sorted, n_effective, share, asked.confidence),
            n: series.sorted.len(),
            n_effective: Some(n_effective),
            estimator: estimator.name().to_owned(),
            missing: too_short(share, n_effective, asked.confidence),
        };
        let rounds = sorted_rounds
            .iter()
            .filter_map(|(round, sorted)| {
                Some((*round, estimator.of_sorted(sorted, share)? as f64))
            })
            .collect();
        summary.push(
            Metric::Time(series.quantity, Statistic::Percentile(share)),
            draft,
            rounds,
            asked,
        );
        let Some(row) = summary.rows.last_mut() else { return };
        if row.verdict == Verdict::TooShort {
            unresolved = unresolved.or(Some(share));
        } else if let Some(lower) = unresolved {
            row.verdict = Verdict::TooShort;
            row.reasons.push(format!("{lower} is not resolved, so no higher percentile is"));
        }
    }
}

/// What it would take to resolve a percentile.
fn too_short(share: Share, n_effective: f64, confidence: Confidence) -> String {
    let needed = order::needed(share, confidence);
    let times = needed as f64 / n_effective;
    format!(
        "a two-sided {} bound at {share} needs an effective n of {}, there are {}: measure {} times as long",
        percent(confidence.get()),
        count(needed),
        count(n_effective as u64),
        if times < 10.0 {
            format!("{:.1}", (times * 10.0).ceil() / 10.0)
        } else {
            format!("{:.0}", times.ceil())
        },
    )
}
