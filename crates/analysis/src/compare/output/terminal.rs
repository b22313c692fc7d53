//! For a terminal: the table first, then what to know beside it.

use super::{bounds, case, figure, ratio, reasons, terms, title, word};
use crate::compare::gate::{Design, Gate};
use crate::report::model::{Cell, Table, Tone};
use crate::report::terminal::table;

/// The table, reasons, warnings and differences. The caller strips colours where they do not belong.
pub fn terminal(gate: &Gate) -> String {
    let titles =
        ["Case", "Metric", "Before#", "After#", "Change#", "Interval#", "Rests on", "Answer"];
    let mut made = Table::new("", &titles);
    for row in &gate.rows {
        made.rows.push(vec![
            Cell::plain(case(gate, row)),
            Cell::plain(row.metric.to_string()),
            Cell::plain(figure(row, row.reference_estimate)),
            Cell::plain(figure(row, row.estimate)),
            Cell::plain(ratio(row)),
            Cell::plain(bounds(row)),
            Cell::plain(row.basis.clone()),
            Cell::tag(row.verdict.as_str(), Tone::of_word(row.verdict.as_str())),
        ]);
    }
    let head = format!("{}: {}\n{}\n\n{}", word(gate), title(gate), terms(gate), table(&made));
    let reasons = reasons(gate).into_iter().map(|line| format!("why: {line}\n"));
    let warnings = gate.warnings.iter().map(|line| format!("warning: {line}\n"));
    let differences = gate.differences.iter().flat_map(|(reference, judged, found)| {
        let of = match gate.terms.design {
            Design::OneRun => format!("{reference} and {judged}: "),
            _ if gate.differences.len() > 1 => format!("{judged}: "),
            _ => String::new(),
        };
        found.iter().map(move |found| format!("differs: {of}{found}\n"))
    });
    std::iter::once(head).chain(reasons).chain(warnings).chain(differences).collect()
}
