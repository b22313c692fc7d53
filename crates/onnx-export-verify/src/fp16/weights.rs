//! Rounds weights to float16 and counts what that costs.

use anyhow::Result;
use backend::onnx::node::{attr_tensor, attribute, float, tensor};
use backend::onnx::proto::{DataType, NodeProto, TensorProto};
use backend::onnx::tensor::{from_f16, from_f32, values_f32};
use half::f16;
use pipeline::Fault;

use super::Report;

/// A weight in float16; with `saturate`, what lies beyond its range becomes its largest number.
///
/// # Errors
/// Exit 2 with the tensor's name when a weight overflows, is not a number, or cannot be read.
pub(super) fn round(
    weight: &TensorProto,
    saturate: bool,
    report: &mut Report,
) -> Result<TensorProto> {
    let values = values_f32(weight).map_err(|error| Fault::config(error.to_string()))?;
    let mut halves = Vec::with_capacity(values.len());
    for value in values {
        let mut half = f16::from_f32(value);
        if !half.is_finite() {
            if !saturate || value.is_nan() {
                return Err(overflow(&weight.name, value).into());
            }
            half = if value > 0.0 { f16::MAX } else { f16::MIN };
        }
        report.weights += 1;
        if value != 0.0 && half.to_f32() == 0.0 {
            report.vanished += 1;
        } else if half.classify() == std::num::FpCategory::Subnormal {
            report.subnormal += 1;
        }
        halves.push(half);
    }
    let dims: Vec<usize> =
        weight.dims.iter().filter_map(|&dim| usize::try_from(dim).ok()).collect();
    Ok(from_f16(&weight.name, &dims, &halves))
}

/// Makes a `ConstantOfShape` of float32 one of float16; `false` for every other node.
pub(super) fn fill_with_half(node: &mut NodeProto, report: &mut Report) -> Result<bool> {
    if node.op_type != "ConstantOfShape" {
        return Ok(false);
    }
    // left out, the value is a float32 zero
    let value = tensor(node, "value").cloned().unwrap_or_else(|| from_f32("value", &[1], &[0.0]));
    if value.data_type != DataType::Float as i32 {
        return Ok(false);
    }
    let value = round(&value, false, report)?;
    node.attribute.retain(|attribute| attribute.name != "value");
    node.attribute.push(attr_tensor("value", value));
    Ok(true)
}

fn overflow(name: &str, value: f32) -> Fault {
    let message = if value.is_nan() {
        format!("weight `{name}` holds NaN")
    } else {
        format!("weight `{name}` holds {value:e}, beyond the range of float16 (65504)")
    };
    Fault::config(message).hint("leave \"fp16\" out of the precisions, or rescale the model")
}

/// The float32 tensor of a `Constant` node; `None` when the constant is something else.
pub(super) fn of_constant(node: &NodeProto) -> Option<TensorProto> {
    if let Some(value) = tensor(node, "value") {
        return (value.data_type == DataType::Float as i32).then(|| value.clone());
    }
    if let Some(value) = float(node, "value_float") {
        return Some(from_f32("", &[], &[value]));
    }
    let values = &attribute(node, "value_floats")?.floats;
    Some(from_f32("", &[values.len()], values))
}
