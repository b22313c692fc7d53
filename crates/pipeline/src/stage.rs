//! The harness of a stage binary: arguments, checks, logs, exit code. Written once for all stages.
//!
//! A stage implements [`Stage`]; its `main` parses its own command line, calls [`run`] for the
//! `run` subcommand, and hands everything to [`main`], which prints errors and sets the exit code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::de::DeserializeOwned;

use crate::config::{Header, PipelineFile};
use crate::fault::{Exit, Fault, exit_of, hints_of};
use crate::files;
use crate::provenance::Provenance;
use crate::run_dir::RunDir;

/// Arguments of `<stage> run`, the same for every stage.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Pipeline file; left out, the copy in the run folder is used.
    #[arg(long, value_name = "FILE")]
    pub pipeline: Option<PathBuf>,
    /// Run folder to read from and write into.
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// Change one value of the pipeline file: table.key=value.
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Check configuration, inputs, libraries and output paths; start nothing slow.
    #[arg(long)]
    pub check: bool,
    /// End with exit 5 for any verdict that is not VALID and any claim that FAILS.
    #[arg(long)]
    pub strict: bool,
    /// Print a machine-readable last line on stdout.
    #[arg(long)]
    pub json: bool,
}

/// What a stage is given.
#[derive(Debug)]
pub struct Context {
    /// The `[pipeline]` table.
    pub header: Header,
    /// The pipeline file.
    pub pipeline: PipelineFile,
    /// The run folder.
    pub run: RunDir,
    /// The folder that holds `data/` and `pipelines/`.
    pub root: PathBuf,
    /// With `--check`, inputs made by an earlier stage of the same chain may not exist yet.
    pub check: bool,
    /// Any verdict that is not VALID ends with exit 5.
    pub strict: bool,
}

impl Context {
    /// Provenance of this call; stages add what they know of libraries and devices.
    pub fn provenance(&self) -> Provenance {
        Provenance::collect(&self.root, Some(&self.pipeline))
    }

    /// The folder of blobs and caches.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }
}

/// How a stage ended when it did not fail.
#[derive(Debug)]
pub struct Outcome {
    /// [`Exit::Ok`], or [`Exit::Incomplete`] and [`Exit::Verification`] when rows were written and say why.
    pub exit: Exit,
    /// One line for the terminal and for `--json`.
    pub summary: String,
    /// More for the line of `--json`: an object whose keys are added, or null.
    pub details: serde_json::Value,
}

impl Outcome {
    /// A good end.
    pub fn ok(summary: impl Into<String>) -> Self {
        Self::new(Exit::Ok, summary)
    }

    /// An end with an exit code.
    pub fn new(exit: Exit, summary: impl Into<String>) -> Self {
        Self { exit, summary: summary.into(), details: serde_json::Value::Null }
    }
}

/// One stage of the chain.
pub trait Stage {
    /// The TOML table, package, binary and folder of the stage.
    const NAME: &'static str;
    /// The stage's own table.
    type Config: DeserializeOwned;

    /// Finds every problem that can be found without starting anything slow.
    /// Returns lines that say what would be done.
    fn check(context: &Context, config: &Self::Config) -> anyhow::Result<Vec<String>>;

    /// Does the work and writes the stage's artifacts.
    fn run(context: &Context, config: &Self::Config) -> anyhow::Result<Outcome>;
}

/// The `run` subcommand of a stage.
pub fn run<S: Stage>(args: &RunArgs) -> anyhow::Result<Exit> {
    let run = RunDir::new(&args.run);
    let stored = run.pipeline_toml();
    let path = match &args.pipeline {
        Some(path) => path.clone(),
        None if stored.exists() => stored.clone(),
        None => {
            return Err(Fault::config(format!(
                "no pipeline file: {} does not exist",
                stored.display()
            ))
            .hint("give --pipeline FILE, for example pipelines/resnet50.toml")
            .into());
        }
    };
    let pipeline = PipelineFile::load(&path, &args.overrides)?;
    let context = Context {
        header: pipeline.header()?,
        root: project_root(&path),
        run,
        check: args.check,
        strict: args.strict,
        pipeline,
    };
    let config: S::Config = context.pipeline.section(S::NAME)?;
    if args.check {
        context.run.check_writable()?;
        for line in S::check(&context, &config)? {
            anstream::eprintln!("{}: {line}", S::NAME);
        }
        return Ok(finish::<S>(args, &Outcome::ok("checked")));
    }
    let _lock = context.run.lock()?;
    if context.pipeline.path() != stored || !args.overrides.is_empty() {
        files::write_atomic(&stored, context.pipeline.text().as_bytes())?;
    }
    let outcome = S::run(&context, &config)?;
    Ok(finish::<S>(args, &outcome))
}

fn finish<S: Stage>(args: &RunArgs, outcome: &Outcome) -> Exit {
    anstream::eprintln!("{}: {}", S::NAME, outcome.summary);
    if args.json {
        let mut line = serde_json::json!({
            "stage": S::NAME,
            "exit": outcome.exit as u8,
            "run": args.run,
            "summary": outcome.summary,
        });
        if let (Some(line), Some(details)) = (line.as_object_mut(), outcome.details.as_object()) {
            line.extend(details.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        anstream::println!("{line}");
    }
    outcome.exit
}

/// Runs the body of a binary: logs to stderr, one error report, the exit code of the design.
pub fn main(body: impl FnOnce() -> anyhow::Result<Exit>) -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TAILMARK_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never)
        .without_time()
        .init();
    // beyond a file-size limit a write then fails with an error that is reported like a full disk
    let size_limit = std::sync::Arc::default();
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, size_limit) {
        tracing::debug!("a file-size limit will end the program: {error}");
    }
    match body() {
        Ok(exit) => exit.into(),
        Err(error) => {
            report(&error);
            exit_of(&error).into()
        }
    }
}

fn report(error: &anyhow::Error) {
    const RED: &str = "\x1b[1;31m";
    const CYAN: &str = "\x1b[1;36m";
    const RESET: &str = "\x1b[0m";
    anstream::eprintln!("{RED}error{RESET}: {error:#}");
    for hint in hints_of(error) {
        anstream::eprintln!("{CYAN}hint{RESET}: {hint}");
    }
    if exit_of(error) == Exit::Bug {
        anstream::eprintln!(
            "{CYAN}hint{RESET}: this looks like a bug in Tailmark; TAILMARK_LOG=debug shows more"
        );
    }
}

/// The folder that holds `data/`: `TAILMARK_ROOT`, else the nearest folder above the pipeline file
/// or the current folder that has a `pipelines` folder, else the current folder.
pub fn project_root(start: &Path) -> PathBuf {
    if let Some(root) = std::env::var_os("TAILMARK_ROOT") {
        return PathBuf::from(root);
    }
    let current = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let start = std::path::absolute(start).unwrap_or_else(|_| start.to_owned());
    start
        .ancestors()
        .chain(current.ancestors())
        .find(|folder| folder.join("pipelines").is_dir())
        .map_or_else(|| current.clone(), Path::to_owned)
}
