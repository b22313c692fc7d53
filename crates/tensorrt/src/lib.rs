//! TensorRT from Rust, loaded at run time.
#![expect(unsafe_code, reason = "calls a C++ library that is loaded at run time")]

pub mod abi;
mod cuda;
mod error;
mod find;
mod host_memory;
mod library;
mod logger;
mod owned;
mod parser;
mod unwind;
mod version;

pub use abi::Table;
pub use error::{Error, Result};
pub use find::{find, find_in};
pub use host_memory::HostMemory;
pub use library::Library;
pub use logger::{LogOptions, Severity, Sink};
pub use parser::ParserError;
pub use version::{Product, Version};
