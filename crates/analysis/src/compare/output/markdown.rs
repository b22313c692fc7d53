//! For a comment on a pull request: the answer in the first line, the rest folded away.

use stats::Judgement;

use super::{bounds, case, figure, ratio, reasons, terms, title, word};
use crate::compare::gate::{Gate, Row};
use crate::format::percent;
use crate::report::markdown::escaped;

/// Stands first, so that a workflow finds its own comment again and replaces it.
const MARK: &str = "<!-- tailmark compare -->";

/// The whole comment.
pub fn markdown(gate: &Gate) -> String {
    let mut parts = vec![
        format!("{MARK}\n### {} {}: {}\n", mark(word(gate)), word(gate), escaped(&title(gate))),
        rows(gate),
        format!("{}.\n", sentence(&terms(gate))),
    ];
    parts.extend(list("Why, and what to do next", &reasons(gate)));
    parts.extend(list("Read with care", &gate.warnings));
    parts.extend(differences(gate));
    parts.join("\n")
}

fn mark(word: &str) -> &'static str {
    match word {
        "FASTER" | "SAME" => "✓",
        "UNDECIDED" => "?",
        _ => "✗",
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn rows(gate: &Gate) -> String {
    let interval = format!("{} interval", percent(gate.terms.confidence.get()));
    let head = format!(
        "| Case | Metric | Before | After | Change | {interval} | Rests on | Answer |\n|---|---|---:|---:|---:|---:|---|---|\n"
    );
    let row = |row: &Row| {
        let word = row.verdict.as_str();
        let bold = if row.verdict == Judgement::Same { "" } else { "**" };
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} {bold}{word}{bold} |\n",
            escaped(&case(gate, row)),
            row.metric,
            figure(row, row.reference_estimate),
            figure(row, row.estimate),
            ratio(row),
            bounds(row),
            row.basis,
            mark(word),
        )
    };
    std::iter::once(head).chain(gate.rows.iter().map(row)).collect()
}

fn list(title: &str, points: &[String]) -> Option<String> {
    let lines: Vec<String> = points.iter().map(|point| format!("- {}", escaped(point))).collect();
    (!points.is_empty()).then(|| format!("**{title}**\n\n{}\n", lines.join("\n")))
}

fn differences(gate: &Gate) -> Option<String> {
    let count: usize = gate.differences.iter().map(|(.., found)| found.len()).sum();
    let noun = if count == 1 { "difference" } else { "differences" };
    let row = |case: &str, what: &str, before: &str, after: &str| {
        let cells = [case, what, before, after].map(escaped);
        format!("| {} |\n", cells.join(" | "))
    };
    let rows: String = gate
        .differences
        .iter()
        .flat_map(|(_, case, found)| found.iter().map(move |found| (case, found)))
        .map(|(case, found)| row(case, &found.what, &found.reference, &found.judged))
        .collect();
    (count > 0).then(|| {
        format!(
            "<details><summary>{count} {noun} of settings and environment</summary>\n\n| Case | What | Before | After |\n|---|---|---|---|\n{rows}\n</details>\n"
        )
    })
}
