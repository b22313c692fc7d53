//! Our runner against a Python loop: the same engine file, the same library, the same threads and spinning.
//!
//! Pairs are interleaved, the order within a pair alternates, and the ratio is formed within each pair, so
//! that a drift of the machine hits both alike. Goal: the lower 95 % bound of the throughput ratio
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
    let (mut throughput, mut tail) = (Vec::new(), Vec::new());
    for pair in 0..args.pairs {
        let (ours, python) = if pair % 2 == 0 {
            let ours = bench.ours(args)?;
            (ours, bench.python(args)?)
        } else {
            let python = bench.python(args)?;
            (bench.ours(args)?, python)
        };
        throughput.push((ours.throughput / python.throughput).ln());
        tail.push((ours.p99_ms / python.p99_ms).ln());
        ui::note(&format!(
            "pair {}: ours {:.3}/s, p99 {:.2} ms; Python {:.3}/s, p99 {:.2} ms; ratio {:.4}",
            pair + 1,
            ours.throughput,
            ours.p99_ms,
            python.throughput,
            python.p99_ms,
            ours.throughput / python.throughput
        ));
    }
    let (ratio, lower, upper) = interval(&throughput);
    ui::data(&format!(
        "throughput, ours ÷ Python: {ratio:.4}, 95 % [{lower:.4}, {upper:.4}], {} pairs of {} s",
        args.pairs, args.seconds
    ));
    let (ratio, low, high) = interval(&tail);
    ui::data(&format!("p99, ours ÷ Python: {ratio:.4}, 95 % [{low:.4}, {high:.4}]"));
    let met = if lower >= GOAL { "met" } else { "NOT met here" };
    ui::data(&format!("goal, lower bound of the throughput ratio at least {GOAL}: {met}"));
    Ok(0)
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
            None => resnet50(project, &binaries, scratch.path())?,
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
fn resnet50(project: &Project, binaries: &Binaries, into: &Path) -> anyhow::Result<PathBuf> {
    let model = into.join("resnet50.onnx");
    let mut command = Command::new(binaries.program("onnx-export-verify"));
    command.args(["export", "--architecture", "resnet50", "--weights", "synthetic"]);
    command.args(["--precision", "fp32", "--out"]).arg(&model);
    must(command.env("TAILMARK_ROOT", project.root()))?;
    Ok(model)
}

fn figures(found: &Value) -> anyhow::Result<Figures> {
    let number = |key: &str| found[key].as_f64().with_context(|| format!("no {key} in {found}"));
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

/// Runs a command quietly; what it said is shown when it fails.
fn must(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        ui::note(String::from_utf8_lossy(&output.stderr).trim_end());
        anyhow::bail!("{} ended with {}", command.get_program().to_string_lossy(), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The JSON of a command's last line.
pub(super) fn asked(command: &mut Command) -> anyhow::Result<Value> {
    let said = must(command)?;
    let line = said.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))
}

/// Mean and 95 % t interval of logarithms, as ratios.
fn interval(logs: &[f64]) -> (f64, f64, f64) {
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = t_975(n - 1.0) * (variance / n).sqrt();
    (mean.exp(), (mean - half).exp(), (mean + half).exp())
}

/// The 97.5 % quantile of Student's t, by the expansion in 1/df (Abramowitz and Stegun 26.7.5); right to 0.001 from 9 on.
fn t_975(df: f64) -> f64 {
    const Z: f64 = 1.959_963_985;
    let z = |power: i32| Z.powi(power);
    let first = (z(3) + Z) / 4.0;
    let second = (5.0 * z(5) + 16.0 * z(3) + 3.0 * Z) / 96.0;
    let third = (3.0 * z(7) + 19.0 * z(5) + 17.0 * z(3) - 15.0 * Z) / 384.0;
    Z + first / df + second / df.powi(2) + third / df.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_t_are_those_of_the_tables() {
        for (df, expected) in [(9.0, 2.262), (11.0, 2.201), (19.0, 2.093), (30.0, 2.042)] {
            assert!((t_975(df) - expected).abs() < 1e-3, "{df}: {}", t_975(df));
        }
    }

    #[test]
    fn the_interval_of_equal_ratios_is_a_point() {
        let (ratio, lower, upper) = interval(&[0.5_f64.ln(); 10]);
        for value in [ratio, lower, upper] {
            assert!((value - 0.5).abs() < 1e-12);
        }
    }
}
