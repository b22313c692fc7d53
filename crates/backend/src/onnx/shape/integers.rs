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

/// The elements of a small float32 tensor of at most one axis.
pub(super) fn floats_of_tensor(tensor: &TensorProto) -> Option<Vec<f32>> {
    let short = tensor::element_count(tensor).ok()? <= LONGEST && tensor.dims.len() <= 1;
    let single = tensor.data_type == DataType::Float as i32;
    if short && single { tensor::values_f32(tensor).ok() } else { None }
}

/// Outputs of operators that make values: `Shape`, `Size`, `Constant`, `ConstantOfShape`.
pub(super) fn source(call: &Call<'_>) -> Vec<Value> {
    let value = match call.node.op_type.as_str() {
        "Shape" => shape(call),
        "Size" => {
            let count = call.input(0).and_then(Value::count);
            let ints = count.and_then(|n| Some(vec![i64::try_from(n).ok()?]));
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
        (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize
    };
    let (start, end) = (bound("start", 0), bound("end", rank));
    let part = dims.get(start..end.max(start))?;
    let ints = part.iter().map(|dim| i64::try_from(dim.fixed()?).ok()).collect();
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
        let (ints, floats) = (of_tensor(tensor), floats_of_tensor(tensor));
        return Some(Value { ints, floats, ..Value::new(tensor.data_type, dims) });
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
    if attribute(call.node, "value_string").is_some() {
        return Some(Value::new(DataType::String as i32, Vec::new()));
    }
    if let Some(texts) = attribute(call.node, "value_strings") {
        return Some(Value::new(DataType::String as i32, vec![Dim::Fixed(texts.strings.len())]));
    }
    let floats = &attribute(call.node, "value_floats")?.floats;
    let kept = (floats.len() <= LONGEST).then(|| floats.clone());
    let value = Value::new(DataType::Float as i32, vec![Dim::Fixed(floats.len())]);
    Some(Value { floats: kept, ..value })
}

fn constant_of_shape(call: &Call<'_>) -> Option<Value> {
    let fill = node::tensor(call.node, "value");
    let element = fill.map_or(DataType::Float as i32, |tensor| tensor.data_type);
    let Some(sizes) = call.ints(0) else {
        let rank = match call.dims(0) {
            Some([Dim::Fixed(rank)]) if *rank <= LONGEST => Some(vec![Dim::Unknown; *rank]),
            _ => None,
        };
        return Some(Value::new(element, rank));
    };
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
    if rank > 2 || result.count()? > LONGEST {
        return None;
    }
    let flat = |index: usize| call.dims(index).is_none_or(|dims| dims.len() <= 1);
    if rank == 2 || !(0..call.inputs.len()).all(flat) {
        let ints = table(call)?;
        return (result.count() == Some(ints.len())).then_some(ints);
    }
    let ints = match call.node.op_type.as_str() {
        "Identity" | "Squeeze" | "Unsqueeze" | "Reshape" => call.ints(0)?.to_vec(),
        "Cast" => cast(call.ints(0)?, result.element)?,
        "Concat" => {
            (0..call.inputs.len()).map(|i| call.ints(i)).collect::<Option<Vec<_>>>()?.concat()
        }
        // a scalar is one element as well, and has no axis to gather along
        "Gather" if call.dims(0)?.len() == 1 => gather(call.ints(0)?, call.ints(1)?)?,
        "Slice" => slice(call)?,
        "Add" => pairwise(call, i64::checked_add)?,
        "Sub" => pairwise(call, i64::checked_sub)?,
        "Mul" => pairwise(call, i64::checked_mul)?,
        "Div" => pairwise(call, i64::checked_div)?,
        "Min" if call.inputs.len() == 2 => pairwise(call, |a, b| Some(a.min(b)))?,
        "Max" if call.inputs.len() == 2 => pairwise(call, |a, b| Some(a.max(b)))?,
        "Equal" => pairwise(call, |a, b| Some((a == b).into()))?,
        "Less" => pairwise(call, |a, b| Some((a < b).into()))?,
        "Greater" => pairwise(call, |a, b| Some((a > b).into()))?,
        "LessOrEqual" => pairwise(call, |a, b| Some((a <= b).into()))?,
        "GreaterOrEqual" => pairwise(call, |a, b| Some((a >= b).into()))?,
        "And" => pairwise(call, |a, b| Some((a != 0 && b != 0).into()))?,
        "Or" => pairwise(call, |a, b| Some((a != 0 || b != 0).into()))?,
        "Not" => call.ints(0)?.iter().map(|&v| i64::from(v == 0)).collect(),
        "Neg" => call.ints(0)?.iter().map(|v| v.checked_neg()).collect::<Option<_>>()?,
        "Where" => choose(call.ints(0)?, call.ints(1)?, call.ints(2)?)?,
        "ReduceProd" => vec![call.ints(0)?.iter().try_fold(1_i64, |n, &v| n.checked_mul(v))?],
        "ReduceSum" => vec![call.ints(0)?.iter().try_fold(0_i64, |n, &v| n.checked_add(v))?],
        "ReduceMax" => vec![*call.ints(0)?.iter().max()?],
        "ReduceMin" => vec![*call.ints(0)?.iter().min()?],
        _ => return None,
    };
    (result.count() == Some(ints.len())).then_some(ints)
}

/// Tables of two axes, row by row: exporters lay the widths of a `Pad` out in one.
fn table(call: &Call<'_>) -> Option<Vec<i64>> {
    let data = call.ints(0)?;
    match (call.node.op_type.as_str(), call.dims(0)?) {
        ("Reshape" | "Identity" | "Squeeze" | "Unsqueeze", _) => Some(data.to_vec()),
        ("Cast", _) => cast(data, node::int(call.node, "to").and_then(|to| to.try_into().ok())?),
        ("Transpose", [rows, columns])
            if node::ints(call.node, "perm").is_none_or(|p| p == [1, 0]) =>
        {
            let (rows, columns) = (rows.fixed()?, columns.fixed()?);
            let at = |k: usize| {
                data.get(k.checked_rem(rows)?.checked_mul(columns)?.checked_add(k / rows)?)
            };
            (0..data.len()).map(|k| at(k).copied()).collect()
        }
        ("Slice", [rows, columns]) => backwards(call, data, rows.fixed()?, columns.fixed()?),
        _ => None,
    }
}

/// The rows of a table in reverse.
fn backwards(call: &Call<'_>, data: &[i64], rows: usize, columns: usize) -> Option<Vec<i64>> {
    let one = |index: usize| match call.ints(index) {
        Some([value]) => Some(*value),
        _ => None,
    };
    let before_all = one(2)?.checked_add(i64::try_from(rows).ok()?)? < 0;
    if (one(1)?, one(3)?, one(4)?) != (-1, 0, -1) || !before_all {
        return None;
    }
    let row = |k: usize| data.get(k.checked_mul(columns)?..(k + 1).checked_mul(columns)?);
    let turned: Option<Vec<&[i64]>> = (0..rows).rev().map(row).collect();
    Some(turned?.concat())
}

/// Integers in another integer type, where they fit.
fn cast(values: &[i64], element: i32) -> Option<Vec<i64>> {
    match DataType::try_from(element).ok()? {
        DataType::Int64 => Some(values.to_vec()),
        DataType::Int32 => values.iter().map(|&v| i32::try_from(v).ok().map(i64::from)).collect(),
        DataType::Bool => Some(values.iter().map(|&v| i64::from(v != 0)).collect()),
        _ => None,
    }
}

fn choose(condition: &[i64], yes: &[i64], no: &[i64]) -> Option<Vec<i64>> {
    let n = condition.len().max(yes.len()).max(no.len());
    let of = |index: usize| {
        let chosen = if at(condition, index)? == 0 { no } else { yes };
        at(chosen, index)
    };
    (0..n).map(of).collect()
}

/// The element at a position; of a single one, itself.
fn at(list: &[i64], index: usize) -> Option<i64> {
    if list.len() == 1 { Some(list[0]) } else { list.get(index).copied() }
}

fn gather(data: &[i64], indices: &[i64]) -> Option<Vec<i64>> {
    let at = |&index: &i64| {
        let index = if index < 0 { index.checked_add(data.len() as i64)? } else { index };
        data.get(usize::try_from(index).ok()?).copied()
    };
    indices.iter().map(at).collect()
}

fn slice(call: &Call<'_>) -> Option<Vec<i64>> {
    let data = call.ints(0)?;
    let list = |index: usize, name: &str| {
        if call.opset < 10 { node::ints(call.node, name) } else { call.ints(index) }
    };
    let ([start], [end]) = (list(1, "starts")?, list(2, "ends")?) else { return None };
    if call.has(4) && call.ints(4)? != [1] {
        return None;
    }
    let n = data.len() as i64;
    let clamp = |at: i64| (if at < 0 { at.saturating_add(n) } else { at }).clamp(0, n) as usize;
    data.get(clamp(*start)..clamp(*end)).map(<[i64]>::to_vec)
}

fn pairwise(call: &Call<'_>, f: fn(i64, i64) -> Option<i64>) -> Option<Vec<i64>> {
    let (a, b) = (call.ints(0)?, call.ints(1)?);
    let n = a.len().max(b.len());
    (0..n).map(|index| f(at(a, index)?, at(b, index)?)).collect()
}
