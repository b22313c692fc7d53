//! Does a model answer as it should? Runs it on every engine there is and compares.
//!
//! [`compare`] and [`tolerance`] are arithmetic; [`inputs`] feeds models, with [`images`] among the inputs; [`engines`]
//! runs them; [`judge`] says what is compared with what, [`against`] does so for [`expected`] answers from files, and
//! `rows` turns both into rows; [`rounded`] gives a float16 model the roundings that engines on the processor leave out.
//! Where something is wrong, [`per_layer`] names the first layer and [`arbiter`] the engine.

pub mod against;
pub mod arbiter;
pub mod compare;
mod dispute;
pub mod engines;
pub mod expected;
pub mod images;
pub mod inputs;
pub mod judge;
pub mod kept;
pub mod per_layer;
pub mod rounded;
mod rows;
pub mod tolerance;
pub mod twin;

pub use engines::{Engines, Subject};
pub use judge::{Request, Verification, verify};
