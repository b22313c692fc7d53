//! How often intervals hold the truth: dependent, heavy-tailed and round-to-round; and how often intervals that take
//! samples for independent do.

use pipeline::artifact::ValidationRow;
use stats::{Confidence, Share, order};

use crate::summarize::CaseSummary;

use super::check::{Bounds, Kind, Of, claim, line};
use super::machine::{BASE_NS, Machine, Shape, shares, summary};
use super::random::Plan;

const PERCENTS: [f64; 5] = [50.0, 90.0, 95.0, 99.0, 99.9];
/// Metrics in the order in which they are counted: throughput, mean, percentiles.
const METRICS: [&str; 7] = [
    "throughput",
    "compute/mean",
    "compute/p50",
    "compute/p90",
    "compute/p95",
    "compute/p99",
    "compute/p99.9",
];
/// The promise of a 95 % interval.
const NOMINAL: Bounds = Bounds(0.93, 0.97);

/// Checks the coverage of intervals.
pub(super) fn rows(plan: &Plan) -> Vec<ValidationRow> {
    let mut rows = Vec::new();
    let normal = Shape::Normal(0.005);
    for (phi, name) in [(0.0, "independent"), (0.5, "AR(1) φ = 0.5")] {
        rows.extend(block(plan, name, phi, normal, |_| Some(NOMINAL)));
    }
    rows.extend(block(plan, "AR(1) φ = 0.9", 0.9, normal, |metric| match metric {
        "compute/p99" => Some(Bounds::at_least(0.92)),
        // the table is silent on it: where φ = 0.9 leaves p99.9 an interval at all, it is one of few samples
        "compute/p99.9" => None,
        _ => Some(NOMINAL),
    }));
    let heavy = Bounds(0.93, 0.98);
    rows.extend(block(plan, "Pareto 2.5", 0.0, Shape::Pareto(2.5), |_| Some(heavy)));
    rows.extend(block(plan, "log-normal, φ = 0.5", 0.5, Shape::LogNormal(0.1), |_| None));
    rows.push(over_rounds(plan));
    rows
}

/// One block of 13,000: coverage by metric, where there is an interval.
fn block(
    plan: &Plan,
    name: &str,
    phi: f64,
    shape: Shape,
    promised: impl Fn(&str) -> Option<Bounds>,
) -> Vec<ValidationRow> {
    let machine = Machine::block(phi, shape);
    let percentiles = shares(&PERCENTS);
    let mut truth = vec![1e9 / shape.mean(), shape.mean()];
    truth.extend(percentiles.iter().map(|&share| shape.quantile(share)));
    // covered, given, and covered by what takes samples for independent
    let counts: [u64; 21] = plan.tally(name, plan.trials, |dice| {
        let case = machine.case(dice, 1.0);
        let found = summary(&case, &percentiles);
        let mut seen = [0; 21];
        for (k, (metric, truth)) in METRICS.iter().zip(&truth).enumerate() {
            if let Some((lower, upper)) = bounds(&found, metric) {
                seen[k] = u64::from((lower..=upper).contains(truth));
                seen[7 + k] = 1;
            }
            seen[14 + k] = u64::from(naive(&found, k, &percentiles, *truth));
        }
        seen
    });
    let setting = format!("n = 13,000, {name}");
    let mut rows = Vec::new();
    for (k, metric) in METRICS.into_iter().enumerate() {
        let counts_of = (counts[k], counts[7 + k]);
        let of = Of("coverage of 95 % intervals", &setting, metric);
        rows.push(match promised(metric) {
            Some(bounds) => claim(of, counts_of, bounds),
            None => line(of, Kind::Curve, counts_of),
        });
        if counts[7 + k] < plan.trials {
            let of = Of("an interval is given", &setting, metric);
            rows.push(line(of, Kind::Curve, (counts[7 + k], plan.trials)));
        }
        let of = Of("coverage if samples were taken for independent", &setting, metric);
        rows.push(line(of, Kind::Peer, (counts[14 + k], plan.trials)));
    }
    rows
}

fn bounds(summary: &CaseSummary, metric: &str) -> Option<(f64, f64)> {
    let row = summary.rows.iter().find(|row| row.metric == metric)?;
    row.lower.zip(row.upper)
}

/// Whether the textbook's interval for independent samples holds the truth.
fn naive(summary: &CaseSummary, metric: usize, percentiles: &[Share], truth: f64) -> bool {
    let Some(series) = summary.series.first() else { return false };
    let n = series.sorted.len() as f64;
    if let Some(&share) = metric.checked_sub(2).and_then(|place| percentiles.get(place)) {
        let found = order::interval(&series.sorted, n, share, Confidence::default()).both();
        return found.is_some_and(|(lower, upper)| (lower..=upper).contains(&truth));
    }
    // a mean, and a throughput as its inverse
    let truth = if metric == 0 { 1e9 / truth } else { truth };
    let mean = series.sorted.iter().map(|&value| value as f64).sum::<f64>() / n;
    let squares: f64 =
        series.sorted.iter().map(|&value| (value as f64 - mean) * (value as f64 - mean)).sum();
    (mean - truth).abs() <= 1.96 * (squares / (n - 1.0) / n).sqrt()
}

/// The interval over five rounds against the machine's own mean, beside the one within the run.
fn over_rounds(plan: &Plan) -> ValidationRow {
    let machine = Machine { round_sd: 0.003, per_round: 500, ..Machine::usual(0.5) };
    let [covered] = plan.tally("t over rounds", plan.trials, |dice| {
        let found = summary(&machine.case(dice, 1.0), &[]);
        let bounds = bounds(&found, "compute/mean");
        [u64::from(bounds.is_some_and(|(lower, upper)| (lower..=upper).contains(&BASE_NS)))]
    });
    let of = Of(
        "coverage of the machine's mean",
        "5 rounds of 500, round sd 0.3 %, cv 0.5 %, φ = 0.5",
        "compute/mean",
    );
    claim(of, (covered, plan.trials), NOMINAL)
}
