//! Residual branches: each of n in a chain is weakened to 1/√n, so that all together weigh as much as the
//! shortcut, and rounding errors are not magnified from block to block.

use std::collections::HashMap;

use backend::onnx::proto::GraphProto;

use super::graph::{Links, input, output};
use super::roles::{Plan, Role};

/// Gains below 1, by name of the weight.
#[derive(Debug, Default)]
pub(super) struct Gains {
    /// Of scales of normalisations.
    pub(super) scales: HashMap<String, f32>,
    /// Of products, by name of their filters.
    pub(super) filters: HashMap<String, f32>,
    /// Sums in the longest chain.
    pub(super) chain: usize,
}

/// Finds the branches that end in a sum, and the last scale or product on each.
pub(super) fn gains(graph: &GraphProto, plan: &Plan) -> Gains {
    let links = Links::of(graph);
    // per value: products and normalisations, and sums, on the longest path to it
    let mut depth: HashMap<&str, (usize, usize)> = HashMap::new();
    let mut branches = Vec::new();
    let mut longest = 0;
    for node in &graph.node {
        let moving = |name: &&String| !name.is_empty() && !plan.origin.contains_key(*name);
        let reached: Vec<(&str, (usize, usize))> = node
            .input
            .iter()
            .filter(moving)
            .filter_map(|name| Some((name.as_str(), *depth.get(name.as_str())?)))
            .collect();
        let mut here = (0, 0);
        for (_, (layers, sums)) in &reached {
            here = (here.0.max(*layers), here.1.max(*sums));
        }
        match node.op_type.as_str() {
            "Conv" | "ConvTranspose" | "Gemm" | "MatMul" | "BatchNormalization" => here.0 += 1,
            "Add" | "Sum" if reached.len() >= 2 => {
                here.1 += 1;
                longest = longest.max(here.1);
                let deepest = reached.iter().max_by_key(|(_, (layers, _))| *layers);
                branches.extend(deepest.map(|(name, _)| *name));
            }
            _ => {}
        }
        depth.extend(node.output.iter().map(|name| (name.as_str(), here)));
    }
    let gain = 1.0 / (longest.max(1) as f32).sqrt();
    let mut gains = Gains { chain: longest, ..Gains::default() };
    for branch in branches {
        weaken(&links, plan, branch, gain, &mut gains);
    }
    gains
}

/// Walks back over operators of one input to what can be weakened.
fn weaken(links: &Links<'_>, plan: &Plan, value: &str, gain: f32, gains: &mut Gains) {
    let mut value = value.to_owned();
    for _ in 0..8 {
        let Some(maker) = links.made_by(&value) else { return };
        let node = &links.nodes[maker];
        match node.op_type.as_str() {
            "BatchNormalization" => {
                if let Some(scale) = plan.weight(node, 1).filter(|scale| scale.role == Role::Scale)
                {
                    gains.scales.insert(scale.name.clone(), gain);
                }
                return;
            }
            "Conv" | "ConvTranspose" | "Gemm" | "MatMul" => {
                if let Some(filters) = plan.weight(node, 1) {
                    gains.filters.insert(filters.name.clone(), gain);
                }
                return;
            }
            // a scale and a shift of their own follow a normalisation in some exporters
            "Add" | "Mul" | "Relu" | "LeakyRelu" | "Identity" | "Dropout" | "Reshape" => {
                let mut moving =
                    node.input.iter().filter(|name| !plan.origin.contains_key(name.as_str()));
                let (Some(only), None) = (moving.next(), moving.next()) else { return };
                if output(node) == only || input(node, 0).is_none() {
                    return;
                }
                value.clone_from(only);
            }
            _ => return,
        }
    }
}
