//! What every backend offers: build an engine from a model, open a session, run it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::input::Feeds;
use crate::types::{BackendId, Capabilities, Precision, TensorSpec};

/// Where a backend finds what is not part of the program.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The project's `data/` folder; optional libraries are unpacked under `runtime/` in it.
    pub data: PathBuf,
}

/// What to build.
#[derive(Clone)]
pub struct BuildRequest<'a> {
    /// The ONNX file.
    pub model: &'a Path,
    /// Precision that is asked for: that of the model, unless [`Fp16Route::Flag`] lowers a float32 model.
    pub precision: Precision,
    /// 0 (fast build) to 5 (fast engine).
    pub optimization_level: u8,
    /// Sizes for inputs with open dimensions, by name.
    pub shapes: &'a [(String, Vec<usize>)],
    /// What only some backends know.
    pub options: BuildOptions,
    /// A cache blob of [`Backend::cache_kind`] to start from; empty: a new one; `None`: no cache.
    pub timing_cache: Option<&'a [u8]>,
    /// Told how far the build is, where the backend knows; may cancel it.
    pub progress: Option<&'a dyn Progress>,
}

impl<'a> BuildRequest<'a> {
    /// The highest optimisation level, no shapes, no cache, default options.
    pub fn new(model: &'a Path, precision: Precision) -> Self {
        Self {
            model,
            precision,
            optimization_level: 5,
            shapes: &[],
            options: BuildOptions::default(),
            timing_cache: None,
            progress: None,
        }
    }

    /// For backends that know neither route nor cache.
    pub(crate) fn refuse_gpu_options(&self, backend: BackendId) -> Result<()> {
        let what = match &self.options {
            BuildOptions { fp16_route: Fp16Route::Flag, .. } => {
                "lower a float32 model to float16 by a builder flag"
            }
            BuildOptions { require_cached: true, .. } => "build from cached timings alone",
            _ => return Ok(()),
        };
        Err(Error::Unsupported { backend, what: what.to_owned() })
    }
}

impl fmt::Debug for BuildRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildRequest")
            .field("model", &self.model)
            .field("precision", &self.precision)
            .field("optimization_level", &self.optimization_level)
            .field("shapes", &self.shapes)
            .field("options", &self.options)
            .field("timing_cache", &self.timing_cache.map(|blob| format!("{} bytes", blob.len())))
            .finish_non_exhaustive()
    }
}

/// Options of a build that only some backends know; those on the processor ignore the limits and refuse the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// Most scratch memory on the device, in bytes; `None`: the library's default.
    pub workspace: Option<u64>,
    /// How a float16 engine is asked for.
    pub fp16_route: Fp16Route,
    /// A timing that the cache lacks is an error: proves that a cache was enough.
    pub require_cached: bool,
    /// The build is cancelled after this time.
    pub time_limit: Option<Duration>,
}

/// How a float16 engine is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fp16Route {
    /// The model's own types say it: a float16 model and a strongly typed network. Works everywhere.
    #[default]
    Typed,
    /// The builder flag `kFP16` over a float32 model: TensorRT 10.x, and `trtexec` before 11.
    Flag,
}

impl Fp16Route {
    /// The name in pipeline files and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Typed => "typed",
            Self::Flag => "flag",
        }
    }
}

/// Is told how far a build is, from any thread of the library.
pub trait Progress: Sync {
    /// `done` of `total` steps of the phase are finished; phases may nest. [`Flow::Cancel`] ends the build.
    fn update(&self, phase: &str, done: u32, total: u32) -> Flow;
}

/// Whether a build goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It goes on.
    Continue,
    /// It ends with [`crate::Error::Cancelled`].
    Cancel,
}

/// What kind of cache makes a backend's later builds or starts faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheKind {
    /// It has none.
    None,
    /// Timings of kernels, for later builds: TensorRT.
    Timing,
    /// Kernels compiled when an engine is opened, for later starts: TensorRT for RTX.
    Runtime,
}

impl CacheKind {
    /// The name in folders and artifacts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Timing => "timing",
            Self::Runtime => "runtime",
        }
    }
}

/// What a build produced, beside the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Built {
    /// The engine's layers in its own order.
    pub layers: Vec<Layer>,
    /// Where the layers come from: `graph`, `inspector`, `build log`, `layer export`; empty without layers.
    pub layers_from: String,
    /// Precision in which most of the weighted layers compute, found in the engine: `fp32`, `fp16`, `mixed`.
    pub precision_achieved: String,
    /// Share of weighted layers (Conv, Gemm, MatMul) that compute at the requested precision.
    pub precision_share: Option<f64>,
    /// Timing-cache hits and misses, where the library tells.
    pub cache: Option<(u64, u64)>,
    /// The cache after the build, for the next one; see [`BuildRequest::timing_cache`].
    pub timing_cache: Option<Vec<u8>>,
    /// `key=value` options that shaped the engine.
    pub flags: Vec<String>,
    /// What the library warned of, each once.
    pub warnings: Vec<String>,
}

/// One layer as the engine tells it; see `layers.parquet`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// The engine's name for it.
    pub name: String,
    /// Operator or kernel type.
    pub layer_type: String,
    /// Precision of the first floating-point input; empty when unknown.
    pub precision_in: String,
    /// Precision of the first output.
    pub precision_out: String,
    /// Memory layout, where the engine tells.
    pub format: Option<String>,
    /// Kernel, where the engine tells.
    pub tactic: Option<String>,
}

/// How to open a session.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Threads that share one inference, on CPU backends.
    pub threads: usize,
    /// Whether idle threads spin for the next inference.
    pub spinning: bool,
    /// Sizes for inputs with open dimensions, by name.
    pub shapes: Vec<(String, Vec<usize>)>,
    /// Whether [`Backend::open_model`] may rewrite the graph at all. With `false` every node runs as it stands
    /// in the file, casts that round included: what emulation of float16 and comparing layer by layer rest
    /// on. It is slower, and an engine that was built is what it is.
    pub optimise: bool,
    /// How the caller will fill the inputs: a session runs once at the start where only that shows the sizes of
    /// its outputs, and an error of the engine names the integers that were drawn.
    pub feeds: Feeds,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            threads: 1,
            spinning: false,
            shapes: Vec::new(),
            optimise: true,
            feeds: Feeds::default(),
        }
    }
}

/// One engine library.
pub trait Backend: Send + Sync {
    /// Its name.
    fn id(&self) -> BackendId;
    /// Exact version of the library.
    fn version(&self) -> String;
    /// What identifies the device for which engines are built: an engine for one is not used on another.
    fn device(&self) -> String;
    /// What it can do here.
    fn capabilities(&self) -> Capabilities;
    /// Everything beside [`BuildRequest`], device and version that shapes an engine, as `key=value`; part of the engine's key.
    fn build_flags(&self, request: &BuildRequest<'_>) -> Vec<String>;
    /// What kind of cache its later builds or starts can use.
    fn cache_kind(&self) -> CacheKind {
        CacheKind::None
    }
    /// Everything that must agree for two builds to share one cache, as `key=value`, device and version included.
    fn cache_scope(&self, _request: &BuildRequest<'_>) -> Vec<String> {
        Vec::new()
    }
    /// One cache with the entries of both; where they disagree, `ours` stays.
    fn combine_caches(&self, _ours: &[u8], _theirs: &[u8]) -> Result<Vec<u8>> {
        let what = "combine caches: it has none".to_owned();
        Err(Error::Unsupported { backend: self.id(), what })
    }
    /// Builds an engine into the file `out`.
    fn build(&self, request: &BuildRequest<'_>, out: &Path) -> Result<Built>;
    /// Opens an engine that [`Backend::build`] made.
    fn open(&self, engine: &Path, options: &OpenOptions) -> Result<Box<dyn Session>>;
    /// Opens a model without building, at the backend's plainest settings; for verification.
    fn open_model(&self, model: &Path, options: &OpenOptions) -> Result<Box<dyn Session>>;
}

/// One engine with one set of buffers, on one stream; not shared between threads, but may be sent to one.
///
/// All buffers are allocated when the session is opened. [`Session::infer`] blocks until the outputs are there.
pub trait Session: Send {
    /// Inputs with their sizes.
    fn inputs(&self) -> &[TensorSpec];
    /// Outputs with their sizes.
    fn outputs(&self) -> &[TensorSpec];
    /// Threads that one inference really uses, where the backend knows.
    fn threads(&self) -> Option<usize>;
    /// Copies values into an input buffer, converting from float32; row-major, `inputs()[index].len()` of them.
    fn set_input(&mut self, index: usize, values: &[f32]) -> Result<()>;
    /// Runs one inference: the only call of the timed region.
    fn infer(&mut self) -> Result<()>;
    /// Fills every output buffer with NaN (integers: the smallest value), so that an inference that did not happen shows.
    fn poison_outputs(&mut self) -> Result<()>;
    /// Copies an output out, converted to float32.
    fn output(&self, index: usize) -> Result<Vec<f32>>;
}
