//! The proof as a table, as Parquet and as plots.

mod figures;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use pipeline::artifact::{self, ValidationRow, provenance_of};
use pipeline::{Fault, Provenance, files};

use crate::report::model::{Cell, Table};
use crate::report::terminal;

/// Key of the seed in the footer.
const SEED: &str = "validation.seed";

/// What is printed: promises and peers; curves are in the files.
pub(super) fn terminal(rows: &[ValidationRow]) -> String {
    let titles = ["Claim", "Setting", "Metric", "Share#", "Must be#", ""];
    let mut table = Table::new("", &titles);
    for row in rows.iter().filter(|row| row.kind != "curve") {
        table.rows.push(cells(row).into_iter().map(Cell::plain).collect());
    }
    terminal::table(&table)
}

fn cells(row: &ValidationRow) -> [String; 6] {
    [
        row.claim.clone(),
        row.setting.clone(),
        row.metric.clone(),
        format!("{:.1} ± {:.1} %", row.figure * 100.0, row.error * 100.0),
        must_be(row),
        if row.kind == "peer" { "peer".to_owned() } else { row.verdict.clone() },
    ]
}

fn must_be(row: &ValidationRow) -> String {
    let percent = |share: f64| {
        crate::format::number(share * 100.0).trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match (row.low, row.high) {
        (Some(low), Some(high)) if low > 0.0 && high < 1.0 => {
            format!("{}–{} %", percent(low), percent(high))
        }
        (Some(low), _) if low > 0.0 => format!("≥ {} %", percent(low)),
        (_, Some(high)) => format!("≤ {} %", percent(high)),
        _ => String::new(),
    }
}

/// Lines that are in a folder already and not among `rows`.
///
/// # Errors
/// Exit 2 when they are of another seed.
pub(super) fn others(
    folder: &Path,
    rows: &[ValidationRow],
    seed: u64,
) -> anyhow::Result<Vec<ValidationRow>> {
    let path = folder.join("validation.parquet");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let known = provenance_of(&path)?;
    if known.get(SEED) != Some(seed.to_string().as_str()) {
        let message = format!("{} is of another seed than {seed}", path.display());
        return Err(Fault::config(message).hint("name another folder, or its seed").into());
    }
    let key = |row: &ValidationRow| {
        (row.claim.clone(), row.setting.clone(), row.metric.clone(), row.x.map(f64::to_bits))
    };
    let mut found: Vec<ValidationRow> = artifact::read_file(&path)?;
    found.retain(|old| rows.iter().all(|new| key(new) != key(old)));
    Ok(found)
}

/// Writes `validation.parquet`, `validation.md` and the plots.
pub(super) fn write(folder: &Path, rows: &[ValidationRow], seed: u64) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let provenance = Provenance::default()
        .with("tailmark.version", env!("CARGO_PKG_VERSION"))
        .with(SEED, seed.to_string());
    artifact::write_file(&folder.join("validation.parquet"), rows, &provenance)?;
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        files::write_atomic(&path, bytes)
            .with_context(|| format!("cannot write {}", path.display()))
    };
    put("validation.md", markdown(rows).as_bytes())?;
    let figures = figures::all(rows);
    let figures: Vec<&plot::Figure> = figures.iter().collect();
    for painted in plot::paint_all(&figures)? {
        put(&format!("{}.svg", painted.file), painted.svg.as_bytes())?;
        put(&format!("{}.png", painted.file), &painted.png)?;
    }
    Ok(())
}

/// Promises, peers and curves as three tables.
fn markdown(rows: &[ValidationRow]) -> String {
    let mut text = String::new();
    for (kind, title) in [
        ("claim", "Promises"),
        ("peer", "What other rules do on the same simulated runs"),
        ("curve", "Curves, and shares that are only told"),
    ] {
        let _ = writeln!(text, "## {title}\n");
        let last = if kind == "claim" { "| must be | |" } else { "| at |" };
        let rule = if kind == "claim" { "---|---|" } else { "---|" };
        let _ = writeln!(text, "| claim | setting | metric | share of trials {last}");
        let _ = writeln!(text, "|---|---|---|---|{rule}");
        for row in rows.iter().filter(|row| row.kind == kind) {
            let [claim, setting, metric, share, must_be, verdict] = cells(row);
            let end = if kind == "claim" {
                format!("{must_be} | {verdict}")
            } else {
                row.x.map(crate::format::number).unwrap_or_default()
            };
            let _ = writeln!(text, "| {claim} | {setting} | {metric} | {share} | {end} |");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::check::{Bounds, Kind, Of, claim, line, point};

    fn rows() -> Vec<ValidationRow> {
        let coverage = Of("coverage of 95 % intervals", "n = 13,000, independent", "compute/p99");
        let naive = Of("coverage if samples were taken for independent", coverage.1, coverage.2);
        let mut rows = vec![
            claim(coverage, (1_900, 2_000), Bounds(0.93, 0.97)),
            line(naive, Kind::Peer, (700, 2_000)),
        ];
        for (place, x) in [0.2, 0.5, 1.0].into_iter().enumerate() {
            for phi in ["φ = 0", "φ = 0.9"] {
                let of = Of("detection", phi, "drift over the window, in %");
                rows.push(point(of, x, (place as u64 * 250, 500)));
            }
        }
        rows
    }

    #[test]
    fn every_row_stands_in_the_table() {
        let text = markdown(&rows());
        assert!(text.contains("95.0 ± 0.5 % | 93–97 % | HOLDS |"), "{text}");
        assert!(
            text.contains("| 35.0 ± 1.1 % |") && text.contains("| 100.0 ± 0.1 % | 1"),
            "{text}"
        );
        assert!(!terminal(&rows()).contains("detection"));
    }

    #[test]
    fn files_are_written_and_figures_are_legible() {
        for figure in figures::all(&rows()) {
            plot::scene::assert_legible(&figure.scene);
        }
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &rows(), 1).unwrap();
        let read: Vec<ValidationRow> =
            artifact::read_file(&folder.path().join("validation.parquet")).unwrap();
        assert_eq!(read, rows());
        assert_eq!(others(folder.path(), &rows()[1..], 1).unwrap(), rows()[..1]);
        assert!(
            others(folder.path(), &rows(), 2).unwrap_err().to_string().contains("another seed")
        );
        assert!(folder.path().join("coverage.png").exists());
        assert!(folder.path().join("detection.svg").exists());
    }
}
