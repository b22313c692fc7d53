//! Stage 3: runs engines in the modes of a pipeline and records every inference.
//!
//! | module | what it does |
//! |---|---|
//! | [`config`] | the `[runner]` table and the names of modes |
//! | [`plan`] | modes × rounds → an interleaved order; pure |
//! | [`measure`] | the timed loop: nothing in it but the inference and two stamps |
//! | [`recorder`] | takes marks from the loop and writes them, from a thread that does not measure |
//! | [`check`] | after each timed part: does every stream still give the right answer? |
//! | [`invariants`] | what must hold of any honest measurement |
//! | [`telemetry`] | what the host's sensors said meanwhile |
//! | [`execute`] | opens sessions, runs the plan, writes artifacts |
//!
//! It computes no statistic: see the crate `analysis`.

pub mod bench;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engines;
pub mod execute;
pub mod interrupt;
pub mod invariants;
pub mod measure;
pub mod plan;
pub mod progress;
pub mod recorder;
pub mod round;
pub mod sessions;
pub mod stage;
pub mod telemetry;
