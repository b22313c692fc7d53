//! Shape inference: element types and dimensions of every value of a graph.
//!
//! A dimension is a number, a symbol or unknown, and an operator that is not known here leaves its
//! outputs unknown: what is stated is right. Small integer tensors are followed through the graph, since
//! exporters compute the target of a `Reshape` from `Shape`, `Gather` and `Concat`.

mod integers;
mod layout;
mod rules;
mod window;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::model::{inputs, opset};
use super::node::type_and_dims;
use super::proto::{GraphProto, ModelProto, ValueInfoProto};
use super::tensor;

/// One dimension of a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// A size.
    Fixed(usize),
    /// A size that the caller chooses; equal symbols are equal sizes.
    Symbol(String),
    /// A size that only an engine knows.
    Unknown,
}

impl Dim {
    /// The size when it is fixed.
    pub fn fixed(&self) -> Option<usize> {
        match self {
            Self::Fixed(size) => Some(*size),
            Self::Symbol(_) | Self::Unknown => None,
        }
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::Symbol(name) => f.write_str(name),
            Self::Unknown => f.write_str("?"),
        }
    }
}

/// What is known of one value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Value {
    /// Element type code; 0 when unknown.
    pub element: i32,
    /// Dimensions; `None` when not even the rank is known.
    pub dims: Option<Vec<Dim>>,
    /// The elements, of small integer tensors that do not depend on the input.
    pub ints: Option<Vec<i64>>,
}

impl Value {
    /// A value of a type and a shape.
    pub fn new(element: i32, dims: impl Into<Option<Vec<Dim>>>) -> Self {
        Self { element, dims: dims.into(), ints: None }
    }

    /// The dimensions when all of them are fixed.
    pub fn sizes(&self) -> Option<Vec<usize>> {
        self.dims.as_ref()?.iter().map(Dim::fixed).collect()
    }

    /// Number of elements when all dimensions are fixed.
    pub fn count(&self) -> Option<usize> {
        self.dims.as_ref()?.iter().try_fold(1_usize, |n, dim| n.checked_mul(dim.fixed()?))
    }

    /// Size of the dense value.
    pub fn bytes(&self) -> Option<usize> {
        Some(self.count()?.checked_mul(tensor::element_bits(self.element)?)?.div_ceil(8))
    }
}

/// What is known of every value of a graph, by name.
#[derive(Clone, Debug, Default)]
pub struct Shapes(BTreeMap<String, Value>);

impl Shapes {
    /// What is known of a value; `None` when nothing is.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The shape as `1x3x224x224`; empty when it is not known, open dimensions as symbol or `?`.
    pub fn text(&self, name: &str) -> String {
        let dims = self.get(name).and_then(|value| value.dims.as_ref());
        let text = |dims: &Vec<Dim>| dims.iter().map(Dim::to_string).collect::<Vec<_>>().join("x");
        dims.map_or_else(String::new, text)
    }
}

/// Infers the shapes of a model. `sizes` gives inputs with open dimensions a size, by name.
pub fn infer(model: &ModelProto, sizes: &[(String, Vec<usize>)]) -> Shapes {
    let Some(graph) = &model.graph else { return Shapes::default() };
    let mut symbols = Symbols::default();
    let mut shapes = Shapes::default();
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
        shapes.0.insert(input.name.clone(), Value::new(element, dims));
    }
    for value in shapes.0.values_mut() {
        symbols.replace(value);
    }
    constants(graph, &mut shapes);
    let declared = declared(graph, &symbols);
    for node in &graph.node {
        let known: Vec<Option<&Value>> =
            node.input.iter().map(|name| shapes.0.get(name.as_str())).collect();
        let mut outputs = rules::outputs(node, &known, opset(model));
        outputs.resize_with(node.output.len(), Value::default);
        for (name, value) in node.output.iter().zip(outputs).filter(|(name, _)| !name.is_empty()) {
            shapes.0.insert(name.clone(), complete(value, declared.get(name.as_str())));
        }
    }
    shapes
}

fn constants(graph: &GraphProto, shapes: &mut Shapes) {
    for weight in &graph.initializer {
        let dims = weight.dims.iter().map(|&d| usize::try_from(d).map_or(Dim::Unknown, Dim::Fixed));
        let mut value = Value::new(weight.data_type, dims.collect::<Vec<_>>());
        value.ints = integers::of_tensor(weight);
        shapes.0.insert(weight.name.clone(), value);
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

#[cfg(test)]
#[path = "shape/tests.rs"]
mod tests;
