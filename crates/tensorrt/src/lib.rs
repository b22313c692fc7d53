//! TensorRT from Rust, loaded at run time.

#![expect(unsafe_code, reason = "calls a C++ library that is loaded at run time")]

pub mod abi;

mod builder;
mod config;
mod cuda;
mod error;
mod find;
mod host_memory;
mod library;
mod logger;
#[cfg(doctest)]
mod misuse;
mod network;
mod owned;
mod parser;
mod profile;
mod progress;
mod timing_cache;
mod tuning;
mod unwind;
mod version;

pub use abi::Table;
pub use abi::enums::{
    AllocationStrategy, BuilderFlag, ComputeCapability, CudaGraphStrategy, DataType,
    HardwareCompatibility, KernelSpecialization, LayerInformationFormat, MemoryPool,
    PreviewFeature, ProfileSelector, ProfilingVerbosity, Severity, TacticSource, TensorIoMode,
    TensorLocation, TilingLevel,
};
pub use builder::{Builder, Typing};
pub use config::BuilderConfig;
pub use error::{Error, Result};
pub use find::{find, find_in};
pub use host_memory::HostMemory;
pub use library::Library;
pub use logger::{LogOptions, Sink};
pub use network::{Network, TensorInfo};
pub use parser::{OnnxParser, ParserError};
pub use profile::OptimizationProfile;
pub use progress::{Flow, ProgressMonitor};
pub use timing_cache::{DeviceMismatch, TimingCache};
pub use version::{Product, Version};
