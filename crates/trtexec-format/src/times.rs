//! The rows of `--exportTimes`: one inference each, with the keys of every version since 7.0.
//!
//! A JSON array of objects, one a line; all values are milliseconds, float32 with six significant digits,
//! `1e-05` included. Read as a stream ([`Rows`]), because a day of measuring is gigabytes of text.
//!
//! | version | keys |
//! |---|---|
//! | 7.0 | `startInMs endInMs startComputeMs endComputeMs startOutMs endOutMs inMs computeMs outMs latencyMs endToEndMs` |
//! | 7.2 | the same and `startEnqMs endEnqMs`, with the values of `In` and `Enq` swapped |
//! | 8.0 to 8.2 | `startEnqMs endEnqMs startH2dMs endH2dMs … startD2hMs endD2hMs h2dMs computeMs d2hMs latencyMs endToEndMs` |
//! | 8.4 to 11 | without `endToEndMs` |
//!
//! (`InferenceTime` and `exportJSONTrace` in samples/common/sampleReporting.cpp of NVIDIA/TensorRT.)
//!
//! Durations come from the file's own `computeMs`, `h2dMs` and `d2hMs`: a stamp after 10 s has steps of
//! 0.1 ms, so a difference of two is only used where nothing else is there. The `Enq` stamps are on the
//! host's clock, the others on the device's, with another zero: they are never subtracted.

mod cursor;
mod number;
mod rows;
mod write;

pub use rows::{End, Rows};
pub use write::write;

/// Largest time that is taken, in ns: 115 days. Sums of a few of them stay far inside 64 bits.
pub const LONGEST_NS: i64 = 10_000_000_000_000_000;

/// Why a file is not the exported times of trtexec.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something else stands where a part of the format is due.
    #[error("row {row}, byte {at}: {what}")]
    Format {
        /// Row in which it stands, from 1; one more than there are after the last.
        row: u64,
        /// Offset in the text, from 0.
        at: u64,
        /// What was expected and what was found.
        what: String,
    },
    /// The input could not be read.
    #[error(transparent)]
    Read(#[from] std::io::Error),
}

/// One inference as the file tells it; nanoseconds, rounded. `None` where it tells nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Start of the enqueue call on the host's clock.
    pub start_enqueue_ns: Option<i64>,
    /// Its end.
    pub end_enqueue_ns: Option<i64>,
    /// Start of the copy in, on the device's clock, as all stamps below.
    pub start_h2d_ns: Option<i64>,
    /// Its end.
    pub end_h2d_ns: Option<i64>,
    /// Start of the computation.
    pub start_compute_ns: Option<i64>,
    /// Its end.
    pub end_compute_ns: Option<i64>,
    /// Start of the copy out.
    pub start_d2h_ns: Option<i64>,
    /// Its end.
    pub end_d2h_ns: Option<i64>,
    /// Copy in, from its event pair.
    pub h2d_ns: Option<i64>,
    /// Computation, from its event pair.
    pub compute_ns: Option<i64>,
    /// Copy out, from its event pair.
    pub d2h_ns: Option<i64>,
    /// Copy in, computation and copy out, as a sum.
    pub latency_ns: Option<i64>,
    /// Start of the copy in to end of the copy out (until 8.2).
    pub end_to_end_ns: Option<i64>,
}

impl Row {
    /// How long the enqueue call took: the difference of its two stamps, there is nothing else.
    pub fn enqueue(&self) -> Option<i64> {
        Some(self.end_enqueue_ns? - self.start_enqueue_ns?)
    }

    /// The copy in: its own value, else the difference of its stamps.
    pub fn h2d(&self) -> Option<i64> {
        self.h2d_ns.or_else(|| Some(self.end_h2d_ns? - self.start_h2d_ns?))
    }

    /// The computation: its own value, else the difference of its stamps. Every row of [`Rows`] has one.
    pub fn compute(&self) -> i64 {
        self.compute_ns.or_else(|| self.compute_of_stamps()).unwrap_or_default()
    }

    /// The computation as the difference of its stamps, rounded as they are.
    pub fn compute_of_stamps(&self) -> Option<i64> {
        Some(self.end_compute_ns? - self.start_compute_ns?)
    }

    /// The copy out: its own value, else the difference of its stamps.
    pub fn d2h(&self) -> Option<i64> {
        self.d2h_ns.or_else(|| Some(self.end_d2h_ns? - self.start_d2h_ns?))
    }

    /// What is wrong with the row; `None` when nothing is.
    fn fault(&self) -> Option<String> {
        let needed = self.compute_ns.or_else(|| self.compute_of_stamps());
        if needed.is_none() {
            return Some("neither computeMs nor startComputeMs and endComputeMs".to_owned());
        }
        let durations = [
            ("the enqueue call", self.enqueue()),
            ("h2d", self.h2d()),
            ("compute", needed),
            ("d2h", self.d2h()),
            ("endComputeMs − startComputeMs", self.compute_of_stamps()),
        ];
        let negative = durations.into_iter().find(|(_, value)| value.is_some_and(|ns| ns < 0));
        negative.map(|(name, _)| format!("{name} takes a negative time"))
    }
}

#[cfg(test)]
mod tests;
