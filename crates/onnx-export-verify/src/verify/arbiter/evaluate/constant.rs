//! Constants: tensors of the file, `Constant` and `ConstantOfShape`.

use backend::onnx::node::{attribute, float, int, tensor};
use backend::onnx::proto::TensorProto;
use backend::onnx::tensor::{element_name, is_float, values_f32, values_i64};

use super::Answer;
use super::call::Call;
use super::layout::{integers, sizes};
use super::tensor::{Kind, Tensor, count};

/// Evaluates an operator of this family; `None` when it is of another one.
pub(super) fn evaluate(call: &Call<'_>) -> Option<Answer<Vec<Tensor>>> {
    let one = match call.op() {
        "Constant" => constant(call),
        "ConstantOfShape" => constant_of_shape(call),
        _ => return None,
    };
    Some(one.map(|tensor| vec![tensor]))
}

/// A tensor of the file.
pub fn of_proto(proto: &TensorProto) -> Answer<Tensor> {
    let dims: Vec<usize> = proto.dims.iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect();
    let (values, kind) = match element_name(proto.data_type) {
        // read here, since float32 would lose digits on the way
        "f64" => (doubles(proto)?, Kind::Float),
        name if is_float(proto.data_type) && matches!(name, "f32" | "f16" | "bf16") => {
            let values = values_f32(proto).map_err(|error| error.to_string())?;
            (values.into_iter().map(f64::from).collect(), Kind::Float)
        }
        name => {
            let values = values_i64(proto).map_err(|error| error.to_string())?;
            let kind = if name == "bool" { Kind::Boolean } else { Kind::Integer };
            (values.into_iter().map(|v| v as f64).collect(), kind)
        }
    };
    Ok(Tensor { dims, values, kind })
}

fn doubles(proto: &TensorProto) -> Answer<Vec<f64>> {
    let raw = proto.raw_data.as_deref().unwrap_or(&[]);
    let values = if raw.is_empty() {
        proto.double_data.clone()
    } else {
        raw.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
    };
    let expected = proto.dims.iter().try_fold(1_i64, |n, &dim| n.checked_mul(dim));
    if expected == i64::try_from(values.len()).ok() {
        return Ok(values);
    }
    Err(format!("tensor `{}` has {} values for {:?}", proto.name, values.len(), proto.dims))
}

fn constant(call: &Call<'_>) -> Answer<Tensor> {
    let node = call.node;
    if let Some(value) = tensor(node, "value") {
        return of_proto(value);
    }
    if let Some(value) = float(node, "value_float") {
        return Ok(Tensor::new(&[], vec![value.into()]));
    }
    if let Some(value) = int(node, "value_int") {
        return Ok(integers(vec![], vec![value as f64]));
    }
    if let Some(found) = attribute(node, "value_floats") {
        let values: Vec<f64> = found.floats.iter().map(|&v| v.into()).collect();
        return Ok(Tensor::new(&[values.len()], values));
    }
    match call.ints("value_ints") {
        Some(values) => {
            Ok(integers(vec![values.len()], values.iter().map(|&v| v as f64).collect()))
        }
        None => call.refuse("a value of this kind"),
    }
}

fn constant_of_shape(call: &Call<'_>) -> Answer<Tensor> {
    let dims = sizes(call, 0)?;
    let value = match tensor(call.node, "value") {
        Some(value) => of_proto(value)?,
        None => Tensor::new(&[1], vec![0.0]),
    };
    let Some(&first) = value.values.first() else { return call.refuse("an empty value") };
    Ok(Tensor { values: vec![first; count(&dims)?], dims, kind: value.kind })
}
