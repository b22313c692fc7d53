//! Rounds weights to float16 and counts what that costs.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::mem;

use anyhow::Result;
use backend::onnx::node::{attr_tensor, attribute, float, tensor};
use backend::onnx::proto::{GraphProto, NodeProto, TensorProto};
use backend::onnx::tensor::{from_f32, values_f32};
use half::f16;
use half::slice::HalfFloatSliceExt as _;
use pipeline::Fault;

use super::report::{Loss, Weights};
use super::{F16, F32, OnOverflow};

/// Rounds tensors, one at a time.
#[derive(Debug)]
pub(super) struct Rounding {
    on_overflow: OnOverflow,
    /// What was found so far.
    pub(super) found: Weights,
    not_numbers: Vec<String>,
}

impl Rounding {
    pub(super) fn new(on_overflow: OnOverflow) -> Self {
        Self { on_overflow, found: Weights::default(), not_numbers: Vec::new() }
    }

    /// A weight in float16, rounded to nearest even; what lies beyond its range becomes its largest number.
    /// Infinities stay what they are. A `limit` may be clamped without a word.
    ///
    /// # Errors
    /// Exit 2 with the tensor's name when it cannot be read.
    pub(super) fn round(&mut self, weight: TensorProto, limit: bool) -> Result<TensorProto> {
        let values = values_f32(&weight).map_err(|error| Fault::config(error.to_string()))?;
        let TensorProto { dims, name, doc_string, metadata_props, .. } = weight;
        let mut halves = vec![f16::ZERO; values.len()];
        halves.convert_from_f32_slice(&values);
        let mut loss =
            Loss { tensor: name.clone(), weights: values.len() as u64, ..Loss::default() };
        let mut nan = false;
        for (value, half) in values.iter().zip(&mut halves) {
            if half.is_infinite() && value.is_finite() {
                loss.overflow += 1;
                loss.largest = loss.largest.max(value.abs());
                *half = if *value > 0.0 { f16::MAX } else { f16::MIN };
            } else if half.to_bits() & 0x7c00 == 0 && *value != 0.0 {
                let vanished = *half == f16::ZERO;
                *(if vanished { &mut loss.vanished } else { &mut loss.subnormal }) += 1;
            }
            nan |= value.is_nan();
        }
        drop(values);
        if nan {
            self.not_numbers.push(name.clone());
        }
        if limit {
            (loss.clamped, loss.overflow) = (loss.overflow, 0);
        }
        self.found.add(loss);
        let raw_data = Some(halves.iter().flat_map(|half| half.to_le_bytes()).collect());
        Ok(TensorProto {
            dims,
            data_type: F16,
            name,
            raw_data,
            doc_string,
            metadata_props,
            ..TensorProto::default()
        })
    }

    /// What was found, unless something in it forbids the conversion.
    ///
    /// # Errors
    /// Exit 2 with all tensors that hold NaN, or that overflow where that is to fail.
    pub(super) fn finish(self) -> Result<Weights> {
        if !self.not_numbers.is_empty() {
            let names = quoted(&self.not_numbers);
            return Err(Fault::config(format!("weights hold NaN: {names}"))
                .hint("the model was damaged or did not train: float16 cannot mend it")
                .into());
        }
        let overflow = &self.found.overflow;
        if self.on_overflow == OnOverflow::Saturate || overflow.is_empty() {
            return Ok(self.found);
        }
        let line = |loss: &Loss| {
            format!(
                "`{}` ({} of {}, up to {:e})",
                loss.tensor, loss.overflow, loss.weights, loss.largest
            )
        };
        let lines: Vec<String> = overflow.iter().map(line).collect();
        let message = format!(
            "weights lie beyond the range of float16 (65504) in {} tensors: {}",
            lines.len(),
            lines.join(", ")
        );
        let message = message.replace("in 1 tensors", "in 1 tensor");
        Err(Fault::config(message)
            .hint("--on-overflow saturate (on-overflow = \"saturate\") clamps them to 65504; --block leaves operators in float32")
            .into())
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What the wanted names stand for in the outermost graph, where that is constant: weights in float32, and what
/// a `Constant` holds.
pub(super) fn constants<'a>(
    graph: &'a GraphProto,
    wanted: &HashSet<&str>,
) -> HashMap<&'a str, Cow<'a, TensorProto>> {
    let weights = graph.initializer.iter().filter(|weight| weight.data_type == F32);
    let weights = weights.map(|weight| (weight.name.as_str(), Cow::Borrowed(weight)));
    let made = graph.node.iter().filter(|node| node.op_type == "Constant").filter_map(|node| {
        let number = || Some(Cow::Owned(from_f32("", &[], &[float(node, "value_float")?])));
        let value = tensor(node, "value").map(Cow::Borrowed).or_else(number)?;
        Some((node.output.first()?.as_str(), value))
    });
    weights.chain(made).filter(|(name, _)| wanted.contains(name)).collect()
}

/// Takes the float32 tensor out of a `Constant`; `None` when it holds something else.
pub(super) fn take_constant(node: &mut NodeProto) -> Option<TensorProto> {
    if let Some(value) = node.attribute.iter_mut().find(|attribute| attribute.name == "value") {
        return mem::take(&mut value.t).filter(|tensor| tensor.data_type == F32);
    }
    if let Some(value) = float(node, "value_float") {
        return Some(from_f32("", &[], &[value]));
    }
    let values = &attribute(node, "value_floats")?.floats;
    Some(from_f32("", &[values.len()], values))
}

/// Puts a tensor into the attribute `value` of a node, and into no other.
pub(super) fn put_value(node: &mut NodeProto, value: TensorProto) {
    let others = ["value", "value_float", "value_floats"];
    node.attribute.retain(|attribute| !others.contains(&attribute.name.as_str()));
    node.attribute.push(attr_tensor("value", value));
}

/// The value that a `ConstantOfShape` fills with; left out, it is a float32 zero.
pub(super) fn take_fill(node: &mut NodeProto) -> TensorProto {
    let zero = || from_f32("", &[1], &[0.0]);
    take_constant(node).unwrap_or_else(zero)
}
