//! Our runner against a Python loop: the same engine file, the same library, the same threads and spinning.
//!
//! Goal: the lower 95 % bound of the throughput ratio
//! (ours ÷ Python) is at least 0.99.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use crate::binaries::Binaries;
use crate::fault::Fault;
use crate::project::Project;
use crate::{digest, setup, ui};

use super::paired::{self, Ratio, asked, must, number};

const PEER: &str = include_str!("peer.py");
const READ_RUN: &str = include_str!("read_run.py");
const GOAL: f64 = 0.99;

/// Arguments of `measure python`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Pairs of runs
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(10..=1000))]
    pairs: u32,
    /// Measured seconds of each run
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// ONNX model to use instead of ResNet-50 with synthetic weights
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
}

/// What one run of either side found.
#[derive(Clone, Copy, Debug)]
struct Figures {
    throughput: f64,
    p99_ms: f64,
}

/// Measures and prints; exit 0 whether or not the goal is met, since the machine may be busy.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    let bench = Bench::prepare(&project, args)?;
    let found = paired::interleave(args.pairs, || bench.ours(args), || bench.python(args), told)?;
    let throughput = Ratio::new(&found, |side| side.throughput);
    ui::data(&format!("throughput, ours ÷ Python: {throughput} of {} s", args.seconds));
    ui::data(&format!("p99, ours ÷ Python: {}", Ratio::new(&found, |side| side.p99_ms)));
    let met = if throughput.lower >= GOAL { "met" } else { "NOT met here" };
    ui::data(&format!("goal, lower bound of the throughput ratio at least {GOAL}: {met}"));
    Ok(0)
}

fn told(pair: usize, ours: &Figures, python: &Figures) {
    ui::note(&format!(
        "pair {pair}: ours {:.3}/s, p99 {:.2} ms; Python {:.3}/s, p99 {:.2} ms; ratio {:.4}",
        ours.throughput,
        ours.p99_ms,
        python.throughput,
        python.p99_ms,
        ours.throughput / python.throughput
    ));
}

/// Everything that both sides share.
struct Bench {
    scratch: tempfile::TempDir,
    engine: PathBuf,
    python: PathBuf,
    runner: PathBuf,
    root: PathBuf,
    threads: usize,
}

impl Bench {
    fn prepare(project: &Project, args: &Args) -> anyhow::Result<Self> {
        let binaries = Binaries::ready(project)?;
        if project.onnxruntime().is_none() {
            setup::cpu(project)?;
        }
        let python = setup::peer(project)?;
        same_library(project, &python)?;
        let scratch = tempfile::tempdir()?;
        let engine = scratch.path().join("engine.onnx");
        let model = match &args.model {
            Some(model) => model.clone(),
            None => resnet50(project, &binaries, "fp32", scratch.path())?,
        };
        let mut command = Command::new(binaries.program("engine-build"));
        command
            .arg("build")
            .arg(model)
            .args(["--backend", "onnxruntime-cpu", "--out"])
            .arg(&engine);
        must(command.env("TAILMARK_ROOT", project.root()))?;
        for (name, text) in [("peer.py", PEER), ("read_run.py", READ_RUN)] {
            fs::write(scratch.path().join(name), text)?;
        }
        Ok(Self {
            engine,
            python,
            runner: binaries.program("runner"),
            root: project.root().to_owned(),
            threads: std::thread::available_parallelism()?.get(),
            scratch,
        })
    }

    fn ours(&self, args: &Args) -> anyhow::Result<Figures> {
        let run = self.scratch.path().join("run");
        let mut command = Command::new(&self.runner);
        command.arg("bench").arg(&self.engine).args(["--rounds", "1", "--warm-up", "1s"]);
        command.arg("--duration").arg(format!("{}s", args.seconds)).arg("--run").arg(&run);
        must(command.env("TAILMARK_ROOT", &self.root))?;
        let mut command = Command::new(&self.python);
        let found = asked(command.arg(self.scratch.path().join("read_run.py")).arg(&run))?;
        fs::remove_dir_all(&run)?;
        anyhow::ensure!(
            found["threads"].as_u64() == Some(self.threads as u64) && found["spinning"] == true,
            "the runner used other threads or spinning than the peer: {found}"
        );
        figures(&found)
    }

    fn python(&self, args: &Args) -> anyhow::Result<Figures> {
        let mut command = Command::new(&self.python);
        command.arg(self.scratch.path().join("peer.py")).arg(&self.engine);
        command.arg(self.threads.to_string()).args(["1", "1"]).arg(args.seconds.to_string());
        figures(&asked(&mut command)?)
    }
}

/// Exports ResNet-50 with synthetic weights into a folder.
pub(super) fn resnet50(
    project: &Project,
    binaries: &Binaries,
    precision: &str,
    into: &Path,
) -> anyhow::Result<PathBuf> {
    let model = into.join("resnet50.onnx");
    let mut command = Command::new(binaries.program("onnx-export-verify"));
    command.args(["export", "--architecture", "resnet50", "--weights", "synthetic"]);
    command.args(["--precision", precision, "--out"]).arg(&model);
    must(command.env("TAILMARK_ROOT", project.root()))?;
    Ok(model)
}

fn figures(found: &Value) -> anyhow::Result<Figures> {
    let number = |key: &str| number(found, key);
    Ok(Figures { throughput: number("throughput")?, p99_ms: number("p99_ns")? / 1e6 })
}

/// Fails unless Python's package holds, byte for byte, the library that the runner loads.
fn same_library(project: &Project, python: &Path) -> anyhow::Result<()> {
    let script = "import glob, json, os, onnxruntime as o; print(json.dumps(glob.glob(os.path.join(os.path.dirname(o.__file__), 'capi', 'libonnxruntime.so.*'))))";
    let found = asked(Command::new(python).args(["-c", script]))?;
    let theirs = found[0].as_str().context("Python's onnxruntime has no library of its own")?;
    let ours = project.onnxruntime().context("ONNX Runtime is not here")?;
    let (ours, theirs) = (digest::of_file(&ours)?, digest::of_file(Path::new(theirs))?);
    if ours == theirs {
        return Ok(());
    }
    let message = format!("the two sides would load different libraries: {ours} and {theirs}");
    Err(Fault::environment(message).into())
}
