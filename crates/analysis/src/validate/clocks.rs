//! Two clock levels: with fifty visits to the rarer one intervals hold the truth, with fewer none is printed.

use pipeline::Verdict;
use pipeline::artifact::ValidationRow;
use stats::special::normal_cdf;

use crate::judge;
use crate::load::Case;
use crate::phases::{Phases, VISITS_NEEDED};

use super::check::{Bounds, Kind, Of, claim, line};
use super::machine::{BASE_NS, case_of, shares, summary};
use super::random::{Dice, Plan};

const N: usize = 13_000;
const CV: f64 = 0.005;
/// How much slower the slow clock is.
const GAP: f64 = 0.05;
/// Share of the samples at the slow clock.
const SLOW: f64 = 0.2;
const PERCENTS: [f64; 3] = [50.0, 90.0, 99.0];
const METRICS: [&str; 5] =
    ["throughput", "compute/mean", "compute/p50", "compute/p90", "compute/p99"];

/// Checks runs with enough and with too few visits.
pub(super) fn rows(plan: &Plan) -> Vec<ValidationRow> {
    let mut rows = Vec::new();
    for visits in [75.0, 200.0] {
        rows.extend(enough(plan, visits));
    }
    for visits in [2.0, 8.0, 25.0] {
        rows.push(too_few(plan, visits));
    }
    rows
}

/// A machine that changes its clock, its number of visits to the slow one, and whether a fiftieth was there.
fn visiting(dice: &mut Dice, visits: f64) -> (Case, usize) {
    let stay = N as f64 * SLOW / visits;
    let noise = dice.autoregressive(N, 0.5);
    let mut slow = dice.uniform() < SLOW;
    let mut seen = 0;
    let mut times = Vec::with_capacity(N);
    while times.len() < N {
        let mean = if slow { stay } else { stay * (1.0 - SLOW) / SLOW };
        seen += usize::from(slow);
        let level = BASE_NS * if slow { 1.0 + GAP } else { 1.0 };
        let end = (times.len() + dice.stay(mean)).min(N);
        times.extend(noise[times.len()..end].iter().map(|z| level * (1.0 + CV * z)));
        slow = !slow;
    }
    (case_of(&[times]), seen)
}

fn enough(plan: &Plan, visits: f64) -> Vec<ValidationRow> {
    let percentiles = shares(&PERCENTS);
    let mean = BASE_NS * (1.0 + SLOW * GAP);
    let mut truth = vec![1e9 / mean, mean];
    truth.extend(PERCENTS.map(|percent| quantile(percent / 100.0)));
    // covered and given by metric, runs with enough visits, those with an interval
    let counts: [u64; 12] = plan.tally(&format!("visits {visits}"), plan.of_verdicts, |dice| {
        let (case, seen) = visiting(dice, visits);
        let mut counts = [0; 12];
        if seen < VISITS_NEEDED {
            return counts;
        }
        counts[10] = 1;
        let phases = Phases::of(&case);
        let found = summary(&case, &percentiles);
        let few = phases.levels.fewest_visits().is_some_and(|level| level.visits < VISITS_NEEDED);
        if few {
            return counts;
        }
        counts[11] = 1;
        for (k, (metric, truth)) in METRICS.iter().zip(&truth).enumerate() {
            let row = found.rows.iter().find(|row| row.metric == *metric);
            if let Some((lower, upper)) = row.and_then(|row| row.lower.zip(row.upper)) {
                counts[k] = u64::from((lower..=upper).contains(truth));
                counts[5 + k] = 1;
            }
        }
        counts
    });
    let setting = format!(
        "two clocks 5 % apart, a fifth of the time slow, {visits} visits expected, 50 or more made"
    );
    let mut rows: Vec<ValidationRow> = METRICS
        .into_iter()
        .enumerate()
        .map(|(k, metric)| {
            let of = Of("coverage of 95 % intervals", &setting, metric);
            claim(of, (counts[k], counts[5 + k]), Bounds::at_least(0.9))
        })
        .collect();
    let of = Of("an interval is given", &setting, "every metric that is resolved");
    rows.push(line(of, Kind::Curve, (counts[11], counts[10])));
    rows
}

fn too_few(plan: &Plan, visits: f64) -> ValidationRow {
    let counts: [u64; 2] = plan.tally(&format!("few visits {visits}"), plan.of_verdicts, |dice| {
        let (case, seen) = visiting(dice, visits);
        let slow =
            case.samples().filter(|sample| sample.compute_ns as f64 > 1.025 * BASE_NS).count();
        // a run that is slow or fast throughout has one level, and nothing in it tells of another
        let both = slow.min(N - slow) >= N / 100;
        if seen >= VISITS_NEEDED || seen == 0 || !both {
            return [0, 0];
        }
        let mut found = summary(&case, &shares(&PERCENTS));
        let judged = judge::of_case_alone(&case, &mut found);
        let bare = found.rows.iter().all(|row| {
            !METRICS.contains(&row.metric.as_str()) || (row.lower.is_none() && row.upper.is_none())
        });
        [u64::from(judged >= Verdict::Unstable && bare), 1]
    });
    let setting = format!(
        "two clocks 5 % apart, a fifth of the time slow, {visits} visits expected, 1 to 49 made"
    );
    let of = Of("UNSTABLE and no interval", &setting, "throughput and compute");
    claim(of, (counts[0], counts[1]), Bounds::at_least(0.99))
}

/// The quantile of the mixture, by bisection.
fn quantile(p: f64) -> f64 {
    let below = |x: f64| {
        (1.0 - SLOW) * normal_cdf((x - 1.0) / CV) + SLOW * normal_cdf((x / (1.0 + GAP) - 1.0) / CV)
    };
    let (mut low, mut high) = (0.9, 1.2);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if below(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    BASE_NS * high
}
