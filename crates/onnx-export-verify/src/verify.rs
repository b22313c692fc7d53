//! Does a model answer as it should? Runs it on every engine there is and compares.
//!
//! [`compare`] and [`tolerance`] are arithmetic; [`engines`] runs models; [`judge`] turns outputs into rows;
//! [`rounded`] gives a float16 model the roundings that engines on the processor leave out.

pub mod compare;
pub mod engines;
pub mod judge;
pub mod kept;
pub mod rounded;
pub mod tolerance;

pub use engines::{Engines, Subject};
pub use judge::{Request, Verification, verify};
