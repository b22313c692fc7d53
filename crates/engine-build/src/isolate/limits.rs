//! The keys `isolation`, `memory-limit` and `time-limit`, and what they mean for one backend.
//!
//! | `isolation` | backend | where the build runs |
//! |---|---|---|
//! | left out | `tensorrt`, `tensorrt-rtx` | in a child process |
//! | left out | any other | here, unless a limit is given: only a child can be ended |
//! | `"process"` | any | in a child process |
//! | `"none"` | any | here; a limit beside it is an error |
//!
//! `trtexec` is a process by itself: with no `memory-limit` it keeps the `time-limit` on its own.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use backend::BackendId;
use pipeline::Fault;
use pipeline::config::Span;
use serde::{Deserialize, Deserializer};

/// Whether a build has a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// A child process builds: a crash is an error of this build alone.
    Process,
    /// This process builds.
    None,
}

/// A number of bytes written as `"8GiB"`, `"512MiB"` or `"4096KiB"`: at least 1 MiB, at most 1 TiB × 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    const UNITS: [(&'static str, u32); 4] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    const LEAST: u64 = 1 << 20;
    const MOST: u64 = 1 << 50;

    /// The number of bytes.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, shift): &&(&str, u32)| self.0.is_multiple_of(1 << *shift);
        match Self::UNITS.iter().rev().find(whole) {
            Some((unit, shift)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "write for example \"8GiB\" or \"512MiB\"";
        let trimmed = text.trim();
        let unit = Self::UNITS.iter().find(|(unit, _)| trimmed.ends_with(unit));
        let Some((unit, shift)) = unit else {
            return Err(format!("\"{text}\" is not a size in KiB, MiB, GiB or TiB; {example}"));
        };
        let digits = trimmed[..trimmed.len() - unit.len()].trim_end();
        let number: u64 = digits
            .parse()
            .map_err(|error| format!("\"{text}\" is not a size ({error}); {example}"))?;
        let bytes = number.checked_mul(1 << shift);
        match bytes.filter(|bytes| (Self::LEAST..=Self::MOST).contains(bytes)) {
            Some(bytes) => Ok(Self(bytes)),
            None => Err(format!("\"{text}\" is out of range: expected 1MiB to 1024TiB")),
        }
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a build may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Most resident memory of the process that builds.
    pub memory: Option<ByteSize>,
    /// Longest time of one build, loading the library included.
    pub time: Option<Duration>,
}

impl Limits {
    /// From the two keys.
    pub fn new(memory: Option<ByteSize>, time: Option<Span>) -> Self {
        Self { memory, time: time.map(Span::get) }
    }
}

/// Where one build runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this process.
    Here {
        /// Kept by a backend that is a process by itself.
        time: Option<Duration>,
    },
    /// In a child process.
    Child(Settings),
}

/// How a child is started and held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The program: this one.
    pub program: PathBuf,
    /// The project's `data` folder.
    pub data: PathBuf,
    /// Its limits.
    pub limits: Limits,
}

impl Place {
    /// Where a backend's builds run; `program` is `engine-build` itself.
    ///
    /// # Errors
    /// Exit 2 when a limit is given that nothing could keep.
    pub fn new(
        isolation: Option<Isolation>,
        limits: Limits,
        backend: BackendId,
        program: PathBuf,
        data: PathBuf,
    ) -> Result<Self, Fault> {
        let keeps_time = backend == BackendId::Trtexec;
        let unkept = limits.memory.is_some() || (limits.time.is_some() && !keeps_time);
        let here = Self::Here { time: limits.time };
        let child = Self::Child(Settings { program, data, limits });
        match isolation {
            Some(Isolation::Process) => Ok(child),
            Some(Isolation::None) if unkept => {
                let key = if limits.memory.is_some() { "memory-limit" } else { "time-limit" };
                Err(Fault::config(format!(
                    "[engine-build] {key} cannot be kept with isolation = \"none\": only a process of its own can be ended"
                ))
                .hint(format!("expected isolation = \"process\", or no {key}")))
            }
            None if unkept || by_default(backend) => Ok(child),
            Some(Isolation::None) | None => Ok(here),
        }
    }
}

/// Libraries of foreign code that compile for seconds to minutes.
fn by_default(backend: BackendId) -> bool {
    matches!(backend, BackendId::Tensorrt | BackendId::TensorrtRtx)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(
        isolation: Option<Isolation>,
        memory: Option<&str>,
        time: Option<u64>,
        backend: BackendId,
    ) -> Result<bool, String> {
        let limits = Limits {
            memory: memory.map(|text| text.parse().unwrap()),
            time: time.map(Duration::from_secs),
        };
        Place::new(isolation, limits, backend, "program".into(), "data".into())
            .map(|place| matches!(place, Place::Child(_)))
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [("1MiB", 1 << 20), (" 8 GiB ", 8 << 30), ("1536MiB", 1536 << 20)] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!(size.get(), bytes, "{text}");
            assert_eq!(size.to_string(), text.replace(' ', ""));
        }
        for wrong in ["", "8", "8GB", "GiB", "-1GiB", "0GiB", "1KiB", "99999999TiB", "1e3MiB"] {
            let error = wrong.parse::<ByteSize>().unwrap_err();
            assert!(error.contains("8GiB") || error.contains("expected 1MiB"), "{error}");
        }
    }

    #[test]
    fn foreign_libraries_and_limits_ask_for_a_process() {
        use BackendId::{Rten, TensorrtRtx, Trtexec};
        for (isolation, memory, time, backend, child) in [
            (None, None, None, TensorrtRtx, true),
            (None, None, None, Rten, false),
            (None, Some("1GiB"), None, Rten, true),
            (None, None, Some(60), Rten, true),
            (None, None, Some(60), Trtexec, false),
            (None, Some("1GiB"), Some(60), Trtexec, true),
            (Some(Isolation::Process), None, None, Rten, true),
            (Some(Isolation::None), None, None, TensorrtRtx, false),
            (Some(Isolation::None), None, Some(60), Trtexec, false),
        ] {
            assert_eq!(place(isolation, memory, time, backend), Ok(child), "{backend}");
        }
    }

    #[test]
    fn a_limit_that_nothing_keeps_is_refused() {
        let none = Some(Isolation::None);
        let error = place(none, Some("1GiB"), None, BackendId::Trtexec).unwrap_err();
        assert!(error.contains("memory-limit"), "{error}");
        let error = place(none, None, Some(60), BackendId::Tensorrt).unwrap_err();
        assert!(error.contains("time-limit"), "{error}");
    }
}
