//! What a whole process costs: time, processor time and peak memory, as `process.py` sees them from outside.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use super::paired::{Ratio, asked, number};
use crate::ui;

const PROCESS: &str = include_str!("process.py");

/// What one process cost, and its last line.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    /// Start to end of the process, s.
    pub(super) whole: f64,
    /// The part of it that is compared alone, as the process timed it, s; the whole where it did not.
    pub(super) work: f64,
    /// Processor time, s.
    pub(super) processor: f64,
    /// Peak resident memory, MB.
    pub(super) memory: f64,
    /// What it said last.
    pub(super) said: String,
}

/// Runs the words of a command, with what `surroundings` sets; `python` watches it.
pub(super) fn run(
    python: &Path,
    words: &[impl AsRef<OsStr>],
    surroundings: impl FnOnce(&mut Command),
) -> anyhow::Result<Cost> {
    let mut command = Command::new(python);
    command.args(["-c", PROCESS]).args(words);
    surroundings(&mut command);
    let found = asked(&mut command)?;
    let whole = number(&found, "wall_ns")? / 1e9;
    Ok(Cost {
        whole,
        work: whole,
        processor: number(&found, "cpu_ns")? / 1e9,
        memory: number(&found, "rss_bytes")? / 1e6,
        said: found["said"].as_str().unwrap_or_default().to_owned(),
    })
}

/// The figures that a process said in its last line.
pub(super) fn figures(said: &str) -> anyhow::Result<Value> {
    serde_json::from_str(said).with_context(|| format!("no figures: {said}"))
}

/// The middle value; of an even number the lower of both.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Prints one quantity: the medians of both sides, and the ratio of the first to the second.
pub(super) fn line(what: &str, found: &[(Cost, Cost)], of: fn(&Cost) -> f64) -> Ratio {
    let first = median(found.iter().map(|(first, _)| of(first)));
    let second = median(found.iter().map(|(_, second)| of(second)));
    let ratio = Ratio::new(found, of);
    ui::data(&format!("{what}: medians {first:.3} and {second:.3}; ratio {ratio}"));
    ratio
}
