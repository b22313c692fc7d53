//! Normalisations and the family of `Softmax`.

use super::Answer;
use super::call::Call;
use super::tensor::Tensor;

/// Evaluates an operator of this family; `None` when it is of another one.
pub(super) fn evaluate(call: &Call<'_>) -> Option<Answer<Vec<Tensor>>> {
    let one = match call.op() {
        "BatchNormalization" => batch(call),
        "InstanceNormalization" => instance(call),
        "GroupNormalization" => group(call),
        "LayerNormalization" => layer(call),
        "LRN" => response(call),
        "Softmax" | "LogSoftmax" | "Hardmax" => softmax(call),
        _ => return None,
    };
    Some(one.map(|tensor| vec![tensor]))
}

/// Number of elements behind batch and channel, and the number of channels.
fn channels(call: &Call<'_>, input: &Tensor) -> Answer<(usize, usize)> {
    match input.dims.as_slice() {
        [_, c, space @ ..] if *c > 0 => Ok((*c, space.iter().product())),
        [_] => Ok((1, 1)),
        _ => call.refuse("no channels"),
    }
}

/// A list with one value for each channel.
fn per_channel<'a>(call: &Call<'a>, index: usize, c: usize) -> Answer<&'a [f64]> {
    let values = &call.input(index)?.values;
    if values.len() == c { Ok(values) } else { call.refuse("lists of another size") }
}

fn batch(call: &Call<'_>) -> Answer<Tensor> {
    let trains = call.int("training_mode", 0) != 0
        || call.opset < 7 && call.int("is_test", 0) == 0
        || call.int("spatial", 1) == 0
        || call.node.output.iter().skip(1).any(|name| !name.is_empty());
    if trains {
        return call.refuse("statistics of its own");
    }
    let input = call.input(0)?;
    let (c, space) = channels(call, input)?;
    let lists = [1, 2, 3, 4].map(|index| per_channel(call, index, c));
    let [scale, bias, mean, variance] = lists;
    let (scale, bias, mean, variance) = (scale?, bias?, mean?, variance?);
    let epsilon = call.float("epsilon", 1e-5);
    let mut output = input.clone();
    for (k, values) in output.values.chunks_exact_mut(space.max(1)).enumerate() {
        let k = k % c;
        let factor = scale[k] / (variance[k] + epsilon).sqrt();
        for v in values {
            *v = (*v - mean[k]) * factor + bias[k];
        }
    }
    Ok(output)
}

/// Brings a run of values to mean 0 and variance 1.
fn standardise(values: &mut [f64], epsilon: f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let factor = 1.0 / (variance + epsilon).sqrt();
    for v in values {
        *v = (*v - mean) * factor;
    }
}

fn scaled(output: &mut Tensor, space: usize, scale: &[f64], bias: &[f64]) {
    for (k, values) in output.values.chunks_exact_mut(space.max(1)).enumerate() {
        let k = k % scale.len();
        for v in values {
            *v = *v * scale[k] + bias[k];
        }
    }
}

fn instance(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let (c, space) = channels(call, input)?;
    let (scale, bias) = (per_channel(call, 1, c)?, per_channel(call, 2, c)?);
    let epsilon = call.float("epsilon", 1e-5);
    let mut output = input.clone();
    output.values.chunks_exact_mut(space.max(1)).for_each(|run| standardise(run, epsilon));
    scaled(&mut output, space, scale, bias);
    Ok(output)
}

fn group(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let (c, space) = channels(call, input)?;
    let groups = usize::try_from(call.int("num_groups", 0)).unwrap_or(0);
    if groups == 0 || !c.is_multiple_of(groups) {
        return call.refuse("groups that do not fit");
    }
    // one value for each group in operator set 18 to 20, one for each channel from 21 on
    let each = if call.opset < 21 { groups } else { c };
    let widen = |values: &[f64]| -> Vec<f64> {
        values.iter().flat_map(|&v| std::iter::repeat_n(v, c / each)).collect()
    };
    let scale = widen(per_channel(call, 1, each)?);
    let bias = widen(per_channel(call, 2, each)?);
    let epsilon = call.float("epsilon", 1e-5);
    let mut output = input.clone();
    let run = (c / groups * space).max(1);
    output.values.chunks_exact_mut(run).for_each(|run| standardise(run, epsilon));
    scaled(&mut output, space, &scale, &bias);
    Ok(output)
}

fn layer(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let axis = call.axis(call.int("axis", -1), input.dims.len())?;
    let run: usize = input.dims[axis..].iter().product();
    let scale = call.input(1)?;
    let bias = call.optional(2);
    if scale.values.len() != run || bias.is_some_and(|bias| bias.values.len() != run) {
        return call.refuse("a scale that is broadcast");
    }
    let epsilon = call.float("epsilon", 1e-5);
    let mut output = input.clone();
    for values in output.values.chunks_exact_mut(run.max(1)) {
        standardise(values, epsilon);
        for (k, v) in values.iter_mut().enumerate() {
            *v = *v * scale.values[k] + bias.map_or(0.0, |bias| bias.values[k]);
        }
    }
    Ok(output)
}

/// Local response normalisation over neighbouring channels.
fn response(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let (c, space) = channels(call, input)?;
    let size = usize::try_from(call.int("size", 0)).ok().filter(|&size| size > 0);
    let Some(size) = size else { return call.refuse("no size") };
    let (alpha, beta, bias) =
        (call.float("alpha", 1e-4), call.float("beta", 0.75), call.float("bias", 1.0));
    let mut output = input.clone();
    let image = (c * space).max(1);
    for (out, from) in output.values.chunks_exact_mut(image).zip(input.values.chunks_exact(image)) {
        for (k, value) in out.iter_mut().enumerate() {
            let (channel, place) = (k / space, k % space);
            let first = channel.saturating_sub((size - 1) / 2);
            let last = (channel + size / 2).min(c - 1);
            let squares = (first..=last).map(|i| from[i * space + place].powi(2)).sum::<f64>();
            *value /= (bias + alpha / size as f64 * squares).powf(beta);
        }
    }
    Ok(output)
}

/// Before operator set 13 everything from the axis on is one row, and the axis is 1 when it is left out; from 13
/// on the axis stands alone and is the last one.
fn softmax(call: &Call<'_>) -> Answer<Tensor> {
    let input = call.input(0)?;
    let rank = input.dims.len();
    let (run, stride) = if call.opset < 13 {
        let axis = call.int("axis", 1);
        let axis = if axis == rank as i64 { rank } else { call.axis(axis, rank)? };
        (input.dims[axis..].iter().product(), 1)
    } else {
        let axis = call.axis(call.int("axis", -1), rank)?;
        (input.dims[axis], input.dims[axis + 1..].iter().product())
    };
    let mut output = input.clone();
    if input.values.is_empty() {
        return Ok(output);
    }
    for block in output.values.chunks_exact_mut(run * stride) {
        for place in 0..stride {
            let row: Vec<f64> = (0..run).map(|k| block[k * stride + place]).collect();
            for (k, value) in row_of(call.op(), &row).into_iter().enumerate() {
                block[k * stride + place] = value;
            }
        }
    }
    Ok(output)
}

fn row_of(op: &str, row: &[f64]) -> Vec<f64> {
    let peak = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if op == "Hardmax" {
        let first = row.iter().position(|&v| v >= peak);
        return (0..row.len()).map(|k| f64::from(u8::from(Some(k) == first))).collect();
    }
    let sum: f64 = row.iter().map(|v| (v - peak).exp()).sum();
    let log = op == "LogSoftmax";
    row.iter().map(|v| if log { v - peak - sum.ln() } else { (v - peak).exp() / sum }).collect()
}
