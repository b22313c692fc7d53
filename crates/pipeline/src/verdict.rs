//! Verdicts: when a number may be believed (METHODOLOGY.md, "Verdicts").

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far a row may be trusted; ordered from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// None of the below.
    #[serde(rename = "VALID")]
    Valid,
    /// The backend cannot do this mode and the pipeline asked for that to be recorded.
    #[serde(rename = "SKIPPED")]
    Skipped,
    /// A percentile is not resolved by the samples there are (on the metric's row only).
    #[serde(rename = "TOO-SHORT")]
    TooShort,
    /// The steady part drifts, or rounds disagree.
    #[serde(rename = "UNSTABLE")]
    Unstable,
    /// Clocks or throttling could not be observed where the platform offers them.
    #[serde(rename = "UNCERTIFIED")]
    Uncertified,
    /// A throttle reason or a clock drop overlaps the samples.
    #[serde(rename = "THROTTLED")]
    Throttled,
    /// Wrong output, an error, a broken invariant, or requested ≠ achieved with `fail`.
    #[serde(rename = "FAILED")]
    Failed,
}

impl Verdict {
    /// The word as it stands in every table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Skipped => "SKIPPED",
            Self::TooShort => "TOO-SHORT",
            Self::Unstable => "UNSTABLE",
            Self::Uncertified => "UNCERTIFIED",
            Self::Throttled => "THROTTLED",
            Self::Failed => "FAILED",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
