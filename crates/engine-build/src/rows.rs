//! Rows of `engines.parquet` and `layers.parquet`, and what is said of each build.

use std::path::Path;

use backend::{Backend, BuildRequest, CacheKind, Precision};
use pipeline::artifact::{EngineRow, LayerRow, ModelRow};
use pipeline::fault::exit_of;

use crate::config::{Config, TimingCache};
use crate::make::{Made, Maker};
use crate::plan::Step;
use crate::precision;
use crate::say;
use crate::store::Entry;

/// What the stage writes.
pub(crate) struct Rows<'a> {
    root: &'a Path,
    maker: Maker<'a>,
    mode: TimingCache,
    pub(crate) engines: Vec<EngineRow>,
    pub(crate) layers: Vec<LayerRow>,
    wanted: usize,
    pub(crate) first_error: Option<anyhow::Error>,
}

/// The engine that is built.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    model: &'a ModelRow,
    precision: Precision,
    round: u32,
}

impl<'a> Rows<'a> {
    /// No rows yet.
    pub(crate) fn new(root: &'a Path, maker: Maker<'a>, mode: TimingCache) -> Self {
        Self {
            root,
            maker,
            mode,
            engines: Vec::new(),
            layers: Vec::new(),
            wanted: 0,
            first_error: None,
        }
    }

    /// Goes through the steps of one engine; the first one that fails, or gives another precision, is the last.
    pub(crate) fn add(
        &mut self,
        model: &ModelRow,
        precision: Precision,
        config: &Config,
        steps: &[Step],
    ) {
        self.wanted += 1;
        let path = self.root.join(&model.path);
        let shapes = config.sizes();
        let request = BuildRequest {
            shapes: &shapes,
            optimization_level: config.optimization_level.get() as u8,
            options: config.options(precision),
            ..BuildRequest::new(&path, precision)
        };
        for &step in steps {
            let wanted = Wanted { model, precision, round: step.round };
            match self.maker.make(&model.model_digest, &request, step) {
                Ok(made) => self.built(wanted, made),
                Err(error) => self.failed(wanted, error),
            }
            if self.engines.last().is_some_and(|row| row.error.is_some()) {
                break;
            }
        }
    }

    fn built(&mut self, wanted: Wanted<'_>, made: Made) {
        let shown = if made.entry.file.is_empty() {
            String::new()
        } else {
            let place = self.maker.store.engines().join(&made.entry.file);
            place.strip_prefix(self.root).unwrap_or(&place).to_string_lossy().into_owned()
        };
        let name = format!("{} {}", wanted.model.name, wanted.precision);
        say::built(&name, self.mode, wanted.round, &made, &shown);
        let mut flags = made.entry.recipe.flags.clone();
        // the runner opens the engine at the same sizes
        flags.extend(made.entry.recipe.shapes.iter().map(|shape| format!("shape={shape}")));
        // why there are no hits: builds of this backend look nothing up
        let kind = self.maker.backend.cache_kind();
        flags.push(format!(
            "build-cache={}",
            if kind == CacheKind::Timing { "timing" } else { "none" }
        ));
        if !made.entry.layers_from.is_empty() {
            flags.push(format!("layers-from={}", made.entry.layers_from));
        }
        let Made { entry, cache, counts, took_ns, .. } = made;
        let known = self.layers.iter().any(|layer| layer.engine_digest == entry.engine);
        if !known && !shown.is_empty() {
            self.layers.extend(layer_rows(&entry));
        }
        let (found, share) = (entry.precision_achieved.as_str(), entry.precision_share);
        let missed =
            precision::missed(self.maker.backend.capabilities(), wanted.precision, found, share);
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.engines.push(EngineRow {
            engine_digest: entry.engine,
            engine_key: entry.key,
            path: shown,
            precision_achieved: entry.precision_achieved,
            precision_share: entry.precision_share,
            cache: cache.to_owned(),
            cache_hits: counts.map(|(hits, _)| count(hits)),
            cache_misses: counts.map(|(_, misses)| count(misses)),
            build_ns: took_ns,
            original_build_ns: entry.build_ns,
            bytes: entry.bytes,
            flags,
            error: missed.as_ref().map(ToString::to_string),
            ..blank(self.maker.backend, wanted)
        });
        if let Some(fault) = missed {
            self.remember(wanted, fault.into());
        }
    }

    fn failed(&mut self, wanted: Wanted<'_>, error: anyhow::Error) {
        let cause = format!("{error:#}");
        self.engines.push(EngineRow { error: Some(cause), ..blank(self.maker.backend, wanted) });
        self.remember(wanted, error);
    }

    /// The worst of several failures is not known; the first one is told in full, the others in short.
    fn remember(&mut self, wanted: Wanted<'_>, error: anyhow::Error) {
        let exit = exit_of(&error);
        let context = format!("no engine for {} {}", wanted.model.name, wanted.precision);
        if self.first_error.is_none() {
            self.first_error = Some(error.context(context));
        } else {
            crate::make::warn(&format!("{context}: {error:#} (exit {})", exit as u8));
        }
    }

    /// One line for the end of the stage.
    pub(crate) fn summary(&self) -> String {
        say::summary(self.wanted, self.mode, &self.engines)
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

fn blank(backend: &dyn Backend, wanted: Wanted<'_>) -> EngineRow {
    EngineRow {
        model_digest: wanted.model.model_digest.clone(),
        engine_digest: String::new(),
        engine_key: String::new(),
        path: String::new(),
        backend: backend.id().to_string(),
        backend_version: backend.version(),
        device: backend.device(),
        build_round: i64::from(wanted.round),
        precision_requested: wanted.precision.to_string(),
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
