//! A simulated machine whose truth is known: what it measures is a [`Run`] like any other, and goes through
//! the same code.

use pipeline::artifact::{CaseRow, TelemetryRow};
use pipeline::samples::{Phase, Sample};
use pipeline::{Provenance, RunDir, Verdict};
use stats::special::{normal_cdf, normal_quantile};
use stats::{Confidence, Share};

use crate::judge::{self, CaseVerdict};
use crate::load::{Case, Round, Run};
use crate::phases::Phases;
use crate::summarize::{Asked, CaseSummary, add_throughput, summarize};

use super::random::Dice;

/// Time of one inference, about that of the benchmark this began with.
pub(super) const BASE_NS: f64 = 2.3e6;
/// Time between two readings of the sensors.
const TICK_NS: i64 = 100_000_000;

/// What the machine is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    /// Rounds.
    pub(super) rounds: usize,
    /// Inferences a round.
    pub(super) per_round: usize,
    /// Standard deviation of rounds.
    pub(super) round_sd: f64,
    /// Autocorrelation of neighbours.
    pub(super) phi: f64,
    /// Distribution of the times.
    pub(super) shape: Shape,
}

/// A distribution of the times, relative to [`BASE_NS`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// Normal around 1 with this coefficient of variation.
    Normal(f64),
    /// Pareto from 1 on with this tail index: no skewness exists below 3.
    Pareto(f64),
    /// Log-normal with this sd of the logarithm.
    LogNormal(f64),
}

impl Shape {
    /// The time that belongs to a standard normal value.
    pub(super) fn at(self, z: f64) -> f64 {
        match self {
            Self::Normal(cv) => 1.0 + cv * z,
            Self::Pareto(tail) => libm::pow(normal_cdf(-z), -1.0 / tail),
            Self::LogNormal(sd) => libm::exp(sd * z),
        }
    }

    /// The true mean in ns.
    pub(super) fn mean(self) -> f64 {
        BASE_NS
            * match self {
                Self::Normal(_) => 1.0,
                Self::Pareto(tail) => tail / (tail - 1.0),
                Self::LogNormal(sd) => libm::exp(sd * sd / 2.0),
            }
    }

    /// The true quantile in ns.
    pub(super) fn quantile(self, share: Share) -> f64 {
        match self {
            // without the rounding of 1 − p
            Self::Pareto(tail) => BASE_NS * libm::pow(share.above(), -1.0 / tail),
            _ => BASE_NS * self.at(normal_quantile(share.as_f64())),
        }
    }
}

/// What goes wrong in a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// Times grow by this share over the window.
    Drift(f64),
    /// The clock loses `share` for `seconds`; with `told`, the sensors see it.
    Clock { share: f64, seconds: f64, told: bool },
    /// One inference takes this many times as long.
    Stall(f64),
    /// No sensor is read for this long.
    Silence(f64),
}

impl Machine {
    /// Five rounds, thirty seconds, cv 0.5 %.
    pub(super) fn usual(phi: f64) -> Self {
        let shape = Shape::Normal(0.005);
        Self { rounds: 5, per_round: 2_600, round_sd: 0.0, phi, shape }
    }

    /// One block of 13,000.
    pub(super) fn block(phi: f64, shape: Shape) -> Self {
        Self { rounds: 1, per_round: 13_000, round_sd: 0.0, phi, shape }
    }

    /// Times of every round in ns, each multiplied by `factor`.
    pub(super) fn times(&self, dice: &mut Dice, factor: f64) -> Vec<Vec<f64>> {
        (0..self.rounds)
            .map(|_| {
                let level = BASE_NS * factor * (1.0 + self.round_sd * dice.normal());
                let noise = dice.autoregressive(self.per_round, self.phi);
                noise.into_iter().map(|z| level * self.shape.at(z)).collect()
            })
            .collect()
    }

    /// A case of times without a fault.
    pub(super) fn case(&self, dice: &mut Dice, factor: f64) -> Case {
        case_of(&self.times(dice, factor))
    }

    /// A run in which something goes wrong.
    pub(super) fn run(&self, dice: &mut Dice, fault: Fault) -> Run {
        let mut times = self.times(dice, 1.0);
        let seconds = times.iter().flatten().sum::<f64>() / 1e9;
        let (length, share) = match fault {
            Fault::Clock { seconds, share, .. } => (seconds, share),
            Fault::Silence(seconds) => (seconds, 0.0),
            _ => (0.0, 0.0),
        };
        let start = dice.uniform() * (seconds - length).max(0.0);
        let stalls = (dice.uniform() * (self.rounds * self.per_round) as f64) as usize;
        let mut now = 0.0;
        let total = (self.rounds * self.per_round) as f64;
        for (k, time) in times.iter_mut().flatten().enumerate() {
            match fault {
                Fault::Drift(size) => *time *= 1.0 + size * k as f64 / total,
                Fault::Clock { .. } if (start..start + length).contains(&now) => {
                    *time /= 1.0 - share;
                }
                Fault::Stall(size) if k == stalls => *time *= size,
                _ => {}
            }
            now += *time / 1e9;
        }
        let case = case_of(&times);
        let end = case.samples().map(|sample| sample.done_ns).max().unwrap_or(0);
        let window = ((start * 1e9) as i64)..(((start + length) * 1e9) as i64);
        let telemetry = (0..=end / TICK_NS).map(|k| k * TICK_NS).filter_map(|at_ns| {
            let inside = window.contains(&at_ns);
            let told = matches!(fault, Fault::Clock { told: true, .. });
            let clock = 1_980.0 * if told && inside { 1.0 - share } else { 1.0 };
            let silent = matches!(fault, Fault::Silence(_)) && inside;
            (!silent).then(|| TelemetryRow {
                at_ns,
                sm_clock_mhz: Some(clock as i64),
                ..TelemetryRow::default()
            })
        });
        run_of(case, telemetry.collect())
    }
}

/// A case from times in ns, one inference after the other, rounds without a pause between them.
pub(super) fn case_of(times: &[Vec<f64>]) -> Case {
    let mut now = 0;
    let mut rows = Vec::new();
    let mut rounds = Vec::new();
    for (index, times) in times.iter().enumerate() {
        let start_ns = now;
        let mut steady = Vec::with_capacity(times.len());
        for (seq, time) in times.iter().enumerate() {
            let compute_ns = time.round() as i64;
            steady.push(sample(index as i64, seq as i64, now, compute_ns));
            now += compute_ns;
        }
        rows.push(row(index as i64, start_ns, now - start_ns, times.len() as i64));
        rounds.push(Round { index: index as i64, complete: true, steady, warm_up: Vec::new() });
    }
    Case { name: "simulated".to_owned(), rows, rounds }
}

fn sample(round: i64, seq: i64, issue_ns: i64, compute_ns: i64) -> Sample {
    Sample {
        round,
        stream: 0,
        seq,
        phase: Phase::Steady,
        issue_ns,
        enqueue_ns: None,
        h2d_ns: None,
        compute_ns,
        d2h_ns: None,
        start_ns: None,
        done_ns: issue_ns + compute_ns,
        scheduled_ns: None,
    }
}

/// A row of a GPU's case, whose sensors must have been read.
fn row(round: i64, start_ns: i64, wall_ns: i64, n: i64) -> CaseRow {
    CaseRow {
        device: "a simulated machine".to_owned(),
        case: "simulated".to_owned(),
        round,
        position: round,
        engine_digest: String::new(),
        model_digest: String::new(),
        backend: "tensorrt".to_owned(),
        requested_streams: 1,
        achieved_streams: 1,
        requested_graph: false,
        achieved_graph: false,
        requested_precision: "fp16".to_owned(),
        achieved_precision: "fp16".to_owned(),
        requested_threads: None,
        achieved_threads: None,
        spinning: None,
        batch: 1,
        transfers: false,
        depth: 1,
        wait: "spin".to_owned(),
        clock_error_ns: Some(0),
        clock_quantum_ns: 1,
        n,
        n_warm_up: 0,
        start_ns,
        wall_ns,
        concurrency: Some(1.0),
        recorder_waits: 0,
        host_load: None,
        outputs_checked: true,
        output_max_abs: Some(0.0),
        verdict: Verdict::Valid,
        reasons: Vec::new(),
        error: None,
    }
}

fn run_of(case: Case, telemetry: Vec<TelemetryRow>) -> Run {
    Run {
        dir: RunDir::new("."),
        cases: vec![case],
        telemetry: Some(telemetry),
        engines: Vec::new(),
        models: Vec::new(),
        verify: Vec::new(),
        layer_errors: Vec::new(),
        provenance: Provenance::default(),
        interrupted: Vec::new(),
    }
}

/// The summary of a case.
pub(super) fn summary(case: &Case, percentiles: &[Share]) -> CaseSummary {
    let asked = Asked { percentiles: percentiles.to_vec(), confidence: Confidence::default() };
    summarize(case, &[], &asked)
}

/// The verdict of the only case of a run, and its phases.
pub(super) fn verdict(run: &Run) -> (CaseVerdict, Phases) {
    let case = &run.cases[0];
    let phases = Phases::of(case);
    let asked = Asked { percentiles: Vec::new(), confidence: Confidence::default() };
    // the one metric that a verdict looks at
    let mut summary = CaseSummary::empty(case.name.clone());
    add_throughput(&mut summary, case, &asked);
    (judge::judge(run, case, &summary, &phases), phases)
}

/// Percentiles by their usual names.
pub(super) fn shares(percents: &[f64]) -> Vec<Share> {
    percents.iter().filter_map(|&percent| Share::from_percent(percent)).collect()
}
