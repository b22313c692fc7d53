//! Decides, before anything is changed, what becomes of each node and in which type each value is found.

mod choose;

use std::collections::BTreeMap;

use anyhow::Result;
use backend::onnx::proto::GraphProto;

use super::facts::{Facts, Node};
use super::quantised;
use super::reason::{Blocked, Reason};
use super::schema::Schema;
use super::types::is_half_or_single;
use super::{F16, F32, Io, Options, shapes};
use choose::Planner;

/// What becomes of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Works in float16.
    Half,
    /// Stays as it is; `Some` when that leaves floats in float32.
    Keep(Option<Reason>),
    /// A constant: becomes a weight.
    Weight,
    /// A cast between floats: its users take its input.
    Alias,
    /// A cast of something else to float: made in the type that its users ask for.
    Flexible,
    /// Its bodies are converted.
    Bodies,
}

/// In which type a value is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// In whichever is asked for.
    Weight,
    /// In float16.
    Half,
    /// In float32.
    Single,
    /// In none of the two, or nobody knows.
    Other,
    /// Where another value is.
    Alias(usize),
    /// As a cast of another value, in whichever type is asked for.
    Flexible(usize),
}

/// The types in which a weight is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wants {
    /// In float16.
    pub(super) half: bool,
    /// In float32.
    pub(super) single: bool,
    /// In float16 as something else than a limit, so that it may not be clamped.
    pub(super) exact: bool,
}

/// All decisions.
#[derive(Debug)]
pub(super) struct Plan {
    /// By node.
    pub(super) choices: Vec<Choice>,
    /// By value.
    pub(super) found: Vec<Found>,
    /// By value; of weights only.
    pub(super) wants: Vec<Wants>,
    /// Type of the outermost inputs and outputs that were float32.
    pub(super) io: i32,
}

impl Plan {
    /// Decides for a model.
    pub(super) fn new(facts: &Facts, graph: &GraphProto, options: &Options) -> Result<Self> {
        let io = match options.io {
            Io::Fp32 => F32,
            Io::Fp16 => F16,
        };
        let mut planner = Planner {
            facts,
            blocked: Blocked::new(&options.block, facts)?,
            quantised: quantised::regions(facts, graph),
            shapes: shapes::computing(facts),
            io,
            choices: vec![Choice::Keep(None); facts.nodes.len()],
            found: facts.values.iter().map(|value| as_it_was(value.element)).collect(),
        };
        for (value, found) in facts.values.iter().zip(&mut planner.found) {
            if value.weight && value.element == F32 {
                *found = if value.sparse { Found::Half } else { Found::Weight };
            }
        }
        for &input in &facts.inputs {
            if facts.values[input].element == F32 && io == F16 {
                planner.found[input] = Found::Half;
            }
        }
        planner.range(0..facts.nodes.len());
        let Planner { choices, found, .. } = planner;
        let wants = vec![Wants::default(); facts.values.len()];
        let mut plan = Self { choices, found, wants, io };
        plan.count_wants(facts);
        Ok(plan)
    }

    /// The value that stands for another one.
    pub(super) fn root(&self, value: usize) -> usize {
        root(&self.found, value)
    }

    /// In which type a node wants an input; 0 = as it is found.
    pub(super) fn wanted(&self, facts: &Facts, node: usize, index: usize) -> i32 {
        let (id, node) = (node, &facts.nodes[node]);
        let element = facts.element(node.inputs.get(index).copied().flatten());
        let half = self.choices[id] == Choice::Half;
        if takes_any(node, index) || half && index == 0 && node.op_type == "EyeLike" {
            return 0;
        }
        let takes = node.schema.is_some_and(|schema| takes_half(schema, index));
        if half && takes && is_half_or_single(element) { F16 } else { element }
    }

    /// The type of a graph's output: of the outermost one, or of a body whose node gives it as `element`.
    pub(super) fn output_type(&self, facts: &Facts, value: usize) -> i32 {
        if facts.values[value].element == F32 { self.io } else { facts.values[value].element }
    }

    fn count_wants(&mut self, facts: &Facts) {
        for (id, node) in facts.nodes.iter().enumerate() {
            match self.choices[id] {
                Choice::Weight | Choice::Alias | Choice::Flexible => continue,
                Choice::Bodies => self.count_body_outputs(facts, id),
                Choice::Half => {}
                Choice::Keep(_) => {
                    for &output in node.bodies.iter().flat_map(|body| &body.outputs).flatten() {
                        self.want(output, facts.values[output].element, false);
                    }
                }
            }
            for (index, input) in node.inputs.iter().enumerate() {
                let Some(value) = *input else { continue };
                let wanted = self.wanted(facts, id, index);
                self.want(value, wanted, is_limit(&node.op_type, index));
            }
        }
        for &output in facts.outputs.iter().flatten() {
            self.want(output, self.output_type(facts, output), false);
        }
    }

    fn count_body_outputs(&mut self, facts: &Facts, id: usize) {
        for body in &facts.nodes[id].bodies {
            for (output, inner) in facts.nodes[id].outputs.iter().zip(&body.outputs) {
                let (Some(output), Some(inner)) = (*output, *inner) else { continue };
                self.want(inner, type_of(self.found[output]), false);
            }
        }
    }

    fn want(&mut self, value: usize, wanted: i32, limit: bool) {
        let root = self.root(value);
        let wants = &mut self.wants[root];
        match wanted {
            F16 => {
                wants.half = true;
                wants.exact |= !limit;
            }
            _ => wants.single = true,
        }
    }
}

fn root(found: &[Found], mut value: usize) -> usize {
    while let Found::Alias(source) = found[value] {
        value = source;
    }
    value
}

/// The type in which a value is found; 0 when it has more than one or none of the two.
pub(super) fn type_of(found: Found) -> i32 {
    match found {
        Found::Half => F16,
        Found::Single => F32,
        _ => 0,
    }
}

fn as_it_was(element: i32) -> Found {
    match element {
        F16 => Found::Half,
        F32 => Found::Single,
        _ => Found::Other,
    }
}

/// Whether an input takes values of any type and gives none of them on.
fn takes_any(node: &Node, index: usize) -> bool {
    node.domain.is_empty()
        && index == 0
        && matches!(node.op_type.as_str(), "Shape" | "Size" | "Cast" | "NonZero" | "IsNaN")
}

fn takes_half(schema: &Schema, index: usize) -> bool {
    schema.input(index).is_some_and(|port| schema.takes(port, F16))
}

/// Whether an input is a limit: beyond the range of float16 the range itself is the limit.
fn is_limit(op_type: &str, index: usize) -> bool {
    matches!((op_type, index), ("Clip", 1 | 2) | ("Pad", 2))
}

/// The operators that stay in float32, by reason.
pub(super) fn left(facts: &Facts, plan: &Plan) -> BTreeMap<Reason, Vec<(String, String)>> {
    let mut left: BTreeMap<Reason, Vec<(String, String)>> = BTreeMap::new();
    for (node, choice) in facts.nodes.iter().zip(&plan.choices) {
        if let Choice::Keep(Some(reason)) = choice {
            let entry = (node.op_type.clone(), node.name.clone());
            left.entry(reason.clone()).or_default().push(entry);
        }
    }
    left
}
