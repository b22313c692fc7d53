//! Tiny graphs, one rule each; every converted graph is checked for types and for casts too many.

mod attributes;
mod bodies;
mod casts;
mod malformed;
mod property;
mod quantised;
mod reasons;
mod weights;

use backend::onnx::node::{attr_int, node, value_info};
use backend::onnx::proto::{AttributeProto, OperatorSetIdProto, TensorProto, ValueInfoProto};
use backend::onnx::shape::Dim;
use backend::onnx::tensor::from_f32;

use super::*;

const I64: i32 = DataType::Int64 as i32;
const BOOL: i32 = DataType::Bool as i32;

fn image(name: &str) -> ValueInfoProto {
    value_info(name, F32, Some(&[1, 3, 8, 8].map(Dim::Fixed)))
}

fn model(nodes: Vec<NodeProto>, weights: Vec<TensorProto>) -> ModelProto {
    let graph = GraphProto {
        input: vec![image("x")],
        output: vec![value_info("y", F32, None)],
        initializer: weights,
        node: nodes,
        ..GraphProto::default()
    };
    ModelProto {
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        ..ModelProto::default()
    }
}

fn graph(nodes: Vec<NodeProto>, outputs: &[&str]) -> GraphProto {
    let output = outputs.iter().map(|name| value_info(name, F32, None)).collect();
    GraphProto { node: nodes, output, name: "body".to_owned(), ..GraphProto::default() }
}

fn attr_graph(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto { t: None, i: None, g: Some(graph), r#type: 5, ..attr_int(name, 0) }
}

/// `inputs Op outputs` of each node.
fn lines(graph: &GraphProto) -> Vec<String> {
    let text =
        |n: &NodeProto| format!("{} {} {}", n.input.join(","), n.op_type, n.output.join(","));
    graph.node.iter().map(text).collect()
}

/// What is wrong with the types of a model.
fn breaches(model: &ModelProto) -> Vec<String> {
    let graph = model.graph.as_ref().unwrap();
    check::breaches(&Facts::of(model, graph), graph)
}

/// Converts and checks what holds of every conversion.
fn convert_checked(model: &ModelProto, options: &Options) -> (ModelProto, Report) {
    assert_eq!(breaches(model), [""; 0], "the model of the test itself");
    let (new, report) = convert(model, options).unwrap();
    assert_eq!(breaches(&new), [""; 0]);
    assert_eq!(check::redundant_casts(&new), [""; 0]);
    (new, report)
}

fn converted_model(model: &ModelProto) -> (Vec<String>, ModelProto, Report) {
    let (new, report) = convert_checked(model, &Options::default());
    (lines(new.graph.as_ref().unwrap()), new, report)
}

fn converted(
    nodes: Vec<NodeProto>,
    weights: Vec<TensorProto>,
) -> (Vec<String>, ModelProto, Report) {
    converted_model(&model(nodes, weights))
}

fn blocking(names: &[&str]) -> Options {
    Options { block: names.iter().map(|&name| name.to_owned()).collect(), ..Options::default() }
}

fn filters() -> TensorProto {
    from_f32("w", &[2, 3, 1, 1], &[1.0, 0.5, 1e-6, 1e-9, -2.0, 0.0])
}

fn relu(from: &str, to: &str) -> NodeProto {
    node("Relu", to, &[from], &[to], vec![])
}
