//! Operators that give the elements other dimensions, another order, or join tensors.

use super::Answer;
use super::call::Call;
use super::tensor::{Kind, Tensor, broadcast, count, indices, spread, strides};

/// Evaluates an operator of this family; `None` when it is of another one.
pub(super) fn evaluate(call: &Call<'_>) -> Option<Answer<Vec<Tensor>>> {
    if call.op() == "Split" {
        return Some(split(call));
    }
    let one = match call.op() {
        "Reshape" => reshape(call),
        "Flatten" => flatten(call),
        "Squeeze" => squeeze(call),
        "Unsqueeze" => unsqueeze(call),
        "Transpose" => transpose(call),
        "Concat" => concat(call),
        "Expand" => expand(call),
        "Tile" => tile(call),
        "Shape" => shape(call),
        "Size" => call.input(0).map(|x| integers(vec![], vec![x.values.len() as f64])),
        "DepthToSpace" | "SpaceToDepth" => blocks(call),
        _ => return None,
    };
    Some(one.map(|tensor| vec![tensor]))
}

/// A tensor of whole numbers.
pub(super) fn integers(dims: Vec<usize>, values: Vec<f64>) -> Tensor {
    Tensor { dims, values, kind: Kind::Integer }
}

fn reshape(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let Some(wanted) = call.list("shape", 1) else { return call.refuse("no shape") };
    let keeps_zero = call.int("allowzero", 0) != 0;
    let mut dims = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (axis, &size) in wanted.iter().enumerate() {
        dims.push(match size {
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            0 if !keeps_zero => *input.dims.get(axis).ok_or("a zero without a dimension")?,
            size => {
                usize::try_from(size).map_err(|error| format!("the shape {wanted:?}: {error}"))?
            }
        });
    }
    if let Some(axis) = open {
        let others = count(&dims)?;
        dims[axis] = input.values.len().checked_div(others).unwrap_or(0);
    }
    input.reshaped(&dims)
}

fn flatten(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let rank = input.dims.len();
    let axis = call.int("axis", 1);
    // the rank itself is an axis here: everything in front
    let axis = if axis == rank as i64 { rank } else { call.axis(axis, rank)? };
    let (front, behind) = input.dims.split_at(axis);
    input.reshaped(&[front.iter().product(), behind.iter().product()])
}

fn squeeze(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let axes = match call.list("axes", 1) {
        Some(axes) => call.axes(&axes, input.dims.len())?,
        None => (0..input.dims.len()).filter(|&axis| input.dims[axis] == 1).collect(),
    };
    let kept = input.dims.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
    input.reshaped(&kept.map(|(_, &dim)| dim).collect::<Vec<_>>())
}

fn unsqueeze(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let Some(axes) = call.list("axes", 1) else { return call.refuse("no axes") };
    let rank = input.dims.len() + axes.len();
    let axes = call.axes(&axes, rank)?;
    let mut old = input.dims.iter().copied();
    let dim = |axis| if axes.contains(&axis) { 1 } else { old.next().unwrap_or(1) };
    input.reshaped(&(0..rank).map(dim).collect::<Vec<_>>())
}

fn transpose(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let rank = input.dims.len();
    let order = match call.ints("perm") {
        Some(order) => order.iter().map(|&axis| call.axis(axis, rank)).collect::<Answer<_>>()?,
        None => (0..rank).rev().collect::<Vec<_>>(),
    };
    if order.len() != rank || (0..rank).any(|axis| !order.contains(&axis)) {
        return call.refuse("an order that is none");
    }
    Ok(input.permuted(&order))
}

fn concat(call: &Call<'_>) -> Answer<Tensor> {
    let all = call.all()?;
    let first = call.input(0)?;
    // before operator set 4 the axis could be left out
    let axis = call.axis(call.int("axis", 1), first.dims.len())?;
    let rest = |dims: &[usize]| {
        let mut dims = dims.to_vec();
        dims[axis] = 0;
        dims
    };
    if all.iter().any(|t| t.dims.len() <= axis || rest(&t.dims) != rest(&first.dims)) {
        return call.refuse("unlike shapes");
    }
    let behind: usize = first.dims[axis + 1..].iter().product();
    let front: usize = first.dims[..axis].iter().product();
    let mut values = Vec::new();
    for k in 0..front {
        for tensor in &all {
            let run = tensor.dims[axis] * behind;
            values.extend_from_slice(&tensor.values[k * run..(k + 1) * run]);
        }
    }
    let mut dims = first.dims.clone();
    dims[axis] = all.iter().map(|t| t.dims[axis]).sum();
    Ok(Tensor { dims, values, kind: first.kind })
}

fn split(call: &Call<'_>) -> Answer<Vec<Tensor>> {
    let input = call.input(0)?;
    let axis = call.axis(call.int("axis", 0), input.dims.len())?;
    let parts = call.node.output.len().max(1);
    let sizes: Vec<usize> = if let Some(sizes) = call.list("split", 1) {
        sizes.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect()
    } else {
        // as even as can be; the last part is what is left
        let size = input.dims[axis].div_ceil(parts);
        let left = |k: usize| input.dims[axis].saturating_sub(k * size).min(size);
        (0..parts).map(left).collect()
    };
    if sizes.iter().sum::<usize>() != input.dims[axis] {
        return call.refuse("parts that are not the whole");
    }
    let own = strides(&input.dims);
    let mut begin = 0;
    let mut outputs = Vec::with_capacity(sizes.len());
    for size in sizes {
        let mut dims = input.dims.clone();
        dims[axis] = size;
        let at = |index: Vec<usize>| {
            begin * own[axis] + index.iter().zip(&own).map(|(i, step)| i * step).sum::<usize>()
        };
        outputs.push(input.picked(dims.clone(), indices(&dims).map(at)));
        begin += size;
    }
    Ok(outputs)
}

/// The sizes that an input lists.
pub(super) fn sizes(call: &Call<'_>, index: usize) -> Answer<Vec<usize>> {
    let sizes = call.input(index)?.integers();
    let size = |size| usize::try_from(size).map_err(|error| format!("the size {size}: {error}"));
    sizes.into_iter().map(size).collect()
}

fn expand(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let dims = broadcast(&[&input.dims, &sizes(call, 1)?])?;
    count(&dims)?;
    Ok(input.picked(dims.clone(), spread(&input.dims, &dims).into_iter()))
}

fn tile(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let repeats = sizes(call, 1)?;
    if repeats.len() != input.dims.len() {
        return call.refuse("repeats of another rank");
    }
    let dims: Vec<usize> =
        input.dims.iter().zip(&repeats).map(|(dim, n)| dim.saturating_mul(*n)).collect();
    count(&dims)?;
    let own = strides(&input.dims);
    let at = |index: Vec<usize>| {
        let along = index.iter().zip(&input.dims).zip(&own);
        along.map(|((i, dim), step)| i % dim * step).sum()
    };
    Ok(input.picked(dims.clone(), indices(&dims).map(at)))
}

fn shape(call: &Call<'_>) -> Answer<Tensor> {
    let dims = &call.input(0)?.dims;
    let rank = dims.len() as i64;
    let end = |position: i64| {
        let position = if position < 0 { position.saturating_add(rank) } else { position };
        position.clamp(0, rank) as usize
    };
    let (from, to) = (end(call.int("start", 0)), end(call.int("end", rank)));
    let values: Vec<f64> = dims.get(from..to).unwrap_or(&[]).iter().map(|&d| d as f64).collect();
    Ok(integers(vec![values.len()], values))
}

/// Blocks of space to channels and back; both are a reshape, a transpose and a reshape.
#[expect(clippy::many_single_char_names, reason = "the letters of the specification")]
fn blocks(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let &[n, c, h, w] = input.dims.as_slice() else { return call.refuse("no four dimensions") };
    let b = usize::try_from(call.int("blocksize", 0)).unwrap_or(0);
    let divides = |size: usize, by: usize| by > 0 && size.is_multiple_of(by);
    let permuted = |split: [usize; 6], order: [usize; 6], dims: [usize; 4]| {
        input.reshaped(&split)?.permuted(&order).reshaped(&dims)
    };
    if call.op() == "SpaceToDepth" {
        if !divides(h, b) || !divides(w, b) {
            return call.refuse("a block that does not fit");
        }
        let (h, w) = (h / b, w / b);
        let order = match call.text("mode", "DCR") {
            "DCR" => [0, 3, 5, 1, 2, 4],
            "CRD" => [0, 1, 3, 5, 2, 4],
            mode => return call.refuse(mode),
        };
        return permuted([n, c, h, b, w, b], order, [n, c * b * b, h, w]);
    }
    if b == 0 || !divides(c, b * b) {
        return call.refuse("a block that does not fit");
    }
    let depth = c / (b * b);
    let dims = [n, depth, h * b, w * b];
    match call.text("mode", "DCR") {
        "DCR" => permuted([n, b, b, depth, h, w], [0, 3, 4, 1, 5, 2], dims),
        "CRD" => permuted([n, depth, b, b, h, w], [0, 1, 4, 2, 5, 3], dims),
        mode => call.refuse(mode),
    }
}
