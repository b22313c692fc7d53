//! Simulated data of any size, seeded, through Tailmark's own writers: what `cargo xtask measure quantiles` and
//! `measure analysis` read.
//!
//! ```text
//! simulate trace FILE ROWS SEED         one trace: a camera at 38.6 frames a second, 100 million in 30 days
//! simulate runs FOLDER RUNS ROWS SEED   run folders of four GPU modes with ROWS inferences each, in 5 rounds
//! ```
//!
//! The trace has what real ones have and what makes selection hard: a level that follows the temperature of the
//! day, correlated noise, two clock levels, bursts of interference, a heavy tail up to whole seconds, and stamps
//! in steps of the clock's quantum.

use std::path::Path;

use anyhow::{Context as _, bail};
use pipeline::Provenance;
use pipeline::samples::{self, Phase, Sample};

#[path = "../tests/it/fixture.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
#[expect(clippy::unwrap_used, reason = "written for tests")]
mod fixture;

use fixture::Random;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["trace", file, rows, seed] => trace(Path::new(file), rows.parse()?, seed.parse()?),
        ["runs", folder, runs, rows, seed] => {
            run_folders(Path::new(folder), runs.parse()?, rows.parse()?, seed.parse()?)
        }
        _ => bail!("usage: simulate trace FILE ROWS SEED | simulate runs FOLDER RUNS ROWS SEED"),
    }
}

/// Time between frames, ns.
const FRAME_NS: i64 = 25_920_000;
/// Step of the clock that stamps compute, ns.
const QUANTUM_NS: i64 = 32;
/// Rows of a batch.
const BATCH: i64 = 1 << 16;

/// What the machine remembers from one inference to the next.
struct Machine {
    random: Random,
    /// Correlated noise, in standard deviations.
    noise: f64,
    /// Inferences until the clock level changes.
    until_switch: i64,
    slow_clock: bool,
    /// Inferences of a burst that are still to come.
    burst: i64,
}

impl Machine {
    /// Time of the inference that is issued at a time of day, ns.
    fn compute(&mut self, issue_ns: i64) -> i64 {
        const DAY_NS: f64 = 86_400e9;
        let random = &mut self.random;
        self.noise = 0.6 * self.noise + 0.8 * random.normal();
        self.until_switch -= 1;
        if self.until_switch <= 0 {
            self.slow_clock = !self.slow_clock;
            let mean = if self.slow_clock { 4_000.0 } else { 60_000.0 };
            self.until_switch = (-mean * (1.0 - random.next()).ln()) as i64 + 1;
        }
        if self.burst > 0 {
            self.burst -= 1;
        } else if random.next() < 2e-5 {
            self.burst = (random.next() * 300.0) as i64;
        }
        let day = (issue_ns as f64 / DAY_NS * std::f64::consts::TAU).sin();
        let clock = if self.slow_clock { 1.06 } else { 1.0 };
        let busy = if self.burst > 0 { 1.0 + random.next() } else { 1.0 };
        // Pareto with shape 1.5: one in 500, up to whole seconds
        let tail = if random.next() < 0.002 { (1.0 - random.next()).powf(-1.0 / 1.5) } else { 1.0 };
        let level = 2.41e6 * (1.0 + 0.004 * day + 0.003 * self.noise) * clock;
        let ns = (level * busy * tail.min(400.0)).max(2e6);
        (ns / QUANTUM_NS as f64).round() as i64 * QUANTUM_NS
    }
}

fn trace(file: &Path, rows: i64, seed: u64) -> anyhow::Result<()> {
    let mut machine = Machine {
        random: Random(seed),
        noise: 0.0,
        until_switch: 30_000,
        slow_clock: false,
        burst: 0,
    };
    let provenance = Provenance::default().with("simulated", format!("trace, seed {seed}"));
    samples::write_stream(file, "camera", &provenance, |sink| {
        let mut free_ns = 0;
        for first in (0..rows).step_by(BATCH as usize) {
            let batch: Vec<Sample> = (first..rows.min(first + BATCH))
                .map(|seq| {
                    let sample = inference(&mut machine, seq, free_ns);
                    free_ns = sample.done_ns;
                    sample
                })
                .collect();
            sink.add(&batch)?;
        }
        Ok(())
    })
}

/// The inference of a frame, once the one before is done.
fn inference(machine: &mut Machine, seq: i64, free_ns: i64) -> Sample {
    let scheduled_ns = seq * FRAME_NS;
    let issue_ns = scheduled_ns.max(free_ns) + 3_000 + (machine.random.next() * 900.0) as i64;
    let enqueue_ns = 61_000 + (machine.random.normal().abs() * 2_500.0) as i64;
    let compute_ns = machine.compute(issue_ns);
    let start_ns = issue_ns + enqueue_ns + 60_512;
    Sample {
        round: 0,
        stream: 0,
        seq,
        phase: if seq < 200 { Phase::WarmUp } else { Phase::Steady },
        issue_ns,
        enqueue_ns: Some(enqueue_ns),
        h2d_ns: Some(60_512),
        compute_ns,
        d2h_ns: Some(7_968),
        start_ns: Some(start_ns),
        done_ns: start_ns + compute_ns + 7_968 + 2_100,
        scheduled_ns: Some(scheduled_ns),
    }
}

/// Folders as the chain names them; runs differ in their seed only.
fn run_folders(folder: &Path, runs: usize, rows: usize, seed: u64) -> anyhow::Result<()> {
    for run in 0..runs {
        let mut spec = fixture::gpu();
        spec.seed = seed + run as u64;
        for mode in &mut spec.modes {
            mode.per_round = rows.div_ceil(5 * mode.streams as usize);
        }
        let path = folder.join("pipeline=resnet50").join(format!("run=simulated-{run:05}"));
        std::fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        fixture::write(&path, &spec);
    }
    Ok(())
}
