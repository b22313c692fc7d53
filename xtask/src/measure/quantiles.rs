//! Exact p50, p90, p99, p99.9 and mean of a column of a hundred million rows: `analysis quantiles` against DuckDB
//! and Polars, which read the same file that Tailmark's own writer wrote, on the same two processors.
//!
//! Ours counts as a whole process, the peers' by their query alone: their start and imports are not held against
//! them. Goal: at least three times as fast as the better of both by their own functions for quantiles, with
//! less memory. A second form, by counting equal values, is measured as well.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::Value;

use super::paired::{Ratio, number};
use super::process::{Cost, median};
use super::simulated;
use crate::binaries::Binaries;
use crate::fault::Fault;
use crate::project::Project;
use crate::{setup, ui};

const PEER: &str = include_str!("quantiles_peer.py");
const PEERS: [&str; 4] = ["duckdb-function", "polars-function", "duckdb-counts", "polars-counts"];
/// How many of the peers are asked by their own functions.
const FUNCTIONS: usize = 2;
const GOAL: f64 = 3.0;
const COLUMN: &str = "compute_ns";
const PERCENTILES: [&str; 4] = ["p50", "p90", "p99", "p99.9"];

/// Arguments of `measure quantiles`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rows of the trace, in thousands
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    thousands: u32,
    /// Rounds; each side runs once in each
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(10..=1000))]
    rounds: u32,
    /// Also a folder of that many runs, four modes of 500 inferences each
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    runs: u32,
}

/// What one side took and found.
#[derive(Clone, Debug)]
struct Side {
    cost: Cost,
    /// What is compared, s.
    counted: f64,
    values: Vec<f64>,
}

/// Everything that the sides share.
struct Bench {
    scratch: tempfile::TempDir,
    python: PathBuf,
    analysis: PathBuf,
    trace: PathBuf,
}

/// Measures and prints; exit 0 whether or not the goal is met, since the machine may be busy.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    let binaries = Binaries::ready(&project)?;
    let python = setup::query_engines(&project)?;
    let scratch = tempfile::tempdir()?;
    fs::write(scratch.path().join("peer.py"), PEER)?;
    let name = format!("trace-{}k.parquet", args.thousands);
    let words = [format!("{}000", args.thousands), "1".to_owned()];
    let trace = simulated::data(&project, &binaries, &name, "trace", &words)?;
    let analysis = binaries.program("analysis");
    let bench = Bench { scratch, python, analysis, trace };
    ui::note("each side once, so that the file is in memory");
    let expected = bench.ours(&[])?.values;
    let mut found: Vec<Vec<Side>> = Vec::new();
    for round in 0..args.rounds as usize {
        found.push(bench.round(round, &expected)?);
        ui::note(&format!("round {} of {}", round + 1, args.rounds));
    }
    report(&found);
    bench.intervals()?;
    if args.runs > 0 {
        let name = format!("runs-{}", args.runs);
        let words = [args.runs.to_string(), "500".to_owned(), "1".to_owned()];
        let folder = simulated::data(&project, &binaries, &name, "runs", &words)?;
        bench.folder(&folder, args.runs)?;
    }
    Ok(0)
}

impl Bench {
    /// Every side once, ours first in even rounds and last in odd ones.
    fn round(&self, round: usize, expected: &[f64]) -> anyhow::Result<Vec<Side>> {
        let mut sides = Vec::new();
        let early = if round.is_multiple_of(2) { Some(self.ours(&[])?) } else { None };
        for peer in PEERS {
            let side = self.peer(peer)?;
            if side.values[..4] != expected[..4] {
                let message = format!("{peer} finds {:?}, we {expected:?}", side.values);
                return Err(Fault::config(message).into());
            }
            sides.push(side);
        }
        sides.insert(0, early.map_or_else(|| self.ours(&[]), Ok)?);
        Ok(sides)
    }

    fn ours(&self, more: &[&str]) -> anyhow::Result<Side> {
        let (program, trace) = (self.analysis.to_string_lossy(), self.trace.to_string_lossy());
        let words = [&*program, "quantiles", &*trace, "--column", COLUMN, "--json"];
        let percentiles = ["--percentiles", "50,90,99,99.9"];
        let command = [&words[..], &percentiles[..], more].concat();
        let cost = simulated::cost(&self.python, &command)?;
        let said: Value = serde_json::from_str(&cost.said).context("no JSON from quantiles")?;
        Ok(Side { counted: cost.whole, values: values(&said[0])?, cost })
    }

    fn peer(&self, form: &str) -> anyhow::Result<Side> {
        let script = self.scratch.path().join("peer.py");
        let (python, script) = (self.python.to_string_lossy(), script.to_string_lossy());
        let trace = self.trace.to_string_lossy();
        let cost = simulated::cost(&self.python, &[&*python, &*script, form, &*trace, COLUMN])?;
        let said: Value = serde_json::from_str(&cost.said).with_context(|| form.to_owned())?;
        Ok(Side { counted: number(&said, "query_ns")? / 1e9, values: values(&said)?, cost })
    }

    /// What intervals cost on top.
    fn intervals(&self) -> anyhow::Result<()> {
        let side = self.ours(&["--intervals"])?;
        ui::data(&format!(
            "with --intervals: {:.2} s, {:.2} s of processor time, {:.0} MB: {}",
            side.cost.whole, side.cost.processor, side.cost.memory, side.cost.said
        ));
        Ok(())
    }

    /// A folder of many runs, all together and by run.
    fn folder(&self, folder: &std::path::Path, runs: u32) -> anyhow::Result<()> {
        let (program, folder) = (self.analysis.to_string_lossy(), folder.to_string_lossy());
        let words = [&*program, "quantiles", &*folder, "--column", COLUMN, "--json"];
        for (what, more) in [
            ("as one", &[][..]),
            ("by case, with intervals", &["--by", "case", "--intervals"][..]),
            ("by run and case", &["--by", "run", "--by", "case"][..]),
        ] {
            let cost = simulated::cost(&self.python, &[&words[..], more].concat())?;
            ui::data(&format!(
                "a folder of {runs} runs, {what}: {:.2} s, {:.2} s of processor time, {:.0} MB",
                cost.whole, cost.processor, cost.memory
            ));
        }
        Ok(())
    }
}

fn values(said: &Value) -> anyhow::Result<Vec<f64>> {
    let names = PERCENTILES.into_iter().chain(["mean"]);
    names.map(|name| number(said, name)).collect()
}

fn report(found: &[Vec<Side>]) {
    let names = ["ours, whole process"].into_iter().chain(PEERS);
    for (k, name) in names.enumerate() {
        let of = |pick: fn(&Side) -> f64| median(found.iter().map(|round| pick(&round[k])));
        ui::data(&format!(
            "{name}: {:.3} s (whole process {:.3} s, processor time {:.3} s, peak memory {:.0} MB)",
            of(|side| side.counted),
            of(|side| side.cost.whole),
            of(|side| side.cost.processor),
            of(|side| side.cost.memory),
        ));
    }
    let pairs = |k: usize| -> Vec<(Side, Side)> {
        found.iter().map(|round| (round[k].clone(), round[0].clone())).collect()
    };
    let mut least = f64::INFINITY;
    let mut less = true;
    for (k, name) in PEERS.into_iter().enumerate() {
        let found = pairs(k + 1);
        let time = Ratio::new(&found, |side| side.counted);
        let memory = Ratio::new(&found, |side| side.cost.memory);
        ui::data(&format!("{name} ÷ ours: time {time}; memory {:.2}", memory.estimate));
        if k < FUNCTIONS {
            least = least.min(time.lower);
            less &= memory.lower > 1.0;
        }
    }
    let met = if least >= GOAL && less { "met" } else { "NOT met here" };
    ui::data(&format!(
        "goal, lower bound of the time ratio at least {GOAL} for both functions, and less memory: {met}"
    ));
}
