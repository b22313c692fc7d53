//! Shapes of operators that move, join, cut or reduce axes, and of matrix products.

use super::super::node;
use super::Dim;
use super::rules::{Call, broadcast};

/// No tensor has more axes.
const LONGEST_RANK: usize = 64;

/// An axis counted from either end, when it lies within `rank`.
pub(super) fn axis_of(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis.checked_add_unsigned(rank as u64)? } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

/// Axes counted from either end; none when one is outside or named twice.
fn axes_of(axes: &[i64], rank: usize) -> Option<Vec<usize>> {
    let axes: Vec<usize> = axes.iter().map(|&axis| axis_of(axis, rank)).collect::<Option<_>>()?;
    let twice = axes.iter().enumerate().any(|(index, axis)| axes[..index].contains(axis));
    (!twice).then_some(axes)
}

/// The product of dimensions; an open one is kept when all the others are 1.
fn product(dims: &[Dim]) -> Dim {
    let mut rest = dims.iter().filter(|dim| **dim != Dim::Fixed(1));
    match (rest.next(), rest.next()) {
        (None, _) => Dim::Fixed(1),
        (Some(only), None) => only.clone(),
        _ => dims
            .iter()
            .try_fold(1_usize, |n, dim| n.checked_mul(dim.fixed()?))
            .map_or(Dim::Unknown, Dim::Fixed),
    }
}

pub(super) fn gemm(call: &Call<'_>) -> Option<Vec<Dim>> {
    let ([a0, a1], [b0, b1]) = (call.dims(0)?, call.dims(1)?) else { return None };
    let flag = |name: &str| node::int(call.node, name).unwrap_or(0) != 0;
    let rows = if flag("transA") { a1 } else { a0 };
    let columns = if flag("transB") { b0 } else { b1 };
    Some(vec![rows.clone(), columns.clone()])
}

pub(super) fn matmul(call: &Call<'_>) -> Option<Vec<Dim>> {
    matmul_of(call, 0, 1)
}

/// The product of two inputs.
pub(super) fn matmul_of(call: &Call<'_>, left: usize, right: usize) -> Option<Vec<Dim>> {
    let (a, b) = (call.dims(left)?, call.dims(right)?);
    Some(match (a, b) {
        ([], _) | (_, []) => return None,
        ([_], [_]) => Vec::new(),
        ([_], [batch @ .., _, n]) => batch.iter().chain([n]).cloned().collect(),
        ([batch @ .., m, _], [_]) => batch.iter().chain([m]).cloned().collect(),
        ([left @ .., m, _], [right @ .., _, n]) => {
            let mut dims = broadcast(left, right)?;
            dims.extend([m.clone(), n.clone()]);
            dims
        }
    })
}

pub(super) fn flatten(call: &Call<'_>) -> Option<Vec<Dim>> {
    let dims = call.dims(0)?;
    let axis = node::int(call.node, "axis").unwrap_or(1);
    let axis = if axis == dims.len() as i64 { dims.len() } else { axis_of(axis, dims.len())? };
    Some(vec![product(&dims[..axis]), product(&dims[axis..])])
}

pub(super) fn reshape(call: &Call<'_>) -> Option<Vec<Dim>> {
    let target = match call.ints(1) {
        Some(target) => target.to_vec(),
        None if call.opset < 5 => node::ints(call.node, "shape")?.to_vec(),
        // the number of sizes is the rank
        None => match call.dims(1)? {
            [Dim::Fixed(rank)] if *rank <= LONGEST_RANK => return Some(vec![Dim::Unknown; *rank]),
            _ => return None,
        },
    };
    let source = match call.dims(0) {
        Some(source) => source,
        None if target.iter().all(|&size| size > 0) => &[],
        None => {
            let fixed = |&size: &i64| usize::try_from(size).ok().filter(|&size| size > 0);
            return Some(
                target.iter().map(|s| fixed(s).map_or(Dim::Unknown, Dim::Fixed)).collect(),
            );
        }
    };
    let zero_is_zero = node::int(call.node, "allowzero").unwrap_or(0) != 0;
    let mut dims: Vec<Option<Dim>> = Vec::with_capacity(target.len());
    for (axis, &size) in target.iter().enumerate() {
        dims.push(match size {
            0 if !zero_is_zero => Some(source.get(axis)?.clone()),
            -1 => None,
            size => Some(Dim::Fixed(usize::try_from(size).ok()?)),
        });
    }
    // Axes that are copied cancel out, so that an open batch size does not hide the rest.
    let copied = |axis: &usize| target.get(*axis) == Some(&0) && !zero_is_zero;
    let left: Vec<Dim> =
        (0..source.len()).filter(|axis| !copied(axis)).map(|axis| source[axis].clone()).collect();
    let taken: Option<usize> = (0..dims.len())
        .filter(|axis| !copied(axis))
        .filter_map(|axis| dims[axis].as_ref())
        .try_fold(1_usize, |n, dim| n.checked_mul(dim.fixed()?));
    let rest = match (product(&left), taken) {
        (Dim::Fixed(total), Some(taken)) if taken > 0 && total % taken == 0 => {
            Dim::Fixed(total / taken)
        }
        (open, Some(1)) => open,
        _ => Dim::Unknown,
    };
    Some(dims.into_iter().map(|dim| dim.unwrap_or_else(|| rest.clone())).collect())
}

pub(super) fn transpose(call: &Call<'_>) -> Option<Vec<Dim>> {
    let dims = call.dims(0)?;
    match node::ints(call.node, "perm") {
        None => Some(dims.iter().rev().cloned().collect()),
        Some(order) if order.len() == dims.len() => {
            axes_of(order, dims.len())?.into_iter().map(|axis| Some(dims[axis].clone())).collect()
        }
        Some(_) => None,
    }
}

pub(super) fn concat(call: &Call<'_>) -> Option<Vec<Dim>> {
    let all: Vec<&[Dim]> = (0..call.inputs.len()).map(|i| call.dims(i)).collect::<Option<_>>()?;
    let mut dims = all.first()?.to_vec();
    let axis = axis_of(node::int(call.node, "axis").unwrap_or(1), dims.len())?;
    if all.iter().any(|other| other.len() != dims.len()) {
        return None;
    }
    let total: Option<usize> =
        all.iter().try_fold(0_usize, |n, other| n.checked_add(other[axis].fixed()?));
    for (index, dim) in dims.iter_mut().enumerate() {
        // the sizes beside the axis must agree, so that the first fixed one is the size of all
        let fixed = all.iter().map(|other| &other[index]).find(|dim| dim.fixed().is_some());
        if let Some(fixed) = fixed {
            dim.clone_from(fixed);
        }
    }
    dims[axis] = total.map_or(Dim::Unknown, Dim::Fixed);
    Some(dims)
}

pub(super) fn squeeze(call: &Call<'_>) -> Option<Vec<Dim>> {
    let (dims, axes) = (call.dims(0)?, call.axes()?);
    if axes.is_empty() {
        let known = dims.iter().all(|dim| dim.fixed().is_some());
        return known.then(|| dims.iter().filter(|d| **d != Dim::Fixed(1)).cloned().collect());
    }
    let gone = axes_of(&axes, dims.len())?;
    Some((0..dims.len()).filter(|axis| !gone.contains(axis)).map(|a| dims[a].clone()).collect())
}

pub(super) fn unsqueeze(call: &Call<'_>) -> Option<Vec<Dim>> {
    let (dims, axes) = (call.dims(0)?, call.axes()?);
    let rank = dims.len().checked_add(axes.len())?;
    let new = axes_of(&axes, rank)?;
    let mut old = dims.iter().cloned();
    (0..rank)
        .map(|axis| if new.contains(&axis) { Some(Dim::Fixed(1)) } else { old.next() })
        .collect()
}

pub(super) fn reduce(call: &Call<'_>) -> Option<Vec<Dim>> {
    let dims = call.dims(0)?;
    let keep = node::int(call.node, "keepdims").unwrap_or(1) != 0;
    let Some(axes) = call.axes() else {
        return keep.then(|| vec![Dim::Unknown; dims.len()]);
    };
    if axes.is_empty() && node::int(call.node, "noop_with_empty_axes").unwrap_or(0) != 0 {
        return Some(dims.to_vec());
    }
    let all: Vec<usize> = (0..dims.len()).collect();
    let gone = if axes.is_empty() { all } else { axes_of(&axes, dims.len())? };
    Some(without(dims, &gone, keep))
}

pub(super) fn arg(call: &Call<'_>) -> Option<Vec<Dim>> {
    let dims = call.dims(0)?;
    let axis = axis_of(node::int(call.node, "axis").unwrap_or(0), dims.len())?;
    Some(without(dims, &[axis], node::int(call.node, "keepdims").unwrap_or(1) != 0))
}

fn without(dims: &[Dim], gone: &[usize], keep: bool) -> Vec<Dim> {
    let entry = |(axis, dim): (usize, &Dim)| match (gone.contains(&axis), keep) {
        (false, _) => Some(dim.clone()),
        (true, true) => Some(Dim::Fixed(1)),
        (true, false) => None,
    };
    dims.iter().enumerate().filter_map(entry).collect()
}

pub(super) fn pad(call: &Call<'_>) -> Option<Vec<Dim>> {
    let dims = call.dims(0)?;
    let pads = match call.ints(1) {
        Some(pads) if !call.has(3) => pads,
        None if call.opset < 11 => node::ints(call.node, "pads")?,
        _ => return Some(vec![Dim::Unknown; dims.len()]),
    };
    if pads.len() != 2 * dims.len() {
        return None;
    }
    let size = |axis: usize| {
        let both = pads[axis].checked_add(pads[axis + dims.len()])?;
        dims[axis].fixed()?.checked_add_signed(isize::try_from(both).ok()?)
    };
    let grown = |axis: usize| {
        if (pads[axis], pads[axis + dims.len()]) == (0, 0) {
            dims[axis].clone()
        } else {
            size(axis).map_or(Dim::Unknown, Dim::Fixed)
        }
    };
    Some((0..dims.len()).map(grown).collect())
}

pub(super) fn slice(call: &Call<'_>) -> Option<Vec<Dim>> {
    let mut dims = call.dims(0)?.to_vec();
    let all_open = || Some(vec![Dim::Unknown; dims.len()]);
    let (starts, ends, axes) = if call.opset < 10 {
        let list = |name| node::ints(call.node, name);
        (list("starts")?, list("ends")?, list("axes"))
    } else {
        let axes = if call.has(3) { Some(call.ints(3)) } else { None };
        match (call.ints(1), call.ints(2), axes) {
            (_, _, Some(None)) => return all_open(),
            (Some(starts), Some(ends), axes) => (starts, ends, axes.flatten()),
            // where it cuts is open, and only along the axes that are named
            (_, _, Some(Some(axes))) => {
                for axis in axes_of(axes, dims.len())? {
                    *dims.get_mut(axis)? = Dim::Unknown;
                }
                return Some(dims);
            }
            _ => return all_open(),
        }
    };
    let axes = match axes {
        Some(axes) => axes_of(axes, dims.len())?,
        None => (0..starts.len()).collect(),
    };
    let steps = match (call.has(4), call.ints(4)) {
        (false, _) => vec![1; starts.len()],
        (true, Some(steps)) => steps.to_vec(),
        (true, None) => vec![0; starts.len()],
    };
    if starts.len() != ends.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return None;
    }
    for (index, axis) in axes.into_iter().enumerate() {
        let dim = dims.get_mut(axis)?;
        let cut = |size| span(size, starts[index], ends[index], steps[index]);
        let whole = (starts[index], steps[index]) == (0, 1) && ends[index] == i64::MAX;
        if !whole {
            *dim = dim.fixed().and_then(cut).map_or(Dim::Unknown, Dim::Fixed);
        }
    }
    Some(dims)
}

/// Elements that a slice takes of an axis; nothing when the step is 0, which stands for unknown too.
fn span(size: usize, start: i64, end: i64, step: i64) -> Option<usize> {
    let n = i64::try_from(size).ok()?;
    let from_end = |at: i64| if at < 0 { at.saturating_add(n) } else { at };
    let (first, last) = match step {
        1.. => (from_end(start).clamp(0, n), from_end(end).clamp(0, n)),
        0 => return None,
        // backwards: from the last element down to one before the first
        _ => (from_end(end).clamp(-1, n - 1) + 1, from_end(start).clamp(-1, n - 1) + 1),
    };
    let taken = last.checked_sub(first)?.max(0).unsigned_abs();
    usize::try_from(taken.div_ceil(step.unsigned_abs())).ok()
}

pub(super) fn split(call: &Call<'_>) -> Vec<Option<Vec<Dim>>> {
    let count = call.node.output.len();
    let unknown = vec![None; count];
    let Some(dims) = call.dims(0) else { return unknown };
    let Some(axis) = axis_of(node::int(call.node, "axis").unwrap_or(0), dims.len()) else {
        return unknown;
    };
    let given = if call.has(1) { call.ints(1) } else { node::ints(call.node, "split") };
    let sizes: Vec<Dim> = match (given, dims[axis].fixed()) {
        (Some(given), _) if given.len() == count => {
            given.iter().map(|&n| usize::try_from(n).map_or(Dim::Unknown, Dim::Fixed)).collect()
        }
        // equal parts, of which the last may be smaller
        (None, Some(total)) if !call.has(1) && count > 0 => {
            let part = total.div_ceil(count);
            let rest = part.checked_mul(count - 1).and_then(|taken| total.checked_sub(taken));
            let mut sizes = vec![Dim::Fixed(part); count];
            sizes[count - 1] = rest.map_or(Dim::Unknown, Dim::Fixed);
            sizes
        }
        _ => vec![Dim::Unknown; count],
    };
    let part = |size: Dim| {
        let mut part = dims.to_vec();
        part[axis] = size;
        Some(part)
    };
    sizes.into_iter().map(part).collect()
}

pub(super) fn gather(call: &Call<'_>) -> Option<Vec<Dim>> {
    let (data, indices) = (call.dims(0)?, call.dims(1)?);
    let axis = axis_of(node::int(call.node, "axis").unwrap_or(0), data.len())?;
    Some([&data[..axis], indices, &data[axis + 1..]].concat())
}

pub(super) fn expand(call: &Call<'_>) -> Option<Vec<Dim>> {
    let Some(target) = call.ints(1) else {
        let [Dim::Fixed(rank)] = call.dims(1)? else { return None };
        let rank = (*rank).max(call.dims(0)?.len());
        return (rank <= LONGEST_RANK).then(|| vec![Dim::Unknown; rank]);
    };
    let target: Option<Vec<Dim>> =
        target.iter().map(|&size| usize::try_from(size).ok().map(Dim::Fixed)).collect();
    broadcast(call.dims(0)?, &target?)
}
