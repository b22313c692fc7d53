//! Walks a graph and the graphs inside it, and rounds what is float16.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use backend::onnx::inputs;
use backend::onnx::node::subgraphs;
use backend::onnx::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use pipeline::Fault;

use super::values::{attribute, moves_only, sparse, stays_single, weight, widen};
use super::{F32, Rounding, arithmetic};
use crate::fp16::facts::Facts;

/// The state of a walk.
pub(super) struct Walk {
    /// Types of the model's values, by number.
    facts: Facts,
    /// Number of the node that comes next: the walk goes as that of [`Facts`] does.
    next: usize,
    /// The element type that stands for float16: itself, or float32 in a model that has none.
    half: i32,
    rounding: Option<Rounding>,
    /// Before the names of the constants that rounding needs.
    prefix: String,
    /// Every name that is taken.
    names: HashSet<String>,
    /// Values that set shapes or quantisation and are never rounded.
    single: HashSet<String>,
    /// Inputs of the model under their rounded names.
    entered: HashMap<String, String>,
}

impl Walk {
    pub(super) fn new(
        model: &ModelProto,
        graph: &GraphProto,
        half: i32,
        rounding: Option<Rounding>,
    ) -> Self {
        let (mut names, mut single) = (HashSet::new(), HashSet::new());
        visit(graph, &mut |graph| {
            names.extend(graph.input.iter().map(|value| value.name.clone()));
            names.extend(graph.initializer.iter().map(|tensor| tensor.name.clone()));
            names.extend(graph.node.iter().flat_map(|node| node.output.iter().cloned()));
            // users stand after makers, so that what a kept value is made of is seen later
            for node in graph.node.iter().rev().filter(|_| half == F32) {
                let all = makes_kept(node, &single);
                let kept = node.input.iter().enumerate();
                let kept = kept.filter(|(index, _)| all || stays_single(node, *index));
                single.extend(kept.map(|(_, name)| name.clone()));
            }
        });
        let mut prefix = "round/".to_owned();
        while names.iter().any(|name| name.starts_with(&prefix)) {
            prefix.insert(0, '_');
        }
        let facts = Facts::assuming(model, graph);
        Self { facts, next: 0, half, rounding, prefix, names, single, entered: HashMap::new() }
    }

    /// The whole graph.
    pub(super) fn root(&mut self, graph: &GraphProto) -> Result<GraphProto> {
        let mut nodes = Vec::with_capacity(graph.node.len() * 4);
        for input in inputs(graph) {
            if self.rounds(&input.name, self.facts.element_of(&input.name)) {
                let name = self.unused(&format!("{}/rounded", input.name));
                nodes.extend(self.round(&input.name, &name));
                self.entered.insert(input.name.clone(), name);
            }
        }
        let mut new = self.graph(graph, nodes)?;
        if self.rounding == Some(Rounding::Arithmetic) {
            new.initializer.extend(arithmetic::constants(&self.prefix));
        }
        new.input = inputs(graph).into_iter().cloned().map(widen).collect();
        Ok(new)
    }

    fn graph(&mut self, graph: &GraphProto, mut nodes: Vec<NodeProto>) -> Result<GraphProto> {
        for node in &graph.node {
            self.node(node, &mut nodes)?;
        }
        let round = self.rounds_weights();
        let weights = graph.initializer.iter().map(|tensor| self.weight(tensor));
        let widened = |values: &[_]| values.iter().cloned().map(widen).collect::<Vec<_>>();
        Ok(GraphProto {
            initializer: weights.collect::<Result<_>>()?,
            node: nodes,
            input: widened(&graph.input),
            output: widened(&graph.output),
            value_info: widened(&graph.value_info),
            name: graph.name.clone(),
            quantization_annotation: graph.quantization_annotation.clone(),
            sparse_initializer: graph
                .sparse_initializer
                .iter()
                .map(|old| sparse(old, |name| round && !self.single.contains(name)))
                .collect::<Result<_>>()?,
            ..GraphProto::default()
        })
    }

    fn node(&mut self, old: &NodeProto, nodes: &mut Vec<NodeProto>) -> Result<()> {
        let number = self.next;
        self.next += 1;
        let mut new = old.clone();
        new.attribute = Vec::with_capacity(old.attribute.len());
        for attribute in &old.attribute {
            new.attribute.push(self.attribute(old, attribute)?);
        }
        for input in &mut new.input {
            if let Some(entered) = self.entered.get(input.as_str()) {
                input.clone_from(entered);
            }
        }
        if self.rounding.is_none() || moves_only(old) {
            nodes.push(new);
            return Ok(());
        }
        let mut after = Vec::new();
        for (index, output) in new.output.iter_mut().enumerate() {
            if output.is_empty() || !gives_half(old, index) {
                continue;
            }
            let element = self.facts.element(self.facts.nodes[number].outputs[index]);
            if element == 0 {
                return Err(unknown(old, output).into());
            }
            if self.rounds(output, element) {
                let exact = self.unused(&format!("{output}/unrounded"));
                after.extend(self.round(&exact, output));
                *output = exact;
            }
        }
        nodes.push(new);
        nodes.extend(after);
        Ok(())
    }

    fn attribute(&mut self, node: &NodeProto, old: &AttributeProto) -> Result<AttributeProto> {
        let mut new = attribute(node, old)?;
        for inner in new.g.iter_mut().chain(&mut new.graphs) {
            *inner = self.graph(inner, Vec::new())?;
        }
        Ok(new)
    }

    fn weight(&self, tensor: &TensorProto) -> Result<TensorProto> {
        weight(tensor, self.rounds_weights() && !self.single.contains(&tensor.name))
    }

    /// Whether float32 weights are rounded: float16 ones are already.
    fn rounds_weights(&self) -> bool {
        self.half == F32 && self.rounding.is_some()
    }

    fn rounds(&self, name: &str, element: i32) -> bool {
        self.rounding.is_some() && element == self.half && !self.single.contains(name)
    }

    fn round(&self, from: &str, to: &str) -> Vec<NodeProto> {
        match self.rounding {
            Some(Rounding::Arithmetic) => arithmetic::nodes(from, to, &self.prefix),
            Some(Rounding::Casts) => arithmetic::casts(from, to),
            None => Vec::new(),
        }
    }

    fn unused(&mut self, name: &str) -> String {
        let mut name = name.to_owned();
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

/// Whether an operator computes what is never rounded, out of sizes and constants.
fn makes_kept(node: &NodeProto, single: &HashSet<String>) -> bool {
    !matches!(node.op_type.as_str(), "Shape" | "Size" | "DynamicQuantizeLinear")
        && node.output.iter().any(|name| single.contains(name))
}

/// Whether a result is of the type that the operator computes in: mean and deviation of a normalisation are
/// float32 whatever it normalises.
fn gives_half(node: &NodeProto, index: usize) -> bool {
    index == 0 || !matches!(node.op_type.as_str(), "LayerNormalization" | "RMSNormalization")
}

fn unknown(node: &NodeProto, output: &str) -> Fault {
    let message = format!(
        "whether `{output}`, a result of operator {} ({}), is float16 is not known",
        node.name, node.op_type
    );
    Fault::config(message).hint("run ONNX shape inference on the model first")
}

/// A graph and every graph inside it.
fn visit<'g>(graph: &'g GraphProto, f: &mut impl FnMut(&'g GraphProto)) {
    f(graph);
    graph.node.iter().flat_map(subgraphs).for_each(|inner| visit(inner, f));
}
