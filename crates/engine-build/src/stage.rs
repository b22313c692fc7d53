//! The stage: `models.parquet` in, `engines.parquet` and `layers.parquet` out.

use backend::{Backend, BackendId, CacheKind, Chosen, Environment, Precision};
use pipeline::artifact::{self, Artifact as _, ModelRow};
use pipeline::stage::{Context, Outcome, Stage};
use pipeline::{Fault, Provenance};

use crate::config::{Config, TimingCache};
use crate::isolate::{self, Limits, Place};
use crate::make::{Maker, warn};
use crate::plan;
use crate::rows::Rows;
use crate::store::Store;
use crate::text::fault_of;

/// Stage 2 of the chain.
pub struct EngineBuild;

impl Stage for EngineBuild {
    const NAME: &'static str = "engine-build";
    type Config = Config;

    fn check(context: &Context, config: &Config) -> anyhow::Result<Vec<String>> {
        check_table(config)?;
        let environment = Environment { data: context.data() };
        let line = backend::preview(config.backend, &environment).map_err(fault_of)?;
        let mut lines = vec![line];
        let named = match config.backend {
            backend::Choice::Named(id) => id,
            backend::Choice::Auto => BackendId::Tensorrt,
        };
        place(context, config, named)?;
        if config.backend == backend::Choice::Named(BackendId::Sim) {
            backend::sim::Spec::from_environment().map_err(fault_of)?;
        }
        if context.run.artifact(ModelRow::NAME).exists() {
            let models: Vec<ModelRow> = artifact::read(&context.run)?;
            let selected = select(&models, config)?;
            lines.push(format!("engines to build or to take from the store: {}", selected.len()));
        } else if !context.check {
            artifact::read::<ModelRow>(&context.run)?;
        }
        Ok(lines)
    }

    fn run(context: &Context, config: &Config) -> anyhow::Result<Outcome> {
        check_table(config)?;
        let models: Vec<ModelRow> = artifact::read(&context.run)?;
        let selected = select(&models, config)?;
        let environment = Environment { data: context.data() };
        let Chosen { backend, explanation } =
            backend::choose(config.backend, &environment).map_err(fault_of)?;
        anstream::eprintln!("{explanation}");
        let has_cache = backend.cache_kind() == CacheKind::Timing;
        check_cache(backend.as_ref(), config, has_cache)?;
        let place = place(context, config, backend.id())?;
        let store = Store::new(&context.data());
        let maker = Maker { backend: backend.as_ref(), store: &store, place: &place };
        let mut rows = Rows::new(&context.root, maker, config.timing_cache);
        let rounds = config.rounds.get();
        let steps = plan::steps(config.timing_cache, rounds, has_cache, config.require_cached);
        for (model, precision) in selected {
            rows.add(model, precision, config, &steps);
            if isolate::interrupted() {
                // the rows so far are written; a build that was done by then has no error of its own
                rows.first_error.get_or_insert_with(|| Fault::incomplete("interrupted").into());
                break;
            }
        }
        let provenance = provenance(context.provenance(), backend.as_ref());
        artifact::write(&context.run, &rows.engines, &provenance)?;
        artifact::write(&context.run, &rows.layers, &provenance)?;
        let summary = rows.summary();
        rows.first_error.map_or_else(|| Ok(Outcome::ok(summary)), Err)
    }
}

/// Where the builds run.
fn place(context: &Context, config: &Config, backend: BackendId) -> anyhow::Result<Place> {
    let limits = Limits::new(config.memory_limit, config.time_limit);
    let program = isolate::own_program()?;
    Ok(Place::new(config.isolation, limits, backend, program, context.data())?)
}

/// The models to build, each with its precision, in the order that the table asks for.
fn select<'a>(
    models: &'a [ModelRow],
    config: &Config,
) -> anyhow::Result<Vec<(&'a ModelRow, Precision)>> {
    let mut there: Vec<(&ModelRow, Precision)> = Vec::new();
    for model in models {
        let precision = model.precision.parse().map_err(|reason: String| {
            Fault::config(format!("models.parquet: {reason}"))
                .hint("run the stage onnx-export-verify again")
        })?;
        there.push((model, precision));
    }
    if there.is_empty() {
        return Err(Fault::config("models.parquet holds no model")
            .hint("run the stage onnx-export-verify again")
            .into());
    }
    let Some(wanted) = &config.precision else { return Ok(there) };
    let mut selected = Vec::new();
    for &precision in wanted.as_slice() {
        let before = selected.len();
        let needed = config.model_precision(precision);
        let fitting = there.iter().filter(|(_, own)| *own == needed);
        selected.extend(fitting.map(|(model, _)| (*model, precision)));
        if selected.len() == before {
            let own: Vec<&str> = models.iter().map(|model| model.precision.as_str()).collect();
            let message = format!(
                "[engine-build] precision asks for {precision}{}, but the models were exported as {}",
                if needed == precision { "" } else { " made from a float32 model" },
                own.join(", ")
            );
            return Err(Fault::config(message)
                .hint(format!("add \"{needed}\" to precision in [onnx-export-verify]"))
                .into());
        }
    }
    Ok(selected)
}

/// What the table asks of the timing cache and does not allow at the same time.
fn check_table(config: &Config) -> anyhow::Result<()> {
    if config.require_cached && config.timing_cache == TimingCache::Off {
        return Err(Fault::config("[engine-build] require-cached needs a timing cache to require")
            .hint("set timing-cache = \"reuse\" or \"cold\"")
            .into());
    }
    Ok(())
}

/// What the table asks of the timing cache and this backend cannot give.
fn check_cache(backend: &dyn Backend, config: &Config, has_cache: bool) -> anyhow::Result<()> {
    let id = backend.id();
    if config.require_cached && !has_cache {
        let message =
            format!("[engine-build] require-cached asks for a timing cache, and {id} has none");
        return Err(Fault::config(message)
            .hint("leave require-cached out, or take the backend tensorrt or trtexec")
            .into());
    }
    if config.rounds.get() > 1 && config.timing_cache != TimingCache::Cold {
        warn(
            "[engine-build] rounds compares cold with warm builds: it needs timing-cache = \"cold\" and is not used",
        );
    }
    if config.timing_cache == TimingCache::Cold && !has_cache {
        anstream::eprintln!(
            "builds of {id} use no timing cache: warm is an engine served from the engine store"
        );
    }
    Ok(())
}

fn provenance(base: Provenance, backend: &dyn Backend) -> Provenance {
    let key = match backend.id() {
        BackendId::OnnxruntimeCpu | BackendId::OnnxruntimeCuda => "onnxruntime.version",
        BackendId::Rten => "rten.version",
        BackendId::Sim => "sim.version",
        BackendId::Tensorrt | BackendId::Trtexec => "tensorrt.version",
        BackendId::TensorrtRtx => "tensorrt-rtx.version",
    };
    base.with(key, backend.version()).with("engine.device", backend.device())
}
