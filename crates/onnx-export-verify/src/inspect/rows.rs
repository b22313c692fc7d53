//! Rows of a model and its operators for the artifacts.

use backend::onnx::cost::{Cost, costs, total_flops};
use backend::onnx::proto::{GraphProto, ModelProto};
use backend::onnx::{describe_inputs, describe_outputs, opset, parameters, shape};
use pipeline::artifact::{ModelRow, OperatorRow};

use super::one_image;
use crate::fp16::precision_of;
use crate::store::About;

/// The rows of a model for `models.parquet` and `operators.parquet`; an open batch counts as 1.
pub fn rows(
    model: &ModelProto,
    about: &About,
    digest: &str,
    path: &str,
    bytes: u64,
) -> (ModelRow, Vec<OperatorRow>) {
    let empty = GraphProto::default();
    let graph = model.graph.as_ref().unwrap_or(&empty);
    let costs = costs(model, &shape::infer(model, &one_image(graph)));
    let row = ModelRow {
        model_digest: digest.to_owned(),
        name: about.name.clone(),
        precision: precision_of(model).to_string(),
        source: about.source.clone(),
        seed: about.seed,
        path: path.to_owned(),
        opset: opset(model),
        inputs: describe_inputs(graph),
        outputs: describe_outputs(graph),
        parameters: about.parameters.unwrap_or_else(|| parameters(graph)) as i64,
        flops: total_flops(&costs).map(|n| n as i64),
        bytes: bytes as i64,
    };
    let operators = costs.into_iter().map(|cost| operator(digest, cost)).collect();
    (row, operators)
}

fn operator(digest: &str, cost: Cost) -> OperatorRow {
    OperatorRow {
        model_digest: digest.to_owned(),
        operator: cost.operator,
        op_type: cost.op_type,
        inputs: cost.inputs,
        outputs: cost.outputs,
        flops: cost.flops.map(|n| n as i64),
        weight_bytes: cost.weight_bytes as i64,
        activation_bytes: cost.activation_bytes.map(|n| n as i64),
    }
}
