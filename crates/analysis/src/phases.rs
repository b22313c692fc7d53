//! Labels on the samples of a case: where each round becomes steady, where its level steps, which levels the
//! processor visited, and what stands far out. Pure; nothing is ever deleted for its label.

use pipeline::artifact::PhaseRow;
use pipeline::samples::Sample;
use stats::levels::{Levels, levels};
use stats::outlier::{Fences, Label};
use stats::steady::{Step, steps, truncation};

use crate::load::{Case, Round};

/// Levels nearer to each other than this are one.
const LEAST_GAP: f64 = 0.005;
/// Longest part of a round that a level may last at its start and be a transient.
const LONGEST_HEAD: f64 = 0.05;
/// Visits to a level below which the share of time spent there has no interval.
pub const VISITS_NEEDED: usize = 50;

/// What is known of the phases of a case's compute times.
#[derive(Clone, Debug)]
pub struct Phases {
    /// One a round that has samples.
    pub rounds: Vec<RoundPhases>,
    /// Levels of the steady parts.
    pub levels: Levels,
    /// Samples beyond Tukey's outer fences.
    pub severe: usize,
    /// The slowest sample relative to the median.
    pub slowest: f64,
}

/// The phases of one round.
#[derive(Clone, Debug)]
pub struct RoundPhases {
    /// From 0.
    pub index: i64,
    /// Samples before the steady part.
    pub settled: usize,
    /// Those of them that have a level of their own, to which no round comes back.
    pub head: usize,
    /// Standard errors between them and the steady part; `None` where there are none, or where they have a level of
    /// their own.
    pub errors: Option<f64>,
    /// Time from the first issue that counts to the steady part, in ns.
    pub time_to_steady_ns: i64,
    /// Steps of the level in the steady part, counted from its start.
    pub steps: Vec<Step>,
}

impl RoundPhases {
    fn of(round: &Round) -> Self {
        let found = truncation(&compute(&round.steady)).filter(|found| found.at > 0);
        Self {
            index: round.index,
            settled: found.map_or(0, |found| found.at),
            head: 0,
            errors: found.map(|found| found.errors),
            time_to_steady_ns: 0,
            steps: Vec::new(),
        }
    }
}

impl Phases {
    /// Finds the phases of a case.
    pub fn of(case: &Case) -> Self {
        let measured: Vec<&Round> =
            case.rounds.iter().filter(|round| !round.steady.is_empty()).collect();
        let mut rounds: Vec<RoundPhases> =
            measured.iter().map(|round| RoundPhases::of(round)).collect();
        let quantum = case.setup().map_or(1.0, |row| row.clock_quantum_ns.max(1) as f64);
        let (mut levels, mut sorted) = levels_of(&measured, &rounds, quantum);
        if begins_elsewhere(&levels, &mut rounds) {
            (levels, sorted) = levels_of(&measured, &rounds, quantum);
        }
        for (round, phases) in measured.iter().zip(&mut rounds) {
            let (before, steady) = round.steady.split_at(phases.settled);
            phases.time_to_steady_ns = duration_of(before);
            phases.steps = steps(&compute(steady));
        }
        let all: Vec<i64> = case.samples().map(|sample| sample.compute_ns).collect();
        let severe = Fences::of_sorted(&sorted, quantum)
            .map_or(0, |fences| fences.count(&all, Label::Severe));
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0).max(1);
        let slowest = all.iter().copied().max().unwrap_or(0) as f64 / median as f64;
        Self { rounds, levels, severe, slowest }
    }

    /// Rows of `phases.parquet`.
    pub fn rows(&self, case: &Case) -> Vec<PhaseRow> {
        let mut rows = Vec::new();
        let of_index = |index: i64| case.rounds.iter().find(|round| round.index == index);
        for phases in &self.rounds {
            if let Some(round) = of_index(phases.index) {
                rows.extend(rows_of_round(case, round, phases));
            }
        }
        rows.extend(self.rows_of_levels(case));
        if self.severe > 0 {
            let n: usize = case.rounds.iter().map(|round| round.steady.len()).sum();
            let slowest = case.samples().map(|sample| sample.compute_ns).max().unwrap_or(0);
            rows.push(PhaseRow {
                n: self.severe as i64,
                value: slowest as f64,
                share: self.severe as f64 / n.max(1) as f64,
                ..row(case, "severe-outlier")
            });
        }
        rows
    }

    /// Levels, and the visits to those that were visited rarely.
    fn rows_of_levels(&self, case: &Case) -> Vec<PhaseRow> {
        if self.levels.levels.len() < 2 {
            return Vec::new();
        }
        let counted: usize = self.levels.path.iter().map(Vec::len).sum();
        let mut rows: Vec<PhaseRow> = self
            .levels
            .levels
            .iter()
            .map(|level| PhaseRow {
                n: (level.share * counted as f64).round() as i64,
                value: level.value,
                share: level.share,
                visits: Some(level.visits as i64),
                ..row(case, "level")
            })
            .collect();
        for (phases, path) in self.rounds.iter().zip(&self.levels.path) {
            let Some(round) = case.rounds.iter().find(|round| round.index == phases.index) else {
                continue;
            };
            let mut from = phases.head;
            for run in path.chunk_by(|a, b| a == b) {
                let samples = &round.steady[from..from + run.len()];
                from += run.len();
                let level = self.levels.levels[usize::from(run[0])];
                let counts = run.len() >= level.shortest;
                if counts && level.visits < VISITS_NEEDED && level.share < 0.5 {
                    rows.push(stretch(case, round, "visit", samples, level.value));
                }
            }
        }
        rows
    }
}

/// Levels of the rounds without their heads, and those samples in ascending order. What settles slowly stays in: a
/// round that is at another level for long is no round with a slow start.
fn levels_of(measured: &[&Round], rounds: &[RoundPhases], quantum: f64) -> (Levels, Vec<i64>) {
    let steady: Vec<Vec<i64>> = measured
        .iter()
        .zip(rounds)
        .map(|(round, phases)| compute_ns(&round.steady[phases.head..]))
        .collect();
    let slices: Vec<&[i64]> = steady.iter().map(Vec::as_slice).collect();
    let mut sorted = slices.concat();
    sorted.sort_unstable();
    (levels(&slices, &sorted, quantum, LEAST_GAP), sorted)
}

/// Whether rounds begin at a level that none of them ever comes back to: then it is no second clock but a
/// transient, and its samples count as settling. Longer than [`LONGEST_HEAD`] it is no transient.
fn begins_elsewhere(levels: &Levels, rounds: &mut [RoundPhases]) -> bool {
    let share = |level: u8| levels.levels[usize::from(level)].share;
    let Some(main) = (0..levels.levels.len() as u8).max_by(|&a, &b| share(a).total_cmp(&share(b)))
    else {
        return false;
    };
    let mut found = false;
    for level in (0..levels.levels.len() as u8).filter(|&level| level != main) {
        let begins = |path: &[u8]| path.first() == Some(&level);
        let starts = levels.path.iter().filter(|path| begins(path)).count();
        if starts != levels.levels[usize::from(level)].visits {
            continue;
        }
        for (path, phases) in levels.path.iter().zip(rounds.iter_mut()) {
            let head = path.iter().take_while(|&&at| at == level).count();
            if head > 0 && head as f64 <= LONGEST_HEAD * path.len() as f64 {
                phases.head = head;
                if head > phases.settled {
                    phases.settled = head;
                    phases.errors = None;
                }
                found = true;
            }
        }
    }
    found
}

fn rows_of_round(case: &Case, round: &Round, phases: &RoundPhases) -> Vec<PhaseRow> {
    let mut rows = Vec::new();
    let row = |label: &str, samples: &[Sample]| {
        stretch(case, round, label, samples, mean(&compute(samples)))
    };
    if phases.settled > 0 {
        rows.push(row("settling", &round.steady[..phases.settled]));
    }
    let steps = phases.steps.iter().map(|step| (phases.settled + step.at, Some(step.errors)));
    let parts: Vec<(usize, Option<f64>)> =
        std::iter::once((phases.settled, phases.errors)).chain(steps).collect();
    for (place, &(from, errors)) in parts.iter().enumerate() {
        let to = parts.get(place + 1).map_or(round.steady.len(), |&(to, _)| to);
        rows.push(PhaseRow { errors, ..row("steady", &round.steady[from..to]) });
    }
    rows
}

fn row(case: &Case, label: &str) -> PhaseRow {
    PhaseRow {
        case: case.name.clone(),
        round: None,
        label: label.to_owned(),
        from_ns: None,
        to_ns: None,
        n: 0,
        value: 0.0,
        share: 0.0,
        visits: None,
        errors: None,
    }
}

fn stretch(case: &Case, round: &Round, label: &str, samples: &[Sample], value: f64) -> PhaseRow {
    PhaseRow {
        round: Some(round.index),
        from_ns: samples.iter().map(|sample| sample.issue_ns).min(),
        to_ns: samples.iter().map(|sample| sample.done_ns).max(),
        n: samples.len() as i64,
        value,
        share: samples.len() as f64 / round.steady.len().max(1) as f64,
        ..row(case, label)
    }
}

fn compute_ns(samples: &[Sample]) -> Vec<i64> {
    samples.iter().map(|sample| sample.compute_ns).collect()
}

fn compute(samples: &[Sample]) -> Vec<f64> {
    samples.iter().map(|sample| sample.compute_ns as f64).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// From the first issue to the last completion, in ns.
fn duration_of(samples: &[Sample]) -> i64 {
    let start = samples.iter().map(|sample| sample.issue_ns).min();
    let end = samples.iter().map(|sample| sample.done_ns).max();
    start.zip(end).map_or(0, |(start, end)| end - start)
}
