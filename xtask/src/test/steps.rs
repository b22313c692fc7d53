//! The steps of `cargo xtask test`.

mod rtx;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::binaries::{self, Binaries};
use crate::project::Project;
use crate::{measure, setup, ui};

/// How a step ended.
pub(super) enum Outcome {
    /// It passed.
    Passed,
    /// It could not be run here; says why.
    LeftOut(String),
    /// It failed; says what.
    Failed(String),
}

/// What steps hand on.
pub(super) struct State {
    project: Project,
    scratch: tempfile::TempDir,
    onnxruntime: bool,
    rtx: Option<rtx::Fetched>,
    smoke_run: Option<PathBuf>,
}

impl State {
    /// A state before the first step.
    pub(super) fn new(project: Project) -> anyhow::Result<Self> {
        let onnxruntime = project.onnxruntime().is_some();
        let scratch = tempfile::tempdir()?;
        Ok(Self { project, scratch, onnxruntime, rtx: None, smoke_run: None })
    }
}

type Step = fn(&mut State) -> anyhow::Result<Outcome>;

/// The steps in their order: what is quick and often broken comes first.
pub(super) const STEPS: [(&str, Step); 18] = [
    ("format", |state| cargo(state, &["fmt", "--all", "--check"])),
    ("lints", |state| {
        cargo(
            state,
            &["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"],
        )
    }),
    ("programs", |state| cargo(state, &["build", "--release", "--workspace", "--bins"])),
    ("layering", layering),
    ("docs", docs),
    ("ONNX Runtime", |state| Ok(onnxruntime(state))),
    ("TensorRT-RTX", |state| Ok(rtx::fetch(state))),
    ("tests", |state| cargo(state, &["test", "--release", "--workspace"])),
    ("smoke pipeline on sim", |state| smoke(state, "sim")),
    ("smoke pipeline on rten", |state| smoke(state, "rten")),
    ("smoke pipeline on onnxruntime-cpu", |state| smoke(state, "onnxruntime-cpu")),
    ("real TensorRT-RTX builds", rtx::build),
    ("models of others", models),
    ("figures of the report, derived again", verify),
    ("the report in a browser", page),
    ("statistical method on simulated truth", method),
    ("notebook", notebook),
    ("pipeline files", pipeline_files),
];

fn cargo(state: &State, args: &[&str]) -> anyhow::Result<Outcome> {
    let status = binaries::cargo(&state.project).args(args).status()?;
    Ok(judged(status.success(), || format!("cargo {} ended with {status}", args[0])))
}

fn judged(passed: bool, reason: impl FnOnce() -> String) -> Outcome {
    if passed { Outcome::Passed } else { Outcome::Failed(reason()) }
}

fn layering(state: &mut State) -> anyhow::Result<Outcome> {
    let status = program(state, "xtask")?.arg("tidy").status()?;
    Ok(judged(status.success(), || "a rule is broken, see above".into()))
}

fn docs(state: &mut State) -> anyhow::Result<Outcome> {
    let status = binaries::cargo(&state.project)
        .args(["doc", "--release", "--workspace", "--no-deps", "--quiet"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .status()?;
    Ok(judged(status.success(), || format!("cargo doc ended with {status}")))
}

fn onnxruntime(state: &mut State) -> Outcome {
    if state.onnxruntime {
        ui::note("the library is there");
        return Outcome::Passed;
    }
    match setup::cpu(&state.project) {
        Ok(()) => {
            state.onnxruntime = true;
            Outcome::Passed
        }
        Err(error) => Outcome::LeftOut(format!(
            "{error:#}; what needs ONNX Runtime is not tested in this run"
        )),
    }
}

/// A program that was built, in the project's folder.
fn program(state: &State, name: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(Binaries::locate()?.program(name));
    command.current_dir(state.project.root()).env("TAILMARK_ROOT", state.project.root());
    // the programs have just been built
    command.env("TAILMARK_BIN_DIR", binaries_folder()?);
    Ok(command)
}

fn binaries_folder() -> anyhow::Result<PathBuf> {
    let program = Binaries::locate()?.program("xtask");
    program.parent().map(Path::to_owned).context("a program without a folder")
}

fn smoke(state: &mut State, backend: &str) -> anyhow::Result<Outcome> {
    if backend == "onnxruntime-cpu" && !state.onnxruntime {
        return Ok(Outcome::LeftOut("ONNX Runtime is not here".into()));
    }
    let run = state.scratch.path().join(format!("smoke-{backend}"));
    let status = program(state, "xtask")?
        .args(["pipeline", "pipelines/smoke.toml", "--set"])
        .arg(format!("engine-build.backend={backend}"))
        .arg("--run")
        .arg(&run)
        .status()?;
    if !status.success() {
        return Ok(Outcome::Failed(format!("the pipeline ended with {status}")));
    }
    for file in ["summary.parquet", "report.html", "report.md", "manifest.json"] {
        if !run.join(file).is_file() {
            return Ok(Outcome::Failed(format!("the run has no {file}")));
        }
    }
    state.smoke_run = Some(run);
    Ok(Outcome::Passed)
}

/// The newest smoke run; makes one when the steps before were not asked for.
fn smoke_run(state: &mut State) -> anyhow::Result<PathBuf> {
    if state.smoke_run.is_none()
        && let Outcome::Failed(reason) = smoke(state, "sim")?
    {
        anyhow::bail!("{reason}");
    }
    state.smoke_run.clone().context("there is no smoke run")
}

/// The small architectures of the ONNX package through everything, with seeded weights.
fn models(state: &mut State) -> anyhow::Result<Outcome> {
    if let Err(error) = setup::models(&state.project) {
        return Ok(Outcome::LeftOut(format!("{error:#}")));
    }
    let status = program(state, "xtask")?.args(["measure", "models", "--quick"]).status()?;
    Ok(judged(status.success(), || format!("measure models ended with {status}")))
}

/// The smoke run and every committed run.
fn verify(state: &mut State) -> anyhow::Result<Outcome> {
    let mut runs = state.project.curated()?;
    runs.push(smoke_run(state)?);
    for run in runs {
        let status = program(state, "analysis")?.arg("verify").arg(&run).status()?;
        if !status.success() {
            let run = run.display();
            return Ok(Outcome::Failed(format!("analysis verify {run} ended with {status}")));
        }
    }
    Ok(Outcome::Passed)
}

fn page(state: &mut State) -> anyhow::Result<Outcome> {
    let run = smoke_run(state)?;
    if let Err(error) = measure::browser() {
        return Ok(Outcome::LeftOut(format!("{error:#}")));
    }
    let status = program(state, "xtask")?.args(["measure", "page"]).arg(run).status()?;
    Ok(judged(status.success(), || format!("measure page ended with {status}")))
}

/// The short form of `xtask validate`: a wrong formula does not get through it.
fn method(state: &mut State) -> anyhow::Result<Outcome> {
    let status = program(state, "analysis")?.args(["validate", "--quick"]).status()?;
    Ok(judged(status.success(), || format!("analysis validate ended with {status}")))
}

fn notebook(state: &mut State) -> anyhow::Result<Outcome> {
    const PLOTS: usize = 3;
    let run = smoke_run(state)?;
    if let Err(error) = setup::notebook(&state.project) {
        return Ok(Outcome::LeftOut(format!("{error:#}")));
    }
    let notebook = state.project.root().join("results").join("explore.ipynb");
    let plots = setup::execute_notebook(&state.project, &notebook, &run)?;
    Ok(judged(plots >= PLOTS, || format!("{plots} plots instead of {PLOTS}")))
}

/// Every committed pipeline file can start here.
fn pipeline_files(state: &mut State) -> anyhow::Result<Outcome> {
    // some pipelines take trained models, which are fetched; without a network the others are checked
    let fetched = setup::trained_models(&state.project);
    for file in state.project.pipelines() {
        if fetched.is_err() && std::fs::read_to_string(&file)?.contains("onnx = \"data/runtime/") {
            ui::warn(&format!("{} is left out: its model cannot be fetched", file.display()));
            continue;
        }
        let status = program(state, "xtask")?.arg("pipeline").arg(&file).arg("--check").status()?;
        if !status.success() {
            return Ok(Outcome::Failed(format!("{}: {status}", file.display())));
        }
    }
    Ok(Outcome::Passed)
}
