//! Small integer tensors that do not depend on the input's values: targets of `Reshape`, axes, sizes.

use super::super::node::{self, attribute};
use super::super::proto::{DataType, TensorProto};
use super::super::tensor;
use super::rules::Call;
use super::{Dim, Value};

/// Longest tensor whose elements are kept: shapes and axes are short.
const LONGEST: usize = 64;

/// The elements of a small integer tensor.
pub(super) fn of_tensor(tensor: &TensorProto) -> Option<Vec<i64>> {
    let short = tensor::element_count(tensor).ok()? <= LONGEST && tensor.dims.len() <= 1;
    let integer = matches!(
        DataType::try_from(tensor.data_type).ok()?,
        DataType::Int64 | DataType::Int32 | DataType::Bool
    );
    if short && integer { tensor::values_i64(tensor).ok() } else { None }
}

/// Outputs of operators that make values: `Shape`, `Size`, `Constant`, `ConstantOfShape`.
pub(super) fn source(call: &Call<'_>) -> Vec<Value> {
    let value = match call.node.op_type.as_str() {
        "Shape" => shape(call),
        "Size" => {
            let ints = call.input(0).and_then(Value::count).map(|n| vec![n as i64]);
            Some(Value { ints, ..Value::new(DataType::Int64 as i32, Vec::new()) })
        }
        "Constant" => constant(call),
        _ => constant_of_shape(call),
    };
    value.into_iter().collect()
}

fn shape(call: &Call<'_>) -> Option<Value> {
    let element = DataType::Int64 as i32;
    let Some(dims) = call.dims(0) else {
        return Some(Value::new(element, vec![Dim::Unknown]));
    };
    let rank = dims.len() as i64;
    let bound = |name: &str, default: i64| {
        let at = node::int(call.node, name).unwrap_or(default);
        (if at < 0 { at + rank } else { at }).clamp(0, rank) as usize
    };
    let (start, end) = (bound("start", 0), bound("end", rank));
    let part = dims.get(start..end.max(start))?;
    let ints = part.iter().map(|dim| dim.fixed().map(|size| size as i64)).collect();
    Some(Value { ints, ..Value::new(element, vec![Dim::Fixed(part.len())]) })
}

fn constant(call: &Call<'_>) -> Option<Value> {
    let list = |ints: &[i64], dims: Vec<Dim>| Value {
        ints: Some(ints.to_vec()),
        ..Value::new(DataType::Int64 as i32, dims)
    };
    if let Some(tensor) = node::tensor(call.node, "value") {
        let dims = tensor.dims.iter().map(|&d| usize::try_from(d).ok().map(Dim::Fixed)).collect();
        let dims: Option<Vec<Dim>> = dims;
        return Some(Value { ints: of_tensor(tensor), ..Value::new(tensor.data_type, dims) });
    }
    if let Some(value) = node::int(call.node, "value_int") {
        return Some(list(&[value], Vec::new()));
    }
    if let Some(values) = node::ints(call.node, "value_ints") {
        return Some(list(values, vec![Dim::Fixed(values.len())]));
    }
    if attribute(call.node, "value_float").is_some() {
        return Some(Value::new(DataType::Float as i32, Vec::new()));
    }
    let floats = attribute(call.node, "value_floats")?;
    Some(Value::new(DataType::Float as i32, vec![Dim::Fixed(floats.floats.len())]))
}

fn constant_of_shape(call: &Call<'_>) -> Option<Value> {
    let fill = node::tensor(call.node, "value");
    let element = fill.map_or(DataType::Float as i32, |tensor| tensor.data_type);
    let Some(sizes) = call.ints(0) else { return Some(Value::new(element, None)) };
    let sizes: Option<Vec<usize>> = sizes.iter().map(|&size| usize::try_from(size).ok()).collect();
    let sizes = sizes?;
    let count = sizes.iter().try_fold(1_usize, |n, &size| n.checked_mul(size))?;
    let ints = fill.and_then(of_tensor).filter(|_| sizes.len() == 1 && count <= LONGEST);
    let ints = ints.and_then(|fill| Some(vec![*fill.first()?; count]));
    let dims: Vec<Dim> = sizes.into_iter().map(Dim::Fixed).collect();
    Some(Value { ints, ..Value::new(element, dims) })
}

/// The elements of the first output when the inputs are known integers and the operator is one of those
/// that exporters use to compute shapes. `result` is what is known of the output already.
pub(super) fn follow(call: &Call<'_>, result: &Value) -> Option<Vec<i64>> {
    let rank = result.dims.as_ref()?.len();
    if rank > 1 {
        return None;
    }
    let ints = match call.node.op_type.as_str() {
        "Identity" | "Squeeze" | "Unsqueeze" | "Reshape" => call.ints(0)?.to_vec(),
        "Cast" if matches!(result.element, 6 | 7) => call.ints(0)?.to_vec(),
        "Concat" => {
            (0..call.inputs.len()).map(|i| call.ints(i)).collect::<Option<Vec<_>>>()?.concat()
        }
        "Gather" => gather(call.ints(0)?, call.ints(1)?)?,
        "Slice" => slice(call)?,
        "Add" => pairwise(call, i64::checked_add)?,
        "Sub" => pairwise(call, i64::checked_sub)?,
        "Mul" => pairwise(call, i64::checked_mul)?,
        "Div" => pairwise(call, i64::checked_div)?,
        _ => return None,
    };
    (result.count() == Some(ints.len())).then_some(ints)
}

fn gather(data: &[i64], indices: &[i64]) -> Option<Vec<i64>> {
    let at = |&index: &i64| {
        let index = if index < 0 { index + data.len() as i64 } else { index };
        data.get(usize::try_from(index).ok()?).copied()
    };
    indices.iter().map(at).collect()
}

fn slice(call: &Call<'_>) -> Option<Vec<i64>> {
    let data = call.ints(0)?;
    let [start] = call.ints(1)? else { return None };
    let [end] = call.ints(2)? else { return None };
    if call.has(4) && call.ints(4)? != [1] {
        return None;
    }
    let n = data.len() as i64;
    let clamp = |at: i64| (if at < 0 { at + n } else { at }).clamp(0, n) as usize;
    data.get(clamp(*start)..clamp(*end)).map(<[i64]>::to_vec)
}

fn pairwise(call: &Call<'_>, f: fn(i64, i64) -> Option<i64>) -> Option<Vec<i64>> {
    let (a, b) = (call.ints(0)?, call.ints(1)?);
    let n = a.len().max(b.len());
    let at = |list: &[i64], index: usize| {
        if list.len() == 1 { Some(list[0]) } else { list.get(index).copied() }
    };
    (0..n).map(|index| f(at(a, index)?, at(b, index)?)).collect()
}
