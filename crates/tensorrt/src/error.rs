//! What can go wrong, in words that say what to do.

use std::fmt;
use std::path::PathBuf;

use crate::find;
use crate::parser::ParserError;
use crate::version::{Product, Version};

/// Result of the bindings.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the bindings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The library is not on this machine.
    NotAvailable {
        /// Which library.
        product: Product,
        /// The places that were searched, in order.
        looked_in: Vec<PathBuf>,
    },
    /// A file is there but cannot be loaded, or is no such library.
    Load {
        /// The file.
        path: PathBuf,
        /// What the dynamic loader says, or what is missing.
        reason: String,
    },
    /// The library loads, but no table of slots is known to fit its version.
    UnsupportedVersion {
        /// Its version.
        version: Version,
        /// The file.
        path: PathBuf,
    },
    /// The loaded version cannot do this.
    Unsupported {
        /// What was asked.
        what: String,
        /// The version that cannot.
        version: Version,
    },
    /// An argument cannot be passed on as it is.
    Argument {
        /// What is wrong with it.
        what: String,
    },
    /// A call of the library failed.
    Call {
        /// The C++ name of the call.
        call: &'static str,
        /// The error lines that the library logged meanwhile.
        reason: String,
    },
    /// The ONNX parser refused the model.
    Parse(Vec<ParserError>),
    /// The model was parsed without an error, but there is nothing in it to build.
    EmptyModel {
        /// What is missing.
        what: String,
    },
    /// A progress monitor ended the build.
    Cancelled,
    /// A callback of the caller panicked; the panic was caught and the call given up.
    Panicked {
        /// Which callback.
        callback: &'static str,
        /// The panic's message.
        message: String,
    },
}

impl Error {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotAvailable { product, .. } => Some(format!(
                "install {product}, or let {} name its library or the folder of it",
                find::variable(*product)
            )),
            Self::Load { .. } => Some(
                "check that the file is complete, is for this processor, and that the libraries it \
                 needs are beside it or in LD_LIBRARY_PATH"
                    .to_owned(),
            ),
            Self::UnsupportedVersion { .. } => Some(
                "bound are TensorRT 10.1 to 10.x and 11.x and TensorRT for RTX 1.5 to 1.x; \
                 use the trtexec backend for others"
                    .to_owned(),
            ),
            Self::EmptyModel { .. } => {
                Some("check that the file is an ONNX model and complete".to_owned())
            }
            Self::Call { reason, .. } if without_driver(reason) => Some(
                "this needs an NVIDIA GPU and its driver; only TensorRT for RTX builds without"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// Whether the library's words mean that there is no driver, or one that is too old.
fn without_driver(reason: &str) -> bool {
    ["no CUDA driver", "cudaError 35", "CUDA initialization failure"]
        .iter()
        .any(|words| reason.contains(words))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAvailable { product, looked_in } => {
                let places: Vec<String> =
                    looked_in.iter().map(|path| path.display().to_string()).collect();
                let names = find::names(*product);
                write!(f, "{product} was not found: no {names} in {}", places.join(", "))
            }
            Self::Load { path, reason } => write!(f, "cannot load {}: {reason}", path.display()),
            Self::UnsupportedVersion { version, path } => {
                write!(f, "{} is version {version}, which is not bound", path.display())
            }
            Self::Unsupported { what, version } => {
                write!(f, "{what}: not possible with version {version}")
            }
            Self::Argument { what } => f.write_str(what),
            Self::Call { call, reason } => write!(f, "{call} failed: {reason}"),
            Self::Parse(errors) => {
                write!(f, "the ONNX parser refused the model: ")?;
                for (index, error) in errors.iter().enumerate() {
                    write!(f, "{}{error}", if index == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            Self::EmptyModel { what } => write!(f, "the model is empty: {what}"),
            Self::Cancelled => f.write_str("the build was cancelled by its progress monitor"),
            Self::Panicked { callback, message } => {
                write!(f, "the {callback} panicked: {message}")
            }
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_driver_is_recognised_by_the_librarys_words() {
        let call = |reason: &str| {
            Error::Call { call: "createInferRuntime", reason: reason.to_owned() }.hint()
        };
        let words = "Error Code 6: API Usage Error (CUDA initialization failure with error: 35 In \
                     checkCudaInstallation at runtime.cpp:960)";
        assert!(call(words).unwrap().contains("driver"));
        assert_eq!(call("no tactics to implement the operation"), None);
    }
}
