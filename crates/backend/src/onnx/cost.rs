//! What one inference costs: floating-point operations and bytes of each operator.
//!
//! Operations are those of products of weights or activations (convolutions, matrix products), a
//! multiply–add counting 2. This is the convention of published figures: ResNet-50 at 224² has 8.18 GFLOP
//! (4.09 G multiply–adds) whether its BatchNormalization is folded or not. Element-wise operators,
//! poolings and normalisations count 0 operations; they are bound by memory, and their bytes are given.

use std::collections::HashSet;

use super::node::{self, is_default_domain};
use super::proto::{ModelProto, NodeProto};
use super::shape::{Shapes, Value};
use super::tensor;

/// Cost of one operator at given shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Name of the node; its type and position when it has none.
    pub operator: String,
    /// Operator type.
    pub op_type: String,
    /// Shapes of all inputs as `1x3x224x224`, empty where unknown.
    pub inputs: Vec<String>,
    /// Shapes of all outputs.
    pub outputs: Vec<String>,
    /// Floating-point operations; `None` when shapes are unknown or the operator is.
    pub flops: Option<u64>,
    /// Bytes of weights that it reads.
    pub weight_bytes: u64,
    /// Bytes of activations that it reads and writes; `None` when shapes are unknown.
    pub activation_bytes: Option<u64>,
}

/// The cost of every operator, in the order of the graph.
pub fn costs(model: &ModelProto, shapes: &Shapes) -> Vec<Cost> {
    let Some(graph) = &model.graph else { return Vec::new() };
    let weights: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let cost = |(index, node): (usize, &NodeProto)| {
        let used = |names: &[String]| -> Vec<String> {
            names.iter().filter(|name| !name.is_empty()).cloned().collect()
        };
        let (inputs, outputs) = (used(&node.input), used(&node.output));
        let bytes = |name: &String| Some(shapes.get(name)?.bytes()? as u64);
        let (weighted, active): (Vec<&String>, Vec<&String>) =
            inputs.iter().partition(|name| weights.contains(name.as_str()));
        Cost {
            operator: match node.name.as_str() {
                "" => format!("{}_{index}", node.op_type),
                name => name.to_owned(),
            },
            op_type: node.op_type.clone(),
            flops: flops(node, shapes),
            weight_bytes: weighted.into_iter().filter_map(bytes).sum(),
            activation_bytes: active.into_iter().chain(&outputs).map(bytes).sum(),
            inputs: inputs.iter().map(|name| shapes.text(name)).collect(),
            outputs: outputs.iter().map(|name| shapes.text(name)).collect(),
        }
    };
    graph.node.iter().enumerate().map(cost).collect()
}

/// Operations of the whole model; `None` when those of any operator are unknown.
pub fn total_flops(costs: &[Cost]) -> Option<u64> {
    costs.iter().map(|cost| cost.flops).sum()
}

/// Multiply–adds times two; 0 for operators without products.
fn flops(node: &NodeProto, shapes: &Shapes) -> Option<u64> {
    let value = |names: &[String], index: usize| shapes.get(names.get(index)?);
    let input = |index: usize| value(&node.input, index);
    let elements = |value: Option<&Value>| value.and_then(Value::count).map(|n| n as u64);
    let output = || elements(value(&node.output, 0));
    if !is_default_domain(node) {
        return None;
    }
    match node.op_type.as_str() {
        // each output element: input channels of its group × window
        "Conv" => products(output()?, per_filter(input(1)?)?),
        // each input element is spread over output channels of its group × window
        "ConvTranspose" => products(elements(input(0))?, per_filter(input(1)?)?),
        "Gemm" => {
            let sizes = input(0)?.sizes()?;
            let transposed = node::int(node, "transA").unwrap_or(0) != 0;
            let depth = *sizes.get(usize::from(!transposed))?;
            products(output()?, depth as u64)
        }
        "MatMul" => products(output()?, *input(0)?.sizes()?.last()? as u64),
        "Einsum" | "RNN" | "GRU" | "LSTM" | "Attention" | "ConvInteger" | "QLinearConv"
        | "MatMulInteger" | "QLinearMatMul" | "DeformConv" | "If" | "Loop" | "Scan" | "DFT"
        | "STFT" => None,
        _ => Some(0),
    }
}

/// Operations of `outputs` sums of `depth` products.
fn products(outputs: u64, depth: u64) -> Option<u64> {
    outputs.checked_mul(depth)?.checked_mul(2)
}

fn per_filter(weight: &Value) -> Option<u64> {
    let sizes = weight.sizes()?;
    sizes.get(1..)?.iter().try_fold(1_u64, |n, &size| n.checked_mul(size as u64))
}

/// Bytes of all weights of a model as they are stored.
pub fn weight_bytes(model: &ModelProto) -> u64 {
    let weights = model.graph.iter().flat_map(|graph| &graph.initializer);
    weights.filter_map(tensor::byte_len).map(|n| n as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::super::node::{attr_int, node, value_info};
    use super::super::proto::{GraphProto, OperatorSetIdProto};
    use super::super::shape::{Dim, infer};
    use super::super::tensor::from_f32;
    use super::*;

    #[test]
    fn products_are_counted_and_bytes_are_split() {
        let dims: Vec<Dim> = [2, 4, 8, 8].map(Dim::Fixed).to_vec();
        let graph = GraphProto {
            input: vec![value_info("x", 1, Some(&dims))],
            initializer: vec![
                from_f32("w", &[6, 2, 3, 3], &[0.0; 108]),
                from_f32("fc", &[216, 10], &[0.0; 2160]),
            ],
            node: vec![
                node("Conv", "conv", &["x", "w"], &["c"], vec![attr_int("group", 2)]),
                node("Relu", "", &["c"], &["r"], vec![]),
                node("Flatten", "flat", &["r"], &["f"], vec![]),
                node("Gemm", "fc", &["f", "fc"], &["y"], vec![]),
                node("Mystery", "m", &["y"], &["z"], vec![]),
            ],
            ..GraphProto::default()
        };
        let mut model = ModelProto {
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
            ..ModelProto::default()
        };
        let costs = costs(&model, &infer(&model, &[]));
        let flops: Vec<_> = costs.iter().map(|cost| cost.flops).collect();
        let conv = 2 * (2 * 6 * 36) * (2 * 9);
        assert_eq!(flops, [Some(conv), Some(0), Some(0), Some(2 * 2 * 10 * 216), Some(0)]);
        assert_eq!(costs[0].weight_bytes, 108 * 4);
        assert_eq!(costs[0].activation_bytes, Some((2 * 4 * 64 + 2 * 6 * 36) * 4));
        assert_eq!(costs[1].operator, "Relu_1");
        assert_eq!(costs[0].outputs, ["2x6x6x6"]);
        assert_eq!(costs[4].activation_bytes, None);
        assert_eq!(weight_bytes(&model), (108 + 2160) * 4);
        model.graph.as_mut().unwrap().node[0].domain = "com.example".into();
        assert_eq!(total_flops(&super::costs(&model, &infer(&model, &[]))), None);
    }
}
