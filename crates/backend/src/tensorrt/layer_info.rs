//! The precision in which an engine computes, found in what it says about its layers.
//!
//! The words themselves are read by [`trtexec_format::layers`]. The achieved precision is that of the
//! layers which multiply weights or matrices; where their words do not say so, the model does: a node
//! with weights that no such layer computes must be in a fused layer that names it and has two
//! operands (`__myl_MulSum` may be a Gemm).

use std::collections::HashSet;

use trtexec_format::layers::{self, EngineLayer};

pub(crate) use trtexec_format::layers::precision_of;

use crate::layers::{Layers, is_weighted};
use crate::onnx::proto::GraphProto;
use crate::traits::Layer;

/// Reads an inspector's JSON. `graph` is the model that the engine was built from, where it is at hand.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn of_json(text: &str, graph: Option<&GraphProto>) -> Result<Layers, String> {
    layers::of_json(text).map(|layers| summary(&layers, graph))
}

/// Finds the builder's report in a log message; `None` when it is not there.
pub(crate) fn of_report(message: &str, graph: Option<&GraphProto>) -> Option<Layers> {
    layers::of_report(message).map(|layers| summary(&layers, graph))
}

fn row(layer: &EngineLayer) -> Layer {
    Layer {
        name: layer.name.clone(),
        layer_type: layer.layer_type.clone(),
        precision_in: layer.precision_in().to_owned(),
        precision_out: layer.precision_out().to_owned(),
        format: layer.format(),
        tactic: Some(layer.tactic.clone()).filter(|tactic| !tactic.is_empty()),
    }
}

fn summary(layers: &[EngineLayer], graph: Option<&GraphProto>) -> Layers {
    let mut weighted: Vec<bool> = layers.iter().map(EngineLayer::multiplies).collect();
    let mut open: HashSet<&str> = graph
        .iter()
        .flat_map(|graph| &graph.node)
        .filter(|node| is_weighted(&node.op_type))
        .map(|node| node.name.as_str())
        .collect();
    for (layer, _) in layers.iter().zip(&weighted).filter(|(_, weighted)| **weighted) {
        layer.nodes().for_each(|node| {
            open.remove(node);
        });
    }
    for (layer, weighted) in layers.iter().zip(&mut weighted) {
        let holds_open_node = layer.nodes().any(|node| open.contains(node));
        *weighted |= holds_open_node && layer.operands().count() >= 2;
    }
    let precisions = layers.iter().zip(weighted).filter(|(_, weighted)| *weighted);
    Layers::new(
        layers.iter().map(row).collect(),
        precisions.map(|(layer, _)| layer.precision().to_owned()).collect(),
    )
}

#[cfg(test)]
mod tests;
