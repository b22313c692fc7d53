//! The tables of what was measured and judged.

use pipeline::Verdict;
use pipeline::artifact::{ComparisonRow, SummaryRow};

use super::model::{Cell, Table, Tone};
use crate::advice;
use crate::analyse::Analysis;
use crate::claims::NOT_APPLICABLE;
use crate::format::{change, change_range, percent, with_bounds};
use crate::metric::{Metric, Quantity, Statistic};

/// One row a mode: throughput, mean and percentiles of a time, verdict.
pub fn results(analysis: &Analysis, quantity: Quantity) -> Table {
    let shares = &analysis.config.percentiles.0;
    let mut titles =
        vec!["Mode".to_owned(), "Throughput (1/s)#".to_owned(), "Mean (ms)#".to_owned()];
    titles.extend(shares.iter().map(|share| format!("{share} (ms)#")));
    titles.push("Verdict".to_owned());
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let confidence = percent(analysis.config.confidence.0.get());
    let caption = format!(
        "Throughput and {} time of each mode; below each number its {confidence} interval",
        quantity.name()
    );
    let mut table = Table::new(caption, &titles);
    let time = |statistic| Metric::Time(quantity, statistic);
    let mut metrics = vec![Metric::Throughput, time(Statistic::Mean)];
    metrics.extend(shares.iter().map(|&share| time(Statistic::Percentile(share))));
    for (place, (case, summary)) in analysis.run.cases.iter().zip(&analysis.summaries).enumerate() {
        let several = case.streams() > 1 && !case.rounds.is_empty();
        let mark = if several && !quantity.compares_across_streams() { " †" } else { "" };
        let mut row = vec![Cell {
            text: format!("{}{mark}", case.name),
            mode: Some(place),
            ..Cell::default()
        }];
        row.extend(metrics.iter().map(|&metric| {
            summary.row(metric).map_or_else(Cell::none, |row| estimate(row, metric))
        }));
        row.push(verdict(analysis, place));
        table.rows.push(row);
    }
    table
}

/// An estimate with its bounds, marked when they cannot be had.
fn estimate(row: &SummaryRow, metric: Metric) -> Cell {
    let Some(value) = row.estimate else { return Cell::none() };
    let scale = if metric == Metric::Throughput { 1.0 } else { 1e-6 };
    let written = with_bounds(value, row.lower, row.upper, scale);
    let short = row.verdict == Verdict::TooShort;
    Cell {
        text: written.estimate,
        tag: short.then(|| (row.verdict.to_string(), Tone::Warn)),
        detail: written.bounds,
        mode: None,
    }
}

/// The name of a mode, with its verdict unless that is VALID: for tables without a column of verdicts.
pub(super) fn mode(analysis: &Analysis, place: usize) -> Cell {
    let judged = &analysis.verdicts[place];
    let tag = (judged.verdict.to_string(), Tone::of(judged.verdict));
    let tag = (judged.verdict != Verdict::Valid).then_some(tag);
    Cell { text: judged.case.clone(), tag, mode: Some(place), ..Cell::default() }
}

/// The verdict of a case; of a skipped one with the reason.
fn verdict(analysis: &Analysis, place: usize) -> Cell {
    let judged = &analysis.verdicts[place];
    let cell = Cell::tag(judged.verdict.to_string(), Tone::of(judged.verdict));
    if judged.verdict == Verdict::Skipped {
        cell.with_detail(judged.reasons.first().map_or("", String::as_str))
    } else {
        cell
    }
}

/// One row a mode, one column a metric: change against the baseline and the word on it.
pub fn comparison(analysis: &Analysis) -> Table {
    let (middle, tail) = (analysis.middle(), analysis.tail());
    let percentile = |quantity, share| Metric::Time(quantity, Statistic::Percentile(share));
    let mut metrics = vec![
        Metric::Throughput,
        Metric::Time(Quantity::Response, Statistic::Mean),
        percentile(Quantity::Response, middle),
        percentile(Quantity::Response, tail),
        percentile(Quantity::Compute, middle),
        percentile(Quantity::Enqueue, middle),
    ];
    metrics.dedup();
    metrics.retain(|metric| {
        let name = metric.to_string();
        analysis.comparison.iter().any(|row| row.metric == name)
    });
    let names: Vec<String> = metrics.iter().map(|metric| format!("{metric}#")).collect();
    let titles: Vec<&str> =
        std::iter::once("Mode").chain(names.iter().map(String::as_str)).collect();
    let baseline = analysis.config.baseline.as_str();
    let mut table = Table::new(
        format!("Change of each mode against `{baseline}`, paired round by round"),
        &titles,
    );
    for (place, case) in analysis.run.cases.iter().enumerate() {
        if !analysis.comparison.iter().any(|row| row.case == case.name) {
            continue;
        }
        let mut row = vec![mode(analysis, place)];
        row.extend(metrics.iter().map(|metric| {
            let found = analysis.comparison_of(&case.name, &metric.to_string());
            found.map_or_else(Cell::none, judged)
        }));
        table.rows.push(row);
    }
    table
}

fn judged(row: &ComparisonRow) -> Cell {
    let detail = match (row.lower, row.upper) {
        (Some(lower), Some(upper)) => change_range(lower, upper),
        _ => row.reasons.first().cloned().unwrap_or_default(),
    };
    Cell {
        text: row.ratio.map_or_else(|| "–".to_owned(), change),
        tag: Some((row.verdict.clone(), Tone::of_word(&row.verdict))),
        detail,
        mode: None,
    }
}

/// One row a claim.
pub fn claims(analysis: &Analysis) -> Table {
    let titles = ["Claim", "Answer", "Left ÷ right#", "Why"];
    let mut table = Table::new("Claims of the pipeline file, asked of this run", &titles);
    for row in &analysis.claims {
        let ratio = match row.ratio {
            Some(ratio) if row.verdict != NOT_APPLICABLE => {
                let written = with_bounds(ratio, row.lower, row.upper, 1.0);
                Cell::plain(written.estimate).with_detail(written.bounds)
            }
            _ => Cell::none(),
        };
        table.rows.push(vec![
            Cell::plain(format!("`{}`", row.claim)).with_detail(
                row.condition.as_ref().map_or_else(String::new, |names| format!("when {names}")),
            ),
            Cell::tag(row.verdict.clone(), Tone::of_word(&row.verdict)),
            ratio,
            Cell::plain(row.reasons.join("; ")),
        ]);
    }
    table
}

/// One row a case: verdict, reasons, notes.
pub fn verdicts(analysis: &Analysis) -> Table {
    let mut table = Table::new(
        "How far each mode may be trusted",
        &["Mode", "Verdict", "Why", "What to do next", "Notes"],
    );
    for (place, judged) in analysis.verdicts.iter().enumerate() {
        let why = if judged.reasons.is_empty() {
            "nothing to object".to_owned()
        } else {
            judged.reasons.join("; ")
        };
        table.rows.push(vec![
            Cell { text: judged.case.clone(), mode: Some(place), ..Cell::default() },
            Cell::tag(judged.verdict.to_string(), Tone::of(judged.verdict)),
            Cell::plain(why),
            Cell::plain(advice::next(judged.verdict).unwrap_or("–")),
            Cell::plain(judged.notes.join("; ")),
        ]);
    }
    table
}

/// What is TOO-SHORT and what it needs; of compute and response, which the tables show. `None` when nothing is.
pub fn too_short(analysis: &Analysis) -> Option<Vec<String>> {
    let shown = |row: &&SummaryRow| {
        row.metric == "throughput"
            || row.metric.starts_with("compute/p")
            || row.metric.starts_with("response/p")
    };
    let rows = analysis.summaries.iter().flat_map(|summary| &summary.rows);
    let mut points: Vec<(String, String, Vec<String>)> = Vec::new();
    for row in rows.filter(|row| row.verdict == Verdict::TooShort).filter(shown) {
        let why = row.reasons.join("; ");
        match points.iter_mut().find(|(case, reason, _)| *case == row.case && *reason == why) {
            Some((_, _, metrics)) => metrics.push(row.metric.clone()),
            None => points.push((row.case.clone(), why, vec![row.metric.clone()])),
        }
    }
    let written: Vec<String> = points
        .into_iter()
        .map(|(case, why, metrics)| {
            format!("`{case}`, {}: TOO-SHORT: {why}.", metrics.join(" and "))
        })
        .collect();
    (!written.is_empty()).then_some(written)
}
