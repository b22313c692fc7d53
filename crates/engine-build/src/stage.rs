//! The stage: `models.parquet` in, `engines.parquet` and `layers.parquet` out.

use std::path::Path;

use backend::{Backend, BackendId, BuildRequest, Chosen, Environment, Precision};
use pipeline::artifact::{self, Artifact as _, EngineRow, LayerRow, ModelRow};
use pipeline::fault::exit_of;
use pipeline::stage::{Context, Outcome, Stage};
use pipeline::{Fault, Provenance};

use crate::config::Config;
use crate::make::{Made, make};
use crate::store::{Entry, Store};
use crate::text::{self, fault_of};

/// Stage 2 of the chain.
pub struct EngineBuild;

impl Stage for EngineBuild {
    const NAME: &'static str = "engine-build";
    type Config = Config;

    fn check(context: &Context, config: &Config) -> anyhow::Result<Vec<String>> {
        let environment = Environment { data: context.data() };
        let line = backend::preview(config.backend, &environment).map_err(fault_of)?;
        let mut lines = vec![line];
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
        let models: Vec<ModelRow> = artifact::read(&context.run)?;
        let selected = select(&models, config)?;
        let environment = Environment { data: context.data() };
        let Chosen { backend, explanation } =
            backend::choose(config.backend, &environment).map_err(fault_of)?;
        anstream::eprintln!("{explanation}");
        let store = Store::new(&context.data());
        let mut rows = Rows::default();
        for (model, precision) in selected {
            rows.add(&context.root, backend.as_ref(), &store, model, precision, config);
        }
        let provenance = provenance(context.provenance(), backend.as_ref());
        artifact::write(&context.run, &rows.engines, &provenance)?;
        artifact::write(&context.run, &rows.layers, &provenance)?;
        match rows.first_error {
            Some(error) => Err(error),
            None => Ok(Outcome::ok(rows.summary())),
        }
    }
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
        selected.extend(there.iter().copied().filter(|(_, own)| *own == precision));
        if selected.len() == before {
            let own: Vec<&str> = models.iter().map(|model| model.precision.as_str()).collect();
            let message = format!(
                "[engine-build] precision asks for {precision}, but the models were exported as {}",
                own.join(", ")
            );
            return Err(Fault::config(message)
                .hint(format!("add \"{precision}\" to precision in [onnx-export-verify]"))
                .into());
        }
    }
    Ok(selected)
}

/// What the stage writes.
#[derive(Default)]
struct Rows {
    engines: Vec<EngineRow>,
    layers: Vec<LayerRow>,
    served: usize,
    first_error: Option<anyhow::Error>,
}

impl Rows {
    fn add(
        &mut self,
        root: &Path,
        backend: &dyn Backend,
        store: &Store,
        model: &ModelRow,
        precision: Precision,
        config: &Config,
    ) {
        let path = root.join(&model.path);
        let request = BuildRequest {
            optimization_level: config.optimization_level.get() as u8,
            ..BuildRequest::new(&path, precision)
        };
        let level = config.timing_cache;
        match make(backend, store, &model.model_digest, &request, level) {
            Ok(made) => self.built(root, backend, store, model, precision, made),
            Err(error) => self.failed(backend, model, precision, error),
        }
    }

    fn built(
        &mut self,
        root: &Path,
        backend: &dyn Backend,
        store: &Store,
        model: &ModelRow,
        precision: Precision,
        made: Made,
    ) {
        let Made { entry, cache, took_ns } = made;
        let place = store.engines().join(&entry.file);
        let shown = place.strip_prefix(root).unwrap_or(&place).to_string_lossy().into_owned();
        let how = if cache == "engine-store" {
            self.served += 1;
            let (built, on) = (text::duration(entry.build_ns), &entry.built);
            format!("served from the store (built in {built} on {on})")
        } else {
            format!("built in {}", text::duration(took_ns))
        };
        let achieved = achieved(precision, &entry.precision_achieved, entry.precision_share);
        let size = text::bytes(entry.bytes);
        anstream::eprintln!(
            "engine: {} {precision} {achieved}: {how}, {size}, {shown}",
            model.name
        );
        self.layers.extend(layer_rows(&entry));
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.engines.push(EngineRow {
            engine_digest: entry.engine,
            engine_key: entry.key,
            path: shown,
            precision_achieved: entry.precision_achieved,
            precision_share: entry.precision_share,
            cache: cache.to_owned(),
            cache_hits: entry.timing_cache.map(|(hits, _)| count(hits)),
            cache_misses: entry.timing_cache.map(|(_, misses)| count(misses)),
            build_ns: took_ns,
            original_build_ns: entry.build_ns,
            bytes: entry.bytes,
            flags: entry.recipe.flags,
            ..blank(backend, model, precision)
        });
    }

    fn failed(
        &mut self,
        backend: &dyn Backend,
        model: &ModelRow,
        precision: Precision,
        error: anyhow::Error,
    ) {
        let cause = format!("{error:#}");
        self.engines.push(EngineRow { error: Some(cause), ..blank(backend, model, precision) });
        let exit = exit_of(&error);
        let context = format!("no engine for {} {precision}", model.name);
        // the worst of several failures is not known; the first one is told in full, the others in short
        if self.first_error.is_none() {
            self.first_error = Some(error.context(context));
        } else {
            crate::make::warn(&format!("{context}: {error:#} (exit {})", exit as u8));
        }
    }

    fn summary(&self) -> String {
        let n = self.engines.len();
        let engines = if n == 1 { "engine" } else { "engines" };
        format!("{n} {engines}, {} from the store", self.served)
    }
}

fn layer_rows(entry: &Entry) -> impl Iterator<Item = LayerRow> {
    entry.layers.iter().enumerate().map(|(index, layer)| LayerRow {
        engine_digest: entry.engine.clone(),
        index: index as i64,
        name: layer.name.clone(),
        layer_type: layer.layer_type.clone(),
        precision_in: layer.precision_in.clone(),
        precision_out: layer.precision_out.clone(),
        format: layer.format.clone(),
        tactic: layer.tactic.clone(),
        time_ns: None,
    })
}

/// `→ fp32`, with the share where it is not what was asked for.
fn achieved(asked: Precision, found: &str, share: Option<f64>) -> String {
    match share {
        _ if found == asked.as_str() => format!("→ {found}"),
        _ if found.is_empty() => "→ unknown precision".to_owned(),
        Some(share) => {
            let percent = 100.0 * share;
            format!(
                "→ {found} (not as asked: {percent:.0} % of the weighted layers compute at {asked})"
            )
        }
        None => format!("→ {found} (not as asked)"),
    }
}

fn blank(backend: &dyn Backend, model: &ModelRow, precision: Precision) -> EngineRow {
    EngineRow {
        model_digest: model.model_digest.clone(),
        engine_digest: String::new(),
        engine_key: String::new(),
        path: String::new(),
        backend: backend.id().to_string(),
        backend_version: backend.version(),
        device: backend.device(),
        build_round: 0,
        precision_requested: precision.to_string(),
        precision_achieved: String::new(),
        precision_share: None,
        cache: "none".to_owned(),
        cache_hits: None,
        cache_misses: None,
        build_ns: 0,
        original_build_ns: 0,
        bytes: 0,
        flags: Vec::new(),
        error: None,
    }
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
