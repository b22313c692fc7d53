//! How far roundings alone can have brought a value from its reference.
//!
//! Squares of errors add up over the nodes that a value depends on, each node once.

use std::collections::HashMap;

use backend::Precision;
use backend::onnx::node::value_info;
use backend::onnx::proto::{GraphProto, ModelProto, NodeProto, TensorProto};
use backend::onnx::shape::Shapes;

use crate::verify::tolerance::Depth;

/// What a quarter of the largest difference is compared with: see [`super`].
const QUARTER: f64 = 0.25;

/// The tolerance of each value by name, relative to its scale.
pub(super) fn tolerances(
    model: &ModelProto,
    shapes: &Shapes,
    precision: Precision,
) -> HashMap<String, f64> {
    let Some(graph) = &model.graph else { return HashMap::new() };
    let weights: HashMap<&str, &TensorProto> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let squares: Vec<f64> = graph
        .node
        .iter()
        .map(|node| {
            let depth = Depth::of(&alone(model, node, &weights, shapes));
            if depth == Depth::default() { 0.0 } else { depth.relative(precision).powi(2) }
        })
        .collect();
    // a value without any rounding before it still has one unit
    let least = Depth::default().relative(precision).powi(2);
    let sums = sums(graph, &squares);
    sums.into_iter().map(|(name, sum)| (name, QUARTER * sum.max(least).sqrt())).collect()
}

/// The tolerance of one node on inputs that are right.
pub(in crate::verify) fn node_tolerance(
    model: &ModelProto,
    node: &NodeProto,
    shapes: &Shapes,
    precision: Precision,
) -> f64 {
    let weights = model.graph.iter().flat_map(|graph| &graph.initializer);
    let weights = weights.map(|tensor| (tensor.name.as_str(), tensor)).collect();
    QUARTER * Depth::of(&alone(model, node, &weights, shapes)).relative(precision)
}

/// A model of one node, with the sizes of what it is given and without the values of its weights.
fn alone(
    model: &ModelProto,
    node: &NodeProto,
    weights: &HashMap<&str, &TensorProto>,
    shapes: &Shapes,
) -> ModelProto {
    let bare = |tensor: &&TensorProto| TensorProto {
        name: tensor.name.clone(),
        dims: tensor.dims.clone(),
        data_type: tensor.data_type,
        ..TensorProto::default()
    };
    let known = |name: &String| {
        let value = shapes.get(name)?;
        Some(value_info(name, value.element, value.dims.as_deref()))
    };
    let given = node.input.iter().filter(|name| !name.is_empty());
    let (weighed, fed): (Vec<_>, Vec<_>) =
        given.partition(|name| weights.contains_key(name.as_str()));
    let graph = GraphProto {
        node: vec![node.clone()],
        initializer: weighed
            .iter()
            .filter_map(|name| weights.get(name.as_str()))
            .map(bare)
            .collect(),
        input: fed.into_iter().filter_map(known).collect(),
        output: node.output.iter().filter_map(known).collect(),
        ..GraphProto::default()
    };
    let opset_import = model.opset_import.clone();
    ModelProto { graph: Some(graph), opset_import, ..ModelProto::default() }
}

/// For each value the sum over all nodes that it depends on.
fn sums(graph: &GraphProto, squares: &[f64]) -> HashMap<String, f64> {
    let words = graph.node.len().div_ceil(64);
    let mut before: HashMap<&str, usize> = HashMap::new();
    let mut sets: Vec<Vec<u64>> = Vec::with_capacity(graph.node.len());
    let mut sums = HashMap::new();
    for (k, node) in graph.node.iter().enumerate() {
        let mut set = vec![0_u64; words];
        for maker in node.input.iter().filter_map(|name| before.get(name.as_str())) {
            set.iter_mut().zip(&sets[*maker]).for_each(|(word, other)| *word |= other);
        }
        set[k / 64] |= 1 << (k % 64);
        let holds = |j: &usize| set[j / 64] >> (j % 64) & 1 == 1;
        let sum: f64 = (0..=k).filter(holds).map(|j| squares[j]).sum();
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            before.insert(name, k);
            sums.insert(name.clone(), sum);
        }
        sets.push(set);
    }
    sums
}
