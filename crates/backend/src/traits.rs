//! What every backend offers: build an engine from a model, open a session, run it.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::types::{BackendId, Capabilities, Precision, TensorSpec};

/// Where a backend finds what is not part of the program.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The project's `data/` folder; optional libraries are unpacked under `runtime/` in it.
    pub data: PathBuf,
}

/// What to build.
#[derive(Clone, Debug)]
pub struct BuildRequest<'a> {
    /// The ONNX file.
    pub model: &'a Path,
    /// Precision of the model, which is that of the engine that is asked for.
    pub precision: Precision,
    /// 0 (fast build) to 5 (fast engine).
    pub optimization_level: u8,
    /// Sizes for inputs with open dimensions, by name.
    pub shapes: &'a [(String, Vec<usize>)],
}

/// What a build produced, beside the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Built {
    /// The engine's layers in its own order.
    pub layers: Vec<Layer>,
    /// Precision in which most of the weighted layers compute, found in the engine: `fp32`, `fp16`, `mixed`.
    pub precision_achieved: String,
    /// Share of weighted layers (Conv, Gemm, MatMul) that compute at the requested precision.
    pub precision_share: Option<f64>,
    /// Timing-cache hits and misses, where the backend tells.
    pub cache: Option<(u64, u64)>,
    /// `key=value` options that shaped the engine.
    pub flags: Vec<String>,
}

/// One layer as the engine tells it; see `layers.parquet`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
