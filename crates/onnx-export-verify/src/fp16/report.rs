//! What a conversion did: counts, the tensors that lost most, and what stayed float32 and why.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::reason::Reason;
use crate::inspect::grouped;

/// Tensors that are named in a report.
const NAMED: usize = 5;

/// What rounding cost one tensor, as numbers of weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loss {
    /// Its name.
    pub tensor: String,
    /// All of them.
    pub weights: u64,
    /// Those below 6.1e-5, which lose precision (zeros apart).
    pub subnormal: u64,
    /// Those too small for float16, which became zero.
    pub vanished: u64,
    /// Those beyond 65504.
    pub overflow: u64,
    /// Limits, such as the bounds of a `Clip`, that were set to 65504.
    pub clamped: u64,
    /// The largest of those beyond 65504.
    pub largest: f32,
}

/// What happened to the weights of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// Tensors that were rounded.
    pub tensors: u64,
    /// Weights that were rounded to float16.
    pub rounded: u64,
    /// Of them, those below 6.1e-5, which lose precision (zeros apart).
    pub subnormal: u64,
    /// Of them, those too small for float16, which became zero.
    pub vanished: u64,
    /// Limits that were set to 65504.
    pub clamped: u64,
    /// Tensors with weights beyond 65504, which were set to it.
    pub overflow: Vec<Loss>,
    /// The tensors that lost the largest share of their weights, worst first.
    pub worst: Vec<Loss>,
}

impl Weights {
    /// Adds what one tensor lost.
    pub(super) fn add(&mut self, loss: Loss) {
        self.tensors += 1;
        self.rounded += loss.weights;
        self.subnormal += loss.subnormal;
        self.vanished += loss.vanished;
        self.clamped += loss.clamped;
        if loss.overflow > 0 {
            self.overflow.push(loss.clone());
        }
        if loss.subnormal + loss.vanished > 0 {
            let share = |loss: &Loss| {
                (loss.vanished as f64 + 0.5 * loss.subnormal as f64) / loss.weights as f64
            };
            self.worst.push(loss);
            self.worst.sort_by(|a, b| share(b).total_cmp(&share(a)));
            self.worst.truncate(NAMED);
        }
    }
}

/// Operators that stayed float32 for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Why.
    pub reason: Reason,
    /// Operator type and name of each.
    pub operators: Vec<(String, String)>,
}

/// What a conversion did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What happened to the weights.
    pub weights: Weights,
    /// Operators that work in float16.
    pub half: u64,
    /// Casts in the new graph, those of bodies included.
    pub casts: u64,
    /// Casts that the model had and that are gone.
    pub casts_removed: u64,
    /// Channels of `BatchNormalization` whose variance was brought into the range of float16.
    pub rescaled: u64,
    /// Operators that stayed float32.
    pub left: Vec<Left>,
}

impl Report {
    /// What a person reads, one line after the other.
    pub fn lines(&self) -> Vec<String> {
        let w = &self.weights;
        let left: usize = self.left.iter().map(|left| left.operators.len()).sum();
        let mut lines = vec![format!(
            "{} operators in float16, {left} left in float32; {} weights rounded, {} of them subnormal and {} to zero; {} casts",
            grouped(self.half),
            grouped(w.rounded),
            grouped(w.subnormal),
            grouped(w.vanished),
            self.casts
        )];
        if self.rescaled > 0 {
            lines.push(format!(
                "{} channels of BatchNormalization rescaled, so that float16 holds their variance",
                grouped(self.rescaled)
            ));
        }
        for loss in &w.overflow {
            lines.push(format!(
                "`{}`: {} of {} weights set to ±65504 (up to {:e})",
                loss.tensor, loss.overflow, loss.weights, loss.largest
            ));
        }
        for loss in &w.worst {
            lines.push(format!(
                "`{}`: {} of {} weights subnormal, {} to zero",
                loss.tensor, loss.subnormal, loss.weights, loss.vanished
            ));
        }
        lines.extend(self.left.iter().map(left_line));
        lines
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let loss = |loss: &Loss| {
            json!({
                "tensor": loss.tensor, "weights": loss.weights, "subnormal": loss.subnormal,
                "vanished": loss.vanished, "overflow": loss.overflow, "largest": loss.largest,
            })
        };
        let w = &self.weights;
        let operators = |left: &Left| -> Vec<Value> {
            let entry = |(op, name): &(String, String)| json!({ "operator": op, "name": name });
            left.operators.iter().map(entry).collect()
        };
        let left: Vec<Value> = self
            .left
            .iter()
            .map(|left| json!({ "reason": left.reason.to_string(), "operators": operators(left) }))
            .collect();
        json!({
            "half_operators": self.half,
            "casts": self.casts,
            "casts_removed": self.casts_removed,
            "rescaled_channels": self.rescaled,
            "weights": {
                "tensors": w.tensors, "rounded": w.rounded, "subnormal": w.subnormal,
                "vanished": w.vanished, "clamped_limits": w.clamped,
                "overflow": w.overflow.iter().map(loss).collect::<Vec<_>>(),
                "worst": w.worst.iter().map(loss).collect::<Vec<_>>(),
            },
            "left_in_float32": left,
        })
    }
}

/// `12 left in float32 (3 Sin, 9 Cos): why: the first names`.
fn left_line(left: &Left) -> String {
    let mut types: BTreeMap<&str, usize> = BTreeMap::new();
    for (op_type, _) in &left.operators {
        *types.entry(op_type).or_default() += 1;
    }
    let types: Vec<String> = types.iter().map(|(op, n)| format!("{n} {op}")).collect();
    let names: Vec<&str> =
        left.operators.iter().take(NAMED).map(|(_, name)| name.as_str()).collect();
    let more = if left.operators.len() > NAMED { ", …" } else { "" };
    format!("float32: {} ({}{more}): {}", types.join(", "), names.join(", "), left.reason)
}
