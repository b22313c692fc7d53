//! Stage 4: samples → summary, comparison, claims, report. It depends on no backend: a report can be
//! made on any machine that has the run folder.
//!
//! ```text
//! load ─▶ summarize ─▶ judge, compare, claims ─▶ report::model ─▶ html, markdown, terminal
//!                                              └▶ plot ─────────▶ svg, png
//! ```
//!
//! Everything after [`load`] is a function from values to values; only [`stage`] writes.

pub mod advice;
pub mod analyse;
mod builds;
pub mod claims;
pub mod cli;
pub mod compare;
pub mod compare_command;
pub mod config;
pub mod export;
pub mod format;
pub mod import;
pub mod judge;
pub mod load;
pub mod manifest;
mod memory;
pub mod metric;
pub mod phases;
pub mod plan_command;
pub mod plot;
pub mod quantiles;
pub mod quantiles_command;
pub mod render;
pub mod report;
pub(crate) mod rounding;
pub mod series;
pub mod stage;
mod steadiness;
pub mod summarize;
pub mod validate;
pub mod verify;
mod workers;
