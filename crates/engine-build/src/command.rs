//! The subcommands beside `run`; data goes to stdout, messages to stderr.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use backend::{
    BuildOptions, BuildRequest, Choice, Chosen, Environment, Fp16Route, Precision, onnx,
};
use clap::{Args, Subcommand};
use pipeline::config::Span;
use pipeline::stage::project_root;
use pipeline::{Digest, Exit, Fault};

use crate::cache;
use crate::isolate::{self, ByteSize, Finished, Isolation, Limits, Place};
use crate::precision;
use crate::store::prune::Options;
use crate::store::{BUILDING, Store};
use crate::text::{self, fault_of};

/// Arguments of `build`.
#[derive(Args, Debug)]
pub struct BuildArgs {
    /// ONNX model.
    pub model: PathBuf,
    /// `auto` or a backend by name.
    #[arg(long, default_value = "auto")]
    pub backend: Choice,
    /// Sizes of an input whose dimensions are open.
    #[arg(long = "shape", value_name = "NAME=DIMS", value_parser = backend::parse_shape)]
    pub shapes: Vec<(String, Vec<usize>)>,
    /// Precision of the model; left out, it is read from the model's weights.
    #[arg(long)]
    pub precision: Option<Precision>,
    /// How a float16 engine is asked for: typed (by a float16 model) or flag (from a float32 model).
    #[arg(long, default_value = "typed", value_parser = fp16_route)]
    pub fp16_route: Fp16Route,
    /// Most scratch memory on the device, for example 4GiB.
    #[arg(long, value_name = "SIZE")]
    pub workspace: Option<ByteSize>,
    /// 0 (fast build) to 5 (fast engine).
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=5))]
    pub optimization_level: u8,
    /// Whether the build has a process of its own; left out, the backend decides.
    #[arg(long, value_enum)]
    pub isolation: Option<Isolation>,
    /// Most resident memory of that process, for example 8GiB.
    #[arg(long, value_name = "SIZE")]
    pub memory_limit: Option<ByteSize>,
    /// Longest time of the build, for example 10m.
    #[arg(long, value_name = "DURATION")]
    pub time_limit: Option<Span>,
    /// The engine's file. rten needs a name that ends in .onnx.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Print one line of JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Subcommands of `cache`.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// One line for each engine and each timing cache in the stores.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Everything about one entry, as JSON.
    Show {
        /// The key, or how it begins.
        key: String,
    },
    /// Remove what cannot be served: torn entries, engines that were set aside, leftovers of killed builds.
    Prune {
        /// Also what was neither made nor used for this long, such as 30d.
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        older_than: Option<std::time::Duration>,
        /// Also timing caches that were set aside.
        #[arg(long)]
        aside: bool,
    },
}

/// Arguments of `inspect`.
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// Engine or model.
    pub engine: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `backends`.
#[derive(Args, Debug)]
pub struct BackendsArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The `data` folder of the project around the current folder.
fn data() -> PathBuf {
    project_root(Path::new(".")).join("data")
}

/// Builds one engine without the store.
pub fn build(args: &BuildArgs) -> anyhow::Result<Exit> {
    let model = onnx::load(&args.model).map_err(fault_of)?;
    let precision = args.precision.unwrap_or_else(|| precision_of(&model));
    drop(model);
    let Chosen { backend, explanation } =
        backend::choose(args.backend, &Environment { data: data() }).map_err(fault_of)?;
    anstream::eprintln!("{explanation}");
    let request = BuildRequest {
        optimization_level: args.optimization_level,
        shapes: &args.shapes,
        options: BuildOptions {
            workspace: args.workspace.map(ByteSize::get),
            fp16_route: args.fp16_route,
            ..BuildOptions::default()
        },
        ..BuildRequest::new(&args.model, precision)
    };
    check_out(&args.out)?;
    let limits = Limits::new(args.memory_limit, args.time_limit);
    let program = isolate::own_program()?;
    let place = Place::new(args.isolation, limits, backend.id(), program, data())?;
    let part = part_of(&args.out);
    let Finished { built, took, peak_memory } =
        isolate::build(&place, backend.as_ref(), &request, &part)?;
    std::fs::rename(&part, &args.out)
        .with_context(|| format!("cannot write the engine {}", args.out.display()))?;
    let build_ns = i64::try_from(took.as_nanos()).unwrap_or(i64::MAX);
    let digest = Digest::of_file(&args.out)?;
    let bytes = i64::try_from(std::fs::metadata(&args.out)?.len()).unwrap_or(i64::MAX);
    for text in &built.warnings {
        crate::make::warn(text);
    }
    if args.json {
        let line = serde_json::json!({
            "engine": args.out, "engine-digest": digest, "backend": backend.id(),
            "backend-version": backend.version(), "device": backend.device(),
            "precision-requested": precision, "precision-achieved": built.precision_achieved,
            "precision-share": built.precision_share, "layers": built.layers.len(),
            "layers-from": built.layers_from, "cache": built.cache,
            "build-ns": build_ns, "bytes": bytes, "flags": built.flags,
            "peak-memory": peak_memory,
        });
        anstream::println!("{line}");
    } else {
        anstream::println!(
            "{}: {precision} → {}, {} layers, built in {}, {}, sha256 {digest}",
            args.out.display(),
            built.precision_achieved,
            built.layers.len(),
            text::duration(build_ns),
            text::bytes(bytes),
        );
    }
    let (found, share) = (built.precision_achieved.as_str(), built.precision_share);
    match precision::missed(backend.capabilities(), precision, found, share) {
        Some(fault) => Err(fault.into()),
        None => Ok(Exit::Ok),
    }
}

/// `fp16` when the model has float16 weights.
fn precision_of(model: &onnx::proto::ModelProto) -> Precision {
    let half = onnx::proto::DataType::Float16 as i32;
    let weights = model.graph.iter().flat_map(|graph| &graph.initializer);
    let found = weights.into_iter().any(|tensor| tensor.data_type == half);
    if found { Precision::Fp16 } else { Precision::Fp32 }
}

/// Fails before the build when the engine's folder is not there.
fn check_out(out: &Path) -> anyhow::Result<()> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_none_or(Path::is_dir) {
        return Ok(());
    }
    let message = format!("the folder of --out {} does not exist", out.display());
    Err(Fault::config(message).into())
}

/// The engine's file while it is not complete: beside it, with the same ending, which some backends ask for.
fn part_of(out: &Path) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!("{BUILDING}{}-{name}", std::process::id()))
}

fn fp16_route(text: &str) -> Result<Fp16Route, String> {
    let routes = [Fp16Route::Typed, Fp16Route::Flag];
    let found = routes.into_iter().find(|route| route.as_str() == text);
    found.ok_or_else(|| "expected typed or flag".to_owned())
}

/// Lists, shows or prunes the store.
pub fn cache(command: &CacheCommand) -> anyhow::Result<Exit> {
    let store = Store::new(&data());
    let text = match command {
        CacheCommand::List { json } => cache::list(&store, *json)?,
        CacheCommand::Show { key } => cache::show(&store, key)?,
        &CacheCommand::Prune { older_than, aside } => {
            cache::prune(&store, Options { older_than, aside })?
        }
    };
    anstream::println!("{text}");
    Ok(Exit::Ok)
}

/// Shows what an engine holds.
pub fn inspect(args: &InspectArgs) -> anyhow::Result<Exit> {
    let found = backend::inspect(&args.engine, &Environment { data: data() }).map_err(fault_of)?;
    if args.json {
        anstream::println!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(Exit::Ok);
    }
    let mut lines = vec![format!("{}: {}", args.engine.display(), found.kind)];
    lines.extend(found.inputs.iter().map(|input| format!("input   {input}")));
    lines.extend(found.outputs.iter().map(|output| format!("output  {output}")));
    if !found.precision.is_empty() {
        lines.push(format!("weighted layers compute in {}", found.precision));
    }
    lines.extend(found.layers.iter().enumerate().map(|(index, layer)| {
        let format = layer.format.as_deref().unwrap_or("");
        format!(
            "{index:>5}  {:24} {:>6} → {:6} {format:8} {}",
            layer.layer_type, layer.precision_in, layer.precision_out, layer.name
        )
    }));
    anstream::println!("{}", lines.join("\n"));
    Ok(Exit::Ok)
}

/// Shows which backends work here.
pub fn backends(args: &BackendsArgs) -> anyhow::Result<Exit> {
    let found = backend::survey(&Environment { data: data() });
    if args.json {
        anstream::println!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(Exit::Ok);
    }
    for row in found {
        let state = if row.works { "works" } else { "no" };
        let version = row.version.unwrap_or_default();
        anstream::println!("{:16} {state:6} {version:12} {}", row.backend, row.detail);
        if let Some(hint) = row.hint {
            anstream::println!("{:37}{hint}", "");
        }
    }
    Ok(Exit::Ok)
}
