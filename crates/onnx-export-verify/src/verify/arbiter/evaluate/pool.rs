//! Pooling, global or by windows.

use super::Answer;
use super::call::Call;
use super::tensor::{Tensor, count};
use super::window::Window;

/// Evaluates an operator of this family; `None` when it is of another one.
pub(super) fn evaluate(call: &Call<'_>) -> Option<Answer<Vec<Tensor>>> {
    let one = match call.op() {
        "MaxPool" | "AveragePool" => windows(call),
        "GlobalAveragePool" | "GlobalMaxPool" => whole(call),
        _ => return None,
    };
    Some(one.map(|tensor| vec![tensor]))
}

fn whole(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let [n, c, space @ ..] = input.dims.as_slice() else { return call.refuse("no channels") };
    let size: usize = space.iter().product();
    if size == 0 {
        return call.refuse("nothing to pool");
    }
    let largest = call.op() == "GlobalMaxPool";
    let one = |values: &[f64]| {
        if largest {
            values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        } else {
            values.iter().sum::<f64>() / size as f64
        }
    };
    let values = input.values.chunks_exact(size).map(one).collect();
    let mut dims = vec![*n, *c];
    dims.extend(space.iter().map(|_| 1));
    Ok(Tensor::new(&dims, values))
}

fn windows(call: &Call<'_>) -> Answer<Tensor> {
    if call.node.output.iter().filter(|name| !name.is_empty()).count() > 1 {
        return call.refuse("indices");
    }
    let input = call.input(0)?;
    let [n, c, space @ ..] = input.dims.as_slice() else { return call.refuse("no channels") };
    let kernel = call.ints("kernel_shape").unwrap_or(&[]);
    let kernel: Option<Vec<usize>> = kernel.iter().map(|&k| usize::try_from(k).ok()).collect();
    let Some(kernel) = kernel else { return call.refuse("such a kernel") };
    let window = Window::of(call, space, kernel)?;
    let (read, written): (usize, usize) = (space.iter().product(), window.out.iter().product());
    let largest = call.op() == "MaxPool";
    let begin = if largest { f64::NEG_INFINITY } else { 0.0 };
    let mut values = vec![begin; count(&[*n, *c, written])?];
    let mut counts = vec![0_u32; written];
    window.each(|_, places| {
        for (o, place) in places.iter().enumerate() {
            counts[o] += u32::from(place.is_some());
        }
        for (out, from) in
            values.chunks_exact_mut(written.max(1)).zip(input.values.chunks_exact(read.max(1)))
        {
            for (out, place) in out.iter_mut().zip(places) {
                let Some(place) = *place else { continue };
                *out = if largest { out.max(from[place]) } else { *out + from[place] };
            }
        }
    });
    if !largest {
        let counts = if call.int("count_include_pad", 0) == 0 { counts } else { padded(&window) };
        for out in values.chunks_exact_mut(written.max(1)) {
            out.iter_mut().zip(&counts).for_each(|(value, &n)| *value /= f64::from(n));
        }
    }
    Ok(Tensor::new(&[&[*n, *c], window.out.as_slice()].concat(), values))
}

/// Elements under each window, pads counted, but not what lies behind them (`ceil_mode`).
fn padded(window: &Window) -> Vec<u32> {
    let mut whole = window.clone();
    for axis in 0..whole.space.len() {
        whole.space[axis] += whole.front[axis] + whole.behind[axis];
        (whole.front[axis], whole.behind[axis]) = (0, 0);
    }
    let mut counts = vec![0; whole.out.iter().product()];
    whole.each(|_, places| {
        for (count, place) in counts.iter_mut().zip(places) {
            *count += u32::from(place.is_some());
        }
    });
    counts
}
