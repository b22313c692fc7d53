//! Errors of all backends: what is missing, what cannot be done, what went wrong.

use std::path::PathBuf;

use crate::types::BackendId;

/// An error of a backend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The backend does not work on this machine; `hint` is the one line that would change that.
    #[error("the backend {backend} does not work here: {reason}")]
    Unavailable {
        /// The backend.
        backend: BackendId,
        /// Why.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// The backend cannot do what was asked, here or anywhere.
    #[error("the backend {backend} cannot do this: {what}")]
    Unsupported {
        /// The backend.
        backend: BackendId,
        /// What was asked.
        what: String,
    },
    /// A model or engine file that is missing, broken or not what it should be.
    #[error("{path}: {reason}", path = .path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The sizes of an input are open, or the sizes that were given do not fit it.
    #[error("input `{input}`: {reason}")]
    Shape {
        /// The input.
        input: String,
        /// What is open, or what does not fit.
        reason: String,
    },
    /// The value that was given for an input does not fit it.
    #[error("the value of input `{input}`: {reason}")]
    Input {
        /// The input.
        input: String,
        /// What does not fit.
        reason: String,
    },
    /// An engine refused inputs of which some integers were drawn, not given.
    #[error("{source}; drawn at random: {inputs}")]
    Drawn {
        /// The inputs, with their types.
        inputs: String,
        /// What the engine said.
        source: Box<Error>,
    },
    /// A call into an engine failed.
    #[error("{backend}: {what} failed: {reason}")]
    Engine {
        /// The backend.
        backend: BackendId,
        /// The call.
        what: &'static str,
        /// What the engine said.
        reason: String,
    },
    /// A build or a benchmark was ended early: by whoever asked for it, or by its time limit.
    #[error("{backend} was cancelled: {why}")]
    Cancelled {
        /// The backend.
        backend: BackendId,
        /// Who or what ended it.
        why: String,
    },
    /// A file could not be read or written.
    #[error("{path}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Unavailable { hint, .. } => Some(hint),
            Self::Unsupported { .. } => {
                Some("choose another backend; `cargo xtask doctor` lists what works here")
            }
            Self::Shape { .. } => Some(
                "give all sizes of the input: --shape NAME=1x3x224x224, or shapes = { NAME = [1, 3, 224, 224] } in [onnx-export-verify]",
            ),
            Self::Drawn { .. } => Some(
                "give such an input a value that the model accepts: --input NAME=VALUE, or inputs = { NAME = VALUE } in [onnx-export-verify]",
            ),
            Self::Input { .. } => Some(
                "fixed inputs are NAME=VALUE or NAME=zeros; inputs that are not fixed are drawn",
            ),
            Self::Model { .. } | Self::Engine { .. } | Self::Cancelled { .. } | Self::Io { .. } => {
                None
            }
        }
    }

    /// The exit code of a command that ends with this error: 2 when another model, shape or backend
    /// would do (the command line or the configuration is wrong), 4 when the machine lacks something
    /// or the engine failed on it, 5 when it was interrupted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unsupported { .. }
            | Self::Model { .. }
            | Self::Shape { .. }
            | Self::Input { .. }
            | Self::Drawn { .. } => 2,
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => 2,
            Self::Unavailable { .. } | Self::Engine { .. } | Self::Io { .. } => 4,
            Self::Cancelled { .. } => 5,
        }
    }
}

/// Result of a backend.
pub type Result<T, E = Error> = std::result::Result<T, E>;
