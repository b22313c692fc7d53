//! One trait family over the engines that Tailmark can build and run.
//!
//! | backend | how it is loaded |
//! |---|---|
//! | `onnxruntime-cpu` | shared library at run time, through `ort` |
//! | `rten` | pure Rust, always there |
//! | `tensorrt`, `tensorrt-rtx` | shared library at run time, through our own bindings; builds and inspects, does not run yet |
//! | `trtexec` | the machine's own program, as a subprocess: see [`trtexec::Trtexec`] |
//! | `sim` | a seeded model of an engine, for tests: see [`sim::Spec`] |
//!
//! A [`Backend`] builds engines and opens [`Session`]s; what it cannot do is a typed [`Error`], never a
//! silent fallback. [`choose`] turns `backend = "auto"` into one of them and says why.
//! Knows no pipeline, no artifact and no statistic.

mod border;
mod choose;
#[cfg(test)]
mod contract;
mod device;
mod error;
pub mod input;
mod layers;
pub mod onnx;
mod onnxruntime;
mod rten;
pub mod sim;
mod tensorrt;
#[cfg(test)]
mod tiny;
mod traits;
pub mod trtexec;
mod types;

pub use border::{model_inputs, parse_shape, read_shape, shape_text};
pub use choose::{Chosen, Survey, choose, open_backend, preview, survey};
pub use error::{Error, Result};
pub use layers::{Inspection, inspect};
pub use rten::open_as_written as open_as_written_on_rten;
pub use traits::{
    Backend, BuildOptions, BuildRequest, Built, CacheKind, Environment, Flow, Fp16Route, Layer,
    OpenOptions, Progress, Session,
};
pub use types::{BackendId, Capabilities, Choice, ElementType, Precision, TensorSpec};

/// Whether a file is an ONNX model whose parts are all there, before any engine sees it.
///
/// # Errors
/// [`Error::Model`] for a missing, truncated or foreign file and for missing external data.
pub fn check_model(path: &std::path::Path) -> Result<()> {
    onnx::load(path).map(drop)
}
