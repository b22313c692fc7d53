//! Which operators work in float16, and which of their inputs stay as they are.

/// Operators of the default set that take and give float16 everywhere that an ONNX engine does.
///
/// What is not listed here stays in float32, between casts.
pub(super) fn works_in_half(op_type: &str, opset: i64) -> bool {
    match op_type {
        "Conv"
        | "ConvTranspose"
        | "Gemm"
        | "MatMul"
        | "BatchNormalization"
        | "InstanceNormalization"
        | "LRN"
        | "Relu"
        | "LeakyRelu"
        | "PRelu"
        | "Elu"
        | "Selu"
        | "Celu"
        | "HardSigmoid"
        | "HardSwish"
        | "Sigmoid"
        | "Tanh"
        | "Softplus"
        | "Softsign"
        | "Softmax"
        | "LogSoftmax"
        | "Erf"
        | "Exp"
        | "Log"
        | "Sqrt"
        | "Reciprocal"
        | "Neg"
        | "Abs"
        | "Floor"
        | "Ceil"
        | "Add"
        | "Sub"
        | "Mul"
        | "Div"
        | "Pow"
        | "Mean"
        | "Sum"
        | "MaxPool"
        | "AveragePool"
        | "GlobalAveragePool"
        | "GlobalMaxPool"
        | "Flatten"
        | "Reshape"
        | "Transpose"
        | "Concat"
        | "Squeeze"
        | "Unsqueeze"
        | "Pad"
        | "Slice"
        | "Split"
        | "Gather"
        | "Expand"
        | "Tile"
        | "Identity"
        | "Dropout"
        | "ReduceMean"
        | "ReduceSum"
        | "ReduceMax"
        | "ReduceMin"
        | "Where"
        | "DepthToSpace"
        | "SpaceToDepth"
        | "Resize"
        | "LayerNormalization"
        | "GroupNormalization"
        | "Gelu"
        | "Mish"
        | "Shape"
        | "Size" => true,
        // float16 since operator set 12
        "Clip" | "Min" | "Max" => opset >= 12,
        _ => false,
    }
}

/// Whether an input of an operator that works in float16 keeps its own type.
pub(super) fn keeps_type(op_type: &str, index: usize) -> bool {
    // the scales of Resize are float32 by specification
    op_type == "Resize" && index >= 1
}

/// Whether an input is a limit: beyond the range of float16 the range itself is the limit.
pub(super) fn limits(op_type: &str, index: usize) -> bool {
    matches!((op_type, index), ("Clip", 1 | 2) | ("Pad", 2))
}
