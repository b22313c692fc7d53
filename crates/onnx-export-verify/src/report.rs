//! Verification rows as lines for people.

use backend::Precision;
use pipeline::Verdict;
use pipeline::artifact::VerifyRow;

use crate::verify::Subject;

/// Most outputs whose failure is told.
const MOST_FAILURES: usize = 6;

/// Where the tolerance of a precision comes from.
pub fn tolerance_line(base: &Subject, given: Option<f64>, precision: Precision) -> String {
    match given {
        Some(given) => {
            format!("tolerance {precision}: {given:.1e} of the output's scale, as given")
        }
        None => format!("tolerance {precision}: {}", base.depth.reason(precision)),
    }
}

/// One line per model, engine, reference and output.
pub fn lines(rows: &[VerifyRow]) -> Vec<String> {
    VerifyRow::by_output(rows).iter().map(|group| line(group)).collect()
}

fn line(group: &[&VerifyRow]) -> String {
    let row = VerifyRow::tightest(group).unwrap_or(group[0]);
    let verdict = group.iter().map(|row| row.verdict).max().unwrap_or(Verdict::Valid);
    let head = format!("{verdict} {} on {}, output `{}`", row.precision, row.engine, row.output);
    if row.reference == "none" {
        return format!("{head}: not compared ({})", row.reasons.join("; "));
    }
    let achieved = if let Some(least) = row.minimum_tolerance {
        let passes = if least <= row.relative_tolerance { "passes" } else { "would pass" };
        format!("{passes} at {least:.2e}, allowed {:.2e}", row.relative_tolerance)
    } else {
        "no tolerance would pass".to_owned()
    };
    let unit = if row.equal_share.is_some() { "of the elements" } else { "of the scale" };
    let given = if row.tolerance_from == "given" { " (given)" } else { "" };
    // of what failed the reasons follow in a line of their own
    let worst = group.iter().find(|row| row.verdict == Verdict::Uncertified);
    let note = match worst.and_then(|row| row.reasons.first()) {
        Some(reason) if verdict == Verdict::Uncertified => format!("; {reason}"),
        _ => String::new(),
    };
    let metrics = metrics(group);
    let inputs = inputs(group);
    format!(
        "{head}, against {}: {achieved} {unit}{given}; {metrics}; {inputs}{note}",
        row.reference
    )
}

/// The worst of every metric over the input sets.
fn metrics(group: &[&VerifyRow]) -> String {
    let worst = |of: fn(&VerifyRow) -> f64| group.iter().map(|row| of(row)).fold(0.0, f64::max);
    let mut parts = vec![format!("largest error {:.2e}", worst(|row| row.max_abs))];
    if let Some(ulp) = group.iter().filter_map(|row| row.ulp).reduce(f64::max) {
        parts.push(format!("{ulp:.1} ulp of {}", group[0].precision));
    }
    if let Some(equal) = group.iter().filter_map(|row| row.equal_share).reduce(f64::min) {
        parts.push(format!("{:.4} % of the elements equal", 100.0 * equal));
    }
    if let Some(cosine) = group.iter().filter_map(|row| row.cosine).reduce(f64::min) {
        parts.push(format!("cosine {cosine:.7}"));
    }
    let agree = group.iter().filter(|row| row.top1_agree == Some(true)).count();
    let listed = group.iter().filter(|row| row.top1_agree.is_some()).count();
    if listed > 0 {
        parts.push(format!("top-1 {agree} of {listed}"));
    }
    if let Some(top5) = group.iter().filter_map(|row| row.top5_agree).reduce(f64::min) {
        parts.push(format!("top-5 {:.0} %", 100.0 * top5));
    }
    let nan = worst(|row| (row.nan_count + row.inf_count) as f64);
    if nan > 0.0 {
        parts.push(format!("{nan} NaN or infinite"));
    }
    parts.join(", ")
}

/// `15 inputs (3 image-like, 3 normal, 3 photographs)`.
fn inputs(group: &[&VerifyRow]) -> String {
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for row in group {
        let kind = match row.input_set.split_once(", seed ") {
            Some((distribution, _)) => distribution.to_owned(),
            None if row.input_set.starts_with("photograph ") => "photographs".to_owned(),
            None => "given".to_owned(),
        };
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let plural = if group.len() == 1 { "input" } else { "inputs" };
    format!("{} {plural} ({})", group.len(), kinds.join(", "))
}

/// Why it failed: for each model, engine and output the reasons of the first input that failed, and how many others did.
pub fn failures(rows: &[VerifyRow]) -> Vec<String> {
    let failed = rows.iter().filter(|row| row.verdict == Verdict::Failed);
    let line = |group: &Vec<&VerifyRow>| {
        let row = group[0];
        let others = match group.len() - 1 {
            0 => String::new(),
            1 => ", and one other input".to_owned(),
            n => format!(", and {n} other inputs"),
        };
        format!("{}, {}{others}: {}", row.precision, row.input_set, row.reasons.join("; "))
    };
    let mut lines: Vec<String> = VerifyRow::by_output(failed).iter().map(line).collect();
    let more = lines.len().saturating_sub(MOST_FAILURES);
    lines.truncate(MOST_FAILURES);
    if more > 0 {
        lines.push(format!("and {more} more outputs, see verify.parquet"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a probability near 0 more is allowed; the numbers of two input sets must not be mixed.
    #[test]
    fn what_passes_and_what_is_allowed_are_of_one_row() {
        let row = |set: &str, least: f64, allowed: f64| -> VerifyRow {
            serde_json::from_value(serde_json::json!({
                "model_digest": "m", "precision": "fp32", "engine": "e", "reference": "r", "output": "p",
                "input_set": set, "max_abs": 1e-6, "max_rel": 1e-6, "nan_count": 0, "inf_count": 0,
                "reference_nan_count": 0, "scale": 1.0, "minimum_tolerance": least,
                "relative_tolerance": allowed, "tolerance": 1e-6, "tolerance_from": "error model",
                "verdict": "VALID", "reasons": [],
            }))
            .unwrap()
        };
        let lines = lines(&[row("wide, seed 1", 1e-6, 2e-6), row("wide, seed 2", 0.5, 24.0)]);
        assert!(lines[0].contains("passes at 1.00e-6, allowed 2.00e-6 of the scale"), "{lines:?}");
    }
}
