//! Which type each node works in, and why.

use std::ops::Range;

use super::super::facts::{Body, Facts, Node};
use super::super::quantised::Quantised;
use super::super::reason::{Blocked, Reason, unsafe_in_half};
use super::super::schema::{Kind, Schema};
use super::super::{F16, F32};
use super::{Choice, Found, as_it_was, root, takes_any};

/// Decides node by node.
pub(super) struct Planner<'a> {
    pub(super) facts: &'a Facts,
    pub(super) blocked: Blocked,
    pub(super) quantised: Quantised,
    pub(super) shapes: Vec<bool>,
    pub(super) io: i32,
    pub(super) choices: Vec<Choice>,
    pub(super) found: Vec<Found>,
}

impl Planner<'_> {
    /// Decides for the nodes of one graph.
    pub(super) fn range(&mut self, nodes: Range<usize>) {
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
        let single = |body: &Body| {
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
