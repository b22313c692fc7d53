//! Graphs inside of nodes: branches are converted, other bodies find outer values in the types that they had.

use std::collections::HashSet;
use std::mem;

use anyhow::Result;
use backend::onnx::node::subgraphs_mut;
use backend::onnx::proto::{GraphProto, NodeProto};

use super::Rewriter;
use super::names::rename;
use crate::fp16::F16;
use crate::fp16::facts::Body;
use crate::fp16::plan::{Found, type_of};
use crate::fp16::types::{is_half_or_single, redeclare};

impl Rewriter<'_> {
    /// Converts the bodies of an `If`.
    pub(super) fn bodies(&mut self, node: &mut NodeProto, id: usize) -> Result<()> {
        let bodies = &self.facts.nodes[id].bodies;
        for (graph, body) in subgraphs_mut(node).zip(bodies) {
            let outer = mem::take(&mut self.frame);
            self.names.enter();
            self.contents(graph, body.first_value)?;
            self.body_outputs(graph, body, id);
            self.finish(graph);
            self.names.redeclare(&mut graph.value_info);
            self.frame = outer;
        }
        Ok(())
    }

    fn body_outputs(&mut self, graph: &mut GraphProto, body: &Body, id: usize) {
        let mut given: HashSet<String> = HashSet::new();
        for (index, info) in graph.output.iter_mut().enumerate() {
            let Some(value) = body.outputs.get(index).copied().flatten() else { continue };
            let outer = self.facts.nodes[id].outputs.get(index).copied().flatten();
            let wanted = match outer {
                Some(outer) => type_of(self.plan.found[outer]),
                None => self.facts.values[value].element,
            };
            let mut name = self.value(value, wanted);
            if is_half_or_single(wanted) {
                if self.plan.found[self.plan.root(value)] == Found::Other && wanted == F16 {
                    let half = self.names.unused(&format!("{name}_f16"));
                    let node = self.names.cast_node(&name, &half, F16);
                    self.frame.nodes.push(node);
                    name = half;
                }
                redeclare(info, wanted);
            }
            let made = self.frame.nodes.iter().any(|node| node.output.contains(&name));
            if !made || given.contains(&name) {
                let copy = self.names.unused(&format!("{name}_out"));
                let node = self.names.copy_node(&name, &copy);
                self.frame.nodes.push(node);
                name = copy;
            }
            given.insert(name.clone());
            info.name = name;
        }
    }

    /// Bodies that stay as they are find values of outer graphs in the types that they had.
    pub(super) fn border(&mut self, node: &mut NodeProto, id: usize) {
        let facts = self.facts;
        for body in &facts.nodes[id].bodies {
            for value in facts.captured(body) {
                let old = &facts.values[value].name;
                let new = self.value(value, facts.values[value].element);
                if *old != new {
                    rename(node, old, &new);
                }
            }
        }
    }
}
