//! Operators that pick elements: `Slice`, `Gather`, `ArgMax` and `ArgMin`.

use super::Answer;
use super::call::Call;
use super::tensor::{Kind, Tensor, indices, strides};

/// Evaluates an operator of this family; `None` when it is of another one.
pub(super) fn evaluate(call: &Call<'_>) -> Option<Answer<Vec<Tensor>>> {
    let one = match call.op() {
        "Slice" => slice(call),
        "Gather" => gather(call),
        "GatherElements" => gather_elements(call),
        "ArgMax" | "ArgMin" => extreme(call),
        _ => return None,
    };
    Some(one.map(|tensor| vec![tensor]))
}

/// First element, step and number of elements along one axis.
fn along(dim: usize, start: i64, end: i64, step: i64) -> Option<(i64, usize)> {
    let size = dim as i64;
    let from_end =
        |position: i64| if position < 0 { position.saturating_add(size) } else { position };
    let (first, last) = if step > 0 {
        (from_end(start).clamp(0, size), from_end(end).clamp(0, size))
    } else {
        (from_end(start).clamp(-1, size - 1), from_end(end).clamp(-1, size - 1))
    };
    let length = if step > 0 { last - first } else { first - last };
    let stride = step.checked_abs()?;
    let n = usize::try_from(length.max(0)).ok()?.div_ceil(usize::try_from(stride).ok()?);
    Some((first, n))
}

fn slice(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let rank = input.dims.len();
    let (Some(starts), Some(ends)) = (call.list("starts", 1), call.list("ends", 2)) else {
        return call.refuse("no ends");
    };
    let axes = call.list("axes", 3).unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = call.list("steps", 4).unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()].iter().any(|&n| n != starts.len()) {
        return call.refuse("lists of unlike lengths");
    }
    let mut dims = input.dims.clone();
    let mut walks = vec![(0_i64, 1_i64); rank];
    for (k, &axis) in axes.iter().enumerate() {
        let axis = call.axis(axis, rank)?;
        if steps[k] == 0 {
            return call.refuse("a step of zero");
        }
        let walk = along(input.dims[axis], starts[k], ends[k], steps[k]);
        let Some((first, n)) = walk else { return call.refuse("such a step") };
        dims[axis] = n;
        walks[axis] = (first, steps[k]);
    }
    let own = strides(&input.dims);
    let at = |index: Vec<usize>| {
        let along = index.iter().zip(&walks).zip(&own);
        along.map(|((&i, (first, step)), stride)| (first + i as i64 * step) as usize * stride).sum()
    };
    Ok(input.picked(dims.clone(), indices(&dims).map(at)))
}

fn position(call: &Call<'_>, value: f64, dim: usize) -> Answer<usize> {
    let value = value as i64;
    let value = if value < 0 { value.saturating_add(dim as i64) } else { value };
    let found = usize::try_from(value).ok().filter(|&position| position < dim);
    found.ok_or_else(|| format!("{} picks element {value} of {dim}", call.op()))
}

fn gather(call: &Call<'_>) -> Answer<Tensor> {
    let (input, picks) = (call.input(0)?, call.input(1)?);
    let axis = call.axis(call.int("axis", 0), input.dims.len())?;
    let (front, behind) = (&input.dims[..axis], &input.dims[axis + 1..]);
    let dims = [front, &picks.dims, behind].concat();
    let picks: Vec<usize> = picks
        .values
        .iter()
        .map(|&value| position(call, value, input.dims[axis]))
        .collect::<Answer<_>>()?;
    let (front, behind): (usize, usize) = (front.iter().product(), behind.iter().product());
    let size = input.dims[axis];
    let picks = &picks;
    let at = (0..front).flat_map(move |f| {
        picks.iter().flat_map(move |pick| {
            let begin = (f * size + pick) * behind;
            begin..begin + behind
        })
    });
    Ok(input.picked(dims, at))
}

fn gather_elements(call: &Call<'_>) -> Answer<Tensor> {
    let (input, picks) = (call.input(0)?, call.input(1)?);
    let axis = call.axis(call.int("axis", 0), input.dims.len())?;
    let own = strides(&input.dims);
    if picks.dims.len() != input.dims.len() {
        return call.refuse("indices of another rank");
    }
    let mut at = Vec::with_capacity(picks.values.len());
    for (mut index, &value) in indices(&picks.dims).zip(&picks.values) {
        index[axis] = position(call, value, input.dims[axis])?;
        at.push(index.iter().zip(&own).map(|(i, step)| i * step).sum());
    }
    if at.iter().any(|&k| k >= input.values.len()) {
        return call.refuse("indices beyond the input");
    }
    Ok(input.picked(picks.dims.clone(), at.into_iter()))
}

fn extreme(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let axis = call.axis(call.int("axis", 0), input.dims.len())?;
    let largest = call.op() == "ArgMax";
    let last = call.int("select_last_index", 0) != 0;
    let mut dims = input.dims.clone();
    dims[axis] = 1;
    let own = strides(&input.dims);
    let values = indices(&dims).map(|index| {
        let begin: usize = index.iter().zip(&own).map(|(i, step)| i * step).sum();
        let value = |k: usize| input.values[begin + k * own[axis]];
        let mut best = 0;
        for k in 1..input.dims[axis] {
            let better = if largest { value(k) > value(best) } else { value(k) < value(best) };
            if better || last && value(k).total_cmp(&value(best)).is_eq() {
                best = k;
            }
        }
        best as f64
    });
    let values: Vec<f64> = values.collect();
    if call.int("keepdims", 1) == 0 {
        dims.remove(axis);
    }
    Ok(Tensor { dims, values, kind: Kind::Integer })
}
