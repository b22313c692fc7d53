//! The drawings of a report. Every figure is a pure function of numbers; what they share is the crate `plot`.

pub mod build_times;
pub mod comparison;
mod curve;
pub mod ecdf;
pub mod fairness;
pub mod histogram;
pub mod percentiles;
pub mod strip;
mod time;
pub mod timeline;

pub use ::plot::{Figure, Painted, paint, paint_all};
use ::plot::{axis, draw_x, draw_y, font, plain_ticks, scene};

use time::{TimeUnit, time_ticks};
