//! What one inference costs: floating-point operations and bytes of each operator.
//!
//! Operations are those of products of weights or activations (convolutions, matrix products, recurrent
//! layers), a multiply–add counting 2. This is the convention of published figures: ResNet-50 at 224² has
//! 8.18 GFLOP (4.09 G multiply–adds) whether its BatchNormalization is folded or not. Element-wise operators,
//! poolings and normalisations count 0 operations; they are bound by memory, and their bytes are given.
//!
//! Bytes are those of an engine that fuses nothing: every operator reads each of its inputs once and writes
//! each of its outputs once. What only renames or reshapes a value moves nothing, and what picks elements
//! (`Gather`, `Slice`) reads as much as it writes. What follows from weights alone is a weight, and is computed when
//! an engine is built. An `If` costs what its branch costs; when the condition is no
//! constant, its dearer branch.

mod branch;
mod bytes;
mod flops;

use std::collections::HashSet;

use super::node::is_default_domain;
use super::proto::{DataType, GraphProto, ModelProto, NodeProto};
use super::shape::Shapes;
use super::tensor;

/// Cost of one operator at given shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Name of the node; its type and position when it has none.
    pub operator: String,
    /// Operator type.
    pub op_type: String,
    /// Shapes of all inputs as `1x3x224x224`, empty where unknown.
    pub inputs: Vec<String>,
    /// Shapes of all outputs.
    pub outputs: Vec<String>,
    /// Type of the elements that it works on (a code of [`DataType`], 0 when unknown): that of its first
    /// input, and int8 for a product between a `DequantizeLinear` on either side, which engines compute so.
    pub element: i32,
    /// Floating-point operations; `None` when shapes are unknown or the operator is.
    pub flops: Option<u64>,
    /// Bytes of weights that it reads.
    pub weight_bytes: u64,
    /// Bytes of activations that it reads and writes; `None` when shapes are unknown.
    pub activation_bytes: Option<u64>,
}

impl Cost {
    /// Weights and activations together; `None` when shapes are unknown.
    pub fn bytes(&self) -> Option<u64> {
        self.activation_bytes?.checked_add(self.weight_bytes)
    }

    /// Arithmetic intensity, operations a byte; `None` when unknown or when nothing is moved.
    pub fn intensity(&self) -> Option<f64> {
        let bytes = self.bytes().filter(|&bytes| bytes > 0)?;
        Some(self.flops? as f64 / bytes as f64)
    }
}

/// The cost of every operator, in the order of the graph.
pub fn costs(model: &ModelProto, shapes: &Shapes) -> Vec<Cost> {
    let Some(graph) = &model.graph else { return Vec::new() };
    of_graph(graph, &Scope::of(graph, shapes, None))
}

fn of_graph(graph: &GraphProto, scope: &Scope<'_>) -> Vec<Cost> {
    let cost = |(index, node): (usize, &NodeProto)| cost(scope, index, node);
    graph.node.iter().enumerate().map(cost).collect()
}

/// Operations of the whole model; `None` when those of any operator are unknown.
pub fn total_flops(costs: &[Cost]) -> Option<u64> {
    total(costs.iter().map(|cost| cost.flops))
}

/// A sum that is unknown when a part is, or when it does not fit.
pub fn total(parts: impl IntoIterator<Item = Option<u64>>) -> Option<u64> {
    parts.into_iter().try_fold(0_u64, |sum, part| sum.checked_add(part?))
}

/// Bytes of all weights of a model as they are stored.
pub fn weight_bytes(model: &ModelProto) -> u64 {
    let weights = model.graph.iter().flat_map(|graph| &graph.initializer);
    weights.filter_map(tensor::byte_len).fold(0, |sum, n| sum.saturating_add(n as u64))
}

/// What the operators of one graph share.
struct Scope<'a> {
    /// The graph around this one, whose values it sees.
    outer: Option<&'a Scope<'a>>,
    shapes: &'a Shapes,
    /// Weights, and what is computed from weights alone.
    constants: HashSet<&'a str>,
    /// Outputs of `DequantizeLinear`.
    quantised: HashSet<&'a str>,
}

impl<'a> Scope<'a> {
    fn of(graph: &'a GraphProto, shapes: &'a Shapes, outer: Option<&'a Self>) -> Self {
        let weights = graph.initializer.iter().map(|tensor| tensor.name.as_str());
        let constants = weights.collect();
        let mut scope = Self { outer, shapes, constants, quantised: HashSet::new() };
        for node in graph.node.iter().filter(|node| is_default_domain(node)) {
            let outputs = node.output.iter().map(String::as_str);
            if node.op_type == "DequantizeLinear" {
                scope.quantised.extend(outputs);
            } else if can_fold(node)
                && node.input.iter().all(|name| name.is_empty() || scope.is_constant(name))
            {
                scope.constants.extend(outputs);
            }
        }
        scope
    }

    /// Whether a node is computed when the engine is built, and its output is a weight.
    fn is_folded(&self, node: &NodeProto) -> bool {
        node.output.first().is_some_and(|name| self.constants.contains(name.as_str()))
    }

    fn texts(&self, names: &[String]) -> Vec<String> {
        let used = names.iter().filter(|name| !name.is_empty());
        used.map(|name| self.shapes.text(name)).collect()
    }

    fn is_constant(&self, name: &str) -> bool {
        self.constants.contains(name) || self.outer.is_some_and(|outer| outer.is_constant(name))
    }

    fn is_quantised(&self, name: &str) -> bool {
        self.quantised.contains(name) || self.outer.is_some_and(|outer| outer.is_quantised(name))
    }
}

/// Whether the outputs follow from the inputs; a weight that is stored as int8 stays int8.
fn can_fold(node: &NodeProto) -> bool {
    let random = ["Random", "Bernoulli", "Multinomial"];
    !random.iter().any(|start| node.op_type.starts_with(start))
        && node.attribute.iter().all(|attribute| attribute.g.is_none())
}

/// The node's name; its type and position when it has none.
fn name(index: usize, node: &NodeProto) -> String {
    match node.name.as_str() {
        "" => format!("{}_{index}", node.op_type),
        name => name.to_owned(),
    }
}

fn cost(scope: &Scope<'_>, index: usize, node: &NodeProto) -> Cost {
    if node.op_type == "If" && is_default_domain(node) {
        return branch::cost(scope, index, node);
    }
    let folded = scope.is_folded(node);
    let moved = if folded { bytes::Moved::NOTHING } else { bytes::moved(scope, node) };
    Cost {
        operator: name(index, node),
        op_type: node.op_type.clone(),
        inputs: scope.texts(&node.input),
        outputs: scope.texts(&node.output),
        element: element(scope, node),
        flops: if folded { Some(0) } else { flops::flops(node, scope.shapes) },
        weight_bytes: moved.weights,
        activation_bytes: moved.activations,
    }
}

fn element(scope: &Scope<'_>, node: &NodeProto) -> i32 {
    let mut operands = node.input.iter().take(2).map(String::as_str);
    if operands.len() == 2 && operands.all(|name| scope.is_quantised(name)) {
        return DataType::Int8 as i32;
    }
    let first = node.input.iter().chain(&node.output).find(|name| !name.is_empty());
    first.and_then(|name| scope.shapes.get(name)).map_or(0, |value| value.element)
}

#[cfg(test)]
#[path = "cost/tests.rs"]
mod tests;
