//! Stage 2: builds an engine from each verified model, or takes it from the engine store.
//!
//! Reads `models.parquet`, writes `engines.parquet` and `layers.parquet`; engines are blobs under
//! `data/engines/`, found again through the index under `data/caches/v1/` ([`store`]). A build that
//! fails is a row with an error, and the stage then ends with the code of the first failure.
//! With `timing-cache = "cold"` each engine is built cold and warm, over rounds ([`plan`]).
//! Knows no measurement: how fast an engine is, the runner tells.

pub mod cache;
pub mod command;
pub mod config;
pub mod isolate;
pub mod key;
pub mod make;
pub mod plan;
pub mod precision;
mod rows;
mod say;
pub mod stage;
pub mod store;
pub mod text;

pub use stage::EngineBuild;
