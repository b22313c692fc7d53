//! TensorRT from Rust, loaded at run time.

#![expect(unsafe_code, reason = "calls a C++ library that is loaded at run time")]

pub mod abi;

mod builder;
mod child;
mod config;
mod context;
mod cuda;
mod engine;
mod error;
mod find;
mod host_memory;
mod inspector;
mod library;
mod logger;
#[cfg(doctest)]
mod misuse;
mod network;
mod owned;
mod parser;
mod profile;
mod profiler;
mod progress;
mod runtime;
mod runtime_cache;
mod runtime_config;
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
pub use context::ExecutionContext;
pub use engine::{Engine, EngineTensor};
pub use error::{Error, Result};
pub use find::{find, find_in};
pub use host_memory::HostMemory;
pub use inspector::{EngineInspector, InContext};
pub use library::Library;
pub use logger::{LogOptions, Sink};
pub use network::{Network, TensorInfo};
pub use parser::{OnnxParser, ParserError};
pub use profile::OptimizationProfile;
pub use profiler::Profiler;
pub use progress::{Flow, ProgressMonitor};
pub use runtime::Runtime;
pub use runtime_cache::RuntimeCache;
pub use runtime_config::RuntimeConfig;
pub use timing_cache::{DeviceMismatch, TimingCache};
pub use version::{Product, Version};
