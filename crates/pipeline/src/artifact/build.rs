//! Rows of stage 2: engines and their layers.

use serde::{Deserialize, Serialize};

use super::{Artifact, Column};

/// One build, or one engine served from the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EngineRow {
    /// The model that the engine was built from.
    pub model_digest: String,
    /// SHA-256 of the engine; empty when the build failed.
    pub engine_digest: String,
    /// Key of the engine store: everything that shapes the engine.
    pub engine_key: String,
    /// Where the engine is, relative to the project root; empty when the build failed or only its time was of interest.
    pub path: String,
    /// Backend by its name in the pipeline file, never `auto`.
    pub backend: String,
    /// Version of the library that built it.
    pub backend_version: String,
    /// What the engine was built for.
    pub device: String,
    /// Round of cold against warm builds, from 0: a cold and a warm build of one engine share it.
    pub build_round: i64,
    /// Precision that the pipeline asked for.
    pub precision_requested: String,
    /// Precision in which most floating-point work is done, found in the engine itself.
    pub precision_achieved: String,
    /// Share of weighted layers (Conv, Gemm, MatMul) that compute at the requested precision; null when unknown.
    pub precision_share: Option<f64>,
    /// `cold` (without timings from earlier builds), `warm` (with them), `engine-store` (not built) or `none` (no store).
    pub cache: String,
    /// Timing-cache hits, where the backend tells.
    pub cache_hits: Option<i64>,
    /// Timing-cache misses, where the backend tells.
    pub cache_misses: Option<i64>,
    /// Time to build, or to fetch from the store.
    pub build_ns: i64,
    /// Time that the build took when it was done; differs from `build_ns` for an engine from the store.
    pub original_build_ns: i64,
    /// Size of the engine.
    pub bytes: i64,
    /// `key=value`: options that shaped the engine, what builds of the backend look up (`build-cache`), and where
    /// the layers are known from (`layers-from`).
    pub flags: Vec<String>,
    /// Why the build failed; null when it did not.
    pub error: Option<String>,
}

impl Artifact for EngineRow {
    const NAME: &'static str = "engines";
    const WRITER: &'static str = "engine-build";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("model_digest", Column::Text),
        ("engine_digest", Column::Text),
        ("engine_key", Column::Text),
        ("path", Column::Text),
        ("backend", Column::Text),
        ("backend_version", Column::Text),
        ("device", Column::Text),
        ("build_round", Column::Int),
        ("precision_requested", Column::Text),
        ("precision_achieved", Column::Text),
        ("precision_share", Column::RealOrNull),
        ("cache", Column::Text),
        ("cache_hits", Column::IntOrNull),
        ("cache_misses", Column::IntOrNull),
        ("build_ns", Column::Int),
        ("original_build_ns", Column::Int),
        ("bytes", Column::Int),
        ("flags", Column::Texts),
        ("error", Column::TextOrNull),
    ];
}

/// One layer of an engine, as the engine tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerRow {
    /// The engine.
    pub engine_digest: String,
    /// Position in the engine's own order.
    pub index: i64,
    /// The engine's name for it.
    pub name: String,
    /// Operator or kernel type.
    #[serde(rename = "type")]
    pub layer_type: String,
    /// Precision of its inputs: `fp32`, `fp16`, `int64`, …; empty when unknown.
    pub precision_in: String,
    /// Precision of its outputs.
    pub precision_out: String,
    /// Memory layout, where the engine tells.
    pub format: Option<String>,
    /// Kernel that was chosen, where the engine tells.
    pub tactic: Option<String>,
    /// Profiled time of one inference.
    pub time_ns: Option<i64>,
}

impl Artifact for LayerRow {
    const NAME: &'static str = "layers";
    const WRITER: &'static str = "engine-build";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("engine_digest", Column::Text),
        ("index", Column::Int),
        ("name", Column::Text),
        ("type", Column::Text),
        ("precision_in", Column::Text),
        ("precision_out", Column::Text),
        ("format", Column::TextOrNull),
        ("tactic", Column::TextOrNull),
        ("time_ns", Column::IntOrNull),
    ];
}
