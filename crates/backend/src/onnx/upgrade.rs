//! Rewrites a model for a later operator set, so that an engine that reads only newer ones can run it.
//!
//! | since | operator | what changed |
//! |---|---|---|
//! | 9, 10 | Upsample | scales became an input, the operator became Resize |
//! | 10 | Slice, TopK | attributes became inputs |
//! | 10, 12 | Dropout | the mask became Boolean; the ratio became an input |
//! | 11 | Resize | a second input was put in, and how coordinates are mapped became a choice |
//! | 11 | Clip, Pad | attributes became inputs |
//! | 11 | Scatter | is called ScatterElements |
//! | 13 | Softmax, LogSoftmax, Hardmax | ran over all axes from `axis` on, now over one |
//! | 13 | Squeeze, Unsqueeze, ReduceSum, Split | axes and sizes became inputs |
//! | 14 | BatchNormalization | outputs of training became a mode |
//! | 16 | RoiAlign | the default of a mode |
//! | 18 | other reductions, Split | axes became inputs; the number of parts must be said |
//! | 20 | GridSample, DFT | names of modes; the axis became an input |
//! | 21 | GroupNormalization | scale and shift of a group became those of a channel |
//!
//! Everything else between 7 and 22 only gained element types or attributes whose default is the old meaning.
//! Subgraphs are rewritten too. The new model computes the same; it is a view for an engine, never
//! written over the user's file.

mod attributes;
mod coerced;
mod resize;

use std::collections::{HashMap, HashSet};

use super::model::opset;
use super::node::{self, is_default_domain, subgraphs, subgraphs_mut};
use super::proto::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto};
use super::shape::{self, Dim, Shapes};
use super::tensor;

/// The oldest operator set that is read.
pub const OLDEST: i64 = 7;
/// The newest operator set whose changes are known.
pub const NEWEST: i64 = 22;

/// Reductions whose axes became an input in version 18; `ReduceSum` was the first, in 13.
const REDUCTIONS: [&str; 9] = [
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceSumSquare",
];

/// Why a model cannot be rewritten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The model's operator set is out of range, or newer than the target.
    #[error("opset {from} cannot be rewritten as opset {to}; known are {OLDEST} to {NEWEST}")]
    Version {
        /// The model's.
        from: i64,
        /// The target.
        to: i64,
    },
    /// A node that has no equal in the new operator set, or whose meaning the file does not tell.
    #[error("{op} `{name}` of opset {from} has no equal in opset {to}: {reason}")]
    Node {
        /// Operator type.
        op: String,
        /// Name of the node, or of its first output.
        name: String,
        /// The model's operator set.
        from: i64,
        /// The operator set of the step that failed.
        to: i64,
        /// Why.
        reason: String,
    },
    /// The model brings functions, whose operator sets are their own.
    #[error("the model has functions of its own, which are not rewritten")]
    Functions,
}

/// The model in the operator set `to`; unchanged when it is in that one or a later one already.
///
/// # Errors
/// [`Error`]: an operator set out of range, or a node whose old meaning cannot be said in the new words.
pub fn upgrade(model: ModelProto, to: i64) -> Result<ModelProto, Error> {
    let from = opset(&model);
    if from >= to {
        return Ok(model);
    }
    if from < OLDEST || to > NEWEST {
        return Err(Error::Version { from, to });
    }
    if !model.functions.is_empty() {
        return Err(Error::Functions);
    }
    let shapes = shape::infer(&model, &[]);
    let mut scope = Scope { shapes: &shapes, names: Names::of(&model), from, made: HashMap::new() };
    let mut new = model;
    if let Some(graph) = &mut new.graph {
        without_default_inputs(graph);
        rewrite(graph, to, &mut scope)?;
    }
    for set in &mut new.opset_import {
        if matches!(set.domain.as_str(), "" | "ai.onnx") {
            *set = OperatorSetIdProto { version: to, ..set.clone() };
        }
    }
    new.ir_version = new.ir_version.max(file_version(to));
    Ok(new)
}

/// Takes weights out of the list of inputs, where they need not be since version 4 of the file format: engines
/// take those that are for inputs that must be fed. Returns whether there were any.
pub fn without_default_inputs(graph: &mut GraphProto) -> bool {
    let weights: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let before = graph.input.len();
    graph.input.retain(|input| !weights.contains(input.name.as_str()));
    graph.input.len() < before
}

/// The version of the file format that came with an operator set.
fn file_version(opset: i64) -> i64 {
    match opset {
        ..13 => 4,
        13..15 => 7,
        15..19 => 8,
        19..21 => 9,
        _ => 10,
    }
}

fn rewrite(graph: &mut GraphProto, to: i64, scope: &mut Scope<'_>) -> Result<(), Error> {
    let mut done = Vec::with_capacity(graph.node.len());
    for mut node in std::mem::take(&mut graph.node) {
        for inner in subgraphs_mut(&mut node) {
            rewrite(inner, to, scope)?;
        }
        let mut nodes = vec![node];
        for version in scope.from + 1..=to {
            let mut next = Vec::with_capacity(nodes.len());
            for node in nodes {
                next.extend(step(node, version, scope)?);
            }
            nodes = next;
        }
        done.extend(nodes);
    }
    graph.node = done;
    Ok(())
}

/// One node of the operator set before `version`, in the words of `version`.
fn step(node: NodeProto, version: i64, scope: &mut Scope<'_>) -> Result<Vec<NodeProto>, Error> {
    if !is_default_domain(&node) {
        return Ok(vec![node]);
    }
    let (op, name) = (node.op_type.clone(), node::label(&node).to_owned());
    let from = scope.from;
    changed(node, version, scope).map_err(|reason| Error::Node {
        op,
        name,
        from,
        to: version,
        reason,
    })
}

type Changed = Result<Vec<NodeProto>, String>;

fn changed(node: NodeProto, version: i64, scope: &mut Scope<'_>) -> Changed {
    match (version, node.op_type.as_str()) {
        (9, "BatchNormalization") => attributes::spatial(node),
        (9, "Scan") => Err("it had a batch axis".to_owned()),
        (9, "Upsample") => resize::scales_as_input(node, scope),
        (10, "Upsample") => Ok(vec![NodeProto { op_type: "Resize".to_owned(), ..node }]),
        (10, "Slice") => attributes::slice(node, scope),
        (10, "TopK") => attributes::top_k(node, scope),
        (10, "Dropout") => Ok(attributes::mask_of_floats(node, scope)),
        (11, "Resize") => resize::with_roi(node, scope),
        (11, "Clip") => Ok(attributes::clip(node, scope)),
        (11, "Pad") => attributes::pad(node, scope),
        (11, "Scatter") => Ok(vec![NodeProto { op_type: "ScatterElements".to_owned(), ..node }]),
        (12, "Dropout") => Ok(attributes::ratio(node, scope)),
        (13, "Softmax" | "LogSoftmax" | "Hardmax") => Ok(coerced::softmax(node, scope)),
        (13, "Squeeze" | "Unsqueeze" | "ReduceSum") => Ok(attributes::list(node, "axes", scope)),
        (13, "Split") => Ok(attributes::list(node, "split", scope)),
        (14, "BatchNormalization") => attributes::inference_only(node),
        (16, "RoiAlign") => Ok(attributes::roi_align(node)),
        (18, op) if REDUCTIONS.contains(&op) => Ok(attributes::list(node, "axes", scope)),
        (18, "Split") => Ok(attributes::number_of_parts(node)),
        (20, "GridSample") => Ok(attributes::grid_sample(node)),
        (20, "DFT") => Ok(attributes::dft(node, scope)),
        (21, "GroupNormalization") => coerced::group_normalization(node, scope),
        _ => Ok(vec![node]),
    }
}

/// What a step knows of the model around its node.
struct Scope<'a> {
    shapes: &'a Shapes,
    names: Names,
    from: i64,
    /// Elements of the float constants that were made on the way.
    made: HashMap<String, Vec<f32>>,
}

impl Scope<'_> {
    /// Element type of a value; float32 when nothing tells.
    fn element(&self, name: &str) -> i32 {
        const FLOAT: i32 = super::proto::DataType::Float as i32;
        self.shapes.get(name).map(|value| value.element).filter(|&e| e != 0).unwrap_or(FLOAT)
    }

    fn dims(&self, name: &str) -> Option<&[Dim]> {
        self.shapes.get(name)?.dims.as_deref()
    }

    /// Elements of a float constant.
    fn floats(&self, name: &str) -> Option<&[f32]> {
        self.made.get(name).map(Vec::as_slice).or_else(|| self.shapes.floats(name))
    }

    /// A Constant node and the name of its value.
    fn constant(
        &mut self,
        node: &NodeProto,
        what: &str,
        value: TensorProto,
    ) -> (NodeProto, String) {
        let name = self.fresh(node, what);
        if let (true, Ok(values)) = (tensor::is_float(value.data_type), tensor::values_f32(&value))
        {
            self.made.insert(name.clone(), values);
        }
        let attribute = node::attr_tensor("value", TensorProto { name: name.clone(), ..value });
        (node::node("Constant", &name, &[], &[&name], vec![attribute]), name)
    }

    fn integers(&mut self, node: &NodeProto, what: &str, values: &[i64]) -> (NodeProto, String) {
        self.constant(node, what, tensor::from_i64("", &[values.len()], values))
    }

    fn fresh(&mut self, node: &NodeProto, what: &str) -> String {
        self.names.fresh(&format!("{}/{what}", node::label(node)))
    }
}

/// Names that are taken anywhere in a model.
pub(crate) struct Names(HashSet<String>);

impl Names {
    pub(crate) fn of(model: &ModelProto) -> Self {
        let mut names = HashSet::new();
        if let Some(graph) = &model.graph {
            collect(graph, &mut names);
        }
        Self(names)
    }

    /// `wish`, or `wish` with a number when it is taken; taken from now on.
    pub(crate) fn fresh(&mut self, wish: &str) -> String {
        let numbered = (1_u64..).map(|number| format!("{wish}_{number}"));
        let name = std::iter::once(wish.to_owned()).chain(numbered).find(|n| !self.0.contains(n));
        let name = name.unwrap_or_default();
        self.0.insert(name.clone());
        name
    }
}

fn collect(graph: &GraphProto, names: &mut HashSet<String>) {
    let borders = graph.input.iter().chain(&graph.output).map(|value| &value.name);
    names.extend(borders.chain(graph.initializer.iter().map(|t| &t.name)).cloned());
    for node in &graph.node {
        names.extend(node.input.iter().chain(&node.output).chain([&node.name]).cloned());
        subgraphs(node).for_each(|inner| collect(inner, names));
    }
}

#[cfg(test)]
#[path = "upgrade/tests.rs"]
mod tests;
