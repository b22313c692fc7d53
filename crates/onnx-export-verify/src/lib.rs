//! Stage 1: from an architecture or a file to verified ONNX models in float32 and float16.
//!
//! ```text
//! config → prepare ─ architecture, weights, export │ sizes, fp16 ─▶ store ─▶ verify ─▶ models, verify,
//!                                                                            references, operators .parquet
//! ```
//!
//! Writes `data/models/<sha256>.onnx` and four artifacts. Engines are used for two things only: to calibrate
//! synthetic weights and to verify. Knows nothing of engine files, runs or statistics.

pub mod architecture;
pub mod commands;
pub mod config;
pub mod export;
pub mod fp16;
pub mod inspect;
pub mod prepare;
pub mod report;
mod say;
pub mod sizes;
pub mod stage;
pub mod store;
pub mod verify;
pub mod weights;

use std::error::Error as _;
use std::path::Path;

use backend::onnx::proto::ModelProto;
use pipeline::{Exit, Fault};

/// A backend's error with its exit code and hint.
#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`")]
pub fn fault(error: backend::Error) -> Fault {
    let exit = if error.exit_code() == 2 { Exit::Config } else { Exit::Environment };
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    let fault = Fault::new(exit, message);
    match error.hint() {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

/// Reads a model, with errors that a user can act on (exit 2).
pub fn load(path: &Path) -> anyhow::Result<ModelProto> {
    backend::onnx::load(path).map_err(|error| fault(error).into())
}
