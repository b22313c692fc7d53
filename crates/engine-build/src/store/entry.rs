//! One engine in the index: what made it, and what it is.

use std::fs;
use std::path::Path;

use backend::{BackendId, Layer};
use pipeline::Digest;
use serde::{Deserialize, Serialize};

use crate::key::Recipe;

/// Version of the entries; others are set aside.
const FORMAT: u32 = 1;

/// One entry of the index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    /// Version of this form.
    pub format: u32,
    /// The key, which is also the name of the file.
    pub key: String,
    /// What made the engine.
    pub recipe: Recipe,
    /// SHA-256 of the engine.
    pub engine: String,
    /// Name of the engine's file under `data/engines`; empty when the engine was built for its time alone.
    pub file: String,
    /// Size of the engine.
    pub bytes: i64,
    /// Time that the build took, in ns.
    pub build_ns: i64,
    /// When it was built, UTC.
    pub built: String,
    /// Precision found in the engine.
    pub precision_achieved: String,
    /// Share of weighted layers at the precision that was asked for.
    pub precision_share: Option<f64>,
    /// Timing-cache hits and misses of the build, where the backend tells.
    pub timing_cache: Option<(u64, u64)>,
    /// The engine's layers.
    pub layers: Vec<Layer>,
    /// Where the layers come from, in the backend's words; empty without layers.
    #[serde(default)]
    pub layers_from: String,
}

impl Entry {
    /// An entry for an engine that was just built.
    pub fn new(recipe: Recipe, engine: &Digest, file: String) -> Self {
        Self {
            format: FORMAT,
            key: recipe.key().to_string(),
            recipe,
            engine: engine.to_string(),
            file,
            bytes: 0,
            build_ns: 0,
            built: crate::text::now(),
            precision_achieved: String::new(),
            precision_share: None,
            timing_cache: None,
            layers: Vec::new(),
            layers_from: String::new(),
        }
    }
}

/// The ending of an engine's file.
pub fn extension(backend: BackendId) -> &'static str {
    match backend {
        BackendId::Rten => "rten.onnx",
        BackendId::Sim => "sim.json",
        BackendId::OnnxruntimeCpu | BackendId::OnnxruntimeCuda => "onnx",
        BackendId::Tensorrt | BackendId::TensorrtRtx | BackendId::Trtexec => "engine",
    }
}

/// Reads an entry and refuses what cannot be one.
pub(super) fn read(path: &Path) -> Result<Entry, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let entry: Entry = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let plain = Path::new(&entry.file).components().count() == 1 && !entry.file.starts_with('.');
    match (entry.format, plain) {
        (FORMAT, true) => Ok(entry),
        (FORMAT, false) => Err(format!("`{}` is not the name of an engine", entry.file)),
        (other, _) => Err(format!("format {other}, this Tailmark reads format {FORMAT}")),
    }
}

/// Whether a file is the engine that an entry tells of.
pub(super) fn check_engine(path: &Path, entry: &Entry) -> Result<(), String> {
    let found = Digest::of_file(path).map_err(|error| error.to_string())?;
    if found.as_str() == entry.engine {
        return Ok(());
    }
    Err(format!(
        "its digest is {}, expected {}",
        found.short(),
        &entry.engine[..12.min(entry.engine.len())]
    ))
}
