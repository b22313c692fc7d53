//! Under which name each value is found in which type.

use std::collections::{HashMap, HashSet};

use backend::onnx::node::{attr_int, node as new_node, subgraphs_mut};
use backend::onnx::proto::{GraphProto, NodeProto, ValueInfoProto};

use crate::fp16::F16;
use crate::fp16::facts::Facts;
use crate::fp16::plan::{Found, Plan, type_of};
use crate::fp16::types::{is_half_or_single, redeclare};

/// Names by value and type.
#[derive(Debug)]
pub(in crate::fp16) struct Names {
    /// By value: the names of its float16 and its float32 form, where there are such.
    forms: Vec<[Option<String>; 2]>,
    /// The names that nodes of the old model give their outputs.
    made: Vec<String>,
    /// What is known in each open scope alone: forgotten when it is left.
    scopes: Vec<Vec<(usize, usize)>>,
    used: HashSet<String>,
    nodes: HashSet<String>,
    /// Casts that have taken the name of a value that was one.
    taken: HashSet<usize>,
    /// The old value and the type behind each new name.
    stated: HashMap<String, (usize, i32)>,
}

const fn slot(element: i32) -> usize {
    if element == F16 { 0 } else { 1 }
}

fn suffix(element: i32) -> &'static str {
    if element == F16 { "f16" } else { "f32" }
}

impl Names {
    pub(super) fn new(facts: &Facts, plan: &Plan) -> Self {
        let mut names = Self {
            forms: vec![[None, None]; facts.values.len()],
            made: Vec::with_capacity(facts.values.len()),
            scopes: Vec::new(),
            used: facts.values.iter().map(|value| value.name.clone()).collect(),
            nodes: facts.nodes.iter().map(|node| node.name.clone()).collect(),
            taken: HashSet::new(),
            stated: HashMap::new(),
        };
        for (id, value) in facts.values.iter().enumerate() {
            let found = type_of(plan.found[id]);
            let mut name = value.name.clone();
            if is_half_or_single(found) {
                // an output of the model keeps its name for the type that the caller gets
                if value.output && found != plan.output_type(facts, id) {
                    name = names.unused(&format!("{name}_{}", suffix(found)));
                }
                names.forms[id][slot(found)] = Some(name.clone());
                names.stated.insert(name.clone(), (id, found));
            }
            names.made.push(name);
        }
        names
    }

    /// Opens a scope: what is made in it is not seen outside.
    pub(super) fn enter(&mut self) {
        self.scopes.push(Vec::new());
    }

    /// Leaves the innermost scope.
    pub(super) fn leave(&mut self) {
        for (value, slot) in self.scopes.pop().unwrap_or_default() {
            self.forms[value][slot] = None;
        }
    }

    /// The name that a node gives a value that it makes.
    pub(super) fn made(&self, value: usize) -> String {
        self.made[value].clone()
    }

    /// The name of a value in a type; 0 = in float16 if there is such, else in float32.
    pub(super) fn found(&self, value: usize, wanted: i32) -> Option<String> {
        let [half, single] = &self.forms[value];
        match wanted {
            0 => half.as_ref().or(single.as_ref()).cloned(),
            wanted => self.forms[value][slot(wanted)].clone(),
        }
    }

    /// Notes that a value is found under a name in this scope.
    pub(super) fn set(&mut self, value: usize, element: i32, name: String) {
        self.state(&name, value, element);
        self.forms[value][slot(element)] = Some(name);
        if let Some(scope) = self.scopes.last_mut() {
            scope.push((value, slot(element)));
        }
    }

    /// Notes what stands behind a name.
    pub(super) fn state(&mut self, name: &str, value: usize, element: i32) {
        self.stated.insert(name.to_owned(), (value, element));
    }

    /// The name of a weight in a type; its own name goes to the type `first`.
    pub(super) fn weight(&mut self, value: usize, element: i32, first: i32) -> String {
        let own = self.made[value].clone();
        let name =
            if element == first { own } else { self.unused(&format!("{own}_{}", suffix(element))) };
        self.set(value, element, name.clone());
        name
    }

    /// A name for a cast of a value, noted.
    pub(super) fn cast(
        &mut self,
        facts: &Facts,
        plan: &Plan,
        value: usize,
        element: i32,
    ) -> String {
        let own = &facts.values[value];
        let may = if own.output {
            self.scopes.len() == 1 && plan.output_type(facts, value) == element
        } else {
            matches!(plan.found[value], Found::Flexible(_))
        };
        let name = if may && self.taken.insert(value) {
            own.name.clone()
        } else {
            self.unused(&format!("{}_{}", own.name, suffix(element)))
        };
        self.set(value, element, name.clone());
        name
    }

    /// A name that nothing has yet, taken.
    pub(super) fn unused(&mut self, name: &str) -> String {
        let mut candidate = name.to_owned();
        while !self.used.insert(candidate.clone()) {
            candidate.push('_');
        }
        candidate
    }

    /// A cast, under a name that no node has: engines refuse two of one name.
    pub(super) fn cast_node(&mut self, from: &str, to: &str, element: i32) -> NodeProto {
        let kind = if element == F16 { "ToFloat16" } else { "ToFloat32" };
        let attributes = vec![attr_int("to", element.into())];
        new_node("Cast", &self.node_name(from, kind), &[from], &[to], attributes)
    }

    /// A copy of a value.
    pub(super) fn copy_node(&mut self, from: &str, to: &str) -> NodeProto {
        new_node("Identity", &self.node_name(to, "Identity"), &[from], &[to], vec![])
    }

    fn node_name(&mut self, value: &str, kind: &str) -> String {
        let mut name = format!("{value}/{kind}");
        while !self.nodes.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    /// The old value and the type behind a new name.
    pub(in crate::fp16) fn stated(&self, name: &str) -> Option<(usize, i32)> {
        self.stated.get(name).copied()
    }

    /// Puts the new types into descriptions of values.
    pub(in crate::fp16) fn redeclare(&self, infos: &mut [ValueInfoProto]) {
        for info in infos {
            if let Some((_, element)) = self.stated(&info.name) {
                redeclare(info, element);
            }
        }
    }
}

/// Renames a value of an outer graph in the bodies of a node, except where a body has one of that name itself.
pub(super) fn rename(node: &mut NodeProto, old: &str, new: &str) {
    for graph in subgraphs_mut(node).filter(|graph| !defines(graph, old)) {
        for inner in &mut graph.node {
            for input in inner.input.iter_mut().filter(|input| *input == old) {
                new.clone_into(input);
            }
            rename(inner, old, new);
        }
        for output in graph.output.iter_mut().filter(|output| output.name == old) {
            new.clone_into(&mut output.name);
        }
    }
}

fn defines(graph: &GraphProto, name: &str) -> bool {
    graph.input.iter().any(|input| input.name == name)
        || graph.initializer.iter().any(|weight| weight.name == name)
        || graph.node.iter().any(|node| node.output.iter().any(|output| output == name))
}
