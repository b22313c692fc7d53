//! Names and paths in a graph.

use std::collections::{HashMap, HashSet};

use backend::onnx::node::subgraphs;
use backend::onnx::proto::{GraphProto, NodeProto};

/// Every name that a graph and its subgraphs read, outputs of the graph included.
pub(super) fn names_read(graph: &GraphProto, names: &mut HashSet<String>) {
    names.extend(graph.output.iter().map(|output| output.name.clone()));
    for node in &graph.node {
        names.extend(node.input.iter().cloned());
        captured(node, names);
    }
}

/// Names that the subgraphs of a node read.
pub(super) fn captured(node: &NodeProto, names: &mut HashSet<String>) {
    subgraphs(node).for_each(|inner| names_read(inner, names));
}

/// Who makes and who reads each value, by index of the node.
pub(super) struct Links<'a> {
    pub(super) nodes: &'a [NodeProto],
    pub(super) maker: HashMap<&'a str, usize>,
    readers: HashMap<&'a str, Vec<usize>>,
    outputs: HashSet<&'a str>,
}

impl<'a> Links<'a> {
    pub(super) fn of(graph: &'a GraphProto) -> Self {
        let mut maker = HashMap::new();
        let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, node) in graph.node.iter().enumerate() {
            maker.extend(node.output.iter().map(|output| (output.as_str(), index)));
            for input in &node.input {
                readers.entry(input.as_str()).or_default().push(index);
            }
        }
        let outputs = graph.output.iter().map(|output| output.name.as_str()).collect();
        Self { nodes: &graph.node, maker, readers, outputs }
    }

    /// The node that makes a value.
    pub(super) fn made_by(&self, value: &str) -> Option<usize> {
        self.maker.get(value).copied()
    }

    /// The only node that reads a value, when it is no output of the graph.
    pub(super) fn only_reader(&self, value: &str) -> Option<usize> {
        match self.readers.get(value).map(Vec::as_slice) {
            Some([only]) if !self.outputs.contains(value) => Some(*only),
            _ => None,
        }
    }
}

/// An input of a node by position; nothing when it is left out.
pub(super) fn input(node: &NodeProto, index: usize) -> Option<&str> {
    node.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
}

/// The first output of a node.
pub(super) fn output(node: &NodeProto) -> &str {
    node.output.first().map_or("", String::as_str)
}
