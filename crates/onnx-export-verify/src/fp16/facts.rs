//! What a model says of itself before anything is changed: every value and node of every graph, by number.
//!
//! Nodes are numbered in the order in which they stand, a node before those of its bodies. The rewriting
//! walks the model in the same order and finds each node and each value by its number, so that names
//! mean what their scope says.

use std::collections::HashMap;
use std::ops::Range;

use backend::onnx::node::{is_default_domain, subgraphs};
use backend::onnx::proto::{GraphProto, ModelProto, NodeProto, TensorProto};

use super::schema::{Kind, Schema};
use super::types::{Library, declared, is_dense, name_of};

/// One value.
#[derive(Debug)]
pub(crate) struct Value {
    /// Its name.
    pub(crate) name: String,
    /// Its element type; 0 when nothing tells.
    pub(crate) element: i32,
    /// The node that makes it; `None` for inputs and weights.
    pub(super) maker: Option<usize>,
    /// The nodes that read it.
    pub(super) users: Vec<usize>,
    /// Whether it is a weight of a graph.
    pub(super) weight: bool,
    /// Whether it is a sparse one.
    pub(super) sparse: bool,
    /// Whether it is an output of the outermost graph.
    pub(super) output: bool,
    /// Whether it is an output of a body.
    pub(super) body_output: bool,
}

/// One node.
#[derive(Debug)]
pub(crate) struct Node {
    /// Operator.
    pub(super) op_type: String,
    /// Name, or what stands for it in messages.
    pub(super) name: String,
    /// Operator set; empty for the default one.
    pub(super) domain: String,
    /// Whether it calls a function of the model.
    pub(super) function: bool,
    /// Its schema when it is an operator of the default set.
    pub(super) schema: Option<&'static Schema>,
    /// Whether it is a `Constant` that holds a dense float32 tensor.
    pub(super) constant: bool,
    /// Values by input; `None` where it is left out, or nothing makes it.
    pub(super) inputs: Vec<Option<usize>>,
    /// Values by output.
    pub(crate) outputs: Vec<Option<usize>>,
    /// Graphs in its attributes.
    pub(super) bodies: Vec<Body>,
}

/// The graph of an attribute.
#[derive(Debug)]
pub(crate) struct Body {
    /// Its nodes, those of inner bodies included.
    pub(super) nodes: Range<usize>,
    /// Its outputs.
    pub(super) outputs: Vec<Option<usize>>,
    /// The first value of its own; what is below it belongs to outer graphs.
    pub(super) first_value: usize,
}

/// Every value and node of a model.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Version of the default operator set.
    pub(super) opset: i64,
    /// Values.
    pub(crate) values: Vec<Value>,
    /// Nodes.
    pub(crate) nodes: Vec<Node>,
    /// Inputs of the outermost graph that must be fed.
    pub(super) inputs: Vec<usize>,
    /// Outputs of the outermost graph.
    pub(super) outputs: Vec<Option<usize>>,
    /// Values of the outermost graph by name.
    outermost: HashMap<String, usize>,
}

impl Facts {
    /// Reads a model.
    pub(super) fn of(model: &ModelProto, graph: &GraphProto) -> Self {
        Self::read(model, graph, false)
    }

    /// Reads a model to run it, not to change it: of operators without a schema it is assumed that they give
    /// what the first of their float inputs is, where the model does not say.
    pub(crate) fn assuming(model: &ModelProto, graph: &GraphProto) -> Self {
        Self::read(model, graph, true)
    }

    fn read(model: &ModelProto, graph: &GraphProto, assumes: bool) -> Self {
        let library = Library::new(model);
        let facts = Self {
            opset: library.opset,
            values: Vec::new(),
            nodes: Vec::with_capacity(graph.node.len()),
            inputs: Vec::new(),
            outputs: Vec::new(),
            outermost: HashMap::new(),
        };
        let mut reader = Reader { library, facts, scopes: Vec::new(), assumes };
        let outputs = reader.graph(graph, &[]);
        let mut facts = reader.facts;
        for &output in outputs.iter().flatten() {
            facts.values[output].output = true;
        }
        facts.outputs = outputs;
        facts
    }

    /// The type of a value of the outermost graph; 0 when there is none of this name, or nothing tells.
    pub(crate) fn element_of(&self, name: &str) -> i32 {
        self.element(self.outermost.get(name).copied())
    }

    /// The type of a value; 0 when it is left out or nothing tells.
    pub(crate) fn element(&self, value: Option<usize>) -> i32 {
        value.map_or(0, |value| self.values[value].element)
    }

    /// Values of outer graphs that the body of a node uses, each once.
    pub(super) fn captured(&self, body: &Body) -> Vec<usize> {
        let inputs = self.nodes[body.nodes.clone()].iter().flat_map(|node| &node.inputs);
        let inner = self.nodes[body.nodes.clone()].iter().flat_map(|node| &node.bodies);
        let outputs = inner.flat_map(|body| &body.outputs).chain(&body.outputs);
        let used = inputs.chain(outputs).flatten().copied();
        let mut captured: Vec<usize> = used.filter(|&value| value < body.first_value).collect();
        captured.sort_unstable();
        captured.dedup();
        captured
    }
}

struct Reader<'a> {
    library: Library<'a>,
    facts: Facts,
    scopes: Vec<HashMap<&'a str, usize>>,
    assumes: bool,
}

impl<'a> Reader<'a> {
    /// Reads a graph; `given` are the types of its inputs where they state none. Returns its outputs.
    fn graph(&mut self, graph: &'a GraphProto, given: &[i32]) -> Vec<Option<usize>> {
        let outermost = self.scopes.is_empty();
        self.scopes.push(HashMap::new());
        for weight in &graph.initializer {
            self.weight(weight);
        }
        for sparse in graph.sparse_initializer.iter().filter_map(|sparse| sparse.values.as_ref()) {
            let value = self.define(&sparse.name, sparse.data_type, None);
            (self.facts.values[value].weight, self.facts.values[value].sparse) = (true, true);
        }
        for (index, input) in graph.input.iter().enumerate() {
            // old files list weights among the inputs
            if self.scopes.last().is_some_and(|scope| scope.contains_key(input.name.as_str())) {
                continue;
            }
            let element = match declared(input) {
                0 => given.get(index).copied().unwrap_or(0),
                element => element,
            };
            let value = self.define(&input.name, element, None);
            if outermost {
                self.facts.inputs.push(value);
            }
        }
        let infos = graph.value_info.iter().chain(&graph.output);
        let stated: HashMap<&str, i32> =
            infos.map(|info| (info.name.as_str(), declared(info))).collect();
        for node in &graph.node {
            self.node(node, &stated);
        }
        let outputs = graph.output.iter().map(|output| self.find(&output.name)).collect();
        let own = self.scopes.pop().unwrap_or_default();
        if outermost {
            self.facts.outermost =
                own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        }
        outputs
    }

    fn weight(&mut self, weight: &'a TensorProto) {
        let value = self.define(&weight.name, weight.data_type, None);
        self.facts.values[value].weight = true;
    }

    fn define(&mut self, name: &'a str, element: i32, maker: Option<usize>) -> usize {
        let value = self.facts.values.len();
        self.facts.values.push(Value {
            name: name.to_owned(),
            element,
            maker,
            users: Vec::new(),
            weight: false,
            sparse: false,
            output: false,
            body_output: false,
        });
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name, value);
        }
        value
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name)).copied()
    }

    fn node(&mut self, node: &'a NodeProto, stated: &HashMap<&str, i32>) {
        let id = self.facts.nodes.len();
        let inputs: Vec<Option<usize>> = node.input.iter().map(|name| self.find(name)).collect();
        for &input in inputs.iter().flatten() {
            self.facts.values[input].users.push(id);
        }
        let function = self.library.is_function(node);
        let known = is_default_domain(node) && !function;
        let schema = known.then(|| Schema::of(&node.op_type, self.library.opset)).flatten();
        self.facts.nodes.push(Node {
            op_type: node.op_type.clone(),
            name: name_of(node),
            domain: if is_default_domain(node) { String::new() } else { node.domain.clone() },
            function,
            schema,
            constant: known && node.op_type == "Constant" && is_dense(node),
            inputs: inputs.clone(),
            outputs: Vec::new(),
            bodies: Vec::new(),
        });
        let bodies = self.bodies(node, &inputs);
        let given: Vec<i32> = inputs.iter().map(|&input| self.facts.element(input)).collect();
        let mut types = match node.op_type.as_str() {
            "If" | "Loop" | "Scan" if known => self.of_bodies(node, &given, &bodies),
            _ => self.library.outputs(node, &given),
        };
        types.resize(node.output.len(), 0);
        let is_float = |element: &&i32| backend::onnx::tensor::is_float(**element);
        let like = given.iter().find(is_float).filter(|_| self.assumes && schema.is_none());
        for (element, name) in types.iter_mut().zip(&node.output).filter(|(e, _)| **e == 0) {
            *element = stated
                .get(name.as_str())
                .copied()
                .filter(|&element| element != 0)
                .or(like.copied())
                .unwrap_or(0);
        }
        let mut outputs = Vec::with_capacity(node.output.len());
        for (name, &element) in node.output.iter().zip(&types) {
            outputs.push((!name.is_empty()).then(|| self.define(name, element, Some(id))));
        }
        if let Some(schema) = schema {
            self.backwards(schema, &inputs, &types);
        }
        self.facts.nodes[id].outputs = outputs;
        self.facts.nodes[id].bodies = bodies;
    }

    fn bodies(&mut self, node: &'a NodeProto, inputs: &[Option<usize>]) -> Vec<Body> {
        let mut given: Vec<i32> = inputs.iter().map(|&input| self.facts.element(input)).collect();
        if node.op_type == "Scan" && self.library.opset < 9 {
            given.drain(..1.min(given.len()));
        }
        subgraphs(node).map(|graph| self.body(graph, &given)).collect()
    }

    fn body(&mut self, graph: &'a GraphProto, given: &[i32]) -> Body {
        let (first_value, first) = (self.facts.values.len(), self.facts.nodes.len());
        let outputs = self.graph(graph, given);
        for &output in outputs.iter().flatten() {
            self.facts.values[output].body_output = true;
        }
        Body { nodes: first..self.facts.nodes.len(), outputs, first_value }
    }

    /// Types of what `If`, `Loop` and `Scan` give: those of what their bodies give.
    fn of_bodies(&self, node: &NodeProto, given: &[i32], bodies: &[Body]) -> Vec<i32> {
        let skipped = usize::from(node.op_type == "Loop");
        let output = |index: usize| {
            let of_body = |body: &Body| {
                let value = body.outputs.get(index + skipped).copied().flatten();
                Some(self.facts.element(value)).filter(|&element| element != 0)
            };
            let carried = || given.get(index + 2).copied().filter(|_| node.op_type == "Loop");
            bodies.iter().find_map(of_body).or_else(carried).unwrap_or(0)
        };
        (0..node.output.len()).map(output).collect()
    }

    /// Inputs of unknown type have the type of their neighbours where the operator asks for one type.
    fn backwards(&mut self, schema: &Schema, inputs: &[Option<usize>], outputs: &[i32]) {
        let given: Vec<i32> = inputs.iter().map(|&input| self.facts.element(input)).collect();
        let mut bound = super::types::bound(schema, &given);
        for (index, &element) in outputs.iter().enumerate() {
            if let Some(port) = schema.output(index)
                && let Kind::Variable(variable) = port.kind
                && !port.mixed
                && bound[variable] == 0
            {
                bound[variable] = element;
            }
        }
        for (index, input) in inputs.iter().enumerate() {
            let (Some(value), Some(port)) = (*input, schema.input(index)) else { continue };
            if self.facts.values[value].element != 0 || port.mixed {
                continue;
            }
            self.facts.values[value].element = match port.kind {
                Kind::Variable(variable) => bound[variable],
                Kind::Fixed(_) => schema.only(port),
            };
        }
    }
}
