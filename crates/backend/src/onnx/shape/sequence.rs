//! Shapes of recurrent operators and of those that resize.

use super::super::node;
use super::rules::Call;
use super::{Dim, Value};

/// `RNN`, `GRU`, `LSTM`: all states, the last state, and the last cell of an `LSTM`.
pub(super) fn recurrent(call: &Call<'_>) -> Vec<Value> {
    let element = call.input(0).map_or(0, |value| value.element);
    let dims = states(call);
    let (all, last) = dims.map_or((None, None), |(all, last)| (Some(all), Some(last)));
    vec![Value::new(element, all), Value::new(element, last.clone()), Value::new(element, last)]
}

fn states(call: &Call<'_>) -> Option<(Vec<Dim>, Vec<Dim>)> {
    let [a, b, _] = call.dims(0)? else { return None };
    let directions = match node::text(call.node, "direction") {
        Some("bidirectional") => 2,
        Some("forward" | "reverse") | None => 1,
        Some(_) => return None,
    };
    let stated = node::int(call.node, "hidden_size").and_then(|n| usize::try_from(n).ok());
    let hidden = stated.map(Dim::Fixed).or_else(|| Some(call.dims(2)?.get(2)?.clone()))?;
    let directions = Dim::Fixed(directions);
    Some(if node::int(call.node, "layout").unwrap_or(0) == 0 {
        let (length, batch) = (a.clone(), b.clone());
        (
            vec![length, directions.clone(), batch.clone(), hidden.clone()],
            vec![directions, batch, hidden],
        )
    } else {
        let (batch, length) = (a.clone(), b.clone());
        (
            vec![batch.clone(), length, directions.clone(), hidden.clone()],
            vec![batch, directions, hidden],
        )
    })
}

/// `Resize` of every version, and `Upsample`.
pub(super) fn resize(call: &Call<'_>) -> Option<Vec<Dim>> {
    let dims = call.dims(0)?;
    let unknown = || Some(vec![Dim::Unknown; dims.len()]);
    // axes that are named, or a kept aspect ratio, came later: not followed
    if node::ints(call.node, "axes").is_some()
        || node::text(call.node, "keep_aspect_ratio_policy").is_some_and(|p| p != "stretch")
    {
        return unknown();
    }
    if call.has(3) {
        let Some(sizes) = call.ints(3).filter(|sizes| sizes.len() == dims.len()) else {
            return unknown();
        };
        let size = |&n: &i64| usize::try_from(n).map_or(Dim::Unknown, Dim::Fixed);
        return Some(sizes.iter().map(size).collect());
    }
    let first = node::attribute(call.node, "scales").map(|a| a.floats.as_slice());
    let at = if call.opset < 11 { 1 } else { 2 };
    let scales = first.or_else(|| call.input(at)?.floats.as_deref());
    let Some(scales) = scales.filter(|scales| scales.len() == dims.len()) else { return unknown() };
    Some(dims.iter().zip(scales).map(|(dim, &scale)| scaled(dim, scale)).collect())
}

/// The size times the scale, rounded down; open where engines may round to another side.
fn scaled(dim: &Dim, scale: f32) -> Dim {
    if scale.to_bits() == 1_f32.to_bits() {
        return dim.clone();
    }
    let Some(size) = dim.fixed().filter(|&size| size < 1 << 24) else { return Dim::Unknown };
    let single = (size as f32 * scale).floor();
    let double = (size as f64 * f64::from(scale)).floor();
    let fits = (0.0..4e9).contains(&double) && (f64::from(single) - double).abs() < 0.5;
    if fits { Dim::Fixed(double as usize) } else { Dim::Unknown }
}
