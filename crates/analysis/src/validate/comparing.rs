//! Comparisons inside one run: equal sides are the same, planted differences are found; and what peers' rules say
//! of the same runs.

use pipeline::artifact::ValidationRow;
use stats::compare::paired_ratio;
use stats::special::normal_cdf;
use stats::{Confidence, Judgement};

use crate::metric::Metric;
use crate::summarize::CaseSummary;

use super::check::{Bounds, Kind, Of, claim, line};
use super::machine::{Machine, Shape, case_of, shares, summary};
use super::random::{Dice, Plan};

/// Metrics that are compared.
const METRICS: [&str; 5] =
    ["throughput", "compute/mean", "compute/p50", "compute/p90", "compute/p99"];
/// Rules of peers on all samples of both sides.
const PEERS: [&str; 3] = [
    "Welch's t test on all samples, p < 0.05 (hyperfine)",
    "t test on 100 batch means, p < 0.05, noise threshold 1 % (criterion)",
    "means differ by more than 5 %",
];

/// Five rounds a side, round sd 0.3 %.
const MACHINE: Machine =
    Machine { rounds: 5, per_round: 1_000, round_sd: 0.003, phi: 0.5, shape: Shape::Normal(0.005) };
const SETTING: &str = "5 rounds of 1,000, round sd 0.3 %, cv 0.5 %, φ = 0.5";

/// How often each judgement was given.
#[derive(Clone, Copy)]
struct Judged {
    same: [u64; 5],
    slower: [u64; 5],
    different: [u64; 5],
    peers: [u64; 3],
}

/// Checks equal and planted pairs.
pub(super) fn rows(plan: &Plan) -> Vec<ValidationRow> {
    let n = plan.trials;
    let equal = judge(plan, "a/a", 1.0, 0.01);
    let one = judge(plan, "planted 1 %", 1.01, 0.0);
    let two = judge(plan, "planted 2 %", 1.02, 0.01);
    let mut rows = Vec::new();
    for (k, metric) in METRICS.into_iter().enumerate() {
        let of = |name| Of(name, SETTING, metric);
        let at_least = Bounds::at_least;
        rows.push(claim(of("A/A at margin 1 %: SAME"), (equal.same[k], n), at_least(0.85)));
        let called = Bounds::at_most(0.05);
        rows.push(claim(
            of("A/A at margin 1 %: called different"),
            (equal.different[k], n),
            called,
        ));
        rows.push(claim(of("planted 1 % at margin 0: SLOWER"), (one.slower[k], n), at_least(0.9)));
        rows.push(claim(
            of("planted 2 % at margin 1 %: SLOWER"),
            (two.slower[k], n),
            at_least(0.9),
        ));
    }
    for (k, peer) in PEERS.into_iter().enumerate() {
        let of = |name| Of(name, SETTING, peer);
        rows.push(line(of("A/A: called different"), Kind::Peer, (equal.peers[k], n)));
        rows.push(line(of("planted 1 %: called different"), Kind::Peer, (one.peers[k], n)));
        rows.push(line(of("planted 2 %: called different"), Kind::Peer, (two.peers[k], n)));
    }
    rows
}

fn judge(plan: &Plan, name: &str, factor: f64, margin: f64) -> Judged {
    let percentiles = shares(&[50.0, 90.0, 99.0]);
    let metrics = METRICS.map(str::parse::<Metric>);
    let counts: [u64; 18] = plan.tally(name, plan.trials, |dice| {
        let (base, other) = pair(dice, factor);
        let (a, b) = (case_of(&base), case_of(&other));
        let (a, b) = (summary(&a, &percentiles), summary(&b, &percentiles));
        let mut seen = [0; 18];
        for (k, metric) in metrics.iter().flatten().enumerate() {
            let judged = of_metric(&b, &a, *metric, margin);
            // for throughput, slower is less
            seen[k] = u64::from(judged == Judgement::Same);
            seen[5 + k] = u64::from(judged == Judgement::Slower);
            seen[10 + k] = u64::from(matches!(judged, Judgement::Slower | Judgement::Faster));
        }
        seen[15..].copy_from_slice(&peers(&base.concat(), &other.concat()));
        seen
    });
    let five = |from: usize| std::array::from_fn(|k| counts[from + k]);
    Judged {
        same: five(0),
        slower: five(5),
        different: five(10),
        peers: std::array::from_fn(|k| counts[15 + k]),
    }
}

/// Times of two sides of one run.
fn pair(dice: &mut Dice, factor: f64) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let base = MACHINE.times(dice, 1.0);
    (base, MACHINE.times(dice, factor))
}

fn of_metric(side: &CaseSummary, base: &CaseSummary, metric: Metric, margin: f64) -> Judgement {
    let values = |summary: &CaseSummary| -> Vec<f64> {
        summary.rounds_of(metric).iter().map(|&(_, value)| value).collect()
    };
    let confidence = Confidence::default();
    paired_ratio(&values(side), &values(base), confidence)
        .map_or(Judgement::Undecided, |ratio| ratio.judge(margin, metric.direction(), confidence))
}

/// Whether each peer's rule calls two sides different.
pub(super) fn peers(base: &[f64], other: &[f64]) -> [u64; 3] {
    let (whole, _) = welch(base, other);
    let (batches, half) = welch(&batch_means(base), &batch_means(other));
    let change = mean(other) / mean(base) - 1.0;
    let beyond = change.abs() - half / mean(base) > 0.01;
    [whole < 0.05, batches < 0.05 && beyond, change.abs() > 0.05].map(u64::from)
}

/// p-value of Welch's test, and the half width of its 95 % interval; with thousands of samples t is normal.
fn welch(a: &[f64], b: &[f64]) -> (f64, f64) {
    let part = |values: &[f64]| {
        let centre = mean(values);
        let squares: f64 = values.iter().map(|value| (value - centre) * (value - centre)).sum();
        squares / (values.len() as f64 - 1.0) / values.len() as f64
    };
    let error = (part(a) + part(b)).sqrt();
    (2.0 * normal_cdf(-(mean(a) - mean(b)).abs() / error), 1.96 * error)
}

/// Means of a hundred batches, as criterion's samples are.
fn batch_means(values: &[f64]) -> Vec<f64> {
    values.chunks_exact((values.len() / 100).max(1)).map(mean).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use stats::Direction;

    #[test]
    fn peers_call_what_their_rules_say() {
        let base: Vec<f64> = (0..1_000).map(|k| 100.0 + f64::from(k % 7)).collect();
        let other = |factor: f64| base.iter().map(|value| value * factor).collect::<Vec<_>>();
        assert_eq!(peers(&base, &base), [0, 0, 0]);
        assert_eq!(peers(&base, &other(1.03)), [1, 1, 0]);
        assert_eq!(peers(&base, &other(1.06)), [1, 1, 1]);
        // beyond doubt, but below criterion's noise threshold
        assert_eq!(peers(&base, &other(1.005)), [1, 0, 0]);
    }

    #[test]
    fn metrics_have_directions() {
        let direction = |name: &str| name.parse::<Metric>().map(Metric::direction);
        assert_eq!(direction(METRICS[0]), Ok(Direction::HigherIsBetter));
        assert_eq!(direction(METRICS[4]), Ok(Direction::LowerIsBetter));
    }
}
