//! Which values two models have in common, and models that give them out.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use backend::onnx::node::value_info;
use backend::onnx::proto::{GraphProto, ModelProto, NodeProto};
use backend::onnx::shape::Shapes;

use crate::fp16::facts::Facts;
use crate::verify::rounded::{F16, F32};

/// Share of the reference's values below which names are taken to be of no use.
const FEW: f64 = 0.5;

/// One value that both models have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::verify) struct Pair {
    /// Place in the order of the reference's graph.
    pub(in crate::verify) layer: usize,
    /// Its name in the reference.
    pub(in crate::verify) reference: String,
    /// Its name in the other model.
    pub(in crate::verify) subject: String,
    /// Name of the node that makes it.
    pub(in crate::verify) node: String,
    /// Operator type of that node.
    pub(in crate::verify) op_type: String,
}

/// Consecutive pairs that are run at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Which pairs.
    pub(super) range: Range<usize>,
    /// Bytes of their values, of one side.
    pub(super) bytes: u64,
}

/// The float results of every node, in the order of the graph. Constants are none.
fn layers(model: &ModelProto) -> Vec<(&NodeProto, &str)> {
    let Some(graph) = &model.graph else { return Vec::new() };
    let facts = Facts::assuming(model, graph);
    let is_float = |name: &str| matches!(facts.element_of(name), F32 | F16);
    let of = |node| outputs(node).filter(|name| is_float(name)).map(move |name| (node, name));
    graph.node.iter().filter(|node| node.op_type != "Constant").flat_map(of).collect()
}

fn outputs(node: &NodeProto) -> impl Iterator<Item = &str> {
    // masks and statistics of training mean nothing in inference
    let first_only = matches!(node.op_type.as_str(), "Dropout" | "BatchNormalization");
    let most = if first_only { 1 } else { node.output.len() };
    node.output.iter().take(most).map(String::as_str).filter(|name| !name.is_empty())
}

/// Values that both models have: by name, or, when names do not agree, by their order when both have the same
/// operators. Also the number of values of the reference that have no partner.
pub(in crate::verify) fn pairs(reference: &ModelProto, subject: &ModelProto) -> (Vec<Pair>, usize) {
    let (wanted, offered) = (layers(reference), layers(subject));
    let names: HashSet<&str> = offered.iter().map(|(_, name)| *name).collect();
    let pair = |layer: usize, (node, name): (&NodeProto, &str), subject: &str| Pair {
        layer,
        reference: name.to_owned(),
        subject: subject.to_owned(),
        node: node.name.clone(),
        op_type: node.op_type.clone(),
    };
    let by_name: Vec<Pair> = wanted
        .iter()
        .enumerate()
        .filter(|(_, (_, name))| names.contains(name))
        .map(|(layer, &found)| pair(layer, found, found.1))
        .collect();
    let missing = wanted.len() - by_name.len();
    if by_name.len() as f64 >= FEW * wanted.len() as f64 {
        return (by_name, missing);
    }
    // what a conversion adds stands between, and what it keeps stands in order
    let kept = |all: &[(&NodeProto, &str)]| -> Vec<usize> {
        let casts = |node: &NodeProto| matches!(node.op_type.as_str(), "Cast" | "Identity");
        (0..all.len()).filter(|&k| !casts(all[k].0)).collect()
    };
    let (a, b) = (kept(&wanted), kept(&offered));
    let same = a.len() == b.len()
        && a.iter().zip(&b).all(|(&i, &j)| wanted[i].0.op_type == offered[j].0.op_type);
    if !same {
        return (by_name, missing);
    }
    let by_order = a.iter().zip(&b).map(|(&i, &j)| pair(i, wanted[i], offered[j].1)).collect();
    (by_order, wanted.len() - a.len())
}

/// Splits pairs so that no part gives out more than `most` bytes, one value at least. A value of unknown size
/// counts as the largest known one.
pub(super) fn parts(pairs: &[Pair], shapes: &Shapes, most: u64) -> Vec<Part> {
    let size = |pair: &Pair| {
        let count = shapes.get(&pair.reference).and_then(backend::onnx::shape::Value::count);
        count.map(|count| (count as u64).saturating_mul(4))
    };
    let largest = pairs.iter().filter_map(size).max().unwrap_or(0);
    let mut parts: Vec<Part> = Vec::new();
    for (k, pair) in pairs.iter().enumerate() {
        let bytes = size(pair).unwrap_or(largest);
        match parts.last_mut() {
            Some(part) if part.bytes.saturating_add(bytes) <= most => {
                part.range.end = k + 1;
                part.bytes += bytes;
            }
            _ => parts.push(Part { range: k..k + 1, bytes }),
        }
    }
    parts
}

/// A model that gives out the named values (and nothing else), whatever it gave out before. Sizes are stated
/// where `shapes` knows all of them.
pub fn exposed(model: &ModelProto, names: &[&str], shapes: &Shapes) -> ModelProto {
    let Some(graph) = &model.graph else { return model.clone() };
    let facts = Facts::assuming(model, graph);
    let declared: HashMap<&str, _> =
        graph.output.iter().map(|value| (value.name.as_str(), value)).collect();
    let output = names.iter().map(|&name| {
        if let Some(value) = declared.get(name) {
            return (*value).clone();
        }
        let dims = shapes.get(name).filter(|value| value.count().is_some());
        let dims = dims.and_then(|value| value.dims.as_deref());
        value_info(name, facts.element_of(name), dims)
    });
    let graph = GraphProto { output: output.collect(), ..graph.clone() };
    ModelProto { graph: Some(graph), ..model.clone() }
}
