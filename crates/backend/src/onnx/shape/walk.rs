//! One pass over a graph and its subgraphs, in the order of the nodes.

use std::collections::{BTreeMap, HashMap};

use super::super::model::inputs;
use super::super::node::{is_default_domain, type_and_dims};
use super::super::proto::{GraphProto, NodeProto, ValueInfoProto};
use super::{Dim, Shapes, Value, control, integers, rules};

/// Subgraphs deeper than this are not looked into.
const DEEPEST: usize = 32;

/// Values of more axes are not followed: a chain of a few nodes can double their number with each.
const MOST_AXES: usize = 64;

pub(super) fn infer(graph: &GraphProto, opset: i64, sizes: &[(String, Vec<usize>)]) -> Shapes {
    let mut symbols = Symbols::default();
    let mut walk =
        Walk { opset, known: BTreeMap::new(), inner: BTreeMap::new(), replaced: Vec::new() };
    for input in inputs(graph) {
        let given = sizes.iter().find(|(name, _)| *name == input.name).map(|(_, dims)| dims);
        let (element, declared) = type_and_dims(input);
        let dims = match given {
            Some(given) => {
                symbols.bind(declared.as_deref(), given);
                Some(given.iter().copied().map(Dim::Fixed).collect())
            }
            None => declared,
        };
        walk.insert(&input.name, Value::new(element, dims), 0);
    }
    for value in walk.known.values_mut() {
        symbols.replace(value);
    }
    walk.graph(graph, &symbols, 0);
    let mut all = walk.inner;
    all.extend(walk.known);
    Shapes(all)
}

struct Walk {
    opset: i64,
    /// Values that the graph in hand can see.
    known: BTreeMap<String, Value>,
    /// Values of subgraphs that were left.
    inner: BTreeMap<String, Value>,
    /// What the subgraph in hand has put into `known`, with what stood there before.
    replaced: Vec<(String, Option<Value>)>,
}

impl Walk {
    fn insert(&mut self, name: &str, mut value: Value, depth: usize) {
        if value.dims.as_ref().is_some_and(|dims| dims.len() > MOST_AXES) {
            value.dims = None;
        }
        let before = self.known.insert(name.to_owned(), value);
        if depth > 0 {
            self.replaced.push((name.to_owned(), before));
        }
    }

    fn graph(&mut self, graph: &GraphProto, symbols: &Symbols, depth: usize) {
        for weight in &graph.initializer {
            let size = |&d: &i64| usize::try_from(d).map_or(Dim::Unknown, Dim::Fixed);
            let dims: Vec<Dim> = weight.dims.iter().map(size).collect();
            let mut value = Value::new(weight.data_type, dims);
            value.ints = integers::of_tensor(weight);
            value.floats = integers::floats_of_tensor(weight);
            self.insert(&weight.name, value, depth);
        }
        let declared = declared(graph, symbols);
        for node in &graph.node {
            let mut outputs = self.outputs(node, symbols, depth);
            outputs.resize_with(node.output.len(), Value::default);
            let named = node.output.iter().zip(outputs).filter(|(name, _)| !name.is_empty());
            for (name, value) in named {
                self.insert(name, complete(value, declared.get(name.as_str())), depth);
            }
        }
    }

    fn outputs(&mut self, node: &NodeProto, symbols: &Symbols, depth: usize) -> Vec<Value> {
        let bodies = node.attribute.iter().filter_map(|a| Some((a.name.as_str(), a.g.as_ref()?)));
        let mut results = Vec::new();
        if depth < DEEPEST {
            for (name, body) in bodies {
                results.push((name, self.subgraph(body, symbols, depth + 1)));
            }
        }
        let inputs: Vec<Option<&Value>> =
            node.input.iter().map(|name| self.known.get(name.as_str())).collect();
        match node.op_type.as_str() {
            "If" | "Loop" | "Scan" if is_default_domain(node) => {
                control::outputs(node, &inputs, self.opset, &results)
            }
            _ => rules::outputs(node, &inputs, self.opset),
        }
    }

    /// What is known of the outputs of a subgraph; its values are set aside afterwards.
    fn subgraph(&mut self, graph: &GraphProto, symbols: &Symbols, depth: usize) -> Vec<Value> {
        let mark = self.replaced.len();
        for input in &graph.input {
            let (element, dims) = type_and_dims(input);
            self.insert(&input.name, Value::new(element, dims), depth);
        }
        self.graph(graph, symbols, depth);
        let result = |output: &ValueInfoProto| self.known.get(&output.name).cloned();
        let results = graph.output.iter().map(|o| result(o).unwrap_or_default()).collect();
        for (name, before) in self.replaced.split_off(mark).into_iter().rev() {
            let now = match before {
                Some(before) => self.known.insert(name.clone(), before),
                None => self.known.remove(&name),
            };
            let Some(now) = now else { continue };
            let merged = match self.inner.remove(&name) {
                Some(other) => control::common(&now, &other),
                None => now,
            };
            self.inner.insert(name, merged);
        }
        results
    }
}

/// What the file itself says of inner values; nothing when the given sizes contradict the file.
fn declared<'a>(graph: &'a GraphProto, symbols: &Symbols) -> HashMap<&'a str, Value> {
    if symbols.contradiction {
        return HashMap::new();
    }
    let read = |info: &'a ValueInfoProto| {
        let (element, dims) = type_and_dims(info);
        let mut value = Value::new(element, dims);
        symbols.replace(&mut value);
        (info.name.as_str(), value)
    };
    graph.value_info.iter().chain(&graph.output).map(read).collect()
}

/// Fills what the rules left open from what the file declares.
fn complete(mut value: Value, declared: Option<&Value>) -> Value {
    let Some(declared) = declared else { return value };
    if value.element == 0 {
        value.element = declared.element;
    }
    match (&mut value.dims, &declared.dims) {
        (Some(dims), Some(said)) if dims.len() == said.len() => {
            for (dim, said) in dims.iter_mut().zip(said) {
                if *dim == Dim::Unknown {
                    dim.clone_from(said);
                }
            }
        }
        (dims @ None, said) => dims.clone_from(said),
        _ => {}
    }
    value
}

/// Sizes that the caller gave to symbols.
#[derive(Default)]
struct Symbols {
    sizes: HashMap<String, usize>,
    contradiction: bool,
}

impl Symbols {
    fn bind(&mut self, declared: Option<&[Dim]>, given: &[usize]) {
        let Some(declared) = declared else { return };
        self.contradiction |= declared.len() != given.len();
        for (dim, &size) in declared.iter().zip(given) {
            match dim {
                Dim::Fixed(fixed) => self.contradiction |= *fixed != size,
                Dim::Symbol(name) => {
                    let known = *self.sizes.entry(name.clone()).or_insert(size);
                    self.contradiction |= known != size;
                }
                Dim::Unknown => {}
            }
        }
    }

    fn replace(&self, value: &mut Value) {
        for dim in value.dims.iter_mut().flatten() {
            if let Dim::Symbol(name) = dim
                && let Some(&size) = self.sizes.get(name.as_str())
            {
                *dim = Dim::Fixed(size);
            }
        }
    }
}
