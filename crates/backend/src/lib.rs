//! One trait family over the engines that Tailmark can build and run.
//!
//! | backend | how it is loaded | where |
//! |---|---|---|
//! | `onnxruntime-cpu` | shared library at run time, through `ort` | [`ort`] |
//! | `rten` | pure Rust, always there | [`rten`] |
//! | `sim` | a seeded model of an engine, for tests | [`sim`] |
//!
//! A [`Backend`] builds engines and opens [`Session`]s; what it cannot do is a typed [`Error`], never a
//! silent fallback. [`choose`] turns `backend = "auto"` into one of them and says why.
//! Knows no pipeline, no artifact and no statistic.

mod choose;
mod error;
pub mod input;
pub mod onnx;
mod traits;
mod types;

pub use choose::{Chosen, Survey, choose, open_backend, survey};
pub use error::{Error, Result};
pub use traits::{Backend, BuildRequest, Built, Environment, Layer, OpenOptions, Session};
pub use types::{BackendId, Capabilities, Choice, ElementType, Precision, TensorSpec};
