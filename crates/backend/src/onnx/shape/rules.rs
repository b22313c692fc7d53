//! One rule per operator type: from what is known of the inputs to what is known of the outputs.

use super::super::node::{self, is_default_domain};
use super::super::proto::{DataType, NodeProto};
use super::{Dim, Value, integers, layout, quantized, select, sequence, window};

const BOOL: i32 = DataType::Bool as i32;
const INT64: i32 = DataType::Int64 as i32;

/// Operators whose first output has type and shape of their first input.
const KEEP: [&str; 57] = [
    "Abs",
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "BatchNormalization",
    "BitwiseNot",
    "Ceil",
    "Celu",
    "Clip",
    "Cos",
    "Cosh",
    "CumSum",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Hardmax",
    "Identity",
    "InstanceNormalization",
    "LRN",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "LpNormalization",
    "MeanVarianceNormalization",
    "Mish",
    "Neg",
    "Not",
    "PRelu",
    "RMSNormalization",
    "Reciprocal",
    "Relu",
    "RotaryEmbedding",
    "Round",
    "Selu",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Swish",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Trilu",
];

/// What a rule works on.
pub(super) struct Call<'a> {
    /// The node.
    pub(super) node: &'a NodeProto,
    /// What is known of its inputs.
    pub(super) inputs: &'a [Option<&'a Value>],
    /// Version of the default operator set.
    pub(super) opset: i64,
}

impl<'a> Call<'a> {
    /// The input at a position, when it is there and anything is known of it.
    pub(super) fn input(&self, index: usize) -> Option<&'a Value> {
        self.inputs.get(index).copied().flatten()
    }

    /// The dimensions of an input.
    pub(super) fn dims(&self, index: usize) -> Option<&'a [Dim]> {
        self.input(index)?.dims.as_deref()
    }

    /// The elements of a constant integer input.
    pub(super) fn ints(&self, index: usize) -> Option<&'a [i64]> {
        self.input(index)?.ints.as_deref()
    }

    /// Whether an optional input is given.
    pub(super) fn has(&self, index: usize) -> bool {
        self.node.input.get(index).is_some_and(|name| !name.is_empty())
    }

    /// Axes from an input (new operator sets) or an attribute (old ones); `None` when they are given
    /// but not constant, an empty list when they are left out.
    pub(super) fn axes(&self) -> Option<Vec<i64>> {
        if self.has(1) {
            return self.ints(1).map(<[i64]>::to_vec);
        }
        Some(node::ints(self.node, "axes").unwrap_or_default().to_vec())
    }
}

/// What is known of the outputs of a node; may be shorter than the list of outputs.
pub(super) fn outputs(node: &NodeProto, inputs: &[Option<&Value>], opset: i64) -> Vec<Value> {
    if !is_default_domain(node) {
        return Vec::new();
    }
    let call = Call { node, inputs, opset };
    let element = call.input(0).map_or(0, |value| value.element);
    let one = |dims: Option<Vec<Dim>>| vec![Value::new(element, dims)];
    let mut values = match node.op_type.as_str() {
        name if KEEP.contains(&name) => one(same(&call)),
        "Dropout" => {
            // before operator set 10 the mask had the type of the data
            let mask = if opset < 10 { element } else { BOOL };
            vec![Value::new(element, same(&call)), Value::new(mask, same(&call))]
        }
        "Cast" => vec![Value::new(cast_target(node), same(&call))],
        "CastLike" => {
            vec![Value::new(call.input(1).map_or(0, |value| value.element), same(&call))]
        }
        "IsNaN" | "IsInf" => vec![Value::new(BOOL, same(&call))],
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" | "Min" | "Max" | "Mean" | "Sum"
        | "BitShift" | "BitwiseAnd" | "BitwiseOr" | "BitwiseXor" => one(broadcast_all(&call, 0)),
        "Equal" | "Greater" | "Less" | "GreaterOrEqual" | "LessOrEqual" | "And" | "Or" | "Xor" => {
            vec![Value::new(BOOL, broadcast_all(&call, 0))]
        }
        "Where" => {
            let element = call.input(1).map_or(0, |value| value.element);
            vec![Value::new(element, broadcast_all(&call, 0))]
        }
        "Conv" => one(window::conv(&call)),
        "ConvTranspose" => one(window::conv_transpose(&call)),
        "MaxPool" => {
            let dims = window::pool(&call);
            vec![Value::new(element, dims.clone()), Value::new(INT64, dims)]
        }
        "Resize" | "Upsample" => one(sequence::resize(&call)),
        "LSTM" | "GRU" | "RNN" => sequence::recurrent(&call),
        "AveragePool" | "LpPool" => one(window::pool(&call)),
        "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => one(window::global(&call)),
        "Gemm" => one(layout::gemm(&call)),
        "MatMul" => one(layout::matmul(&call)),
        "Flatten" => one(layout::flatten(&call)),
        "Reshape" => one(layout::reshape(&call)),
        "Transpose" => one(layout::transpose(&call)),
        "Concat" => one(layout::concat(&call)),
        "Squeeze" => one(layout::squeeze(&call)),
        "Unsqueeze" => one(layout::unsqueeze(&call)),
        "Pad" => one(layout::pad(&call)),
        "Slice" => one(layout::slice(&call)),
        "Split" => layout::split(&call).into_iter().map(|d| Value::new(element, d)).collect(),
        "Gather" => one(layout::gather(&call)),
        "Expand" => one(layout::expand(&call)),
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1"
        | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceSumSquare" => {
            one(layout::reduce(&call))
        }
        "ArgMax" | "ArgMin" => vec![Value::new(INT64, layout::arg(&call))],
        "Shape" | "Size" | "Constant" | "ConstantOfShape" => integers::source(&call),
        _ => quantized::outputs(&call).or_else(|| select::outputs(&call)).unwrap_or_default(),
    };
    if let Some(first) = values.first_mut() {
        first.ints = first.ints.take().or_else(|| integers::follow(&call, first));
        if matches!(node.op_type.as_str(), "Identity" | "Reshape" | "Squeeze" | "Unsqueeze") {
            let flat = first.dims.as_ref().is_some_and(|dims| dims.len() <= 1);
            first.floats = call.input(0).and_then(|value| value.floats.clone()).filter(|_| flat);
        }
    }
    values
}

fn same(call: &Call<'_>) -> Option<Vec<Dim>> {
    call.dims(0).map(<[Dim]>::to_vec)
}

fn cast_target(node: &NodeProto) -> i32 {
    node::int(node, "to").and_then(|to| i32::try_from(to).ok()).unwrap_or(0)
}

/// All inputs from `first` on, broadcast together.
fn broadcast_all(call: &Call<'_>, first: usize) -> Option<Vec<Dim>> {
    // before operator set 7 an attribute said how to line the shapes up
    if node::int(call.node, "broadcast").is_some() {
        return None;
    }
    let mut all = (first..call.inputs.len()).map(|index| call.dims(index).map(<[Dim]>::to_vec));
    let start = all.next()??;
    all.try_fold(start, |a, b| broadcast(&a, &b?))
}

/// Multidirectional broadcasting; `None` when the shapes do not fit.
pub(super) fn broadcast(a: &[Dim], b: &[Dim]) -> Option<Vec<Dim>> {
    let rank = a.len().max(b.len());
    let at = |dims: &[Dim], index: usize| {
        (index + dims.len()).checked_sub(rank).map_or(Dim::Fixed(1), |index| dims[index].clone())
    };
    (0..rank)
        .map(|index| match (at(a, index), at(b, index)) {
            (x, y) if x == y => Some(x),
            (Dim::Fixed(1), other) | (other, Dim::Fixed(1)) => Some(other),
            (Dim::Fixed(_), Dim::Fixed(_)) => None,
            // an open size beside a fixed one that is not 1 must be 1 or the same
            (Dim::Fixed(size), _) | (_, Dim::Fixed(size)) => Some(Dim::Fixed(size)),
            _ => Some(Dim::Unknown),
        })
        .collect()
}
