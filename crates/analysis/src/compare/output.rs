//! The answer of a gate as text: for a terminal, a script, a pull request and a CI server. Pure.

mod json;
mod junit;
mod markdown;
mod terminal;

pub use json::json;
pub use junit::{junit, junit_of_error};
pub use markdown::markdown;
pub use terminal::terminal;

use pipeline::Exit;
use stats::Judgement;

use super::gate::{Design, Gate, Row};
use crate::format::{change, change_range, duration, number, percent};

/// The answer in one word: the worst of the rows, or what keeps them from counting.
pub fn word(gate: &Gate) -> &'static str {
    let any = |verdict| gate.rows.iter().any(|row| row.verdict == verdict);
    match gate.exit {
        Exit::Incomplete => "FAILED",
        Exit::Slower => Judgement::Slower.as_str(),
        Exit::Undecided => Judgement::Undecided.as_str(),
        _ if any(Judgement::Faster) => Judgement::Faster.as_str(),
        _ => Judgement::Same.as_str(),
    }
}

/// `new against old`, of the cases or of the runs.
fn title(gate: &Gate) -> String {
    match gate.terms.design {
        Design::OneRun => {
            let reference = gate.differences.first().map_or("", |(reference, ..)| reference);
            let judged: Vec<&str> =
                gate.differences.iter().map(|(_, name, _)| name.as_str()).collect();
            format!("{} against {reference}", judged.join(", "))
        }
        Design::OneRunASide(_) | Design::SeveralRuns => {
            format!("{} against {}", gate.judged.join(", "), gate.reference.join(", "))
        }
    }
}

/// `margin 1 %, confidence 95 %, adjusted for 2 answers (Holm)`.
fn terms(gate: &Gate) -> String {
    let mut parts = vec![
        format!("margin {}", percent(gate.terms.margin)),
        format!("confidence {}", percent(gate.terms.confidence.get())),
    ];
    if let Design::OneRunASide(spread) = gate.terms.design {
        parts.push(format!("assumed spread between runs {}", percent(spread)));
    }
    if gate.rows.len() > 1 {
        parts.push(format!("adjusted for {} answers (Holm)", gate.rows.len()));
    }
    parts.join(", ")
}

/// The case, with that of the reference where they differ and the title does not say it.
fn case(gate: &Gate, row: &Row) -> String {
    if gate.terms.design == Design::OneRun || row.case == row.reference {
        row.case.clone()
    } else {
        format!("{} against {}", row.case, row.reference)
    }
}

fn figure(row: &Row, value: Option<f64>) -> String {
    value.map_or_else(
        || "–".to_owned(),
        |value| match row.metric.unit() {
            "1/s" => format!("{}/s", number(value)),
            "1" => number(value),
            _ => duration(value),
        },
    )
}

fn ratio(row: &Row) -> String {
    row.ratio.map_or_else(|| "–".to_owned(), |ratio| change(ratio.ratio))
}

fn bounds(row: &Row) -> String {
    row.ratio.map_or_else(|| "–".to_owned(), |ratio| change_range(ratio.lower, ratio.upper))
}

/// Reasons, each once with the metrics that share it.
fn reasons(gate: &Gate) -> Vec<String> {
    let mut points: Vec<(String, Vec<String>)> = Vec::new();
    for row in &gate.rows {
        for reason in &row.reasons {
            let name = format!("{} {}", case(gate, row), row.metric);
            match points.iter_mut().find(|(known, _)| known == reason) {
                Some((_, names)) => names.push(name),
                None => points.push((reason.clone(), vec![name])),
            }
        }
    }
    points.into_iter().map(|(reason, names)| format!("{}: {reason}", names.join(", "))).collect()
}
