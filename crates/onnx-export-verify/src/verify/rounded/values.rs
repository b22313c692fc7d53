//! What the twin knows of operators and weights.

use anyhow::Result;
use backend::onnx::node::is_default_domain;
use backend::onnx::proto::{AttributeProto, NodeProto, TensorProto, TypeValue, ValueInfoProto};
use backend::onnx::tensor::{from_f32, values_f32};
use half::f16;
use pipeline::Fault;

use super::{F16, F32};

/// Whether an attribute of this name holds an element type.
pub(super) fn names_a_type(attribute: &str) -> bool {
    matches!(attribute, "to" | "dtype" | "output_dtype")
}

/// Whether an operator gives nothing but values that it was given, zeros, or their negatives: what goes in as
/// float16 comes out as float16, and rounding again would change nothing.
pub(super) fn moves_only(node: &NodeProto) -> bool {
    is_default_domain(node)
        && matches!(
            node.op_type.as_str(),
            "Identity"
                | "Reshape"
                | "Flatten"
                | "Transpose"
                | "Concat"
                | "Squeeze"
                | "Unsqueeze"
                | "Slice"
                | "Split"
                | "Gather"
                | "GatherElements"
                | "GatherND"
                | "Expand"
                | "Tile"
                | "MaxPool"
                | "GlobalMaxPool"
                | "Relu"
                | "Abs"
                | "Neg"
                | "Max"
                | "Min"
                | "Where"
                | "DepthToSpace"
                | "SpaceToDepth"
                | "ReduceMax"
                | "ReduceMin"
        )
}

/// Whether an input sets a shape, a grid or a scale of quantisation, which no conversion touches.
pub(super) fn stays_single(node: &NodeProto, index: usize) -> bool {
    match node.op_type.as_str() {
        "Resize" | "Upsample" => index >= 1,
        "QuantizeLinear" | "DequantizeLinear" => index == 1,
        "Range" | "OneHot" => true,
        _ => false,
    }
}

/// Retypes float16 to float32 in the description of a value.
pub(super) fn widen(mut value: ValueInfoProto) -> ValueInfoProto {
    if let Some(TypeValue::Tensor(tensor)) = value.r#type.as_mut().and_then(|t| t.value.as_mut())
        && tensor.elem_type == F16
    {
        tensor.elem_type = F32;
    }
    value
}

/// A weight in the twin: float16 widened; with `round`, float32 rounded to float16 values.
pub(super) fn weight(tensor: &TensorProto, round: bool) -> Result<TensorProto> {
    if tensor.data_type != F16 && !(round && tensor.data_type == F32) {
        return Ok(tensor.clone());
    }
    let mut values = values_f32(tensor).map_err(|error| Fault::config(error.to_string()))?;
    if tensor.data_type == F32 {
        for value in &mut values {
            *value = f16::from_f32(*value).to_f32();
        }
    }
    let dims: Vec<usize> =
        tensor.dims.iter().filter_map(|&dim| usize::try_from(dim).ok()).collect();
    Ok(from_f32(&tensor.name, &dims, &values))
}

/// An attribute in the twin, graphs apart. A float32 constant is rounded behind its operator instead.
pub(super) fn attribute(node: &NodeProto, old: &AttributeProto) -> Result<AttributeProto> {
    let mut new = old.clone();
    if let Some(tensor) = &old.t {
        new.t = Some(weight(tensor, false)?);
    }
    if is_default_domain(node) && names_a_type(&old.name) && old.i == Some(F16.into()) {
        new.i = Some(F32.into());
    }
    Ok(new)
}
