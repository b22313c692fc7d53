//! Quantised models: `QuantizeLinear` and `DequantizeLinear` go to float16 together with what stands between
//! them, or stay float32 together. A `Cast` between them and an operator would break the int8 kernel.

use std::borrow::Cow;
use std::collections::HashMap;

use backend::onnx::proto::{GraphProto, TensorProto};
use backend::onnx::tensor::values_f32;
use half::f16;

use super::F16;
use super::facts::{Facts, Node};
use super::reason::Reason;
use super::weights::constants;

/// What the scales of a model ask for.
#[derive(Debug, Default)]
pub(super) struct Quantised {
    /// Why all of them stay float32; `None` when they may become float16.
    pub(super) scales: Option<Reason>,
    /// By node: whether it belongs to a region that stays float32.
    pub(super) region: Vec<bool>,
}

fn is_quantize(node: &Node) -> bool {
    node.domain.is_empty() && node.op_type == "QuantizeLinear"
}

fn is_dequantize(node: &Node) -> bool {
    node.domain.is_empty() && node.op_type == "DequantizeLinear"
}

/// Looks at every scale and marks the operators between them.
pub(super) fn regions(facts: &Facts, graph: &GraphProto) -> Quantised {
    let border: Vec<&Node> =
        facts.nodes.iter().filter(|node| is_quantize(node) || is_dequantize(node)).collect();
    let mut quantised = Quantised { scales: None, region: vec![false; facts.nodes.len()] };
    if border.is_empty() {
        return quantised;
    }
    let half = |node: &&Node| {
        let schema = node.schema;
        schema.is_some_and(|s| s.input(1).is_some_and(|port| s.takes(port, F16)))
    };
    quantised.scales = if border.iter().all(half) {
        let scales = border.iter().filter_map(|node| node.inputs.get(1).copied().flatten());
        let names: Vec<&str> = scales.map(|value| facts.values[value].name.as_str()).collect();
        let constants = constants(graph, &names.iter().copied().collect());
        names.iter().find_map(|name| problem(name, &constants)).map(Reason::Scale)
    } else {
        Some(Reason::NoFloat16(facts.opset))
    };
    if quantised.scales.is_some() {
        mark(facts, &mut quantised.region);
    }
    quantised
}

/// Marks what takes a dequantised activation, and what follows it up to the next `QuantizeLinear`.
fn mark(facts: &Facts, region: &mut [bool]) {
    let maker = |value: usize| facts.values[value].maker;
    // a dequantised weight beside a float activation is no int8 kernel
    let constant = |value: usize| {
        let node = maker(value).map(|id| &facts.nodes[id]);
        facts.values[value].weight || node.is_some_and(|node| node.op_type == "Constant")
    };
    let activation = |value: usize| {
        let node = maker(value).map(|id| &facts.nodes[id]).filter(|node| is_dequantize(node));
        node.and_then(|node| node.inputs.first().copied().flatten()).is_some_and(|q| !constant(q))
    };
    let mut until = vec![false; facts.nodes.len()];
    for id in (0..facts.nodes.len()).rev() {
        let node = &facts.nodes[id];
        let quantised = |&user: &usize| is_quantize(&facts.nodes[user]) || until[user];
        let ends = |value: usize| {
            let value = &facts.values[value];
            !value.users.is_empty() && !value.output && value.users.iter().all(quantised)
        };
        until[id] = !node.outputs.is_empty()
            && node.bodies.is_empty()
            && node.outputs.iter().flatten().all(|&value| ends(value));
    }
    for (id, node) in facts.nodes.iter().enumerate() {
        let inside = |value: usize| maker(value).is_some_and(|maker| region[maker]);
        let takes = node.inputs.iter().flatten().any(|&value| activation(value));
        let follows = until[id] && node.inputs.iter().flatten().any(|&value| inside(value));
        region[id] = (takes || follows) && !is_quantize(node) && !is_dequantize(node);
    }
}

/// What float16 would make wrong of a scale.
fn problem(name: &str, constants: &HashMap<&str, Cow<'_, TensorProto>>) -> Option<String> {
    let Some(values) = constants.get(name).and_then(|tensor| values_f32(tensor).ok()) else {
        return Some(format!("its scale `{name}` is computed or in another file"));
    };
    let normal = f16::MIN_POSITIVE.to_f32()..=f16::MAX.to_f32();
    let worst = values.iter().find(|value| !normal.contains(*value))?;
    Some(format!("its scale `{name}` holds {worst:e}, outside the normal range of float16"))
}
