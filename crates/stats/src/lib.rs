//! Pure numbers: quantiles, intervals, steadiness, levels, comparison and plans. No I/O, no Arrow, no unsafe.
//!
//! | module | question it answers |
//! |---|---|
//! | [`moments`] | mean, spread and extremes of integer nanoseconds, summed exactly |
//! | [`quantile`] | the value below which a share of the samples lies, by a named estimator |
//! | [`selection`] | the same, of more values than memory should hold, pass by pass |
//! | [`order`] | how far that quantile may be from the true one, and how many samples it takes to know |
//! | [`correlation`] | how many independent samples tell as much as these |
//! | [`indicator`] | the same for a share, from one bit a sample |
//! | [`batch`] | how far a mean of dependent samples may be off |
//! | [`interval`] | intervals, and the one over rounds |
//! | [`steady`] | where the steady part begins, and where its level steps |
//! | [`drift`] | does the steady part still move |
//! | [`levels`] | at how many clocks did the processor run, and how often was each visited |
//! | [`outlier`] | which samples stand far from the rest |
//! | [`compare`] | is one mode faster than another by more than a margin |
//! | [`plan`] | how many rounds and samples does it take |
//! | [`runs`] | the same for sides that were measured in different runs |
//! | [`special`] | the distribution functions behind them |
//!
//! Each function names its source and what it assumes; `analysis validate` measures on simulated data whether what
//! they promise holds.
//!
//! Every result is a function of its arguments alone, to the last bit and on every platform: sums run
//! in a fixed order, and logarithms and exponentials come from `libm`, not from the operating system.
//! So a reader of a report can derive its numbers again and compare them for equality.

#![forbid(unsafe_code)]

pub mod batch;
pub mod compare;
pub mod correlation;
pub mod drift;
pub mod ecdf;
pub mod fairness;
pub mod indicator;
pub mod interval;
pub mod levels;
pub mod moments;
pub mod order;
pub mod outlier;
pub mod plan;
pub mod quantile;
pub mod runs;
pub mod selection;
#[cfg(test)]
mod simulated;
pub mod special;
pub mod steady;

pub use compare::{Direction, Judgement, Ratio};
pub use interval::{Confidence, Interval};
pub use moments::Moments;
pub use quantile::{Estimator, Share};
pub use runs::Figure;
