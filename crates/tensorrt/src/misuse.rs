//! What the compiler refuses. Each case stands beside the same lines without the mistake, which
//! compile, so that it cannot fail for another reason.
//!
//! # A network or configuration outlives its builder
//! ```no_run
//! # fn check(builder: tensorrt::Builder) -> tensorrt::Result<()> {
//! let network = builder.create_network(tensorrt::Typing::Strong)?;
//! network.num_layers();
//! drop(builder);
//! # Ok(())
//! # }
//! ```
//! ```compile_fail,E0505
//! # fn check(builder: tensorrt::Builder) -> tensorrt::Result<()> {
//! let network = builder.create_network(tensorrt::Typing::Strong)?;
//! drop(builder);
//! network.num_layers();
//! # Ok(())
//! # }
//! ```
//! ```compile_fail,E0515
//! fn config(library: &tensorrt::Library) -> tensorrt::Result<tensorrt::BuilderConfig<'_>> {
//!     let builder = tensorrt::Builder::new(library)?;
//!     builder.create_config()
//! }
//! ```
//!
//! # A network is built while a parser fills it, or two parsers fill it at once
//! ```no_run
//! # fn check(builder: &tensorrt::Builder, mut network: tensorrt::Network<'_>,
//! #     mut config: tensorrt::BuilderConfig<'_>) -> tensorrt::Result<()> {
//! let mut parser = tensorrt::OnnxParser::new(&mut network)?;
//! parser.parse(b"model", None)?;
//! builder.build_serialized_network(&mut network, &mut config)?;
//! # Ok(())
//! # }
//! ```
//! ```compile_fail,E0499
//! # fn check(builder: &tensorrt::Builder, mut network: tensorrt::Network<'_>,
//! #     mut config: tensorrt::BuilderConfig<'_>) -> tensorrt::Result<()> {
//! let mut parser = tensorrt::OnnxParser::new(&mut network)?;
//! builder.build_serialized_network(&mut network, &mut config)?;
//! parser.parse(b"model", None)?;
//! # Ok(())
//! # }
//! ```
//! ```compile_fail,E0499
//! # fn check(mut network: tensorrt::Network<'_>) -> tensorrt::Result<()> {
//! let mut one = tensorrt::OnnxParser::new(&mut network)?;
//! let mut two = tensorrt::OnnxParser::new(&mut network)?;
//! one.parse(b"model", None)?;
//! two.parse(b"model", None)?;
//! # Ok(())
//! # }
//! ```
//!
//! # A profile changes after it was added
//! ```no_run
//! # fn check(builder: tensorrt::Builder) -> tensorrt::Result<()> {
//! let mut profile = builder.create_optimization_profile()?;
//! profile.set_shapes("x", &[1, 3], &[2, 3], &[4, 3])?;
//! builder.create_config()?.add_optimization_profile(profile)?;
//! # Ok(())
//! # }
//! ```
//! ```compile_fail,E0382
//! # fn check(builder: tensorrt::Builder) -> tensorrt::Result<()> {
//! let mut profile = builder.create_optimization_profile()?;
//! builder.create_config()?.add_optimization_profile(profile)?;
//! profile.set_shapes("x", &[1, 3], &[2, 3], &[4, 3])?;
//! # Ok(())
//! # }
//! ```
//!
//! # A progress monitor borrows what goes before the configuration
//! ```no_run
//! # use tensorrt::{Flow, ProgressMonitor};
//! struct Monitor<'a>(&'a str);
//! impl ProgressMonitor for Monitor<'_> {
//!     fn phase_start(&self, _: &str, _: Option<&str>, _: i32) {}
//!     fn step_complete(&self, _: &str, _: i32) -> Flow { Flow::Continue }
//!     fn phase_finish(&self, _: &str) {}
//! }
//! # fn check(library: &tensorrt::Library) -> tensorrt::Result<()> {
//! let text = String::from("text");
//! let builder = tensorrt::Builder::new(library)?;
//! let mut config = builder.create_config()?;
//! config.set_progress_monitor(Box::new(Monitor(&text)))?;
//! # Ok(())
//! # }
//! ```
//! ```compile_fail,E0597
//! # use tensorrt::{Flow, ProgressMonitor};
//! struct Monitor<'a>(&'a str);
//! impl ProgressMonitor for Monitor<'_> {
//!     fn phase_start(&self, _: &str, _: Option<&str>, _: i32) {}
//!     fn step_complete(&self, _: &str, _: i32) -> Flow { Flow::Continue }
//!     fn phase_finish(&self, _: &str) {}
//! }
//! # fn check(library: &tensorrt::Library) -> tensorrt::Result<()> {
//! let builder = tensorrt::Builder::new(library)?;
//! let mut config = builder.create_config()?;
//! let text = String::from("text");
//! config.set_progress_monitor(Box::new(Monitor(&text)))?;
//! # Ok(())
//! # }
//! ```
//!
//! # Bytes are used after their plan
//! ```no_run
//! # fn check(plan: tensorrt::HostMemory) -> usize {
//! let bytes: &[u8] = &plan;
//! let length = bytes.len();
//! drop(plan);
//! # length
//! # }
//! ```
//! ```compile_fail,E0505
//! # fn check(plan: tensorrt::HostMemory) -> usize {
//! let bytes: &[u8] = &plan;
//! drop(plan);
//! let length = bytes.len();
//! # length
//! # }
//! ```
//!
//! # A builder or cache goes to another thread; libraries and plans may
//! ```no_run
//! fn send<T: Send + Sync>() {}
//! send::<tensorrt::Library>();
//! send::<tensorrt::HostMemory>();
//! send::<tensorrt::Error>();
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>() {}
//! send::<tensorrt::Builder>();
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>() {}
//! send::<tensorrt::TimingCache>();
//! ```
