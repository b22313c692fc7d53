//! Reads the log of a `trtexec` line by line: what it was told, what it found, how it ended.
//!
//! A line is `[01/31/2026-12:00:00] [I] text` (8.2 and later; the time is missing before), `[I]` to `[F]`
//! being the severity, and `[TRT]` before the text when the library speaks. The first and the last line
//! are `&&&& RUNNING|PASSED|FAILED TensorRT.trtexec [TensorRT v8601] # command`. From 11 on a wrong flag
//! ends without a last line. Messages of the C runtime and of the loader have no form at all.

mod phase;
#[cfg(test)]
mod tests;
mod words;

use crate::device::Device;
use crate::summary::Summary;
use crate::version::Version;

use words::{clipped, is_bare_failure, parts, push};

pub use phase::Phase;

/// Errors that are kept, the last ones.
const ERRORS: usize = 40;
/// Different warnings that are kept, the first ones.
const WARNINGS: usize = 100;
/// Options that are kept: versions print about 80.
const SETTINGS: usize = 500;
/// Lines of any kind that are kept, the last ones.
const TAIL: usize = 30;

/// How a run ended by its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `&&&& PASSED`.
    Passed,
    /// `&&&& FAILED`.
    Failed,
}

/// What a cache of timings did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheLog {
    /// Bytes that were read from the file.
    pub loaded: Option<u64>,
    /// Bytes that were written to it.
    pub saved: Option<u64>,
    /// There was no file to read: a new cache was begun.
    pub begun: bool,
    /// The library would not use the cache, in its words.
    pub refused: Option<String>,
}

/// What a log told so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Version of the banner.
    pub version: Option<Version>,
    /// Passed or failed, when it came that far.
    pub verdict: Option<Verdict>,
    /// Every `key: value` of the `=== … Options ===` sections, which echo what trtexec understood.
    pub settings: Vec<(String, String)>,
    /// The device.
    pub device: Device,
    /// `Engine built in`: of the whole set-up before 10, of the library's build from 10 on; seconds.
    pub built_s: Option<f64>,
    /// `Engine generation completed in`, which the library says; seconds.
    pub generation_s: Option<f64>,
    /// `Created engine with size`, MiB.
    pub engine_mib: Option<f64>,
    /// The cache of timings.
    pub cache: CacheLog,
    /// Whether a CUDA graph was captured; `None` when nothing was said, as before 10 when it worked.
    pub graph_captured: Option<bool>,
    /// The performance summary, when there is one.
    pub summary: Summary,
    /// Warnings, each once, without those that every run of this kind has.
    pub warnings: Vec<String>,
    errors: Vec<String>,
    tail: Vec<String>,
    section: Section,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Section {
    #[default]
    None,
    Options,
    Device,
    Summary,
}

impl Log {
    /// Takes the next line, without its end.
    pub fn line(&mut self, line: &str) {
        if let Some(rest) = line.trim_start().strip_prefix("&&&& ") {
            self.ampersands(line, rest);
            return;
        }
        let (severity, text) = parts(line);
        if !text.is_empty() && !text.starts_with("Average on ") {
            push(&mut self.tail, TAIL, clipped(line));
        }
        match severity {
            Some('E' | 'F') => push(&mut self.errors, ERRORS, clipped(text)),
            Some('W') => self.warning(text),
            _ if is_bare_failure(line) => push(&mut self.errors, ERRORS, clipped(line)),
            _ => {}
        }
        self.section(text);
        self.message(text);
    }

    /// What it is doing.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The value that trtexec says it took for an option.
    pub fn setting(&self, keys: &[&str]) -> Option<&str> {
        let found = self.settings.iter().rev().find(|(key, _)| keys.contains(&key.as_str()));
        found.map(|(_, value)| value.as_str())
    }

    /// The last lines that say why a run failed: its errors, else whatever came last.
    pub fn last_words(&self) -> Vec<&str> {
        let lines = if self.errors.is_empty() { &self.tail } else { &self.errors };
        let most = if self.errors.is_empty() { 12 } else { 8 };
        let from = lines.len().saturating_sub(most);
        lines[from..].iter().map(String::as_str).collect()
    }

    /// Errors so far, the last ones.
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    fn ampersands(&mut self, line: &str, rest: &str) {
        self.version = self.version.or_else(|| Version::in_banner(line));
        match rest.split(' ').next() {
            Some("PASSED") => self.verdict = Some(Verdict::Passed),
            Some("FAILED") => self.verdict = Some(Verdict::Failed),
            _ => {}
        }
    }

    fn warning(&mut self, text: &str) {
        // told by every build that begins a cache, and by 11 of each flag that says today's default
        let usual = ["Could not read timing cache from", "Could not read cache from"];
        let deprecated = ["--noDataTransfers", "--useSpinWait", "--useCudaGraph"];
        let expected = usual.iter().any(|start| text.contains(start))
            || deprecated.iter().any(|flag| text.starts_with(&format!("{flag} is deprecated")));
        let text = clipped(text);
        if !expected && self.warnings.len() < WARNINGS && !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }

    fn section(&mut self, text: &str) {
        if let Some(title) = text.strip_prefix("=== ").and_then(|t| t.strip_suffix(" ===")) {
            self.section = match title {
                "Device Information" => Section::Device,
                "Performance summary" => Section::Summary,
                title if title.ends_with(" Options") => Section::Options,
                _ => Section::None,
            };
            if self.section == Section::Summary {
                self.phase = Phase::Reporting;
            }
            return;
        }
        match self.section {
            Section::Options => self.option(text),
            Section::Device => self.device.line(text),
            Section::Summary => self.summary.line(text),
            Section::None => {}
        }
    }

    fn option(&mut self, text: &str) {
        // an option of the help text stands with two dashes in front
        if let Some((key, value)) = text.split_once(':').filter(|(key, _)| !key.contains("--"))
            && self.settings.len() < SETTINGS
        {
            self.settings.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }

    fn message(&mut self, text: &str) {
        let own = text.strip_prefix("[TRT] ").unwrap_or(text);
        self.times(own);
        self.caches(own);
        self.graphs(own);
        self.summary.prolog(own);
        self.phase = Phase::after(own).unwrap_or(self.phase);
    }

    fn times(&mut self, text: &str) {
        let number = |rest: &str| rest.split(' ').next().and_then(|word| word.parse::<f64>().ok());
        if let Some(rest) = text.strip_prefix("Engine built in ") {
            self.built_s = number(rest);
        } else if let Some(rest) = text.strip_prefix("Engine generation completed in ") {
            self.generation_s = number(rest);
        } else if let Some(rest) = text.strip_prefix("Created engine with size: ") {
            self.engine_mib = number(rest);
        } else if let Some(rest) = text.strip_prefix("TensorRT version: ") {
            self.version = self.version.or_else(|| rest.trim().parse().ok());
        }
    }

    fn caches(&mut self, text: &str) {
        let bytes = |rest: &str, what: &str| {
            let (number, rest) = rest.split_once(' ')?;
            rest.starts_with(what).then(|| number.parse::<u64>().ok())?
        };
        let both = |rest: &str| {
            bytes(rest, "bytes of timing cache").or_else(|| bytes(rest, "bytes of cache"))
        };
        if let Some(found) = text.strip_prefix("Loaded ").and_then(both) {
            self.cache.loaded = self.cache.loaded.or(Some(found));
        } else if let Some(found) = text.strip_prefix("Saved ").and_then(both) {
            self.cache.saved = Some(found);
        } else if text.contains("A new timing cache will be generated")
            || text.contains("A new cache will be generated")
        {
            self.cache.begun = true;
        } else if [
            "timing cache will not be used",
            "TimingCache creation failed",
            "Failed to create ITimingCache",
            "setTimingCache failed",
        ]
        .iter()
        .any(|words| text.contains(words))
        {
            self.cache.refused = Some(clipped(text));
        }
    }

    fn graphs(&mut self, text: &str) {
        if text.starts_with("Successfully captured CUDA graph") {
            // a failure on any stream stays a failure
            self.graph_captured = self.graph_captured.or(Some(true));
        } else if text.contains("not permitted under CUDA graph capture")
            || text.contains("CUDA graph capture failed")
            || text.contains("disabled CUDA graph")
        {
            self.graph_captured = Some(false);
        }
    }
}
