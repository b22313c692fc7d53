//! Decides, before anything is changed, what becomes of each node and in which type each value is found.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::Result;
use backend::onnx::proto::GraphProto;

use super::facts::{Facts, Node};
use super::quantised::{self, Quantised};
use super::reason::{Blocked, Reason, unsafe_in_half};
use super::schema::{Kind, Schema};
use super::types::is_half_or_single;
use super::{F16, F32, Io, Options, shapes};

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

struct Planner<'a> {
    facts: &'a Facts,
    blocked: Blocked,
    quantised: Quantised,
    shapes: Vec<bool>,
    io: i32,
    choices: Vec<Choice>,
    found: Vec<Found>,
}

impl Planner<'_> {
    /// Decides for the nodes of one graph.
    fn range(&mut self, nodes: Range<usize>) {
        let mut id = nodes.start;
        while id < nodes.end {
            let after = self.facts.nodes[id].bodies.last().map_or(id + 1, |body| body.nodes.end);
            self.node(id, after);
            id = after;
        }
    }

    fn node(&mut self, id: usize, after: usize) {
        let facts = self.facts;
        let node = &facts.nodes[id];
        let choice = self.choose(id, node);
        if choice == Choice::Bodies {
            node.bodies.iter().for_each(|body| self.range(body.nodes.clone()));
        } else {
            // bodies of a node that stays as it is stay as they are
            let reason = match &choice {
                Choice::Keep(Some(reason)) => reason.clone(),
                _ => Reason::Loop,
            };
            for inner in id + 1..after {
                let floats = self.has_floats(&facts.nodes[inner]);
                self.choices[inner] = Choice::Keep(floats.then(|| reason.clone()));
            }
        }
        for (index, output) in node.outputs.iter().enumerate() {
            let Some(output) = *output else { continue };
            self.found[output] = self.find(node, &choice, index, output);
        }
        self.choices[id] = choice;
    }

    fn find(&self, node: &Node, choice: &Choice, index: usize, output: usize) -> Found {
        let before = as_it_was(self.facts.values[output].element);
        match choice {
            Choice::Weight => Found::Weight,
            Choice::Alias | Choice::Flexible => match node.inputs.first().copied().flatten() {
                Some(source) if *choice == Choice::Alias => Found::Alias(source),
                // a second cast of the same value is the first one
                Some(source) => match self.facts.values[source].users.iter().find_map(|&user| {
                    self.facts.nodes[user].outputs.first().copied().flatten().filter(|&other| {
                        other < output && self.found[other] == Found::Flexible(source)
                    })
                }) {
                    Some(first) => Found::Alias(first),
                    None => Found::Flexible(source),
                },
                None => before,
            },
            Choice::Bodies if before == Found::Single => self.find_given(node, index),
            Choice::Half if before == Found::Single => {
                let half = |schema: &Schema| {
                    schema.output(index).is_some_and(|port| schema.takes(port, F16))
                };
                if node.schema.is_some_and(half) { Found::Half } else { Found::Single }
            }
            _ => before,
        }
    }

    /// The type of what an `If` gives: float16 unless all branches make float32.
    fn find_given(&self, node: &Node, index: usize) -> Found {
        let single = |body: &super::facts::Body| {
            let value = body.outputs.get(index).copied().flatten();
            let found = value.map(|value| self.found[root(&self.found, value)]);
            matches!(found, Some(Found::Single | Found::Other))
        };
        if node.bodies.iter().all(single) { Found::Single } else { Found::Half }
    }

    fn has_floats(&self, node: &Node) -> bool {
        let values = node.inputs.iter().chain(&node.outputs);
        node.op_type != "Constant" && values.flatten().any(|&value| self.is_single(value))
    }

    fn is_single(&self, value: usize) -> bool {
        self.facts.values[value].element == F32
    }

    fn choose(&self, id: usize, node: &Node) -> Choice {
        let keep = |reason| Choice::Keep(Some(reason));
        if node.constant {
            return self.choose_constant(node);
        }
        if !self.has_floats(node) {
            return if node.op_type == "If" && node.schema.is_some() {
                Choice::Bodies
            } else if node.bodies.is_empty() {
                Choice::Keep(None)
            } else {
                keep(Reason::Loop)
            };
        }
        if self.blocked.has(&node.op_type, &node.name) {
            return keep(Reason::Asked);
        }
        let Some(schema) = node.schema else { return keep(without_schema(node)) };
        match node.op_type.as_str() {
            "Cast" | "CastLike" => return self.choose_cast(node),
            "If" => return Choice::Bodies,
            "Loop" | "Scan" => return keep(Reason::Loop),
            _ => {}
        }
        let makes = node.outputs.iter().flatten().any(|&value| self.is_single(value));
        let reads = node.inputs.iter().flatten().filter_map(|&value| self.reads_half(value));
        let reads: Vec<bool> = reads.collect();
        if !makes && (reads.is_empty() || takes_any(node, 0)) {
            return Choice::Keep(None);
        }
        match self.reason(id, node, schema) {
            Some(reason) => keep(reason),
            None if makes || reads.contains(&true) => Choice::Half,
            None => keep(Reason::Reads),
        }
    }

    /// Whether a float value that is no weight is found in float16, or can be; `None` for anything else.
    fn reads_half(&self, value: usize) -> Option<bool> {
        match self.found[root(&self.found, value)] {
            Found::Half | Found::Flexible(_) => Some(true),
            Found::Single => Some(false),
            _ => None,
        }
    }

    fn choose_constant(&self, node: &Node) -> Choice {
        let value = node.outputs.first().copied().flatten().map(|value| &self.facts.values[value]);
        match value {
            _ if self.blocked.has(&node.op_type, &node.name) => Choice::Keep(Some(Reason::Asked)),
            // an output of a graph stays what a node makes
            Some(value) if value.output && self.io == F32 => Choice::Keep(None),
            Some(value) if value.output || value.body_output => Choice::Half,
            Some(_) => Choice::Weight,
            None => Choice::Keep(None),
        }
    }

    fn choose_cast(&self, node: &Node) -> Choice {
        let before = self.facts.element(node.inputs.first().copied().flatten());
        let after = self.facts.element(node.outputs.first().copied().flatten());
        match (before, after) {
            (F32 | F16, F32 | F16) => Choice::Alias,
            (_, F32) => Choice::Flexible,
            _ => Choice::Keep(None),
        }
    }

    /// Why an operator of the specification stays in float32; `None` when it need not.
    fn reason(&self, id: usize, node: &Node, schema: &Schema) -> Option<Reason> {
        if schema.holds_sequences() {
            return Some(Reason::Sequence);
        }
        let input = |(index, value): (usize, &Option<usize>)| {
            Some(schema.takes(schema.input(index)?, F16) && self.is_single((*value)?))
        };
        let output = |(index, value): (usize, &Option<usize>)| {
            Some(schema.takes(schema.output(index)?, F16) && self.is_single((*value)?))
        };
        let mut inputs = node.inputs.iter().enumerate().filter_map(input);
        let mut outputs = node.outputs.iter().enumerate().filter_map(output);
        if !inputs.any(|half| half) && !outputs.any(|half| half) {
            return Some(Reason::NoFloat16(self.facts.opset));
        }
        if let Some(how) = unsafe_in_half(&node.op_type) {
            return Some(Reason::Unsafe(how));
        }
        if matches!(node.op_type.as_str(), "QuantizeLinear" | "DequantizeLinear")
            && let Some(reason) = &self.quantised.scales
        {
            return Some(reason.clone());
        }
        if self.quantised.region[id] {
            return Some(Reason::Quantised);
        }
        if self.shapes[id] {
            return Some(Reason::Shapes);
        }
        self.untyped(node)
    }

    /// The first input of unknown type where the operator takes floats.
    fn untyped(&self, node: &Node) -> Option<Reason> {
        let schema = node.schema?;
        let unknown = |(index, value): (usize, &Option<usize>)| {
            let (value, port) = ((*value)?, schema.input(index)?);
            let float = matches!(port.kind, Kind::Variable(_)) && schema.takes(port, F16);
            (float && self.facts.values[value].element == 0)
                .then(|| Reason::Untyped(self.facts.values[value].name.clone()))
        };
        node.inputs.iter().enumerate().find_map(unknown)
    }
}

fn without_schema(node: &Node) -> Reason {
    match (node.function, node.domain.is_empty()) {
        (true, _) => Reason::Domain(String::new()),
        (_, true) => Reason::NotInOnnx,
        (_, false) => Reason::Domain(node.domain.clone()),
    }
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
