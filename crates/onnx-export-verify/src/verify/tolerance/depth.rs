//! Counts the roundings of a graph, node by node.

use std::collections::HashMap;

use backend::onnx::node::{int, ints};
use backend::onnx::proto::{GraphProto, ModelProto, NodeProto, TensorProto};
use backend::onnx::shape::{Shapes, infer};

use super::Depth;

/// Terms of a sum whose size only an engine knows.
const UNKNOWN_TERMS: u64 = 512;
/// Steps of a recurrence or loop whose length only an engine knows.
const UNKNOWN_STEPS: u64 = 64;
/// Roundings of a function that a library approximates to about 8 units in the last place.
const FUNCTION: u64 = 64;
/// How deep graphs inside of nodes may be nested.
const DEEPEST: usize = 16;

/// Operators that hand values on, select or compare: they round nothing.
const EXACT: &[&str] = &[
    "Abs",
    "And",
    "ArgMax",
    "ArgMin",
    "Cast",
    "CastLike",
    "Ceil",
    "Clip",
    "Compress",
    "Concat",
    "ConcatFromSequence",
    "Constant",
    "ConstantOfShape",
    "DepthToSpace",
    "Dropout",
    "Equal",
    "Expand",
    "EyeLike",
    "Flatten",
    "Floor",
    "Gather",
    "GatherElements",
    "GatherND",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "Identity",
    "IsInf",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "Max",
    "MaxPool",
    "MaxUnpool",
    "Min",
    "Neg",
    "NonMaxSuppression",
    "NonZero",
    "Not",
    "OneHot",
    "Or",
    "Pad",
    "Range",
    "ReduceMax",
    "ReduceMin",
    "Relu",
    "Reshape",
    "ReverseSequence",
    "Round",
    "ScatterElements",
    "ScatterND",
    "SequenceAt",
    "Shape",
    "Sign",
    "Size",
    "Slice",
    "SpaceToDepth",
    "Split",
    "SplitToSequence",
    "Squeeze",
    "Tile",
    "TopK",
    "Transpose",
    "Trilu",
    "Unique",
    "Unsqueeze",
    "Where",
    "Xor",
];

impl Depth {
    /// Counts the roundings of a model.
    pub fn of(model: &ModelProto) -> Self {
        Self::with(model, &[])
    }

    /// Counts the roundings of a model whose open dimensions have sizes, by input.
    pub fn with(model: &ModelProto, sizes: &[(String, Vec<usize>)]) -> Self {
        let Some(graph) = &model.graph else { return Self::default() };
        let shapes = infer(model, sizes);
        let mut count = Count { shapes: &shapes, weights: HashMap::new() };
        count.graph(graph, 0)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            layers: self.layers.saturating_add(other.layers),
            terms: self.terms.saturating_add(other.terms),
            stored: self.stored.saturating_add(other.stored),
            quantised: self.quantised.saturating_add(other.quantised),
            assumed: self.assumed.saturating_add(other.assumed),
        }
    }

    fn times(self, n: u64) -> Self {
        Self {
            layers: self.layers.saturating_mul(n),
            terms: self.terms.saturating_mul(n),
            stored: self.stored.saturating_mul(n),
            quantised: self.quantised.saturating_mul(n),
            assumed: self.assumed,
        }
    }
}

/// A walk through a graph and the graphs inside of its nodes.
struct Count<'a> {
    shapes: &'a Shapes,
    weights: HashMap<&'a str, &'a [i64]>,
}

impl<'a> Count<'a> {
    fn graph(&mut self, graph: &'a GraphProto, nested: usize) -> Depth {
        let named = |tensor: &'a TensorProto| (tensor.name.as_str(), tensor.dims.as_slice());
        self.weights.extend(graph.initializer.iter().map(named));
        for node in graph.node.iter().filter(|node| node.op_type == "Constant") {
            let value = node.attribute.iter().find_map(|attribute| attribute.t.as_ref());
            if let (Some(name), Some(tensor)) = (node.output.first(), value) {
                self.weights.insert(name, &tensor.dims);
            }
        }
        graph.node.iter().fold(Depth::default(), |sum, node| sum.plus(self.node(node, nested)))
    }

    fn node(&mut self, node: &'a NodeProto, nested: usize) -> Depth {
        let bodies = node.attribute.iter().filter_map(|attribute| attribute.g.as_ref());
        if nested < DEEPEST {
            let bodies: Vec<Depth> = bodies.map(|body| self.graph(body, nested + 1)).collect();
            if let Some(longest) = bodies.into_iter().max_by_key(|depth| depth.terms) {
                let steps = if node.op_type == "If" { 1 } else { self.steps(node) };
                return longest.times(steps);
            }
        }
        match node.op_type.as_str() {
            "LSTM" | "GRU" | "RNN" => self.recurrence(node),
            "QuantizeLinear" | "DynamicQuantizeLinear" => {
                Depth { quantised: 1, ..Depth::default() }
            }
            op if EXACT.contains(&op) => Depth::default(),
            op => self.arithmetic(node, op),
        }
    }

    fn arithmetic(&self, node: &NodeProto, op: &str) -> Depth {
        let sum = match op {
            "Conv" | "ConvInteger" => Some(self.weighted(node, 1, 0)),
            "QLinearConv" => Some(self.weighted(node, 3, 0)),
            "ConvTranspose" => Some(self.weighted(node, 1, 1)),
            "Gemm" | "MatMul" | "MatMulInteger" => Some(self.product(node)),
            "QLinearMatMul" | "Einsum" | "Attention" | "MultiHeadAttention" => Some(None),
            "AveragePool" | "LpPool" => {
                let sides = ints(node, "kernel_shape").unwrap_or_default();
                Some(Some(product(sides)))
            }
            "Softmax" | "LogSoftmax" => Some(self.size(node, int(node, "axis").unwrap_or(-1))),
            "GlobalAveragePool" | "CumSum" | "LpNormalization" => Some(self.shrinkage(node)),
            reduce if reduce.starts_with("Reduce") => Some(self.shrinkage(node)),
            _ => None,
        };
        let layer = matches!(
            op,
            "Conv"
                | "ConvInteger"
                | "QLinearConv"
                | "ConvTranspose"
                | "Gemm"
                | "MatMul"
                | "MatMulInteger"
                | "QLinearMatMul"
                | "Einsum"
                | "Attention"
                | "MultiHeadAttention"
        ) || op.ends_with("Normalization");
        let own = if is_function(op) { FUNCTION } else { 1 };
        let weights =
            node.input.iter().skip(1).any(|name| self.weights.contains_key(name.as_str()));
        let rounds_to_bits = u64::from(op.starts_with("QLinear"));
        Depth {
            layers: u64::from(layer),
            terms: sum.map_or(own, |terms| terms.unwrap_or(UNKNOWN_TERMS)),
            stored: 1 + u64::from(weights),
            quantised: rounds_to_bits,
            assumed: u64::from(sum == Some(None)),
        }
    }

    /// Terms of the sums of a convolution: its weights without the axis of the outputs.
    fn weighted(&self, node: &NodeProto, input: usize, output: usize) -> Option<u64> {
        let name = node.input.get(input)?;
        if let Some(dims) = self.weights.get(name.as_str()) {
            return Some(without(dims, output));
        }
        let sizes = self.shapes.get(name)?.sizes()?;
        Some(without(&sizes.iter().map(|&size| size as i64).collect::<Vec<_>>(), output))
    }

    /// Terms of the sums of a matrix product: the size that both sides share.
    fn product(&self, node: &NodeProto) -> Option<u64> {
        let sizes = |index: usize| {
            let name = node.input.get(index)?;
            if let Some(dims) = self.weights.get(name.as_str()) {
                return Some(dims.to_vec());
            }
            let sizes = self.shapes.get(name)?.sizes()?;
            Some(sizes.iter().map(|&size| size as i64).collect())
        };
        let shared = |dims: Vec<i64>, transposed: bool, from_end: usize| {
            let from_end = if transposed { 3 - from_end } else { from_end };
            let place = dims.len().saturating_sub(from_end);
            dims.get(place).map(|size| size.unsigned_abs())
        };
        let flag = |name: &str| int(node, name).unwrap_or(0) == 1;
        let right = sizes(1).and_then(|dims| shared(dims, flag("transB"), 2));
        right.or_else(|| sizes(0).and_then(|dims| shared(dims, flag("transA"), 1)))
    }

    /// Size of one axis of the first input.
    fn size(&self, node: &NodeProto, axis: i64) -> Option<u64> {
        let sizes = self.shapes.get(node.input.first()?)?.sizes()?;
        let place = if axis < 0 { axis + sizes.len() as i64 } else { axis };
        sizes.get(usize::try_from(place).ok()?).map(|&size| size as u64)
    }

    /// How many elements of the input make one of the output.
    fn shrinkage(&self, node: &NodeProto) -> Option<u64> {
        let count = |names: &[String]| self.shapes.get(names.first()?)?.count();
        let (input, output) = (count(&node.input)?, count(&node.output)?);
        Some((input / output.max(1)).max(1) as u64)
    }

    /// A recurrence: the state of the last step has passed through all of them.
    fn recurrence(&self, node: &NodeProto) -> Depth {
        let dims = |index: usize| node.input.get(index).and_then(|n| self.weights.get(n.as_str()));
        let last =
            |index: usize| dims(index).and_then(|dims| dims.last()).map(|d| d.unsigned_abs());
        let terms = last(1).zip(last(2)).map(|(input, hidden)| input.saturating_add(hidden));
        let length = node.input.first().and_then(|name| self.shapes.get(name));
        let length = length.and_then(|value| value.dims.as_ref()?.first()?.fixed());
        let steps = length.map_or(UNKNOWN_STEPS, |steps| steps as u64);
        let assumed = u64::from(terms.is_none() || length.is_none());
        // the sum, two gates behind one another, and the new state
        let step = terms.unwrap_or(UNKNOWN_TERMS).saturating_add(2 * FUNCTION);
        Depth { layers: 1, terms: step, stored: 4, quantised: 0, assumed }
            .times(steps)
            .plus(Depth { stored: 1, ..Depth::default() })
    }

    /// Trips of a `Loop` or `Scan`.
    fn steps(&self, node: &NodeProto) -> u64 {
        let first = node.input.first().and_then(|name| self.shapes.get(name));
        match first.and_then(|value| value.ints.as_ref()?.first().copied()) {
            Some(trips) if node.op_type == "Loop" => trips.clamp(1, 1 << 20).unsigned_abs(),
            _ => UNKNOWN_STEPS,
        }
    }
}

fn without(dims: &[i64], axis: usize) -> u64 {
    let others = dims.iter().enumerate().filter(|(place, _)| *place != axis);
    product(others.map(|(_, size)| size))
}

fn product<'a>(sizes: impl IntoIterator<Item = &'a i64>) -> u64 {
    sizes.into_iter().map(|&size| size.max(1).unsigned_abs()).fold(1, u64::saturating_mul)
}

fn is_function(op: &str) -> bool {
    matches!(
        op,
        "Exp"
            | "Log"
            | "Sigmoid"
            | "Tanh"
            | "Erf"
            | "Gelu"
            | "Softplus"
            | "Pow"
            | "Sin"
            | "Cos"
            | "Tan"
            | "Elu"
            | "Celu"
            | "Selu"
            | "Mish"
            | "Sqrt"
            | "HardSwish"
            | "Swish"
            | "Softsign"
    )
}
