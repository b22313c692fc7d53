//! What can be wrong with a checkpoint. Every message is about the file: nothing of it was run.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a checkpoint, or one tensor of it, cannot be read.
#[derive(Debug, Error)]
pub enum Error {
    /// The file cannot be opened or read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is something else than a checkpoint, or a form that is not read.
    #[error("{path}: {reason}")]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What it is.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// The file contradicts itself, is cut short, or claims more than a limit allows.
    #[error("{path}: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file asks for Python objects that no list of tensors needs.
    #[error("{path}: refused, nothing was run: the file asks for {}, which is no part of a list of tensors", quoted(.globals))]
    Refused {
        /// The file.
        path: PathBuf,
        /// `module.name` of each.
        globals: Vec<String>,
    },
    /// One tensor cannot be read.
    #[error("{path}: tensor `{tensor}`: {reason}")]
    Tensor {
        /// The file.
        path: PathBuf,
        /// Its name in the file.
        tensor: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// `Result` with `Error`.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The exit code (ARCHITECTURE.md has the table): 2 is a wrong file, 4 one that cannot be read.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Io { .. } => 4,
            _ => 2,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Io { .. } | Self::Tensor { .. } => None,
            Self::Unknown { hint, .. } => Some(hint),
            Self::Damaged { .. } => Some("fetch or save the file again"),
            Self::Refused { globals, .. } => Some(hint_of(globals)),
        }
    }

    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::UnexpectedEof => Self::damaged(path, "the file is cut short"),
            // what the decoders of zip say of bytes that they cannot take
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Self::damaged(path, source.to_string())
            }
            _ => Self::Io { path: path.to_owned(), source },
        }
    }

    pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.into() }
    }

    pub(super) fn unknown(path: &Path, reason: impl Into<String>, hint: &'static str) -> Self {
        Self::Unknown { path: path.to_owned(), reason: reason.into(), hint }
    }

    pub(super) fn tensor(path: &Path, tensor: &str, reason: impl Into<String>) -> Self {
        Self::Tensor { path: path.to_owned(), tensor: tensor.to_owned(), reason: reason.into() }
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Tells an attack from a file that holds more than weights.
fn hint_of(globals: &[String]) -> &'static str {
    const RUNS_CODE: [&str; 14] = [
        "os.",
        "posix.",
        "nt.",
        "subprocess.",
        "sys.",
        "builtins.",
        "__builtin__.",
        "socket.",
        "shutil.",
        "importlib.",
        "runpy.",
        "pty.",
        "pickle.",
        "ctypes.",
    ];
    let any = |of: &dyn Fn(&str) -> bool| globals.iter().any(|name| of(name));
    if any(&|name| RUNS_CODE.iter().any(|module| name.starts_with(module))) {
        return "such a file runs a program when Python loads it: do not open it elsewhere either, and fetch the weights from a place you trust";
    }
    if any(&|name| name.contains("quantize") || name.contains("_rebuild_qtensor")) {
        return "quantised tensors are not read: give the float weights they were made from";
    }
    if any(&|name| name.starts_with("__torch__.")) {
        return "a TorchScript program: give the state dictionary of the model it was made from";
    }
    "it seems to hold whole Python objects: where it was made, save the weights alone with torch.save(model.state_dict(), \"weights.pth\"), or as .safetensors"
}
