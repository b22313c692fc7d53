//! For a script: one line.

use serde_json::{Value, json as value};

use super::word;
use crate::compare::gate::{Design, Gate, Row};

/// Everything that the table says, as one value.
pub fn json(gate: &Gate) -> Value {
    let (design, spread) = match gate.terms.design {
        Design::OneRun => ("one-run", None),
        Design::OneRunASide(spread) => ("one-run-a-side", Some(spread)),
        Design::SeveralRuns => ("several-runs", None),
    };
    let differences: Vec<Value> = gate
        .differences
        .iter()
        .flat_map(|(reference, case, found)| {
            found.iter().map(move |found| {
                value!({
                    "reference": reference,
                    "case": case,
                    "what": found.what,
                    "before": found.reference,
                    "after": found.judged,
                })
            })
        })
        .collect();
    value!({
        "exit": gate.exit as u8,
        "verdict": word(gate),
        "design": design,
        "assumed_spread": spread,
        "margin": gate.terms.margin,
        "confidence": gate.terms.confidence.get(),
        "before": gate.reference,
        "after": gate.judged,
        "metrics": gate.rows.iter().map(row).collect::<Vec<_>>(),
        "warnings": gate.warnings,
        "differences": differences,
    })
}

fn row(row: &Row) -> Value {
    value!({
        "reference": row.reference,
        "case": row.case,
        "metric": row.metric.to_string(),
        "unit": row.metric.unit(),
        "before": row.reference_estimate,
        "after": row.estimate,
        "ratio": row.ratio.map(|ratio| ratio.ratio),
        "lower": row.ratio.map(|ratio| ratio.lower),
        "upper": row.ratio.map(|ratio| ratio.upper),
        "rests_on": row.basis,
        "noise_floor": row.floor.as_ref().map(|floor| floor.ratio),
        "verdict": row.verdict.as_str(),
        "reasons": row.reasons,
    })
}
