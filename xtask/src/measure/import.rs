//! Import of a trace of trtexec against Python's `json` and NumPy, in interleaved pairs.
//!
//! Two ratios: the reading itself (text on disk → columns in memory, inside each process), and the whole
//! process, from its start to a file with the columns on disk. Goal: the reading is 20 times as fast.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;

use super::paired::{self, Ratio, asked, must, number};
use crate::binaries::Binaries;
use crate::project::Project;
use crate::{setup, ui};

const PEER: &str = include_str!("import_peer.py");
/// Where a trace of 4 MB comes from: a committed run, written by `analysis export`.
const RUN: &str = "results/curated/jetson-orin-nano-seed/resnet50";
const GOAL: f64 = 20.0;

/// Arguments of `measure import`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Pairs of imports
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(10..=1000))]
    pairs: u32,
    /// Trace to import instead of that of `cuda-graph` in the curated Jetson run
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// What one import took, in seconds.
#[derive(Clone, Copy, Debug)]
struct Took {
    read: f64,
    whole: f64,
    rows: f64,
}

/// Measures and prints; exit 0 whether or not the goal is met, since the machine may be busy.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    let binaries = Binaries::ready(&project)?;
    let python = setup::notebook(&project)?;
    let scratch = tempfile::tempdir()?;
    let analysis = binaries.program("analysis");
    let file = match &args.file {
        Some(file) => file.clone(),
        None => exported(&analysis, &project.root().join(RUN), scratch.path())?,
    };
    let script = scratch.path().join("import_peer.py");
    std::fs::write(&script, PEER)?;
    let ours = || ours(&analysis, &file, &scratch.path().join("run"));
    let theirs = || theirs(&python, &script, &file, &scratch.path().join("columns.npz"));
    // both files are read once, so that neither side pays for the disk
    let (first, other) = (ours()?, theirs()?);
    anyhow::ensure!(first.rows.to_bits() == other.rows.to_bits(), "{first:?} and {other:?} rows");
    let found = paired::interleave(args.pairs, ours, theirs, told)?;
    let bytes = std::fs::metadata(&file)?.len();
    ui::data(&format!("{} rows, {:.1} MB of JSON", first.rows, bytes as f64 / 1e6));
    for (what, of) in
        [("reading", (|side| side.read) as fn(&Took) -> f64), ("whole process", |side| side.whole)]
    {
        let swapped: Vec<(Took, Took)> =
            found.iter().map(|&(ours, theirs)| (theirs, ours)).collect();
        let (ours, theirs) =
            (median(&found, |pair| of(&pair.0)), median(&found, |pair| of(&pair.1)));
        ui::data(&format!(
            "{what}: ours {:.2} ms, Python {:.1} ms (medians); Python ÷ ours {}",
            ours * 1e3,
            theirs * 1e3,
            Ratio::new(&swapped, of)
        ));
        if what == "reading" {
            let met = if Ratio::new(&swapped, of).lower >= GOAL { "met" } else { "NOT met here" };
            ui::data(&format!("goal, lower bound of the ratio of reading at least {GOAL}: {met}"));
        }
    }
    Ok(0)
}

fn told(pair: usize, ours: &Took, python: &Took) {
    ui::note(&format!(
        "pair {pair}: reading {:.2} and {:.1} ms, whole process {:.1} and {:.1} ms",
        ours.read * 1e3,
        python.read * 1e3,
        ours.whole * 1e3,
        python.whole * 1e3
    ));
}

fn median(found: &[(Took, Took)], of: impl Fn(&(Took, Took)) -> f64) -> f64 {
    let mut values: Vec<f64> = found.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn exported(analysis: &Path, run: &Path, into: &Path) -> anyhow::Result<PathBuf> {
    let mut command = Command::new(analysis);
    command.args(["export", "trtexec"]).arg(run).args(["--case", "cuda-graph", "--out"]).arg(into);
    must(&mut command)?;
    Ok(into.join("cuda-graph.json"))
}

fn ours(analysis: &Path, file: &Path, run: &Path) -> anyhow::Result<Took> {
    let mut command = Command::new(analysis);
    command.args(["import", "trtexec", "--json", "--mode"]);
    command.arg(format!("cuda-graph={}", file.display())).arg("--run").arg(run);
    // what is measured is the import, not a question to git
    command.env("TAILMARK_REVISION", "measured");
    let started = Instant::now();
    let found = asked(&mut command)?;
    let whole = started.elapsed().as_secs_f64();
    std::fs::remove_dir_all(run)?;
    let mode = found["modes"].get(0).context("no mode was imported")?;
    Ok(Took { read: number(mode, "read_ns")? / 1e9, whole, rows: number(mode, "rows")? })
}

fn theirs(python: &Path, script: &Path, file: &Path, target: &Path) -> anyhow::Result<Took> {
    let mut command = Command::new(python);
    command.arg(script).arg(file).arg(target);
    let started = Instant::now();
    let found = asked(&mut command)?;
    let whole = started.elapsed().as_secs_f64();
    Ok(Took { read: number(&found, "read_s")?, whole, rows: number(&found, "rows")? })
}
