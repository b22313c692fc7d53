//! Reductions over axes.

use super::Answer;
use super::call::Call;
use super::tensor::{Tensor, indices, strides};

/// Evaluates an operator of this family; `None` when it is of another one.
pub(super) fn evaluate(call: &Call<'_>) -> Option<Answer<Vec<Tensor>>> {
    let f: fn(&[f64]) -> f64 = match call.op() {
        "ReduceMean" => |v| v.iter().sum::<f64>() / v.len() as f64,
        "ReduceSum" => |v| v.iter().sum(),
        "ReduceMax" => |v| v.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "ReduceMin" => |v| v.iter().copied().fold(f64::INFINITY, f64::min),
        "ReduceProd" => |v| v.iter().product(),
        "ReduceL1" => |v| v.iter().map(|v| v.abs()).sum(),
        "ReduceL2" => |v| v.iter().map(|v| v * v).sum::<f64>().sqrt(),
        "ReduceSumSquare" => |v| v.iter().map(|v| v * v).sum(),
        "ReduceLogSum" => |v| v.iter().sum::<f64>().ln(),
        "ReduceLogSumExp" => |v| {
            let peak = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if peak.is_finite() {
                peak + v.iter().map(|v| (v - peak).exp()).sum::<f64>().ln()
            } else {
                peak
            }
        },
        _ => return None,
    };
    Some(reduce(call, f).map(|tensor| vec![tensor]))
}

fn reduce(call: &Call<'_>, f: fn(&[f64]) -> f64) -> Answer<Tensor> {
    let input = call.input(0)?;
    let rank = input.dims.len();
    if input.values.is_empty() && matches!(call.op(), "ReduceMax" | "ReduceMin") {
        return call.refuse("nothing to choose from");
    }
    let axes = call.list("axes", 1).unwrap_or_default();
    if axes.is_empty() && call.int("noop_with_empty_axes", 0) != 0 {
        // nothing is reduced, but what is done to each element is done
        let whole = input.map(|v| f(&[v]));
        return Ok(whole);
    }
    let axes = if axes.is_empty() { (0..rank).collect() } else { call.axes(&axes, rank)? };
    let reduced = |axis: usize| axes.contains(&axis);
    let sizes = |of: &dyn Fn(usize) -> bool| -> Vec<usize> {
        (0..rank).map(|axis| if of(axis) { input.dims[axis] } else { 1 }).collect()
    };
    let (inner, outer) = (sizes(&reduced), sizes(&|axis| !reduced(axis)));
    let own = strides(&input.dims);
    let offset =
        |index: Vec<usize>| -> usize { index.iter().zip(&own).map(|(i, step)| i * step).sum() };
    let offsets: Vec<usize> = indices(&inner).map(offset).collect();
    let one = |index: Vec<usize>| {
        let base = offset(index);
        f(&offsets.iter().map(|offset| input.values[base + offset]).collect::<Vec<_>>())
    };
    let values = indices(&outer).map(one).collect();
    let kept = call.int("keepdims", 1) != 0;
    let dims = outer.iter().enumerate().filter(|(axis, _)| kept || !reduced(*axis));
    Ok(Tensor { dims: dims.map(|(_, &dim)| dim).collect(), values, kind: input.kind })
}
