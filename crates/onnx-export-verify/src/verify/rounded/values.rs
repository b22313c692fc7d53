//! What the twin knows of operators and weights.

use anyhow::Result;
use backend::onnx::node::is_default_domain;
use backend::onnx::proto::{
    AttributeProto, NodeProto, SparseTensorProto, TensorProto, TypeProto, TypeValue, ValueInfoProto,
};
use backend::onnx::tensor::{from_f32, values_f32};
use half::f16;
use pipeline::Fault;

use super::{F16, F32};
use crate::fp16::type_attribute;

/// Whether an attribute says that an operator gives float16.
pub(super) fn asks_for_half(node: &NodeProto, attribute: &AttributeProto) -> bool {
    is_default_domain(node)
        && type_attribute(&node.op_type) == Some(attribute.name.as_str())
        && attribute.i == Some(F16.into())
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
    value.r#type.iter_mut().for_each(widen_type);
    value
}

fn widen_type(declared: &mut TypeProto) {
    match &mut declared.value {
        Some(TypeValue::Tensor(tensor) | TypeValue::SparseTensor(tensor)) => {
            if tensor.elem_type == F16 {
                tensor.elem_type = F32;
            }
        }
        Some(TypeValue::Sequence(of) | TypeValue::Optional(of)) => {
            of.elem_type.iter_mut().for_each(|inner| widen_type(inner));
        }
        Some(TypeValue::Map(_)) | None => {}
    }
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

/// A sparse weight in the twin: as [`weight`], `round` by its name.
pub(super) fn sparse(
    old: &SparseTensorProto,
    round: impl Fn(&str) -> bool,
) -> Result<SparseTensorProto> {
    let values = old.values.as_ref().map(|values| weight(values, round(&values.name)));
    Ok(SparseTensorProto { values: values.transpose()?, ..old.clone() })
}

/// An attribute in the twin, graphs apart. A float32 constant is rounded behind its operator instead.
pub(super) fn attribute(node: &NodeProto, old: &AttributeProto) -> Result<AttributeProto> {
    let mut new = old.clone();
    if let Some(tensor) = &old.t {
        new.t = Some(weight(tensor, false)?);
    }
    if let Some(tensor) = &old.sparse_tensor {
        new.sparse_tensor = Some(sparse(tensor, |_| false)?);
    }
    if asks_for_half(node, old) {
        new.i = Some(F32.into());
    }
    Ok(new)
}
