//! `runner bench`: engine files without a pipeline, interleaved in one run.
//!
//! Interleaving is the sound way to compare two engines: what drifts on the machine hits both alike.
//! There is no verified reference here, so outputs are searched for NaN only, and the rows say so.

use std::path::{Path, PathBuf};

use backend::BackendId;
use backend::input::{Feeds, Fixed, parse_input};
use clap::Args;
use pipeline::config::{Bounded, Name};
use pipeline::{Digest, Exit, Fault, Provenance, RunDir, Span};

use crate::config::{Config, MAX_STREAMS, Mode, OnUnsupported};
use crate::engines::{Engine, Expected};
use crate::execute::{self, Case, Job};
use crate::stage;

/// Arguments of `runner bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// Engine files, as `engine-build build` writes them.
    #[arg(required = true, value_name = "ENGINE")]
    engines: Vec<PathBuf>,
    /// Backend that built them.
    #[arg(long, default_value = "onnxruntime-cpu")]
    backend: BackendId,
    /// Streams at once.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_STREAMS)))]
    streams: u32,
    /// Replay a CUDA graph.
    #[arg(long)]
    cuda_graph: bool,
    /// Measured time of each engine, in all rounds together.
    #[arg(long, default_value = "10s")]
    duration: Span,
    /// Dropped before each measured part.
    #[arg(long, default_value = "500ms")]
    warm_up: Span,
    /// Rounds; engines are interleaved round by round.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Sizes of an input whose dimensions are open; may be repeated. The same for all engines.
    #[arg(long = "shape", value_name = "NAME=DIMS", value_parser = backend::parse_shape)]
    shapes: Vec<(String, Vec<usize>)>,
    /// The value of an input that is not drawn, a number or `zeros`; may be repeated.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = parse_input)]
    inputs: Vec<(String, Fixed)>,
    /// Seeds inputs and order.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Run folder to write into.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
}

/// Runs the command.
pub fn run(args: &BenchArgs) -> anyhow::Result<Exit> {
    let run = RunDir::new(&args.run);
    let _lock = run.lock()?;
    let root = pipeline::stage::project_root(&args.run);
    let fixed = args.inputs.iter().cloned().collect();
    let feeds = Feeds { fixed, ..Feeds::default() };
    let mut names = Vec::new();
    let mut cases = Vec::new();
    for path in &args.engines {
        let engine = engine(path, args.backend)?;
        let name = case_name(path, &mut names)?;
        let mode = Mode {
            name,
            streams: args.streams,
            graph: args.cuda_graph,
            depth: 1,
            threads: None,
            precision: None,
            engine: None,
            batch: None,
        };
        let expected = Expected {
            sizes: args.shapes.clone(),
            ..Expected::nothing(u64::from(args.seed), feeds.clone())
        };
        cases.push(Case { mode, engine, expected });
    }
    let config = Config {
        modes: cases.iter().map(|case| case.mode.clone()).collect(),
        warm_up: args.warm_up,
        duration: args.duration,
        rounds: Bounded::new(args.rounds)
            .ok_or_else(|| Fault::config("rounds are out of range"))?,
        transfers: false,
        on_unsupported: OnUnsupported::Record,
        telemetry: "100ms".parse().map_err(Fault::config)?,
        threads: None,
    };
    config.check()?;
    let mut provenance = Provenance::collect(&root, None);
    let backends =
        execute::open_backends(cases.iter().map(|case| &case.engine), &root, &mut provenance)?;
    execute::clear(&run)?;
    pipeline::files::write_atomic(&run.pipeline_toml(), description(args, &config).as_bytes())?;
    anstream::eprintln!("runner: {}", stage::describe(&config));
    let job =
        Job { run: &run, config: &config, seed: u64::from(args.seed), cases, backends, provenance };
    let outcome = stage::outcome(&job.execute()?, false);
    anstream::eprintln!(
        "runner: {}; read it with: analysis run --run {}",
        outcome.summary,
        args.run.display()
    );
    Ok(outcome.exit)
}

/// A pipeline file that says what was run, so that `analysis` can read the folder like any other.
/// Names and numbers need no quoting rules: a [`Name`] holds no quote.
fn description(args: &BenchArgs, config: &Config) -> String {
    let modes: Vec<String> = config
        .modes
        .iter()
        .map(|mode| {
            format!(
                "{{ name = \"{}\", streams = {}, graph = {} }}",
                mode.name, mode.streams, mode.graph
            )
        })
        .collect();
    let milliseconds = |span: Span| span.get().as_millis();
    let baseline = config.modes.first().map_or_else(String::new, |mode| mode.name.to_string());
    format!(
        "# written by `runner bench`\n\n[pipeline]\nname = \"bench\"\nseed = {}\n\n\
         [runner]\nmodes = [{}]\nwarm-up = \"{}ms\"\nduration = \"{}ms\"\nrounds = {}\n\n\
         [analysis]\nbaseline = \"{baseline}\"\n",
        args.seed,
        modes.join(", "),
        milliseconds(args.warm_up),
        milliseconds(args.duration),
        args.rounds,
    )
}

fn engine(path: &Path, backend: BackendId) -> anyhow::Result<Engine> {
    let digest = Digest::of_file(path).map_err(|error| {
        Fault::config(format!("cannot read the engine {}", path.display()))
            .hint("make one with: engine-build build MODEL --backend B --out F")
            .because(error)
    })?;
    Ok(Engine {
        digest: digest.into(),
        model_digest: String::new(),
        path: path.to_owned(),
        backend,
        shapes: Vec::new(),
        precision_requested: String::new(),
        precision_achieved: String::new(),
    })
}

/// The file's stem, with a number when it stands twice.
fn case_name(path: &Path, names: &mut Vec<String>) -> anyhow::Result<Name> {
    let stem = path
        .file_stem()
        .map_or_else(|| "engine".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let stem: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
        .collect();
    let stem = stem.trim_start_matches('.').chars().take(56).collect::<String>();
    let mut name = stem.clone();
    let mut k = 2;
    while names.contains(&name) {
        name = format!("{stem}-{k}");
        k += 1;
    }
    names.push(name.clone());
    let value = serde_json::Value::String(name);
    serde_json::from_value(value).map_err(|error| Fault::config(error.to_string()).into())
}
