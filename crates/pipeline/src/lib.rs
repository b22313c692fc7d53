//! The contract of Tailmark: what a stage is and what stages exchange.
//!
//! | module | what it holds |
//! |---|---|
//! | [`stage`] | the harness of a stage binary: arguments, checks, exit code |
//! | [`fault`] | errors that carry an exit code and a hint |
//! | [`config`] | the pipeline file: one table to each stage, errors with file and line |
//! | [`artifact`] | the rows of every Parquet artifact, their schemas, readers and writers |
//! | [`samples`] | the one artifact that is too large for rows: columns of inferences |
//! | [`run_dir`] | the run folder: the only place that knows file names |
//! | [`digest`], [`provenance`], [`verdict`] | what identifies, explains and judges a number |
//!
//! It knows no engine, no model and no statistic, and depends on no other crate of the workspace.

pub mod artifact;
pub mod config;
pub mod digest;
pub mod fault;
pub mod files;
pub mod provenance;
pub mod run_dir;
pub mod samples;
pub mod stage;
pub mod verdict;

pub use config::{PipelineFile, Span};
pub use digest::Digest;
pub use fault::{Exit, Fault};
pub use provenance::Provenance;
pub use run_dir::RunDir;
pub use verdict::Verdict;

/// The stages in the order of the chain; each name is a TOML table, a package, a binary and a folder.
pub const STAGES: [&str; 4] = ["onnx-export-verify", "engine-build", "runner", "analysis"];
