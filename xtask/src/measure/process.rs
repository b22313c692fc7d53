//! What a whole process costs: time, processor time and peak memory, as `process.py` sees them from outside.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use super::paired::{Ratio, asked, number};
use crate::ui;

const PROCESS: &str = include_str!("process.py");

/// What one process cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Start to end of the process, s.
    pub(super) whole: f64,
    /// The part of it that is compared alone, as the process timed it, s; the whole where it did not.
    pub(super) work: f64,
    /// Processor time, s.
    pub(super) processor: f64,
    /// Peak resident memory, MB.
    pub(super) memory: f64,
}

/// Starts processes and watches them.
pub(super) struct Watch {
    python: PathBuf,
    script: PathBuf,
}

impl Watch {
    /// Watches with an interpreter; the script goes into a folder.
    pub(super) fn new(python: &Path, folder: &Path) -> anyhow::Result<Self> {
        let script = folder.join("process.py");
        fs::write(&script, PROCESS)?;
        Ok(Self { python: python.to_owned(), script })
    }

    /// Runs the words of a command, with what `surroundings` sets; returns what it cost and the last line it said.
    pub(super) fn run(
        &self,
        words: &[impl AsRef<OsStr>],
        surroundings: impl FnOnce(&mut Command),
    ) -> anyhow::Result<(Cost, String)> {
        let mut command = Command::new(&self.python);
        command.arg(&self.script).args(words);
        surroundings(&mut command);
        let found = asked(&mut command)?;
        let whole = number(&found, "wall_ns")? / 1e9;
        let cost = Cost {
            whole,
            work: whole,
            processor: number(&found, "cpu_ns")? / 1e9,
            memory: number(&found, "rss_bytes")? / 1e6,
        };
        Ok((cost, found["said"].as_str().unwrap_or_default().to_owned()))
    }
}

/// The figures that a process said in its last line.
pub(super) fn figures(said: &str) -> anyhow::Result<Value> {
    serde_json::from_str(said).with_context(|| format!("no figures: {said}"))
}

/// Prints one quantity: the medians of both sides, and the ratio of the first to the second.
pub(super) fn line(what: &str, found: &[(Cost, Cost)], of: fn(&Cost) -> f64) -> Ratio {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[(values.len() - 1) / 2]
    };
    let first = median(found.iter().map(|(first, _)| of(first)).collect());
    let second = median(found.iter().map(|(_, second)| of(second)).collect());
    let ratio = Ratio::new(found, of);
    ui::data(&format!("{what}: medians {first:.3} and {second:.3}; ratio {ratio}"));
    ratio
}
