//! Verification rows as lines for people.

use pipeline::Verdict;
use pipeline::artifact::VerifyRow;

/// One line per model, engine, reference and output.
pub fn lines(rows: &[VerifyRow]) -> Vec<String> {
    let mut groups: Vec<Vec<&VerifyRow>> = Vec::new();
    for row in rows {
        let same = |group: &&mut Vec<&VerifyRow>| identity(group[0]) == identity(row);
        match groups.iter_mut().find(same) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups.iter().map(|group| line(group)).collect()
}

fn identity(row: &VerifyRow) -> [&str; 4] {
    [&row.model_digest, &row.engine, &row.reference, &row.output]
}

fn line(group: &[&VerifyRow]) -> String {
    let row = group[0];
    let verdict = group.iter().map(|row| row.verdict).max().unwrap_or(Verdict::Valid);
    let of = |f: fn(&VerifyRow) -> f64| group.iter().map(|row| f(row)).fold(0.0, f64::max);
    let head = format!("{verdict} {} on {}, output `{}`", row.precision, row.engine, row.output);
    if row.reference == "none" {
        return format!("{head}: not compared ({})", row.reasons.join("; "));
    }
    // the tightest of the input sets
    let worst = group.iter().max_by(|a, b| {
        (a.max_abs / a.tolerance.max(f64::MIN_POSITIVE))
            .total_cmp(&(b.max_abs / b.tolerance.max(f64::MIN_POSITIVE)))
    });
    let worst = worst.copied().unwrap_or(row);
    let cosine = group.iter().filter_map(|row| row.cosine).reduce(f64::min);
    let cosine = cosine.map_or_else(String::new, |c| format!(", cosine {c:.7}"));
    let agree = group.iter().filter(|row| row.top1_agree == Some(true)).count();
    let listed = group.iter().filter(|row| row.top1_agree.is_some()).count();
    let top = if listed > 0 { format!(", top-1 {agree} of {listed}") } else { String::new() };
    let nan = of(|row| (row.nan_count + row.inf_count) as f64);
    let nan = if nan > 0.0 { format!(", {nan} NaN or infinite") } else { String::new() };
    let note = match (verdict, row.reasons.first()) {
        (Verdict::Uncertified, Some(reason)) => format!("; {reason}"),
        _ => String::new(),
    };
    format!(
        "{head}, against {}: largest error {:.2e}, tolerance {:.2e}{cosine}{top}{nan}, {} inputs{note}",
        row.reference,
        worst.max_abs,
        worst.tolerance,
        group.len()
    )
}

/// Each reason of a failure once, with the input that showed it first.
pub fn failures(rows: &[VerifyRow]) -> Vec<String> {
    let failed = rows.iter().filter(|row| row.verdict == Verdict::Failed);
    let mut lines: Vec<String> = failed
        .flat_map(|row| {
            let head = format!("{}, {}", row.precision, row.input_set);
            row.reasons.iter().map(move |reason| format!("{head}: {reason}"))
        })
        .collect();
    let more = lines.len().saturating_sub(6);
    lines.truncate(6);
    if more > 0 {
        lines.push(format!("and {more} more, see verify.parquet"));
    }
    lines
}
