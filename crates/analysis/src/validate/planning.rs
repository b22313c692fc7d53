//! Is what `analysis plan` asks for enough? Planned rounds find the regression, planned samples resolve the figure.

use pipeline::artifact::ValidationRow;
use stats::compare::paired_ratio;
use stats::plan::{
    Noise, exceedance_time, least_samples, normal_sparsity, rounds_to_find, samples_to_resolve,
};
use stats::{Confidence, Direction, Judgement, Share};

use super::check::{Bounds, Of, claim};
use super::machine::{Machine, Shape, summary};
use super::random::Plan;

const CV: f64 = 0.005;
const PHI: f64 = 0.5;

/// Checks plans.
pub(super) fn rows(plan: &Plan) -> Vec<ValidationRow> {
    let mut rows = Vec::new();
    for (round_sd, effect, margin) in [(0.003, 0.01, 0.0), (0.005, 0.02, 0.01), (0.01, 0.02, 0.0)] {
        rows.extend(found(plan, round_sd, effect, margin));
    }
    if let Some(p99) = Share::from_ppm(990_000) {
        for (rounds, wanted) in [(1, 0.001), (5, 0.004), (10, 0.0025)] {
            rows.extend(resolved(plan, p99, rounds, wanted));
        }
    }
    rows
}

/// Rounds that shall find a regression with 90 % power; two points are allowed for the approximation.
fn found(plan: &Plan, round_sd: f64, effect: f64, margin: f64) -> Option<ValidationRow> {
    let confidence = Confidence::default();
    let per_round = 400;
    let noise = Noise::of_mean(CV, (1.0 + PHI) / (1.0 - PHI), round_sd);
    let sd = noise.of_round(f64::from(per_round)) * std::f64::consts::SQRT_2;
    let rounds = rounds_to_find(effect.ln_1p(), margin.ln_1p(), sd, confidence, 0.9)?;
    let machine = Machine {
        rounds,
        per_round: per_round as usize,
        round_sd,
        phi: PHI,
        shape: Shape::Normal(CV),
    };
    let means = |times: Vec<Vec<f64>>| -> Vec<f64> {
        times.iter().map(|round| round.iter().sum::<f64>() / round.len() as f64).collect()
    };
    let [hits] = plan.tally(&format!("find {round_sd} {effect}"), plan.trials, |dice| {
        let base = means(machine.times(dice, 1.0));
        let other = means(machine.times(dice, 1.0 + effect));
        let judged = paired_ratio(&other, &base, confidence)
            .map(|ratio| ratio.judge(margin, Direction::LowerIsBetter, confidence));
        [u64::from(judged == Some(Judgement::Slower))]
    });
    let setting = format!(
        "{rounds} rounds planned for {} % at margin {} %, round sd {} %",
        effect * 100.0,
        margin * 100.0,
        round_sd * 100.0
    );
    let of = Of("a planned run finds the regression (90 % power)", &setting, "compute/mean");
    Some(claim(of, (hits, plan.trials), Bounds::at_least(0.88)))
}

/// Samples that shall resolve p99 in nine of ten runs; likewise.
fn resolved(plan: &Plan, share: Share, rounds: usize, wanted: f64) -> Option<ValidationRow> {
    let confidence = Confidence::default();
    let round_sd = if rounds > 1 { 0.002 } else { 0.0 };
    let time = exceedance_time(PHI, share);
    let noise = Noise::of_quantile(share, time, normal_sparsity(share, CV), round_sd);
    let samples = samples_to_resolve(noise, rounds, wanted, confidence)?;
    let least = stats::order::needed(share, confidence) as f64 * time / rounds as f64;
    let per_round = samples.max(least).max(least_samples(share)).ceil() as usize;
    let machine = Machine { rounds, per_round, round_sd, phi: PHI, shape: Shape::Normal(CV) };
    let [hits] = plan.tally(&format!("resolve {rounds}"), plan.trials, |dice| {
        let found = summary(&machine.case(dice, 1.0), &[share]);
        let row = found.rows.iter().find(|row| row.metric == "compute/p99");
        let width = row.and_then(|row| Some((row.upper? - row.lower?) / 2.0 / row.estimate?));
        [u64::from(width.is_some_and(|width| width <= wanted))]
    });
    let setting = format!(
        "{rounds} × {per_round} samples planned for ±{} %, cv 0.5 %, φ = 0.5, round sd {} %",
        wanted * 100.0,
        round_sd * 100.0
    );
    let of = Of("a planned run resolves p99 (in nine of ten)", &setting, "compute/p99");
    Some(claim(of, (hits, plan.trials), Bounds::at_least(0.88)))
}
