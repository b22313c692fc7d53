//! The report: one view of an analysis, written as HTML, as Markdown and for the terminal.
//!
//! Every word and number is made once, in [`model`]; the writers only place them. So the three agree,
//! and [`crate::verify`] can make them again from the Parquet files and compare bytes.

pub mod answer;
pub mod builds;
pub mod facts;
pub mod figures;
pub mod html;
pub mod markdown;
pub mod model;
pub mod shares;
pub mod tables;
pub mod terminal;
pub mod words;
