//! Rows of stage 4: summaries, verdicts, comparisons and claims.

use serde::{Deserialize, Serialize};

use super::{Artifact, Column};
use crate::verdict::Verdict;

/// One metric of one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SummaryRow {
    /// Name of the mode.
    pub case: String,
    /// `throughput`, `compute/p99`, `response/mean`, `build/cold`, …
    pub metric: String,
    /// Always given when n ≥ 1.
    pub estimate: Option<f64>,
    /// Lower bound; null where it cannot be had.
    pub lower: Option<f64>,
    /// Upper bound; null where it cannot be had.
    pub upper: Option<f64>,
    /// Confidence of the interval, 0.95 by default.
    pub confidence: f64,
    /// Samples behind the estimate.
    pub n: i64,
    /// Independent samples that would tell as much; null where it was not computed.
    pub n_effective: Option<f64>,
    /// `ns`, `1/s` or `1`.
    pub unit: String,
    /// Name of the estimator.
    pub estimator: String,
    /// `rounds` or `this-run`.
    pub scope: String,
    /// Verdict of this metric.
    pub verdict: Verdict,
    /// Reasons with figures and what to do next.
    pub reasons: Vec<String>,
}

impl Artifact for SummaryRow {
    const NAME: &'static str = "summary";
    const WRITER: &'static str = "analysis";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("case", Column::Text),
        ("metric", Column::Text),
        ("estimate", Column::RealOrNull),
        ("lower", Column::RealOrNull),
        ("upper", Column::RealOrNull),
        ("confidence", Column::Real),
        ("n", Column::Int),
        ("n_effective", Column::RealOrNull),
        ("unit", Column::Text),
        ("estimator", Column::Text),
        ("scope", Column::Text),
        ("verdict", Column::Text),
        ("reasons", Column::Texts),
    ];
}

/// How far one case may be trusted, in all its rounds and with what its sensors saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictRow {
    /// Name of the mode.
    pub case: String,
    /// The verdict; TOO-SHORT stands on the metric's row of `summary` only.
    pub verdict: Verdict,
    /// Why, with the figures behind it; empty for VALID.
    pub reasons: Vec<String>,
    /// What to do next; null for VALID.
    pub next: Option<String>,
    /// Information that does not lower the verdict.
    pub notes: Vec<String>,
}

impl Artifact for VerdictRow {
    const NAME: &'static str = "verdicts";
    const WRITER: &'static str = "analysis";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("case", Column::Text),
        ("verdict", Column::Text),
        ("reasons", Column::Texts),
        ("next", Column::TextOrNull),
        ("notes", Column::Texts),
    ];
}

/// One metric of one case against the baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRow {
    /// The case that is judged.
    pub case: String,
    /// The case it is compared with.
    pub baseline: String,
    /// Metric of both.
    pub metric: String,
    /// case ÷ baseline.
    pub ratio: Option<f64>,
    /// Lower bound of the ratio.
    pub lower: Option<f64>,
    /// Upper bound of the ratio.
    pub upper: Option<f64>,
    /// Confidence of the interval.
    pub confidence: f64,
    /// Rounds that both share.
    pub rounds: i64,
    /// Differences within the margin are SAME.
    pub margin: f64,
    /// `SAME`, `FASTER`, `SLOWER` or `UNDECIDED`.
    pub verdict: String,
    /// Reasons.
    pub reasons: Vec<String>,
}

impl Artifact for ComparisonRow {
    const NAME: &'static str = "comparison";
    const WRITER: &'static str = "analysis";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("case", Column::Text),
        ("baseline", Column::Text),
        ("metric", Column::Text),
        ("ratio", Column::RealOrNull),
        ("lower", Column::RealOrNull),
        ("upper", Column::RealOrNull),
        ("confidence", Column::Real),
        ("rounds", Column::Int),
        ("margin", Column::Real),
        ("verdict", Column::Text),
        ("reasons", Column::Texts),
    ];
}

/// One claim of the pipeline file and what this run says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClaimRow {
    /// The claim as it is written.
    pub claim: String,
    /// Where it is asked, as names joined by `or`; null when everywhere.
    #[serde(default)]
    pub condition: Option<String>,
    /// `HOLDS`, `FAILS`, `UNDECIDED` or `NOT-APPLICABLE`.
    pub verdict: String,
    /// The left side without its factor, in the unit of its metric.
    #[serde(default)]
    pub left: Option<f64>,
    /// The right side without its factor: a metric, or the figure that the claim names.
    #[serde(default)]
    pub right: Option<f64>,
    /// left ÷ right; paired over rounds it is the geometric mean of their ratios.
    pub ratio: Option<f64>,
    /// Lower bound of the ratio.
    pub lower: Option<f64>,
    /// Upper bound of the ratio.
    pub upper: Option<f64>,
    /// Why.
    pub reasons: Vec<String>,
}

impl Artifact for ClaimRow {
    const NAME: &'static str = "claims";
    const WRITER: &'static str = "analysis";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("claim", Column::Text),
        ("condition", Column::TextOrNull),
        ("verdict", Column::Text),
        ("left", Column::RealOrNull),
        ("right", Column::RealOrNull),
        ("ratio", Column::RealOrNull),
        ("lower", Column::RealOrNull),
        ("upper", Column::RealOrNull),
        ("reasons", Column::Texts),
    ];
}

/// A label on samples of a case. Labels never delete a sample: every figure of `summary` is of all of them.
///
/// | label | what has it | `value` |
/// |---|---|---|
/// | `settling` | samples before a round is steady, after the configured warm-up | mean compute time |
/// | `steady` | from there to the next step or the end of the round | mean compute time |
/// | `level` | samples at one of several clock levels, of the whole case | median compute time |
/// | `visit` | one stretch at a level that was visited too rarely for an interval | that of the level |
/// | `severe-outlier` | samples beyond Tukey's outer fences, of the whole case | slowest compute time |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseRow {
    /// Name of the mode.
    pub case: String,
    /// From 0; null for labels of the whole case.
    pub round: Option<i64>,
    /// See above.
    pub label: String,
    /// Host stamp of the first issue that it covers.
    pub from_ns: Option<i64>,
    /// Host stamp of the last completion that it covers.
    pub to_ns: Option<i64>,
    /// Samples.
    pub n: i64,
    /// A compute time in ns, see above.
    pub value: f64,
    /// Share of the round's samples, or of the case's.
    pub share: f64,
    /// Stretches of a level.
    pub visits: Option<i64>,
    /// Difference from the phase before, in standard errors.
    pub errors: Option<f64>,
}

impl Artifact for PhaseRow {
    const NAME: &'static str = "phases";
    const WRITER: &'static str = "analysis";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("case", Column::Text),
        ("round", Column::IntOrNull),
        ("label", Column::Text),
        ("from_ns", Column::IntOrNull),
        ("to_ns", Column::IntOrNull),
        ("n", Column::Int),
        ("value", Column::Real),
        ("share", Column::Real),
        ("visits", Column::IntOrNull),
        ("errors", Column::RealOrNull),
    ];
}

/// One line of the proof of the statistical method on simulated data (`analysis validate`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValidationRow {
    /// What is promised, or what is looked at.
    pub claim: String,
    /// The simulated machine and what was planted.
    pub setting: String,
    /// Metric, or the rule of a peer.
    pub metric: String,
    /// `claim`, `peer` or `curve`.
    pub kind: String,
    /// Place on a curve.
    pub x: Option<f64>,
    /// Share of trials.
    pub figure: f64,
    /// Its Monte Carlo standard error.
    pub error: f64,
    /// Trials.
    pub trials: i64,
    /// The figure must be at least this.
    pub low: Option<f64>,
    /// The figure must be at most this.
    pub high: Option<f64>,
    /// `HOLDS` or `FAILS` for a claim, else empty.
    pub verdict: String,
}

impl Artifact for ValidationRow {
    const NAME: &'static str = "validation";
    const WRITER: &'static str = "analysis";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("claim", Column::Text),
        ("setting", Column::Text),
        ("metric", Column::Text),
        ("kind", Column::Text),
        ("x", Column::RealOrNull),
        ("figure", Column::Real),
        ("error", Column::Real),
        ("trials", Column::Int),
        ("low", Column::RealOrNull),
        ("high", Column::RealOrNull),
        ("verdict", Column::Text),
    ];
}
