//! Stage 1: from an architecture or a file to verified ONNX models in float32 and float16.
//!
//! ```text
//! config → prepare ─ architecture, weights, export │ sizes, fp16 ─▶ store ─▶ verify ─▶ models, verify,
//!                                                                            references, operators .parquet
//! ```
//!
//! Writes `data/models/<sha256>.onnx` and five artifacts: the four named above and layer-errors.parquet. Engines are used for two things only: to calibrate
//! synthetic weights and to verify. Knows nothing of engine files, runs or statistics.

pub mod architecture;
pub mod checkpoint;
pub mod commands;
pub mod config;
mod drawing;
pub mod export;
pub mod fp16;
pub mod inspect;
pub mod prepare;
pub mod report;
pub mod reweight;
mod say;
pub mod sizes;
pub mod stage;
pub mod store;
pub mod verify;
pub mod weights;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use backend::onnx::proto::ModelProto;
use pipeline::Fault;

/// A backend's error with its exit code and hint.
#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`")]
pub fn fault(error: backend::Error) -> Fault {
    Fault::of(&error, backend::Error::exit_code, backend::Error::hint)
}

/// Reads a model, with errors that a user can act on (exit 2).
pub fn load(path: &Path) -> anyhow::Result<ModelProto> {
    backend::onnx::load(path).map_err(|error| fault(error).into())
}

/// As [`load`], with the SHA-256 over the file and its external data: 64 hexadecimal digits.
pub fn load_with_digest(path: &Path) -> anyhow::Result<(ModelProto, String)> {
    backend::onnx::file::load_with_digest(path).map_err(|error| fault(error).into())
}

/// As [`load`], with all external data in the model; also an error: over 2 GiB of it.
pub fn load_whole(path: &Path) -> anyhow::Result<ModelProto> {
    let mut model = load(path)?;
    backend::onnx::file::inline_external(path, &mut model).map_err(fault)?;
    Ok(model)
}

/// The bytes of a regular file of at most `most` bytes: no pipe is waited for, and no more is read than that. The
/// error is the rest of a sentence about the file.
pub(crate) fn small_file(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let cannot = |why: std::io::Error| format!("cannot be read: {why}");
    let regular = std::fs::metadata(path).map_err(cannot)?.is_file();
    let mut bytes = Vec::new();
    if regular {
        File::open(path).map_err(cannot)?.take(most + 1).read_to_end(&mut bytes).map_err(cannot)?;
    }
    if !regular || bytes.len() as u64 > most {
        return Err(format!("is no file of at most {} MiB", most >> 20));
    }
    Ok(bytes)
}
