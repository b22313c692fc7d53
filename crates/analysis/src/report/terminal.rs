//! The report's first table and its answer as plain text for a terminal.

use super::model::{Cell, Table, Tone};
use super::tables;
use crate::analyse::Analysis;
use crate::format::{change, change_range};
use crate::metric::Quantity;

/// Results, comparisons and notes. The caller strips colours where they do not belong.
pub fn results(analysis: &Analysis) -> String {
    let mut text = table(&tables::results(analysis, Quantity::Compute));
    text.push('\n');
    for case in &analysis.run.cases {
        text.push_str(&comparison(analysis, &case.name));
    }
    for row in &analysis.claims {
        let why = if row.reasons.is_empty() {
            String::new()
        } else {
            format!(": {}", row.reasons.join("; "))
        };
        text.push_str(&format!("claim {}  {}{why}\n", row.verdict, row.claim));
    }
    for judged in &analysis.verdicts {
        for reason in &judged.reasons {
            text.push_str(&format!("{} {}: {reason}\n", judged.case, judged.verdict));
        }
        for note in &judged.notes {
            text.push_str(&format!("{}: {note}\n", judged.case));
        }
    }
    for why in &analysis.run.interrupted {
        text.push_str(&format!("interrupted: {why}\n"));
    }
    text
}

/// One line on a case against the baseline; empty when there is none.
fn comparison(analysis: &Analysis, case: &str) -> String {
    let (middle, tail) = (analysis.middle(), analysis.tail());
    let mut metrics = vec!["throughput".to_owned(), format!("response/{middle}")];
    if tail != middle {
        metrics.push(format!("response/{tail}"));
    }
    let parts: Vec<String> = metrics
        .iter()
        .filter_map(|metric| {
            let row = analysis.comparison_of(case, metric)?;
            let bounds = row.lower.zip(row.upper).map_or_else(String::new, |(lower, upper)| {
                format!(" ({})", change_range(lower, upper))
            });
            Some(format!("{metric} {}{bounds} {}", change(row.ratio?), row.verdict))
        })
        .collect();
    if parts.is_empty() {
        return String::new();
    }
    format!("{case} against {}: {}\n", analysis.config.baseline, parts.join("; "))
}

/// A table with aligned columns; bounds stand in a second line below their numbers.
pub fn table(table: &Table) -> String {
    let skipped = |row: &[Cell]| {
        row.last().and_then(|cell| cell.tag.as_ref()).is_some_and(|(word, _)| word == "SKIPPED")
    };
    let lines = |row: &[Cell]| -> [Vec<String>; 2] {
        let upper = row.iter().map(|cell| match &cell.tag {
            Some((word, _)) if cell.text.is_empty() => word.clone(),
            _ => cell.text.replace('`', ""),
        });
        let lower = row.iter().map(|cell| match &cell.tag {
            Some((word, _)) if !cell.text.is_empty() => word.clone(),
            _ if skipped(row) => String::new(),
            _ => cell.detail.clone(),
        });
        [upper.collect(), lower.collect()]
    };
    let length = |text: &str| text.chars().count();
    let mut widths: Vec<usize> = table.columns.iter().map(|column| length(&column.title)).collect();
    for row in &table.rows {
        for line in lines(row) {
            for (width, text) in widths.iter_mut().zip(&line) {
                *width = (*width).max(length(text));
            }
        }
    }
    let write = |cells: &[String]| -> String {
        let mut line = String::new();
        for ((cell, width), column) in cells.iter().zip(&widths).zip(&table.columns) {
            let space = " ".repeat(width - length(cell));
            if column.numeric {
                line.push_str(&format!("{space}{cell}  "));
            } else {
                line.push_str(&format!("{cell}{space}  "));
            }
        }
        line.trim_end().to_owned()
    };
    let titles: Vec<String> = table.columns.iter().map(|column| column.title.clone()).collect();
    let total: usize = widths.iter().sum::<usize>() + 2 * (widths.len().max(1) - 1);
    let mut text = format!("{}\n{}\n", write(&titles), "─".repeat(total));
    for row in &table.rows {
        let [upper, lower] = lines(row);
        text.push_str(&coloured(&write(&upper), row));
        text.push('\n');
        if skipped(row) {
            let reason = row.last().map_or("", |cell| cell.detail.as_str());
            text.truncate(text.len() - 1);
            text.push_str(&format!(": {reason}\n"));
        } else if lower.iter().any(|cell| !cell.is_empty()) {
            text.push_str(&format!("\x1b[2m{}\x1b[0m\n", write(&lower)));
        }
    }
    text
}

/// Colours the verdict at the end of a line.
fn coloured(line: &str, row: &[Cell]) -> String {
    let tag = row.last().filter(|cell| cell.text.is_empty()).and_then(|cell| cell.tag.as_ref());
    let Some((word, tone)) = tag else { return line.to_owned() };
    let code = match tone {
        Tone::Plain => return line.to_owned(),
        Tone::Good => "32",
        Tone::Warn => "33",
        Tone::Bad => "31",
    };
    match line.strip_suffix(word.as_str()) {
        Some(rest) => format!("{rest}\x1b[{code}m{word}\x1b[0m"),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_bounds_stand_below() {
        let mut made = Table::new("x", &["Mode", "Mean (ms)#", "Verdict"]);
        made.rows.push(vec![
            Cell::plain("base"),
            Cell::plain("39.87").with_detail("39.80–39.95"),
            Cell::tag("VALID", Tone::Plain),
        ]);
        made.rows.push(vec![
            Cell::plain("cuda-graph"),
            Cell::none(),
            Cell::tag("SKIPPED", Tone::Plain).with_detail("no graphs here"),
        ]);
        let plain = table(&made).replace("\x1b[2m", "").replace("\x1b[0m", "");
        let lines: Vec<&str> = plain.lines().collect();
        assert_eq!(lines[0], "Mode          Mean (ms)  Verdict");
        assert_eq!(lines[2], "base              39.87  VALID");
        assert_eq!(lines[3], "            39.80–39.95");
        assert_eq!(lines[4], "cuda-graph            –  SKIPPED: no graphs here");
    }
}
