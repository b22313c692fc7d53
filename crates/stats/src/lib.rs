//! Pure numbers: quantiles, intervals, correlation, drift and comparison. No I/O, no Arrow, no unsafe.
//!
//! | module | question it answers |
//! |---|---|
//! | [`moments`] | mean, spread and extremes of integer nanoseconds, summed exactly |
//! | [`quantile`] | the value below which a share of the samples lies, by a named estimator |
//! | [`selection`] | the same, of more values than memory should hold, pass by pass |
//! | [`order`] | how far that quantile may be from the true one, and how many samples it takes to know |
//! | [`correlation`] | how many independent samples tell as much as these |
//! | [`indicator`] | the same for a share, from one bit a sample |
//! | [`interval`] | how far a mean may be off, within a run and over rounds |
//! | [`drift`] | does the steady part still move |
//! | [`compare`] | is one mode faster than another by more than a margin |
//! | [`special`] | the distribution functions behind them |
//!
//! Every result is a function of its arguments alone, to the last bit and on every platform: sums run
//! in a fixed order, and logarithms and exponentials come from `libm`, not from the operating system.
//! So a reader of a report can derive its numbers again and compare them for equality.

#![forbid(unsafe_code)]

pub mod compare;
pub mod correlation;
pub mod drift;
pub mod ecdf;
pub mod fairness;
pub mod indicator;
pub mod interval;
pub mod moments;
pub mod order;
pub mod quantile;
pub mod selection;
pub mod special;

pub use compare::{Direction, Judgement, Ratio};
pub use interval::{Confidence, Interval};
pub use moments::Moments;
pub use quantile::{Estimator, Share};
