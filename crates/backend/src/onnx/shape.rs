//! Shape inference: element types and dimensions of every value of a graph.
//!
//! A dimension is a number, a symbol or unknown, and an operator that is not known here leaves its
//! outputs unknown: what is stated is right. Small integer tensors are followed through the graph, since
//! exporters compute the target of a `Reshape` from `Shape`, `Gather` and `Concat`.

mod control;
mod integers;
mod layout;
mod quantized;
mod rules;
mod select;
mod sequence;
mod walk;
mod window;

use std::collections::BTreeMap;
use std::fmt;

use super::model::opset;
use super::proto::ModelProto;
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
    /// The elements of small float32 constants, such as the scales of a `Resize`.
    pub floats: Option<Vec<f32>>,
}

impl Value {
    /// A value of a type and a shape.
    pub fn new(element: i32, dims: impl Into<Option<Vec<Dim>>>) -> Self {
        Self { element, dims: dims.into(), ints: None, floats: None }
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

    /// All values by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The elements of a small float32 constant.
    pub fn floats(&self, name: &str) -> Option<&[f32]> {
        self.get(name)?.floats.as_deref()
    }

    /// The shape as `1x3x224x224`; empty when it is not known, open dimensions as symbol or `?`.
    pub fn text(&self, name: &str) -> String {
        let dims = self.get(name).and_then(|value| value.dims.as_ref());
        let text = |dims: &Vec<Dim>| dims.iter().map(Dim::to_string).collect::<Vec<_>>().join("x");
        dims.map_or_else(String::new, text)
    }
}

/// Infers the shapes of a model. `sizes` gives inputs with open dimensions a size, by name.
///
/// Values of subgraphs are told too; where two subgraphs give one name different shapes, what differs is unknown.
pub fn infer(model: &ModelProto, sizes: &[(String, Vec<usize>)]) -> Shapes {
    model.graph.as_ref().map(|graph| walk::infer(graph, opset(model), sizes)).unwrap_or_default()
}

#[cfg(test)]
#[path = "shape/tests.rs"]
mod tests;
