//! The report's first table and its answer as plain text for a terminal.

use super::model::{Cell, Table, Tone};
use super::{builds, tables};
use crate::advice;
use crate::analyse::Analysis;
use crate::format::{change, change_range};
use crate::metric::Quantity;

/// Results, comparisons and notes. The caller strips colours where they do not belong.
pub fn results(analysis: &Analysis) -> String {
    let measured = !analysis.run.cases.is_empty();
    let results = measured.then(|| table(&tables::results(analysis, Quantity::Compute)));
    let builds = builds::lines(analysis).into_iter().map(|line| line.text.replace('`', ""));
    let claims = analysis.claims_in_words().into_iter();
    let claims = claims.map(|(row, words)| claim(&row.verdict, &words.replace('`', "")));
    let mut lines: Vec<String> = claims.chain(results).chain(builds).collect();
    lines.extend(analysis.run.cases.iter().filter_map(|case| comparison(analysis, &case.name)));
    for judged in &analysis.verdicts {
        let reasons = judged.reasons.iter();
        lines.extend(reasons.map(|why| format!("{} {}: {why}", judged.case, judged.verdict)));
        let next = advice::next(judged.verdict).map(|next| next.replace('`', ""));
        lines.extend(next.map(|next| format!("{}, next: {next}", judged.case)));
        lines.extend(judged.notes.iter().map(|note| format!("{}: {note}", judged.case)));
    }
    lines.extend(analysis.run.interrupted.iter().map(|why| format!("interrupted: {why}")));
    lines.join("\n") + "\n"
}

/// A claim's sentence with its verdict in colour.
fn claim(verdict: &str, words: &str) -> String {
    let rest = words.strip_prefix(verdict).unwrap_or(words);
    match colour(Tone::of_word(verdict)) {
        Some(code) => format!("claim \x1b[{code}m{verdict}\x1b[0m{rest}"),
        None => format!("claim {verdict}{rest}"),
    }
}

/// One line on a case against the baseline.
fn comparison(analysis: &Analysis, case: &str) -> Option<String> {
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
    (!parts.is_empty())
        .then(|| format!("{case} against {}: {}", analysis.config.baseline, parts.join("; ")))
}

/// A table with aligned columns; bounds stand in a second line below their numbers.
pub fn table(table: &Table) -> String {
    let widths: Vec<usize> = (0..table.columns.len())
        .map(|k| {
            let title = length(&table.columns[k].title);
            let cells = table.rows.iter().flat_map(|row| [upper(&row[k]), lower(row, k)]);
            cells.map(|text| length(&text)).fold(title, usize::max)
        })
        .collect();
    let write = |cells: Vec<String>| -> String {
        let padded =
            cells.iter().zip(&widths).zip(&table.columns).map(|((cell, width), column)| {
                let space = " ".repeat(width - length(cell));
                if column.numeric { format!("{space}{cell}") } else { format!("{cell}{space}") }
            });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let titles = table.columns.iter().map(|column| column.title.clone()).collect();
    let total = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
    let mut lines = vec![write(titles), "─".repeat(total)];
    for row in &table.rows {
        let first = coloured(&write(row.iter().map(upper).collect()), row);
        if is_skipped(row) {
            let reason = row.last().map_or("", |cell| cell.detail.as_str());
            lines.push(format!("{first}: {reason}"));
            continue;
        }
        lines.push(first);
        let second: Vec<String> = (0..row.len()).map(|k| lower(row, k)).collect();
        if second.iter().any(|cell| !cell.is_empty()) {
            lines.push(format!("\x1b[2m{}\x1b[0m", write(second)));
        }
    }
    lines.join("\n") + "\n"
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Whether a row tells of a mode that was skipped: its reason follows in the same line.
fn is_skipped(row: &[Cell]) -> bool {
    row.last().and_then(|cell| cell.tag.as_ref()).is_some_and(|(word, _)| word == "SKIPPED")
}

/// The first line of a cell: its value, or the word that it consists of.
fn upper(cell: &Cell) -> String {
    match &cell.tag {
        Some((word, _)) if cell.text.is_empty() => word.clone(),
        _ => cell.text.replace('`', ""),
    }
}

/// The second line of a cell: the word on its value, or its bounds.
fn lower(row: &[Cell], k: usize) -> String {
    match &row[k].tag {
        Some((word, _)) if !row[k].text.is_empty() => word.clone(),
        _ if is_skipped(row) => String::new(),
        _ => row[k].detail.clone(),
    }
}

/// Colours the verdict at the end of a line.
fn coloured(line: &str, row: &[Cell]) -> String {
    let tag = row.last().filter(|cell| cell.text.is_empty()).and_then(|cell| cell.tag.as_ref());
    let Some((word, tone)) = tag else { return line.to_owned() };
    let Some(code) = colour(*tone) else { return line.to_owned() };
    match line.strip_suffix(word.as_str()) {
        Some(rest) => format!("{rest}\x1b[{code}m{word}\x1b[0m"),
        None => line.to_owned(),
    }
}

/// The colour of a tone in a terminal; `None` for the terminal's own.
fn colour(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Good => Some("32"),
        Tone::Warn => Some("33"),
        Tone::Bad => Some("31"),
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
