//! Counts of graphs whose roundings are known by hand.

use backend::onnx::node::{attr_int, attr_ints, node, value_info};
use backend::onnx::proto::{AttributeProto, AttributeType, GraphProto, ModelProto, NodeProto};
use backend::onnx::proto::{OperatorSetIdProto, TensorProto};
use backend::onnx::shape::Dim;
use backend::onnx::tensor::from_f32;

use super::Depth;

fn model(
    inputs: &[(&str, &[usize])],
    weights: Vec<TensorProto>,
    nodes: Vec<NodeProto>,
) -> ModelProto {
    let input = |(name, dims): &(&str, &[usize])| {
        value_info(name, 1, Some(&dims.iter().map(|&d| Dim::Fixed(d)).collect::<Vec<_>>()))
    };
    let graph = GraphProto {
        input: inputs.iter().map(input).collect(),
        initializer: weights,
        node: nodes,
        ..GraphProto::default()
    };
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: 17 }];
    ModelProto { graph: Some(graph), opset_import, ..ModelProto::default() }
}

fn zeros(name: &str, dims: &[usize]) -> TensorProto {
    from_f32(name, dims, &vec![0.0; dims.iter().product()])
}

#[test]
fn a_chain_of_layers() {
    let nodes = vec![
        node("Conv", "c", &["x", "w"], &["c"], vec![]),
        node("Relu", "r", &["c"], &["r"], vec![]),
        node("Gemm", "g", &["f", "fc"], &["y"], vec![attr_int("transB", 1)]),
    ];
    let weights = vec![zeros("w", &[8, 3, 3, 3]), zeros("fc", &[4, 8])];
    let depth = Depth::of(&model(&[("x", &[1, 3, 8, 8])], weights, nodes));
    assert_eq!(depth, Depth { layers: 2, terms: 27 + 8, stored: 4, ..Depth::default() });
}

#[test]
fn attention_sums_over_what_both_sides_share_and_over_the_softmax() {
    let nodes = vec![
        node("Transpose", "t", &["k"], &["kt"], vec![attr_ints("perm", &[0, 2, 1])]),
        node("MatMul", "s", &["q", "kt"], &["s"], vec![]),
        node("Softmax", "p", &["s"], &["p"], vec![attr_int("axis", -1)]),
        node("MatMul", "o", &["p", "v"], &["o"], vec![]),
    ];
    let sizes: &[usize] = &[2, 50, 64];
    let depth = Depth::of(&model(&[("q", sizes), ("k", sizes), ("v", sizes)], vec![], nodes));
    assert_eq!(depth, Depth { layers: 2, terms: 64 + 50 + 50, stored: 3, ..Depth::default() });
}

#[test]
fn every_step_of_a_recurrence_counts() {
    let nodes =
        vec![node("LSTM", "l", &["x", "w", "r"], &["y"], vec![attr_int("hidden_size", 32)])];
    let weights = vec![zeros("w", &[1, 128, 16]), zeros("r", &[1, 128, 32])];
    let depth = Depth::of(&model(&[("x", &[10, 1, 16])], weights, nodes));
    assert_eq!((depth.terms, depth.stored, depth.assumed), (10 * (16 + 32 + 128), 41, 0));
}

#[test]
fn of_branches_the_longer_one_counts_and_unknown_sizes_are_said() {
    let body = |names: &[&str]| GraphProto {
        node: names.iter().map(|op| node(op, op, &["x", "x"], &["y"], vec![])).collect(),
        ..GraphProto::default()
    };
    let branch = |name: &str, graph| AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Graph as i32,
        g: Some(graph),
        ..AttributeProto::default()
    };
    let branches =
        vec![branch("then_branch", body(&["Add"])), branch("else_branch", body(&["MatMul"]))];
    let depth = Depth::of(&model(&[], vec![], vec![node("If", "i", &["c"], &["y"], branches)]));
    assert_eq!((depth.terms, depth.assumed), (512, 1));
    assert!(depth.reason(backend::Precision::Fp32).contains("sizes of sums assumed: 1"));
}
