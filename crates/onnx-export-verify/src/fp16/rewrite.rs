//! Carries a plan out: walks the model once more, gives it away node by node and tensor by tensor, and puts a
//! `Cast` only where a value is wanted in the type in which it is not found, once per value and scope.

mod bodies;
mod names;

use std::mem;
use std::path::Path;

use anyhow::Result;
use backend::onnx::node::attr_int;
use backend::onnx::proto::{GraphProto, NodeProto, TensorProto};
use backend::onnx::upgrade::without_default_inputs;

use super::facts::Facts;
use super::plan::{Choice, Found, Plan, type_of};
use super::types::{is_half_or_single, redeclare, type_attribute};
use super::weights::{Rounding, put_value, take_constant, take_fill};
use super::{F16, F32, external};
pub(super) use names::Names;

/// A graph that is being made.
#[derive(Debug, Default)]
struct Frame {
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
}

/// What carries a plan out.
#[derive(Debug)]
pub(super) struct Rewriter<'a> {
    facts: &'a Facts,
    plan: &'a Plan,
    /// The file that external data is relative to.
    path: Option<&'a Path>,
    frame: Frame,
    /// Number of the next node of the old model.
    next: usize,
    /// Where each value is found.
    pub(super) names: Names,
    /// What rounding found.
    pub(super) rounding: Rounding,
    /// Casts of the old model that are gone.
    pub(super) casts_removed: u64,
}

impl<'a> Rewriter<'a> {
    /// Ready to take the model apart that facts and plan were made of.
    pub(super) fn new(
        facts: &'a Facts,
        plan: &'a Plan,
        path: Option<&'a Path>,
        rounding: Rounding,
    ) -> Self {
        Self {
            facts,
            plan,
            path,
            frame: Frame::default(),
            next: 0,
            names: Names::new(facts, plan),
            rounding,
            casts_removed: 0,
        }
    }

    /// The outermost graph.
    pub(super) fn outermost(&mut self, mut graph: GraphProto) -> Result<GraphProto> {
        self.names.enter();
        self.contents(&mut graph, 0)?;
        for (output, info) in self.facts.outputs.iter().zip(&mut graph.output) {
            let Some(value) = *output else { continue };
            let wanted = self.plan.output_type(self.facts, value);
            if is_half_or_single(wanted) {
                // a cast of the model was put under its name where it stood
                if !matches!(self.plan.found[value], Found::Alias(_)) {
                    self.value(value, wanted);
                }
                redeclare(info, wanted);
            }
        }
        without_default_inputs(&mut graph);
        self.finish(&mut graph);
        for info in &mut graph.input {
            let fed = self.facts.inputs.iter().find(|&&v| self.facts.values[v].name == info.name);
            if let Some(&value) = fed
                && is_half_or_single(type_of(self.plan.found[value]))
            {
                redeclare(info, type_of(self.plan.found[value]));
            }
        }
        Ok(graph)
    }

    /// Weights and nodes of a graph; what becomes of them is in the frame.
    fn contents(&mut self, graph: &mut GraphProto, first_value: usize) -> Result<()> {
        let weights = mem::take(&mut graph.initializer);
        let mut names = Vec::with_capacity(weights.len());
        for (index, weight) in weights.into_iter().enumerate() {
            names.push(TensorProto { name: weight.name.clone(), ..TensorProto::default() });
            let weight = external::resident(self.path, weight)?;
            self.weight(weight, first_value + index)?;
        }
        let dense = names.len();
        // only the names are left, for the list of inputs
        graph.initializer = names;
        // one without values is no value of the facts either
        let sparse =
            graph.sparse_initializer.iter_mut().filter_map(|sparse| sparse.values.as_mut());
        for (index, values) in sparse.enumerate() {
            let found = self.plan.found[first_value + dense + index];
            if found == Found::Half && values.data_type == F32 {
                *values = self.rounding.round(mem::take(values), false)?;
            }
        }
        for node in mem::take(&mut graph.node) {
            self.node(node)?;
        }
        Ok(())
    }

    fn finish(&mut self, graph: &mut GraphProto) {
        let frame = mem::take(&mut self.frame);
        (graph.node, graph.initializer) = (frame.nodes, frame.initializers);
        self.names.leave();
    }

    /// A weight in the types in which it is wanted.
    fn weight(&mut self, mut weight: TensorProto, value: usize) -> Result<()> {
        if self.plan.found[value] != Found::Weight {
            self.frame.initializers.push(weight);
            return Ok(());
        }
        let wants = self.plan.wants[value];
        let first = match (wants.half, wants.single) {
            (true, true) if self.facts.values[value].output => self.plan.io,
            (true, _) => F16,
            (false, true) => F32,
            (false, false) => return Ok(()),
        };
        let limit = !wants.exact;
        if wants.half && wants.single {
            let (half, single) =
                (self.names.weight(value, F16, first), self.names.weight(value, F32, first));
            let copy = TensorProto { name: single, ..weight.clone() };
            self.frame.initializers.push(copy);
            weight.name = half;
        } else {
            weight.name = self.names.weight(value, first, first);
        }
        let made = if wants.half { self.rounding.round(weight, limit)? } else { weight };
        self.frame.initializers.push(made);
        Ok(())
    }

    fn node(&mut self, node: NodeProto) -> Result<()> {
        let id = self.next;
        self.next += 1;
        let end = self.facts.nodes[id].bodies.last().map_or(self.next, |body| body.nodes.end);
        self.node_as_planned(node, id)?;
        // whatever became of it, the nodes of its graphs were counted: any operator may hold graphs in a file
        self.next = self.next.max(end);
        Ok(())
    }

    fn node_as_planned(&mut self, mut node: NodeProto, id: usize) -> Result<()> {
        let (facts, plan) = (self.facts, self.plan);
        let about = &facts.nodes[id];
        if let Some(path) = self.path {
            external::fill_node(path, &mut node)?;
        }
        match plan.choices[id] {
            Choice::Weight => {
                if let (Some(mut tensor), Some(Some(value))) =
                    (take_constant(&mut node), about.outputs.first())
                {
                    tensor.name.clone_from(&facts.values[*value].name);
                    self.weight(tensor, *value)?;
                }
                return Ok(());
            }
            Choice::Alias | Choice::Flexible => {
                self.casts_removed += 1;
                self.output_of_cast(id);
                return Ok(());
            }
            Choice::Bodies => self.bodies(&mut node, id)?,
            Choice::Half => self.attributes(&mut node, id)?,
            Choice::Keep(_) => {}
        }
        for (index, name) in node.input.iter_mut().enumerate() {
            if let Some(value) = about.inputs.get(index).copied().flatten() {
                *name = self.value(value, plan.wanted(facts, id, index));
            }
        }
        if matches!(plan.choices[id], Choice::Keep(_)) && !about.bodies.is_empty() {
            self.border(&mut node, id);
        }
        for (output, name) in about.outputs.iter().zip(&mut node.output) {
            if let Some(value) = *output {
                *name = self.names.made(value);
            }
        }
        self.frame.nodes.push(node);
        Ok(())
    }

    /// The name under which a value is found in a type (0: in whichever it is), with a cast where it is not.
    fn value(&mut self, value: usize, wanted: i32) -> String {
        let root = self.plan.root(value);
        if self.plan.found[root] == Found::Other {
            return self.facts.values[root].name.clone();
        }
        if let Some(name) = self.names.found(root, wanted) {
            return name;
        }
        let wanted = if wanted == F16 { F16 } else { F32 };
        let source = self.source(root);
        let name = self.names.cast(self.facts, self.plan, root, wanted);
        let node = self.names.cast_node(&source, &name, wanted);
        self.frame.nodes.push(node);
        name
    }

    /// What a cast of a value is made of.
    fn source(&mut self, root: usize) -> String {
        match self.plan.found[root] {
            Found::Flexible(source) => self.value(source, 0),
            // found in its only type, or nowhere: then it is no value of the model
            _ => self.names.found(root, 0).unwrap_or_default(),
        }
    }

    /// A cast of the model that is an output of the outermost graph keeps its name.
    fn output_of_cast(&mut self, id: usize) {
        let Some(value) = self.facts.nodes[id].outputs.first().copied().flatten() else { return };
        if !self.facts.values[value].output {
            return;
        }
        let wanted = self.plan.output_type(self.facts, value);
        let root = self.plan.root(value);
        if root == value {
            self.value(value, wanted);
            return;
        }
        let name = self.facts.values[value].name.clone();
        if let Some(source) = self.names.found(root, wanted) {
            let node = self.names.copy_node(&source, &name);
            self.frame.nodes.push(node);
        } else {
            let source = self.source(root);
            let node = self.names.cast_node(&source, &name, wanted);
            self.frame.nodes.push(node);
            self.names.set(root, wanted, name.clone());
        }
        self.names.state(&name, value, wanted);
    }

    /// Attributes that hold floats or name a type.
    fn attributes(&mut self, node: &mut NodeProto, id: usize) -> Result<()> {
        match node.op_type.as_str() {
            "Constant" | "ConstantOfShape" => {
                let mut value = take_fill(node);
                let name = mem::replace(&mut value.name, self.facts.nodes[id].name.clone());
                let mut value = self.rounding.round(value, false)?;
                value.name = name;
                put_value(node, value);
            }
            op_type => {
                let Some(name) = type_attribute(op_type) else { return Ok(()) };
                let stated = node.attribute.iter().any(|attribute| attribute.name == name);
                if stated || op_type != "DequantizeLinear" {
                    node.attribute.retain(|attribute| attribute.name != name);
                    node.attribute.push(attr_int(name, F16.into()));
                }
            }
        }
        Ok(())
    }
}
