//! `Pad` in all its modes.

use super::Answer;
use super::call::Call;
use super::tensor::{Tensor, count, indices, strides};

/// Evaluates `Pad`; `None` for any other operator.
pub(super) fn evaluate(call: &Call<'_>) -> Option<Answer<Vec<Tensor>>> {
    (call.op() == "Pad").then(|| pad(call).map(|tensor| vec![tensor]))
}

/// Elements added in front and behind, for each axis; negative ones cut.
fn amounts(call: &Call<'_>, rank: usize) -> Answer<Vec<(i64, i64)>> {
    let pads = call.ints("pads").or_else(|| call.ints("paddings")).map(<[i64]>::to_vec);
    let Some(pads) = pads.or_else(|| call.optional(1).map(Tensor::integers)) else {
        return call.refuse("no pads");
    };
    let axes = match call.optional(3) {
        Some(axes) => {
            let axis = |&axis: &i64| call.axis(axis, rank);
            axes.integers().iter().map(axis).collect::<Answer<Vec<_>>>()?
        }
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return call.refuse("pads of another rank");
    }
    let mut amounts = vec![(0, 0); rank];
    for (k, &axis) in axes.iter().enumerate() {
        amounts[axis] = (pads[k], pads[axes.len() + k]);
    }
    Ok(amounts)
}

fn pad(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let amounts = amounts(call, input.dims.len())?;
    let mode = call.text("mode", "constant");
    let fill = match call.optional(2) {
        Some(value) => value.values.first().copied().unwrap_or(0.0),
        None => call.float("value", 0.0),
    };
    let dim = |(&dim, &(front, behind)): (&usize, &(i64, i64))| {
        let size = (dim as i64).checked_add(front)?.checked_add(behind)?;
        usize::try_from(size).ok()
    };
    let dims: Option<Vec<usize>> = input.dims.iter().zip(&amounts).map(dim).collect();
    let Some(dims) = dims else { return call.refuse("such pads") };
    count(&dims)?;
    let own = strides(&input.dims);
    let mut values = Vec::new();
    for index in indices(&dims) {
        let mut at = Some(0);
        for (axis, &i) in index.iter().enumerate() {
            let source = source(i as i64 - amounts[axis].0, input.dims[axis] as i64, mode);
            let Ok(source) = source else { return call.refuse(mode) };
            at = at.zip(source).map(|(at, source)| at + source * own[axis]);
        }
        values.push(at.map_or(fill, |at| input.values[at]));
    }
    Ok(Tensor { dims, values, kind: input.kind })
}

/// Where an element comes from; `None` = the fill.
fn source(position: i64, size: i64, mode: &str) -> Result<Option<usize>, ()> {
    if (0..size).contains(&position) {
        return Ok(usize::try_from(position).ok());
    }
    let inside = match (mode, size) {
        ("constant", _) => return Ok(None),
        (_, ..=0) => return Err(()),
        ("edge", _) => position.clamp(0, size - 1),
        ("wrap", _) => position.rem_euclid(size),
        ("reflect", 1) => 0,
        ("reflect", _) => {
            let period = 2 * (size - 1);
            let folded = position.rem_euclid(period);
            folded.min(period - folded)
        }
        _ => return Err(()),
    };
    Ok(usize::try_from(inside).ok())
}
