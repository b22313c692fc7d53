//! Sums of products: `Conv`, `ConvTranspose`, `Gemm`, `MatMul`.

use super::call::Call;
use super::tensor::{Tensor, broadcast, count, spread};
use super::window::Window;
use super::{Answer, MOST_WORK};

/// Evaluates an operator of this family; `None` when it is of another one.
pub(super) fn evaluate(call: &Call<'_>) -> Option<Answer<Vec<Tensor>>> {
    let one = match call.op() {
        "Conv" => conv(call),
        "ConvTranspose" => conv_transpose(call),
        "Gemm" => gemm(call),
        "MatMul" => matmul(call),
        _ => return None,
    };
    Some(one.map(|tensor| vec![tensor]))
}

fn affordable(call: &Call<'_>, factors: &[usize]) -> Answer<()> {
    let work = factors.iter().fold(1_u64, |n, &factor| n.saturating_mul(factor as u64));
    if work <= MOST_WORK { Ok(()) } else { call.refuse("so many multiplications") }
}

/// Batch, channels and space of an input.
fn layout(tensor: &Tensor) -> Answer<(usize, usize, &[usize])> {
    match tensor.dims.as_slice() {
        [n, c, space @ ..] if !space.is_empty() => Ok((*n, *c, space)),
        dims => Err(format!("{dims:?} has no space")),
    }
}

fn groups(call: &Call<'_>) -> Answer<usize> {
    let group = usize::try_from(call.int("group", 1)).ok().filter(|&group| group > 0);
    group.ok_or_else(|| "an impossible number of groups".to_owned())
}

/// What every channel of the output begins with.
fn biased(call: &Call<'_>, n: usize, channels: usize, size: usize) -> Answer<Vec<f64>> {
    let mut values = vec![0.0; count(&[n, channels, size])?];
    if let Some(bias) = call.optional(2) {
        if bias.values.len() != channels {
            return call.refuse("a bias of another size");
        }
        for (k, chunk) in values.chunks_exact_mut(size.max(1)).enumerate() {
            chunk.fill(bias.values[k % channels]);
        }
    }
    Ok(values)
}

fn conv(call: &Call<'_>) -> Answer<Tensor> {
    let (input, weight) = (call.input(0)?, call.input(1)?);
    let (n, c, space) = layout(input)?;
    let (m, depth, kernel) = layout(weight)?;
    let group = groups(call)?;
    if depth * group != c || !m.is_multiple_of(group) {
        return call.refuse("channels that do not fit");
    }
    let window = Window::of(call, space, kernel.to_vec())?;
    let (read, written): (usize, usize) = (space.iter().product(), window.out.iter().product());
    let taps: usize = kernel.iter().product();
    affordable(call, &[n, m, depth, taps, written])?;
    let mut values = biased(call, n, m, written)?;
    window.each(|tap, places| {
        let inside: Vec<(usize, usize)> =
            places.iter().enumerate().filter_map(|(o, place)| Some((o, (*place)?))).collect();
        for (k, out) in values.chunks_exact_mut(written.max(1)).enumerate() {
            let (image, filter) = (k / m, k % m);
            let first = filter / (m / group) * depth;
            for d in 0..depth {
                let factor = weight.values[(filter * depth + d) * taps + tap];
                let from = &input.values[(image * c + first + d) * read..][..read];
                for &(o, place) in &inside {
                    out[o] += factor * from[place];
                }
            }
        }
    });
    Ok(Tensor::new(&[&[n, m], window.out.as_slice()].concat(), values))
}

/// The window whose convolution this one undoes: its input has the sizes of our output.
fn undone(call: &Call<'_>, space: &[usize], kernel: &[usize]) -> Answer<Window> {
    let extra = call.ints("output_padding").unwrap_or(&[]);
    let stated = call.ints("output_shape");
    let automatic = call.text("auto_pad", "NOTSET");
    if stated.is_some() || !matches!(automatic, "NOTSET" | "VALID") {
        return call.refuse("sizes given by shape");
    }
    let list = |name: &str, k: usize, default: i64| {
        let value = call.ints(name).and_then(|list| list.get(k).copied()).unwrap_or(default);
        usize::try_from(value).ok().filter(|&value| value < 1 << 24)
    };
    let n = space.len();
    let size = |k: usize| {
        let reach = (kernel[k] - 1).checked_mul(list("dilations", k, 1)?)? + 1;
        let extra = usize::try_from(extra.get(k).copied().unwrap_or(0)).ok()?;
        let pads = list("pads", k, 0)? + list("pads", n + k, 0)?;
        let all = (space[k].max(1) - 1).checked_mul(list("strides", k, 1)?)? + reach + extra;
        all.checked_sub(pads)
    };
    let sizes: Option<Vec<usize>> = (0..n).map(size).collect();
    let Some(sizes) = sizes else { return call.refuse("such sizes") };
    let window = Window::of(call, &sizes, kernel.to_vec())?;
    Ok(Window { out: space.to_vec(), ..window })
}

fn conv_transpose(call: &Call<'_>) -> Answer<Tensor> {
    let (input, weight) = (call.input(0)?, call.input(1)?);
    let (n, c, space) = layout(input)?;
    let (channels, per_group, kernel) = layout(weight)?;
    let group = groups(call)?;
    if channels != c
        || !c.is_multiple_of(group)
        || kernel.len() != space.len()
        || kernel.contains(&0)
    {
        return call.refuse("channels that do not fit");
    }
    let window = undone(call, space, kernel)?;
    let (read, written): (usize, usize) = (space.iter().product(), window.space.iter().product());
    let (m, taps): (usize, usize) = (per_group * group, kernel.iter().product());
    affordable(call, &[n, c, per_group, taps, read])?;
    let mut values = biased(call, n, m, written)?;
    window.each(|tap, places| {
        for (k, from) in input.values.chunks_exact(read.max(1)).enumerate() {
            let (image, channel) = (k / c, k % c);
            let first = channel / (c / group) * per_group;
            for f in 0..per_group {
                let factor = weight.values[(channel * per_group + f) * taps + tap];
                let out = &mut values[(image * m + first + f) * written..][..written];
                for (value, place) in from.iter().zip(places) {
                    if let Some(place) = place {
                        out[*place] += factor * value;
                    }
                }
            }
        }
    });
    Ok(Tensor::new(&[&[n, m], window.space.as_slice()].concat(), values))
}

/// Rows of `a` times columns of `b`, both dense matrices.
fn product(a: &[f64], b: &[f64], (rows, inner, columns): (usize, usize, usize)) -> Vec<f64> {
    let mut out = vec![0.0; rows * columns];
    for (row, out) in out.chunks_exact_mut(columns.max(1)).enumerate() {
        for k in 0..inner {
            let factor = a[row * inner + k];
            for (out, value) in out.iter_mut().zip(&b[k * columns..][..columns]) {
                *out += factor * value;
            }
        }
    }
    out
}

fn gemm(call: &Call<'_>) -> Answer<Tensor> {
    let turned = |index: usize, name: &str| -> Answer<Tensor> {
        let tensor = call.input(index)?;
        if tensor.dims.len() != 2 {
            return call.refuse("no matrices");
        }
        Ok(if call.int(name, 0) == 0 { tensor.clone() } else { tensor.permuted(&[1, 0]) })
    };
    let (a, b) = (turned(0, "transA")?, turned(1, "transB")?);
    let (rows, inner, columns) = (a.dims[0], a.dims[1], b.dims[1]);
    if b.dims[0] != inner {
        return call.refuse("matrices that do not fit");
    }
    affordable(call, &[rows, inner, columns])?;
    let (alpha, beta) = (call.float("alpha", 1.0), call.float("beta", 1.0));
    let mut values = product(&a.values, &b.values, (rows, inner, columns));
    for value in &mut values {
        *value *= alpha;
    }
    if let Some(c) = call.optional(2) {
        let dims = [rows, columns];
        if broadcast(&[&c.dims, &dims])? != dims {
            return call.refuse("a third matrix that is larger");
        }
        for (value, at) in values.iter_mut().zip(spread(&c.dims, &dims)) {
            *value += beta * c.values[at];
        }
    }
    Ok(Tensor::new(&[rows, columns], values))
}

fn matmul(call: &Call<'_>) -> Answer<Tensor> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    if a.dims.is_empty() || b.dims.is_empty() {
        return call.refuse("a scalar");
    }
    // a vector is a row on the left, a column on the right; its axis is dropped again
    let (mut left, mut right) = (a.dims.clone(), b.dims.clone());
    if left.len() == 1 {
        left.insert(0, 1);
    }
    if right.len() == 1 {
        right.push(1);
    }
    let (front_a, [rows, inner]) = left.split_at(left.len() - 2) else {
        return call.refuse("such shapes");
    };
    let (front_b, [inner_b, columns]) = right.split_at(right.len() - 2) else {
        return call.refuse("such shapes");
    };
    if inner != inner_b {
        return call.refuse("matrices that do not fit");
    }
    let fronts = broadcast(&[front_a, front_b])?;
    let (at_a, at_b) = (spread(front_a, &fronts), spread(front_b, &fronts));
    affordable(call, &[at_a.len(), *rows, *inner, *columns])?;
    let (size_a, size_b) = (rows * inner, inner * columns);
    let mut values = Vec::with_capacity(at_a.len() * rows * columns);
    for (i, j) in at_a.into_iter().zip(at_b) {
        let (a, b) = (&a.values[i * size_a..][..size_a], &b.values[j * size_b..][..size_b]);
        values.extend(product(a, b, (*rows, *inner, *columns)));
    }
    let mut dims = fronts;
    dims.extend((a.dims.len() > 1).then_some(*rows));
    dims.extend((b.dims.len() > 1).then_some(*columns));
    Ok(Tensor::new(&dims, values))
}
