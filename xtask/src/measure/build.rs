//! TensorRT-RTX builds of ResNet-50 in float16: our bindings against NVIDIA's own for Python, on one library file.
//!
//! Compared are the calls alone (parse + build, as each side times them) and the whole processes: start,
//! loading, parse, build, writing the engine. Goal: the upper 95 % bound of both ratios (ours ÷ Python)
//! is at most 1.05. `engine-build build`, which also reports layers and digests, stands beside them, and
//! so does the engine store: the same stage past the store (cold) and served from it (warm).

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::paired::{self, must, number};
use super::process::{self, Cost, figures, line};
use super::python::resnet50;
use crate::binaries::{self, Binaries};
use crate::fault::Fault;
use crate::project::Project;
use crate::{setup, ui};

const PEER: &str = include_str!("build_peer.py");
const GOAL: f64 = 1.05;
/// Workspace limit of both sides, MiB.
const WORKSPACE: &str = "4096";

/// Arguments of `measure build`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Pairs of builds
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(10..=1000))]
    pairs: u32,
    /// Optimisation level of both sides
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=5))]
    level: u8,
    /// ONNX model to use instead of ResNet-50 with synthetic weights in float16
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
enum Side {
    /// The example `time` of our bindings.
    Crate,
    /// The same lines in Python.
    Python,
    /// `engine-build build`.
    Command,
    /// `engine-build run` that neither reads nor writes the store.
    Cold,
    /// `engine-build run` with the engine in the store.
    Warm,
}

/// Measures and prints; exit 0 whether or not the goal is met, since the machine may be busy.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    let bench = Bench::prepare(&project, args)?;
    ui::note("each side once, so that its files are in memory");
    for side in [Side::Crate, Side::Python, Side::Command, Side::Warm, Side::Cold] {
        bench.cost(side)?;
    }
    let pairs = |ours: Side, theirs: Side| {
        paired::interleave(
            args.pairs,
            || bench.cost(ours),
            || bench.cost(theirs),
            |n, a, b| {
                ui::note(&format!(
                    "pair {n}: {ours:?} {:.3} s, {theirs:?} {:.3} s",
                    a.whole, b.whole
                ));
            },
        )
    };
    let found = pairs(Side::Crate, Side::Python)?;
    let calls = line("crate ÷ Python, parse + build, s", &found, |cost| cost.work);
    let whole = line("crate ÷ Python, whole process, s", &found, |cost| cost.whole);
    line("crate ÷ Python, processor time, s", &found, |cost| cost.processor);
    line("crate ÷ Python, peak memory, MB", &found, |cost| cost.memory);
    let found = pairs(Side::Command, Side::Python)?;
    line("engine-build ÷ Python, whole process, s", &found, |cost| cost.whole);
    line("engine-build ÷ Python, peak memory, MB", &found, |cost| cost.memory);
    let found = pairs(Side::Warm, Side::Cold)?;
    line("engine store, warm ÷ cold, whole stage, s", &found, |cost| cost.whole);
    let met = if calls.upper <= GOAL && whole.upper <= GOAL { "met" } else { "NOT met here" };
    ui::data(&format!("goal, both upper bounds of crate ÷ Python at most {GOAL}: {met}"));
    Ok(0)
}

/// Everything that the sides share.
struct Bench {
    scratch: tempfile::TempDir,
    model: PathBuf,
    /// The folder of the TensorRT-RTX libraries.
    libraries: PathBuf,
    python: PathBuf,
    example: PathBuf,
    stage: PathBuf,
    level: String,
}

impl Bench {
    fn prepare(project: &Project, args: &Args) -> anyhow::Result<Self> {
        let binaries = Binaries::ready(project)?;
        let example = example(project, &binaries)?;
        let libraries = setup::rtx(project)?;
        let python = setup::rtx_bindings(project)?;
        let scratch = tempfile::tempdir()?;
        fs::write(scratch.path().join("build_peer.py"), PEER)?;
        let model = match &args.model {
            Some(model) => std::path::absolute(model)?,
            None => resnet50(project, &binaries, "fp16", scratch.path())?,
        };
        let stage = binaries.program("engine-build");
        let level = args.level.to_string();
        let bench = Self { scratch, model, libraries, python, example, stage, level };
        bench.prepare_run(&binaries)?;
        Ok(bench)
    }

    /// A project of its own with the model in a run folder, for the stage.
    fn prepare_run(&self, binaries: &Binaries) -> anyhow::Result<()> {
        let model = toml::Value::from(self.model.to_string_lossy().into_owned());
        let text = format!(
            r#"[pipeline]
name = "measure-build"
[onnx-export-verify]
onnx = {model}
precision = ["fp16"]
[engine-build]
backend = "tensorrt-rtx"
optimization-level = {}
"#,
            self.level
        );
        fs::create_dir_all(self.scratch.path().join("pipelines"))?;
        fs::write(self.scratch.path().join("pipelines/build.toml"), text)?;
        let mut command = Command::new(binaries.program("onnx-export-verify"));
        command.args(["run", "--pipeline", "pipelines/build.toml", "--run", "run"]);
        must(command.current_dir(&self.scratch).env("TAILMARK_ROOT", self.scratch.path()))?;
        Ok(())
    }

    /// The command of one side.
    fn command(&self, side: Side) -> Vec<OsString> {
        let out = self.scratch.path().join("engine.plan");
        let four =
            [self.model.as_os_str(), out.as_os_str(), self.level.as_ref(), WORKSPACE.as_ref()];
        let script = self.scratch.path().join("build_peer.py");
        let command: Vec<&OsStr> = match side {
            Side::Crate => [&[self.example.as_os_str()], four.as_slice()].concat(),
            Side::Python => {
                [&[self.python.as_os_str(), script.as_os_str()], four.as_slice()].concat()
            }
            Side::Command => {
                let words = ["build", "--backend", "tensorrt-rtx", "--optimization-level"];
                let words = words.into_iter().map(OsStr::new);
                let rest = [self.level.as_ref(), "--out".as_ref(), out.as_os_str()];
                [self.stage.as_os_str()]
                    .into_iter()
                    .chain(words)
                    .chain(rest)
                    .chain([four[0]])
                    .collect()
            }
            Side::Cold | Side::Warm => {
                let cache = if matches!(side, Side::Cold) { "off" } else { "reuse" };
                let set = format!("engine-build.timing-cache={cache}");
                let words = ["run", "--pipeline", "pipelines/build.toml", "--run", "run", "--set"];
                let words = words.into_iter().map(OsString::from);
                let first = [self.stage.clone().into_os_string()];
                return first.into_iter().chain(words).chain([set.into()]).collect();
            }
        };
        command.into_iter().map(OsStr::to_owned).collect()
    }

    /// Runs one side.
    fn cost(&self, side: Side) -> anyhow::Result<Cost> {
        let mut cost = process::run(&self.python, &self.command(side), |command| {
            command.current_dir(&self.scratch).env("TAILMARK_ROOT", self.scratch.path());
            command.env("TENSORRT_RTX_LIB", &self.libraries);
            command.env("LD_LIBRARY_PATH", &self.libraries);
        })
        .with_context(|| format!("{side:?}"))?;
        // of the others only whole processes are compared
        if matches!(side, Side::Crate | Side::Python) {
            let said = figures(&cost.said).with_context(|| format!("{side:?}"))?;
            cost.work = (number(&said, "parse_ns")? + number(&said, "build_ns")?) / 1e9;
        }
        Ok(cost)
    }
}

/// Builds the example of our bindings and returns its program.
fn example(project: &Project, binaries: &Binaries) -> anyhow::Result<PathBuf> {
    let status = binaries::cargo(project)
        .args(["build", "--release", "--quiet", "-p", "tensorrt", "--example", "time"])
        .status()?;
    let stage = binaries.program("engine-build");
    let example = stage.parent().unwrap_or(Path::new(".")).join("examples").join("time");
    if status.success() && example.is_file() {
        return Ok(example);
    }
    Err(Fault::environment("the example `time` of the crate tensorrt could not be built")
        .hint("this measurement needs cargo and the sources: run it as `cargo xtask measure build`")
        .into())
}
