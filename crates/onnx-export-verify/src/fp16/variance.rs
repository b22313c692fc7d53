//! Running variances that float16 cannot hold: `BatchNormalization` divides by their root, so a channel's
//! variance may be divided by c² when its scale is divided by c.
//!
//! y = s · (x − m) ÷ √(v + ε) + b stays the same with s ÷ c and (v + ε) ÷ c² − ε. c is a power of two, so
//! the scale loses nothing. Trained models have such variances (9.8e7 and 1e-9 were seen), and cutting them
//! off at 65504 or 0 changes the answer.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use backend::onnx::node::{float, int, is_default_domain, subgraphs};
use backend::onnx::proto::{GraphProto, TensorProto};
use backend::onnx::tensor::{from_f32, values_f32};
use half::f16;

use super::F32;
use super::weights::constants;

/// Rescales what needs it in the outermost graph; returns the number of channels.
pub(super) fn rescale(graph: &mut GraphProto) -> u64 {
    let pairs: Vec<(String, String, f32)> = graph
        .node
        .iter()
        .filter(|node| node.op_type == "BatchNormalization" && is_default_domain(node))
        .filter(|node| int(node, "training_mode").unwrap_or(0) == 0)
        .filter_map(|node| {
            let epsilon = float(node, "epsilon").unwrap_or(1e-5);
            Some((node.input.get(1)?.clone(), node.input.get(4)?.clone(), epsilon))
        })
        .collect();
    if pairs.is_empty() {
        return 0;
    }
    let mut uses: HashMap<String, usize> = HashMap::new();
    count_uses(graph, &mut uses);
    let wanted = pairs.iter().flat_map(|(scale, variance, _)| [scale.as_str(), variance.as_str()]);
    let mut values = values(graph, &wanted.collect());
    let mut channels = 0;
    for (scale, variance, epsilon) in pairs {
        if scale == variance || uses.get(&scale) != Some(&1) || uses.get(&variance) != Some(&1) {
            continue;
        }
        let (scales, variances) = (values.remove(&scale), values.remove(&variance));
        let (Some(mut scales), Some(mut variances)) = (scales, variances) else { continue };
        if scales.len() != variances.len() {
            continue;
        }
        let changed = apart(&mut scales, &mut variances, epsilon);
        if changed > 0 {
            replace(graph, &scale, &scales);
            replace(graph, &variance, &variances);
            channels += changed;
        }
    }
    channels
}

/// Changes the channels whose variance is outside the normal range of float16; returns their number.
fn apart(scales: &mut [f32], variances: &mut [f32], epsilon: f32) -> u64 {
    let normal = f16::MIN_POSITIVE.to_f32()..=f16::MAX.to_f32();
    let mut changed = 0;
    for (scale, variance) in scales.iter_mut().zip(variances) {
        let whole = *variance + epsilon;
        if normal.contains(variance) || *variance <= 0.0 || whole.is_nan() || whole.is_infinite() {
            continue;
        }
        let c = (whole.log2() / 2.0).floor().exp2();
        let (divided, reduced) = (*scale / c, whole / (c * c) - epsilon);
        if divided.is_finite() && normal.contains(&reduced) {
            (*scale, *variance) = (divided, reduced);
            changed += 1;
        }
    }
    changed
}

/// How often each value is read, by name; an output of a graph counts as read.
fn count_uses(graph: &GraphProto, uses: &mut HashMap<String, usize>) {
    let outputs = graph.output.iter().map(|output| &output.name);
    let inputs = graph.node.iter().flat_map(|node| &node.input);
    for name in inputs.chain(outputs).filter(|name| !name.is_empty()) {
        *uses.entry(name.clone()).or_default() += 1;
    }
    graph.node.iter().flat_map(subgraphs).for_each(|inner| count_uses(inner, uses));
}

/// The values of float32 tensors under the wanted names.
fn values(graph: &GraphProto, wanted: &HashSet<&str>) -> HashMap<String, Vec<f32>> {
    let read = |(name, tensor): (&str, Cow<'_, TensorProto>)| {
        // a number in an attribute is no tensor that could be replaced
        let Cow::Borrowed(tensor) = tensor else { return None };
        let read = || values_f32(tensor).ok();
        Some((name.to_owned(), (tensor.data_type == F32).then(read)??))
    };
    constants(graph, wanted).into_iter().filter_map(read).collect()
}

fn replace(graph: &mut GraphProto, name: &str, values: &[f32]) {
    let weight = graph.initializer.iter_mut().find(|weight| weight.name == name);
    let made = graph.node.iter_mut().filter(|node| node.output.first().is_some_and(|o| o == name));
    let attributes = made.flat_map(|node| &mut node.attribute).filter_map(|a| a.t.as_mut());
    for tensor in weight.into_iter().chain(attributes) {
        let new = from_f32("", &[values.len()], values);
        (tensor.raw_data, tensor.float_data) = (new.raw_data, Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_gives_what_it_gave() {
        let before = (vec![1.5_f32, -0.3, 2.0, 0.0, 1.0], vec![9.8e7_f32, 1.0, 1e-9, 0.0, 4e4]);
        let (mut scales, mut variances) = before.clone();
        let epsilon = 1e-5;
        assert_eq!(apart(&mut scales, &mut variances, epsilon), 2);
        for index in 0..5 {
            let of =
                |s: &[f32], v: &[f32]| f64::from(s[index]) / f64::from(v[index] + epsilon).sqrt();
            let (old, new) = (of(&before.0, &before.1), of(&scales, &variances));
            assert!((old - new).abs() <= old.abs() * 1e-5, "channel {index}: {old} became {new}");
        }
        assert!(variances[0] < 4.0 && variances[2] > 0.5);
        assert_eq!((scales[1], variances[4]), (-0.3, 4e4), "what fits is not touched");
    }
}
