//! Shapes of operators that pick, repeat, scatter or count elements.

use super::super::node;
use super::super::proto::DataType;
use super::rules::Call;
use super::{Dim, Value, layout};

const INT64: i32 = DataType::Int64 as i32;

/// What is known of the outputs of such an operator; nothing when it is none.
pub(super) fn outputs(call: &Call<'_>) -> Option<Vec<Value>> {
    let element = call.input(0).map_or(0, |value| value.element);
    let one = |dims: Option<Vec<Dim>>| vec![Value::new(element, dims)];
    let dims_of = |index: usize| call.dims(index).map(<[Dim]>::to_vec);
    Some(match call.node.op_type.as_str() {
        "Tile" => one(tile(call)),
        "TopK" => {
            let dims = top_k(call);
            vec![Value::new(element, dims.clone()), Value::new(INT64, dims)]
        }
        "GatherElements" => one(dims_of(1)),
        "GatherND" => one(gather_nd(call)),
        "ScatterElements" | "ScatterND" | "Scatter" | "TensorScatter" | "ReverseSequence" => {
            one(dims_of(0))
        }
        "OneHot" => {
            let element = call.input(2).map_or(0, |value| value.element);
            vec![Value::new(element, one_hot(call))]
        }
        "Range" => vec![range(call, element)],
        "NonZero" => {
            let rank = call.dims(0).map_or(Dim::Unknown, |dims| Dim::Fixed(dims.len()));
            vec![Value::new(INT64, vec![rank, Dim::Unknown])]
        }
        "NonMaxSuppression" => vec![Value::new(INT64, vec![Dim::Unknown, Dim::Fixed(3)])],
        "Compress" => one(compress(call)),
        "EyeLike" => {
            let stated = node::int(call.node, "dtype").and_then(|to| i32::try_from(to).ok());
            vec![Value::new(stated.unwrap_or(element), dims_of(0))]
        }
        "GridSample" => one(grid_sample(call)),
        "RoiAlign" => one(roi_align(call)),
        "DepthToSpace" => one(blocks(call, true)),
        "SpaceToDepth" => one(blocks(call, false)),
        _ => return None,
    })
}

fn tile(call: &Call<'_>) -> Option<Vec<Dim>> {
    let dims = call.dims(0)?;
    let Some(repeats) = call.ints(1) else { return Some(vec![Dim::Unknown; dims.len()]) };
    if call.opset < 6 || repeats.len() != dims.len() {
        return None;
    }
    let times = |(dim, &repeats): (&Dim, &i64)| match repeats {
        1 => dim.clone(),
        _ => dim
            .fixed()
            .and_then(|size| size.checked_mul(usize::try_from(repeats).ok()?))
            .map_or(Dim::Unknown, Dim::Fixed),
    };
    Some(dims.iter().zip(repeats).map(times).collect())
}

fn top_k(call: &Call<'_>) -> Option<Vec<Dim>> {
    let mut dims = call.dims(0)?.to_vec();
    let axis = layout::axis_of(node::int(call.node, "axis").unwrap_or(-1), dims.len())?;
    let k = match call.ints(1) {
        Some([k]) => Some(*k),
        _ if call.opset < 10 => node::int(call.node, "k"),
        _ => None,
    };
    let k = k.and_then(|k| usize::try_from(k).ok());
    *dims.get_mut(axis)? = k.map_or(Dim::Unknown, Dim::Fixed);
    Some(dims)
}

fn gather_nd(call: &Call<'_>) -> Option<Vec<Dim>> {
    let (data, indices) = (call.dims(0)?, call.dims(1)?);
    let (last, kept) = indices.split_last()?;
    let batch = usize::try_from(node::int(call.node, "batch_dims").unwrap_or(0)).ok()?;
    let rest = data.get(batch.checked_add(last.fixed()?)?..)?;
    Some(kept.iter().chain(rest).cloned().collect())
}

fn one_hot(call: &Call<'_>) -> Option<Vec<Dim>> {
    let mut dims = call.dims(0)?.to_vec();
    let rank = dims.len().checked_add(1)?;
    let axis = layout::axis_of(node::int(call.node, "axis").unwrap_or(-1), rank)?;
    let depth = match call.ints(1) {
        Some([depth]) => usize::try_from(*depth).map_or(Dim::Unknown, Dim::Fixed),
        _ => Dim::Unknown,
    };
    dims.insert(axis, depth);
    Some(dims)
}

/// Longest range whose elements are kept.
const LONGEST: i64 = 64;

fn range(call: &Call<'_>, element: i32) -> Value {
    let bound = |index: usize| match call.ints(index) {
        Some([value]) => Some(*value),
        _ => None,
    };
    let (Some(start), Some(limit), Some(step)) = (bound(0), bound(1), bound(2)) else {
        return Value::new(element, vec![Dim::Unknown]);
    };
    let count = || {
        let span = limit.checked_sub(start)?;
        let whole = span.checked_div(step)?;
        let part = i64::from(span.checked_rem(step)? != 0);
        // a span against the step's direction is empty
        Some(if (span < 0) == (step < 0) { whole.checked_add(part)? } else { 0 })
    };
    let Some(count) = count() else { return Value::new(element, vec![Dim::Unknown]) };
    let size = usize::try_from(count).map_or(Dim::Unknown, Dim::Fixed);
    let mut value = Value::new(element, vec![size]);
    if count <= LONGEST {
        value.ints = (0..count).map(|k| start.checked_add(step.checked_mul(k)?)).collect();
    }
    value
}

fn compress(call: &Call<'_>) -> Option<Vec<Dim>> {
    let Some(axis) = node::int(call.node, "axis") else { return Some(vec![Dim::Unknown]) };
    let mut dims = call.dims(0)?.to_vec();
    let axis = layout::axis_of(axis, dims.len())?;
    dims[axis] = Dim::Unknown;
    Some(dims)
}

fn grid_sample(call: &Call<'_>) -> Option<Vec<Dim>> {
    let (x, grid) = (call.dims(0)?, call.dims(1)?);
    let [_, places @ .., _] = grid else { return None };
    Some(x.get(..2)?.iter().chain(places).cloned().collect())
}

fn roi_align(call: &Call<'_>) -> Option<Vec<Dim>> {
    let size = |name: &str| {
        let stated = usize::try_from(node::int(call.node, name).unwrap_or(1));
        stated.map_or(Dim::Unknown, Dim::Fixed)
    };
    let (channels, regions) = (call.dims(0)?.get(1)?, call.dims(1)?.first()?);
    Some(vec![regions.clone(), channels.clone(), size("output_height"), size("output_width")])
}

/// Depth into space (`grow`) and back.
fn blocks(call: &Call<'_>, grow: bool) -> Option<Vec<Dim>> {
    let [batch, depth, height, width] = call.dims(0)? else { return None };
    let block = node::int(call.node, "blocksize").and_then(|n| usize::try_from(n).ok())?;
    let area = block.checked_mul(block).filter(|&area| area > 0)?;
    let more = |dim: &Dim, by: usize| {
        dim.fixed().and_then(|n| n.checked_mul(by)).map_or(Dim::Unknown, Dim::Fixed)
    };
    let less = |dim: &Dim, by: usize| {
        let whole = dim.fixed().filter(|n| n.is_multiple_of(by));
        whole.map_or(Dim::Unknown, |n| Dim::Fixed(n / by))
    };
    Some(if grow {
        vec![batch.clone(), less(depth, area), more(height, block), more(width, block)]
    } else {
        vec![batch.clone(), more(depth, area), less(height, block), less(width, block)]
    })
}
