//! `cargo xtask pipeline FILE`: the chain of stages, each a process, into one run folder.
//!
//! Every stage checks itself first, before anything slow starts. The chain stops at the first failure
//! (exit 1 to 4) and names the stage; the stage itself has said why. After a runner that ends with 5,
//! analysis still runs and the chain ends with 5. A table that the file leaves out is not run: what
//! the run folder holds is used.

mod chain;
mod folder;
mod plan;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::binaries::Binaries;
use crate::fault::{self, Fault};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::{setup, ui};
use chain::{Call, StageResult};
use plan::Plan;

/// Arguments of `pipeline`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Pipeline file, for example pipelines/resnet50.toml
    file: PathBuf,
    /// Run folder; left out, a new one below results/runs
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Change one value of the file
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    overrides: Vec<String>,
    /// Start at this stage and use what the earlier ones left in the run folder (the newest one, unless --run names it)
    #[arg(long, value_name = "STAGE")]
    from: Option<String>,
    /// Check configuration, inputs and libraries of every stage; start nothing slow
    #[arg(long)]
    check: bool,
    /// End with exit 5 for any verdict that is not VALID and any claim that FAILS
    #[arg(long)]
    strict: bool,
    /// Print a machine-readable last line on stdout
    #[arg(long)]
    json: bool,
}

/// Runs the chain; the result is the exit code.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(Some(&args.file))?;
    let text = read(&args.file, &project)?;
    let plan = Plan::new(&args.file, &text, &args.overrides)?;
    let stages = plan.stages_from(args.from.as_deref())?;
    let run = run_folder(args, &project, &plan)?;
    let binaries = Binaries::ready(&project)?;
    // what cargo took is no cost of the chain
    let started = Instant::now();
    if plan.wants_onnxruntime(&stages) {
        obtain_onnxruntime(&project, &plan, args.check)?;
    }
    if plan.wants_rtx(&stages) && !args.check {
        obtain_rtx(&project);
    }
    let call = Call {
        binaries: &binaries,
        project: &project,
        file: &args.file,
        run: &run,
        overrides: &args.overrides,
        strict: args.strict,
    };
    let interrupt = Interrupt::install();
    let (phase, results) = if args.check {
        (Phase::Check, chain::check(&call, &stages, chain::Show::Always))
    } else {
        work(&call, &stages, &interrupt)?
    };
    let ended = Ended { phase, exit: exit_of(&results), results, took: started.elapsed() };
    close(args, &run, &ended);
    Ok(ended.exit)
}

/// How far the chain got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Stages only checked themselves.
    Check,
    /// Stages worked.
    Work,
}

/// How the chain ended.
struct Ended {
    phase: Phase,
    exit: u8,
    results: Vec<StageResult>,
    took: Duration,
}

fn work(
    call: &Call<'_>,
    stages: &[&'static str],
    interrupt: &Interrupt,
) -> anyhow::Result<(Phase, Vec<StageResult>)> {
    let checked = chain::check(call, stages, chain::Show::OnFailure);
    if checked.iter().any(|result| result.exit != 0) {
        return Ok((Phase::Check, checked));
    }
    let _lock = folder::lock(call.run)?;
    Ok((Phase::Work, chain::run(call, stages, interrupt)))
}

fn read(file: &Path, project: &Project) -> anyhow::Result<String> {
    std::fs::read_to_string(file).map_err(|error| {
        let names: Vec<String> = project
            .pipelines()
            .iter()
            .map(|path| Project::shown(path).display().to_string())
            .collect();
        let message = format!("cannot read the pipeline file {}: {error}", file.display());
        let hint = if names.is_empty() {
            "give a TOML file with a [pipeline] table and the tables of the stages".to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        };
        Fault::config(message).hint(hint).into()
    })
}

fn run_folder(args: &Args, project: &Project, plan: &Plan) -> anyhow::Result<PathBuf> {
    if let Some(run) = &args.run {
        return Ok(run.clone());
    }
    if args.from.is_none() {
        return Ok(Project::shown(&folder::fresh(project, plan)));
    }
    let newest = folder::newest(project, plan.name()).ok_or_else(|| {
        let message = format!("there is no run of the pipeline \"{}\" to go on with", plan.name());
        Fault::config(message).hint("name a run folder with --run DIR, or leave out --from")
    })?;
    let newest = Project::shown(&newest);
    ui::note(&format!("going on with the newest run: {}", newest.display()));
    Ok(newest)
}

/// Fetches ONNX Runtime when the pipeline may use it and it is not there.
fn obtain_onnxruntime(project: &Project, plan: &Plan, check: bool) -> anyhow::Result<()> {
    if project.onnxruntime().is_some() {
        return Ok(());
    }
    if check {
        ui::note(
            "ONNX Runtime is not here yet; a run would fetch it first (cargo xtask setup cpu)",
        );
        return Ok(());
    }
    let outcome = if is_set("TAILMARK_OFFLINE") {
        Err(Fault::environment("ONNX Runtime is not here and TAILMARK_OFFLINE is set")
            .hint("fetch it once with a network: cargo xtask setup cpu")
            .into())
    } else {
        setup::cpu(project)
    };
    match outcome {
        Ok(()) => Ok(()),
        Err(error) if plan.needs_onnxruntime() => Err(error),
        Err(error) => {
            ui::warn(&format!("{error:#}; going on with rten, in pure Rust, which is slower"));
            Ok(())
        }
    }
}

/// Fetches TensorRT-RTX when it is not below `data/`. Where that fails, the machine may still have the
/// library in another place: the stage's own check knows, and says where it looked.
fn obtain_rtx(project: &Project) {
    let there = is_set("TENSORRT_RTX_LIB") || project.tensorrt_rtx().is_some();
    if there || is_set("TAILMARK_OFFLINE") {
        return;
    }
    if let Err(error) = setup::rtx(project) {
        ui::warn(&format!("{error:#}"));
    }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// The exit code of the chain: the first failure, else 5 when any stage ended so.
fn exit_of(results: &[StageResult]) -> u8 {
    let failure =
        results.iter().map(|r| r.exit).find(|&exit| exit != 0 && exit != fault::INCOMPLETE);
    failure.unwrap_or_else(|| results.iter().map(|result| result.exit).max().unwrap_or(0))
}

/// Says what happened, where the results are, and what to do next.
fn close(args: &Args, run: &Path, ended: &Ended) {
    let Ended { phase, exit, results, took } = ended;
    if let Some(bad) = results.iter().find(|result| result.exit == *exit && *exit != 0) {
        let doing = if *phase == Phase::Check { "the check of stage" } else { "stage" };
        ui::error(&format!("{doing} {} failed ({})", bad.name, bad.how()));
        let first = results.first().is_some_and(|result| result.name == bad.name);
        if *phase == Phase::Work && !first {
            let again = format!("--run {} --from {}", run.display(), bad.name);
            ui::hint(&format!("what was done before is kept; to go on from here: {again}"));
        }
    }
    match phase {
        Phase::Check if args.check && *exit == 0 => {
            ui::done(&format!("{}: every stage can start", args.file.display()), *took);
        }
        Phase::Check => {}
        Phase::Work => {
            let stages: Vec<String> =
                results.iter().map(|r| format!("{} {}", r.name, ui::seconds(r.took))).collect();
            ui::note(&format!("time: {} ({})", ui::seconds(*took), stages.join(", ")));
            for path in [run.join("report.html"), run.to_owned()] {
                if path.exists() {
                    ui::note(&path.display().to_string());
                }
            }
        }
    }
    if args.json {
        ui::data(&json(run, ended).to_string());
    }
}

fn json(run: &Path, ended: &Ended) -> serde_json::Value {
    let stage = |result: &StageResult| {
        serde_json::json!({
            "name": result.name,
            "exit": result.exit,
            "seconds": result.took.as_secs_f64(),
        })
    };
    let stages: Vec<serde_json::Value> = ended.results.iter().map(stage).collect();
    let mut line = serde_json::json!({"run": run, "exit": ended.exit, "stages": stages});
    let analysed = ended.results.iter().any(|r| r.name == "analysis" && matches!(r.exit, 0 | 5));
    if analysed && ended.phase == Phase::Work {
        let text = std::fs::read_to_string(run.join("manifest.json")).unwrap_or_default();
        let manifest: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        for key in ["verdicts", "claims"] {
            line[key] = manifest[key].clone();
        }
    }
    line
}
