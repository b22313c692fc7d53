//! TensorRT from Rust, loaded at run time.
//!
//! Binds TensorRT 10.1 to 10.x and 11.x (`libnvinfer`) and TensorRT for RTX 1.5 to 1.x
//! (`libtensorrt_rtx`) without their headers and without a C++ compiler: the library is opened with
//! the dynamic loader, and its virtual methods are called by their place in the virtual tables, which
//! [`abi`] holds per version. One program works with whichever of them a machine has. Linux, 64-bit.
//!
//! ```no_run
//! use tensorrt::{Builder, Library, OnnxParser, Product, Runtime, Typing, find};
//!
//! # fn main() -> tensorrt::Result<()> {
//! let library = Library::load(&find(Product::TensorRt)?)?;
//! if let Some(warning) = library.warning() {
//!     eprintln!("{warning}");
//! }
//!
//! let builder = Builder::new(&library)?;
//! let mut network = builder.create_network(Typing::Strong)?;
//! OnnxParser::new(&mut network)?.parse_from_file("model.onnx".as_ref())?;
//! let mut config = builder.create_config()?;
//! config.set_builder_optimization_level(5)?;
//! let plan = builder.build_serialized_network(&mut network, &mut config)?;
//!
//! let engine = Runtime::new(&library)?.deserialize(&plan)?;
//! let mut context = engine.create_execution_context()?;
//! context.set_input_shape("input", &[1, 3, 224, 224])?;
//! // device memory and a stream come from a CUDA crate:
//! // unsafe { context.set_tensor_address("input", pointer)?; context.enqueue(stream)?; }
//! # Ok(())
//! # }
//! ```
//!
//! # What C++ calls it
//!
//! | C++ | here |
//! | --- | --- |
//! | `getInferLibVersion`, `createInferBuilder`, `createInferRuntime` | [`Library`] |
//! | `ILogger` | [`LogOptions`]; one logger a library, every line is a `tracing` event of target `tensorrt` |
//! | `IBuilder` | [`Builder`] |
//! | `IBuilder::createNetworkV2`, `NetworkDefinitionCreationFlag::kSTRONGLY_TYPED` | [`Builder::create_network`], [`Typing`] |
//! | `IBuilder::buildSerializedNetwork` | [`Builder::build_serialized_network`] |
//! | `IBuilderConfig` | [`BuilderConfig`] |
//! | `setMemoryPoolLimit`, `setBuilderOptimizationLevel`, `setFlag` | [`BuilderConfig::set_memory_pool_limit`], [`BuilderConfig::set_builder_optimization_level`], [`BuilderConfig::set_flag`] |
//! | `BuilderFlag`, `PreviewFeature`, `TacticSource` | enums by name; the number follows from the loaded version |
//! | `IOptimizationProfile` | [`OptimizationProfile`] |
//! | `INetworkDefinition`, `ITensor` | [`Network`], [`TensorInfo`] |
//! | `nvonnxparser::IParser`, `IParserError` | [`OnnxParser`], [`ParserError`] |
//! | `ITimingCache` | [`TimingCache`] |
//! | `IHostMemory` | [`HostMemory`], which is a `&[u8]` |
//! | `IProgressMonitor` | [`ProgressMonitor`] |
//! | `IRuntime::deserializeCudaEngine` | [`Runtime::deserialize`] |
//! | `ICudaEngine` | [`Engine`] |
//! | `IExecutionContext`, `enqueueV3` | [`ExecutionContext`], [`ExecutionContext::enqueue`] |
//! | `IEngineInspector` | [`EngineInspector`] |
//! | `IProfiler` | [`Profiler`] |
//! | `IRuntimeConfig`, RTX's `IRuntimeCache` | [`RuntimeConfig`], [`RuntimeCache`] |
//!
//! # Rules it keeps for you
//!
//! - Objects of the builder borrow it, and what an engine makes keeps the engine: nothing outlives what
//!   it needs. Weights stay with the parser that read them, so a network keeps its parsers; a timing
//!   cache lives as long as every builder that was given it; the log outlives all; a library stays
//!   loaded until the process ends.
//! - Using things in a wrong order or from two threads at once does not compile.
//! - A panic in a callback of yours never reaches the library: a progress monitor that panics ends the
//!   build with [`Error::Panicked`], a log sink that panics gets no more lines.
//! - A method that is younger than the loaded library is never called: [`Error::Unsupported`] instead.
//! - The error of a failed call carries the error lines that the library logged meanwhile.
//! - `parse` saying "yes" is no proof: a model without outputs is [`Error::EmptyModel`].
//! - The CUDA driver is initialised before TensorRT's factories, which need it.
//!
//! `unsafe` is left to the caller in three places: tensor addresses, executions on a stream, and a
//! library that is none (see [`Library::load`]).

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
mod relay;
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
pub use inspector::EngineInspector;
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
