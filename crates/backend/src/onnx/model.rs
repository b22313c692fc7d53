//! Whole models: operator set, inputs and outputs as people read them, number of parameters.

use std::collections::HashSet;

use super::node;
use super::proto::{GraphProto, ModelProto, ValueInfoProto};
use super::shape::Dim;
use super::tensor;

/// Version of the default operator set; 0 when the model names none.
pub fn opset(model: &ModelProto) -> i64 {
    let default = |domain: &str| matches!(domain, "" | "ai.onnx");
    model.opset_import.iter().find(|set| default(&set.domain)).map_or(0, |set| set.version)
}

/// Inputs that a caller must feed: old files list weights among the inputs, those are left out.
pub fn inputs(graph: &GraphProto) -> Vec<&ValueInfoProto> {
    let weights: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    graph.input.iter().filter(|input| !weights.contains(input.name.as_str())).collect()
}

/// The inputs as `name: f32[1,3,224,224]`; an open dimension shows its symbol or `?`.
pub fn describe_inputs(graph: &GraphProto) -> Vec<String> {
    inputs(graph).into_iter().map(describe).collect()
}

/// The outputs as `name: f32[1,1000]`.
pub fn describe_outputs(graph: &GraphProto) -> Vec<String> {
    graph.output.iter().map(describe).collect()
}

/// A value as `name: f32[1,3,224,224]`.
pub fn describe(value: &ValueInfoProto) -> String {
    let (element, dims) = node::type_and_dims(value);
    let dims = dims.map_or_else(
        || "?".to_owned(),
        |dims| dims.iter().map(Dim::to_string).collect::<Vec<_>>().join(","),
    );
    format!("{}: {}[{dims}]", value.name, tensor::element_name(element))
}

/// Number of trained parameters: floating-point weights of the graph, running statistics of
/// BatchNormalization apart (they are counted from data, not trained).
pub fn parameters(graph: &GraphProto) -> u64 {
    let statistics: HashSet<&str> = graph
        .node
        .iter()
        .filter(|node| node.op_type == "BatchNormalization")
        .flat_map(|node| node.input.iter().skip(3))
        .map(String::as_str)
        .collect();
    graph
        .initializer
        .iter()
        .filter(|t| tensor::is_float(t.data_type) && !statistics.contains(t.name.as_str()))
        .map(|t| tensor::element_count(t).unwrap_or(0) as u64)
        // dimensions are a claim of the file: their sum may not fit
        .fold(0, u64::saturating_add)
}
