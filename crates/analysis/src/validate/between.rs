//! Comparisons between runs, which no round pairs: what changes from run to run must not be called a difference.

use pipeline::artifact::ValidationRow;
use stats::compare::paired_ratio;
use stats::runs::{Figure, ratio_of_figures, ratio_of_runs};
use stats::{Confidence, Direction, Interval, Judgement, Ratio};

use crate::summarize::CaseSummary;

use super::check::{Bounds, Kind, Of, claim, line};
use super::machine::{Machine, Shape, summary};
use super::random::{Dice, Plan};

/// Standard deviation of runs.
const BETWEEN: f64 = 0.01;
/// The margin and the spread that `analysis compare` assumes unless it is told.
const MARGIN: f64 = 0.01;
const SPREAD: f64 = 0.02;
const MACHINE: Machine =
    Machine { rounds: 5, per_round: 400, round_sd: 0.003, phi: 0.5, shape: Shape::Normal(0.005) };
const METRIC: &str = "compute/mean";

/// Checks one run a side and five runs a side.
pub(super) fn rows(plan: &Plan) -> Vec<ValidationRow> {
    let mut rows = one_a_side(plan);
    rows.extend(five_a_side(plan));
    rows
}

/// The mean of a run whose level is its own.
fn run(dice: &mut Dice, factor: f64) -> CaseSummary {
    let level = factor * (1.0 + BETWEEN * dice.normal());
    summary(&MACHINE.case(dice, level), &[])
}

fn figure(summary: &CaseSummary) -> Option<Figure> {
    let row = summary.rows.iter().find(|row| row.metric == METRIC)?;
    let interval = Interval { lower: row.lower, upper: row.upper };
    Some(Figure { estimate: row.estimate?, interval, df: MACHINE.rounds as f64 - 1.0 })
}

fn values(summary: &CaseSummary) -> Vec<f64> {
    let metric = METRIC.parse();
    let rounds = metric.map(|metric| summary.rounds_of(metric)).unwrap_or_default();
    rounds.iter().map(|&(_, value)| value).collect()
}

fn differs(ratio: Option<Ratio>, margin: f64) -> u64 {
    let judged =
        ratio.map(|ratio| ratio.judge(margin, Direction::LowerIsBetter, Confidence::default()));
    u64::from(matches!(judged, Some(Judgement::Slower | Judgement::Faster)))
}

fn one_a_side(plan: &Plan) -> Vec<ValidationRow> {
    let confidence = Confidence::default();
    let counts: [u64; 3] = plan.tally("one run a side", plan.trials, |dice| {
        let (a, b, worse) = (run(dice, 1.0), run(dice, 1.0), run(dice, 1.08));
        let judge = |side: &CaseSummary| {
            let ratio = ratio_of_figures(figure(side)?, figure(&a)?, confidence)?;
            Some(ratio.allowing(SPREAD, confidence))
        };
        let paired = paired_ratio(&values(&b), &values(&a), confidence);
        [differs(judge(&b), MARGIN), differs(judge(&worse), MARGIN), differs(paired, 0.0)]
    });
    let setting = "one run of 5 rounds a side, between-run sd 1 %, round sd 0.3 %";
    let n = plan.trials;
    let of = |name| Of(name, setting, METRIC);
    vec![
        claim(
            of("A/A between runs, margin 1 %, assumed spread 2 %: called different"),
            (counts[0], n),
            Bounds::at_most(0.05),
        ),
        line(of("planted 8 %, margin 1 %, assumed spread 2 %: found"), Kind::Curve, (counts[1], n)),
        line(
            Of("A/A between runs: called different", setting, "rounds taken for pairs, margin 0"),
            Kind::Peer,
            (counts[2], n),
        ),
    ]
}

fn five_a_side(plan: &Plan) -> Vec<ValidationRow> {
    let confidence = Confidence::default();
    let counts: [u64; 2] = plan.tally("five runs a side", plan.trials, |dice| {
        let mut side = |factor: f64| -> Vec<f64> {
            let runs = (0..5).filter_map(|_| figure(&run(dice, factor)));
            runs.map(|figure| figure.estimate).collect()
        };
        let (a, b, worse) = (side(1.0), side(1.0), side(1.04));
        let judge = |side: &[f64]| ratio_of_runs(side, &a, confidence);
        [differs(judge(&b), 0.0), differs(judge(&worse), 0.0)]
    });
    let setting = "five runs of 5 rounds a side, between-run sd 1 %, round sd 0.3 %";
    let n = plan.trials;
    let of = |name| Of(name, setting, METRIC);
    let called = Bounds::at_most(0.06);
    vec![
        // 5 % is the test's own level: a point of room for the trials
        claim(of("A/A between runs, margin 0: called different"), (counts[0], n), called),
        claim(of("planted 4 %, margin 0: found"), (counts[1], n), Bounds::at_least(0.9)),
    ]
}
