//! Outputs that are probabilities: their rounding is relative to 1, however small they are.

use std::collections::{BTreeSet, HashMap};

use backend::onnx::proto::{ModelProto, NodeProto};

/// What engines may differ by in the result of a sigmoid or softmax: they compute it from values of size 1
/// (1 ÷ (1 + e⁻ˣ), ½ + ½·tanh(x ÷ 2)), so that four float32 roundings of 1 remain where the result is near 0.
pub(crate) const GATE_ERROR: f64 = 4.0 / (1 << 24) as f64;

/// The outputs that a sigmoid or a softmax gives, directly or through operators that only hand values on.
pub(crate) fn gated(model: &ModelProto) -> BTreeSet<String> {
    let Some(graph) = &model.graph else { return BTreeSet::new() };
    let makers: HashMap<&str, &NodeProto> = graph
        .node
        .iter()
        .flat_map(|node| node.output.iter().map(move |name| (name.as_str(), node)))
        .collect();
    let is_gated = |output: &str| {
        let mut name = output;
        // a graph has no circles, but a file may: no more steps than there are nodes
        for _ in 0..graph.node.len() {
            let Some(node) = makers.get(name) else { return false };
            match node.op_type.as_str() {
                "Sigmoid" | "Softmax" => return true,
                "Identity" | "Cast" | "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose"
                | "Flatten" => match node.input.first() {
                    Some(before) => name = before,
                    None => return false,
                },
                _ => return false,
            }
        }
        false
    };
    let names = graph.output.iter().map(|output| &output.name);
    names.filter(|name| is_gated(name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use backend::onnx::node::{node, value_info};
    use backend::onnx::proto::GraphProto;

    #[test]
    fn probabilities_are_found_through_casts() {
        let graph = GraphProto {
            node: vec![
                node("Sigmoid", "s", &["x"], &["h"], vec![]),
                node("Cast", "c", &["h"], &["p"], vec![]),
                node("Relu", "r", &["h"], &["q"], vec![]),
                node("Identity", "i", &["loop"], &["loop"], vec![]),
            ],
            output: ["p", "q", "loop"].map(|name| value_info(name, 1, None)).to_vec(),
            ..GraphProto::default()
        };
        let model = ModelProto { graph: Some(graph), ..ModelProto::default() };
        assert_eq!(gated(&model), BTreeSet::from(["p".to_owned()]));
    }
}
