//! Which constants of a graph are weights, and what for.
//!
//! A constant is an initializer, a `Constant` or a `ConstantOfShape` whose shape is constant. It is followed
//! through operators that only lay it out; what reads it there says its role. One that is read in two roles, by a
//! subgraph, or by an operator that is not listed, stays as it is.

use std::collections::{HashMap, HashSet};

use backend::onnx::node;
use backend::onnx::proto::{GraphProto, ModelProto, NodeProto};
use backend::onnx::shape::{self, Shapes};
use backend::onnx::tensor::{element_name, is_float};

use super::graph::{captured, input};

/// What a weight is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Factors of a product; `fan_in` terms are summed for one result.
    Filters { fan_in: usize },
    /// Added to the results of a product, one a channel.
    Bias,
    /// Scale of a normalisation, or a factor of each channel.
    Scale,
    /// Shift of a normalisation, or a summand.
    Shift,
    /// Running mean of a normalisation.
    Mean,
    /// Running variance of a normalisation.
    Variance,
    /// Slope of `PRelu`.
    Slope,
    /// Weights of a recurrent operator with `hidden` units.
    Recurrent { hidden: usize },
    /// Rows that indices pick.
    Table,
}

/// Where the tensor of a weight stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The initializer at this index.
    Initializer(usize),
    /// The `Constant` at this index of the nodes.
    Constant(usize),
    /// The `ConstantOfShape` at this index of the nodes.
    Filled(usize),
}

/// A constant that is replaced.
#[derive(Clone, Debug)]
pub(super) struct Weight {
    pub(super) name: String,
    pub(super) dims: Vec<usize>,
    pub(super) element: i32,
    pub(super) place: Place,
    pub(super) role: Role,
    /// Inputs of nodes that read it.
    pub(super) uses: usize,
}

/// What is replaced and what is left.
pub(super) struct Plan {
    pub(super) weights: Vec<Weight>,
    /// Name and reason.
    pub(super) left: Vec<(String, String)>,
    /// The weight behind a value: itself, or laid out in another way.
    pub(super) origin: HashMap<String, usize>,
    /// What is known of every value.
    pub(super) shapes: Shapes,
    /// A constant that no file could hold.
    pub(super) too_large: Option<String>,
}

impl Plan {
    /// The weight that a node's input comes from.
    pub(super) fn weight(&self, node: &NodeProto, index: usize) -> Option<&Weight> {
        self.weights.get(*self.origin.get(input(node, index)?)?)
    }

    /// Number of axes of a value.
    pub(super) fn rank(&self, value: &str) -> Option<usize> {
        Some(self.shapes.get(value)?.dims.as_ref()?.len())
    }
}

/// Operators that lay a constant out and change no element.
const LAYOUT: [&str; 7] =
    ["Identity", "Unsqueeze", "Squeeze", "Reshape", "Flatten", "Transpose", "Cast"];

struct Source {
    name: String,
    dims: Vec<usize>,
    element: i32,
    place: Place,
    found: Vec<Result<Role, String>>,
}

/// Most elements of a weight: 2 GiB of float32, which is what one ONNX file may have.
const MOST: usize = 1 << 29;

/// Whether a tensor of these dimensions fits into a file, with room for any product of some of them.
fn fits(dims: &[usize]) -> bool {
    let count = dims.iter().try_fold(1_usize, |n, &dim| n.checked_mul(dim.max(1)));
    count.is_some_and(|count| count <= MOST)
}

/// Looks at every constant of the outer graph.
pub(super) fn plan(model: &ModelProto, sizes: &[(String, Vec<usize>)]) -> Plan {
    let shapes = shape::infer(model, sizes);
    let empty = GraphProto::default();
    let graph = model.graph.as_ref().unwrap_or(&empty);
    let (mut sources, too_large) = sources(graph, &shapes);
    let mut origin: HashMap<String, usize> =
        sources.iter().enumerate().map(|(index, source)| (source.name.clone(), index)).collect();
    let mut inner = HashSet::new();
    for node in &graph.node {
        captured(node, &mut inner);
        let lays_out = LAYOUT.contains(&node.op_type.as_str());
        for (index, name) in node.input.iter().enumerate() {
            let Some(&source) = origin.get(name) else { continue };
            if lays_out && index == 0 && shapes.get(name).is_some_and(|v| is_float(v.element)) {
                origin.extend(node.output.first().map(|output| (output.clone(), source)));
            } else {
                let role = role(node, index, &shapes, &origin);
                sources[source]
                    .found
                    .push(role.map_err(|why| format!("{} of {}", why, node.op_type)));
            }
        }
    }
    let outer = graph.output.iter().map(|output| &output.name);
    for name in inner.iter().chain(outer) {
        if let Some(&source) = origin.get(name) {
            sources[source].found.push(Err("read by a subgraph or an output".to_owned()));
        }
    }
    Plan { too_large, ..settle(sources, origin, shapes) }
}

fn settle(sources: Vec<Source>, origin: HashMap<String, usize>, shapes: Shapes) -> Plan {
    let mut plan = Plan {
        weights: Vec::new(),
        left: Vec::new(),
        origin: HashMap::new(),
        shapes,
        too_large: None,
    };
    let mut kept = vec![None; sources.len()];
    for (index, source) in sources.into_iter().enumerate() {
        let roles: Result<Vec<Role>, String> = source.found.iter().cloned().collect();
        let first = roles.as_ref().ok().and_then(|roles| roles.first().copied());
        let why = match (&roles, first) {
            (Err(why), _) => why.clone(),
            (Ok(_), None) => "nothing reads it".to_owned(),
            (Ok(roles), Some(first)) if roles.iter().any(|role| *role != first) => {
                "it is read in several roles".to_owned()
            }
            (Ok(roles), Some(role)) => {
                kept[index] = Some(plan.weights.len());
                let Source { name, dims, element, place, .. } = source;
                plan.weights.push(Weight { name, dims, element, place, role, uses: roles.len() });
                continue;
            }
        };
        plan.left.push((source.name, why));
    }
    let place = |(name, index): (String, usize)| Some((name, *kept.get(index)?.as_ref()?));
    plan.origin = origin.into_iter().filter_map(place).collect();
    plan
}

/// All constants, and the name of one that is too large.
fn sources(graph: &GraphProto, shapes: &Shapes) -> (Vec<Source>, Option<String>) {
    let mut sources = Vec::new();
    let mut too_large = None;
    let mut uncountable = None;
    let mut push = |name: &str, place: Place| {
        let Some(value) = shapes.get(name) else { return };
        let readable = matches!(element_name(value.element), "f32" | "f16" | "f64");
        let Some(dims) = value.sizes().filter(|_| readable) else { return };
        if fits(&dims) {
            let element = value.element;
            sources.push(Source { name: name.to_owned(), dims, element, place, found: Vec::new() });
        } else {
            too_large = Some(name.to_owned());
        }
    };
    for (index, weight) in graph.initializer.iter().enumerate() {
        push(&weight.name, Place::Initializer(index));
    }
    for (index, node) in graph.node.iter().enumerate() {
        let Some(name) = node.output.first() else { continue };
        match node.op_type.as_str() {
            "Constant" if node::tensor(node, "value").is_some() => {
                push(name, Place::Constant(index));
            }
            "ConstantOfShape" => {
                let sizes = input(node, 0).and_then(|name| shapes.get(name)?.ints.as_ref());
                let told = shapes.get(name).is_some_and(|value| value.dims.is_some());
                // its shape is known, and the number of its elements cannot be counted
                if sizes.is_some() && !told {
                    uncountable = Some(name.clone());
                }
                push(name, Place::Filled(index));
            }
            _ => {}
        }
    }
    (sources, too_large.or(uncountable))
}

/// What a constant is for that a node reads at a position.
fn role(
    node: &NodeProto,
    index: usize,
    shapes: &Shapes,
    constants: &HashMap<String, usize>,
) -> Result<Role, &'static str> {
    let dims = input(node, index).and_then(|name| shapes.get(name)?.sizes());
    let dims = dims.filter(|dims| fits(dims)).ok_or("an operand of open shape")?;
    let count = dims.iter().product::<usize>();
    let size = |axis: usize| dims.get(axis).copied().unwrap_or(1);
    let rest = |from: usize| dims.iter().skip(from).product::<usize>();
    let flag = |name: &str| node::int(node, name).unwrap_or(0) != 0;
    let others_vary = || {
        let mut others = node.input.iter().enumerate().filter(|(at, _)| *at != index);
        others.all(|(_, name)| !constants.contains_key(name))
    };
    let filters = |fan_in: usize| Ok(Role::Filters { fan_in: fan_in.max(1) });
    match (node.op_type.as_str(), index) {
        ("Conv", 1) => filters(rest(1)),
        ("ConvTranspose", 1) => {
            let groups = node::int(node, "group").and_then(|g| usize::try_from(g).ok());
            let strides = node::ints(node, "strides").unwrap_or_default();
            let sizes = strides.iter().filter_map(|&s| usize::try_from(s).ok());
            let stride = sizes.fold(1_usize, usize::saturating_mul).max(1);
            filters(size(0) / groups.unwrap_or(1).max(1) * rest(2) / stride)
        }
        ("Conv" | "ConvTranspose" | "Gemm", 2) => Ok(Role::Bias),
        ("Gemm", 0) => filters(size(usize::from(!flag("transA")))),
        ("Gemm", 1) => filters(size(usize::from(flag("transB")))),
        ("MatMul", 0) => filters(dims.last().copied().unwrap_or(1)),
        ("MatMul", 1) => filters(size(dims.len().saturating_sub(2))),
        ("BatchNormalization", 3) => Ok(Role::Mean),
        ("BatchNormalization", 4) => Ok(Role::Variance),
        (
            "BatchNormalization"
            | "InstanceNormalization"
            | "LayerNormalization"
            | "GroupNormalization"
            | "RMSNormalization",
            1,
        ) => Ok(Role::Scale),
        (
            "BatchNormalization"
            | "InstanceNormalization"
            | "LayerNormalization"
            | "GroupNormalization",
            2,
        ) => Ok(Role::Shift),
        ("PRelu", 1) => Ok(Role::Slope),
        ("LSTM" | "GRU" | "RNN", 1..=3) => {
            let hidden = node::int(node, "hidden_size").and_then(|n| usize::try_from(n).ok());
            Ok(Role::Recurrent { hidden: hidden.unwrap_or(64).max(1) })
        }
        ("Gather", 0) if dims.len() >= 2 && others_vary() => Ok(Role::Table),
        ("Mul" | "Div" | "Add" | "Sub" | "Sum", _) if count <= 1 => Err("a single number"),
        ("Mul", _) | ("Div", 1) if others_vary() => Ok(Role::Scale),
        ("Add" | "Sum", _) | ("Sub", 1) if others_vary() => Ok(Role::Shift),
        _ => Err("an operand"),
    }
}
