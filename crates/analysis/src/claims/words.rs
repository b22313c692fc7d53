//! The answer to a claim as a sentence, for the head of every report. Pure.

use pipeline::artifact::ClaimRow;

use super::{Claim, NOT_APPLICABLE, Right};
use crate::format::{duration, number, percent, with_bounds};
use crate::metric::Metric;

/// `HOLDS: base compute/p99 < 3ms. It is 2.894 ms (2.81–2.95).` Names stand between backticks.
pub fn sentence(claim: &Claim, row: &ClaimRow) -> String {
    let head = format!("{}: `{}`", row.verdict, row.claim);
    let figures = figures(claim, row).map_or_else(String::new, |text| format!(". {text}"));
    let why = if row.reasons.is_empty() {
        String::new()
    } else {
        format!("{} {}", if figures.is_empty() { "." } else { ";" }, row.reasons.join("; "))
    };
    let ended = if why.ends_with('.') { "" } else { "." };
    format!("{head}{figures}{why}{ended}")
}

/// What both sides are; `None` when nothing was measured.
fn figures(claim: &Claim, row: &ClaimRow) -> Option<String> {
    if row.verdict == NOT_APPLICABLE {
        return None;
    }
    let (left, right) = (row.left?, row.right?);
    let metric = claim.left.metric;
    match &claim.right {
        Right::Figure(figure) => {
            let [lower, upper] =
                [row.lower, row.upper].map(|bound| bound.map(|bound| bound * figure));
            Some(format!("It is {}", with_unit(metric, left, lower, upper)))
        }
        Right::Term(term) => {
            let ratio = row.ratio?;
            let written = with_bounds(ratio, row.lower, row.upper, 1.0);
            let bounds = if written.bounds.is_empty() {
                String::new()
            } else {
                format!(" ({})", written.bounds)
            };
            Some(format!(
                "{} against {}: {}{bounds} times as much",
                plain(metric, left),
                plain(term.metric, right),
                written.estimate
            ))
        }
    }
}

fn plain(metric: Metric, value: f64) -> String {
    match metric.unit() {
        "1/s" => format!("{}/s", number(value)),
        "1" => percent(value),
        _ => duration(value),
    }
}

fn with_unit(metric: Metric, value: f64, lower: Option<f64>, upper: Option<f64>) -> String {
    let (scale, unit) = match metric.unit() {
        "1/s" => (1.0, "/s"),
        "1" => (100.0, " %"),
        _ => {
            let (ns, unit) = crate::format::unit_of(value);
            let spaced = match unit {
                "s" => " s",
                "ms" => " ms",
                "µs" => " µs",
                _ => " ns",
            };
            (1.0 / ns, spaced)
        }
    };
    let written = with_bounds(value, lower, upper, scale);
    if written.bounds.is_empty() {
        format!("{}{unit}", written.estimate)
    } else {
        format!("{}{unit} ({})", written.estimate, written.bounds)
    }
}
