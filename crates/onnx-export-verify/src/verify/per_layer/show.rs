//! A comparison layer by layer as lines for people.

use pipeline::artifact::LayerErrorRow;
use plot::Figure;
use plot::depth::{self, Layer};

use super::LayerErrors;

/// Largest number of float16.
const LARGEST: f64 = 65_504.0;
/// Layers in the table.
const WORST: usize = 10;

/// What was compared, the first layer that departs, and the worst layers as a table.
pub fn lines(errors: &LayerErrors) -> Vec<String> {
    let Some(one) = errors.rows.first() else { return vec!["no layer was compared".to_owned()] };
    let mut lines = vec![format!(
        "{} layers of {} against {}, {} input sets{}",
        errors.rows.len(),
        one.engine,
        one.reference,
        one.input_sets,
        match errors.unmatched {
            0 => String::new(),
            n => format!("; {n} layers of the reference are not in the model"),
        }
    )];
    let parts = errors.parts;
    if parts > 1 {
        let mib = errors.part_bytes >> 20;
        lines.push(format!("run in {parts} parts of at most {mib} MiB of values a side"));
    }
    lines.push(verdict(&errors.rows));
    if one.precision == "fp16" {
        lines.extend(headroom(&errors.rows));
    }
    lines.extend(table(&errors.rows));
    lines
}

/// One sentence: where the two part.
pub fn verdict(rows: &[LayerErrorRow]) -> String {
    let many = rows.iter().filter(|row| row.departs).count();
    match rows.iter().find(|row| row.departs) {
        None => "no layer departs: every error is within what roundings explain".to_owned(),
        Some(first) => {
            let others = if many > 1 {
                format!("; {} layers after it depart too", many - 1)
            } else {
                String::new()
            };
            format!(
                "first departing layer: `{}` ({}), {}{others}",
                first.name,
                first.op_type,
                why(first)
            )
        }
    }
}

fn why(row: &LayerErrorRow) -> String {
    let (nan, inf) = (row.nan_count, row.inf_count);
    if nan + inf > 0 {
        return format!(
            "{nan} NaN and {inf} infinite values; its reference reaches {:.3e}",
            row.max_value
        );
    }
    format!("error {:.2e} of its scale, tolerance {:.2e}", row.error, row.tolerance)
}

/// The layer that is nearest to the end of float16.
fn headroom(rows: &[LayerErrorRow]) -> Option<String> {
    let row = rows.iter().max_by(|a, b| a.max_value.total_cmp(&b.max_value))?;
    let times = LARGEST / row.max_value;
    let place = if times >= 1.0 {
        format!("{times:.1} times below")
    } else {
        format!("{:.1} times above", 1.0 / times)
    };
    (row.max_value > 0.0).then(|| {
        let (value, name) = (row.max_value, &row.name);
        format!("largest value: {value:.4e} in `{name}`, {place} the 65504 of float16")
    })
}

/// The layers with the largest share of their tolerance, worst first.
fn table(rows: &[LayerErrorRow]) -> Vec<String> {
    let share = |row: &LayerErrorRow| match row.nan_count + row.inf_count {
        0 => row.error / row.tolerance.max(f64::MIN_POSITIVE),
        _ => f64::INFINITY,
    };
    let mut worst: Vec<&LayerErrorRow> = rows.iter().collect();
    worst.sort_by(|a, b| share(b).total_cmp(&share(a)).then(a.layer.cmp(&b.layer)));
    worst.truncate(WORST);
    let name = |row: &LayerErrorRow| format!("{} ({})", row.name, row.op_type);
    let width = worst.iter().map(|row| name(row).chars().count()).max().unwrap_or(0).min(60);
    let head = format!(
        "{:>5}  {:width$}  {:>9}  {:>9}  {:>9}  {:>9}  {:>10}",
        "layer", "value", "error", "tolerance", "max abs", "scale", "NaN, inf"
    );
    let line = |row: &&LayerErrorRow| {
        format!(
            "{:>5}  {:width$}  {:>9.2e}  {:>9.2e}  {:>9.2e}  {:>9.2e}  {:>10}{}",
            row.layer,
            shortened(&name(row), width),
            row.error,
            row.tolerance,
            row.max_abs,
            row.scale,
            row.nan_count + row.inf_count,
            if row.departs { "  departs" } else { "" }
        )
    };
    std::iter::once(head).chain(worst.iter().map(line)).collect()
}

/// A text in at most `most` characters, its end kept: names differ there.
fn shortened(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let end: String = text.chars().skip(length - most + 1).collect();
    format!("…{end}")
}

/// Error by depth as a drawing; `None` without layers.
pub fn figure(rows: &[LayerErrorRow], title: &str) -> Option<Figure> {
    let first = rows.first()?;
    let layer = |row: &LayerErrorRow| Layer {
        place: u32::try_from(row.layer).unwrap_or(u32::MAX),
        name: row.name.clone(),
        op_type: row.op_type.clone(),
        error: row.error,
        tolerance: row.tolerance,
        finite: row.nan_count + row.inf_count == 0,
        departs: row.departs,
    };
    let layers: Vec<Layer> = rows.iter().map(layer).collect();
    depth::figure(&depth::Data {
        file: "layer-errors".to_owned(),
        title: title.to_owned(),
        what: format!("{} against {}", first.engine, first.reference),
        layers: &layers,
    })
}
