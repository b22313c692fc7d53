//! What a model file says of itself: rows for the artifacts and the text of `inspect`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use backend::onnx::cost::{Cost, costs, total_flops, weight_bytes};
use backend::onnx::node::type_and_dims;
use backend::onnx::proto::{GraphProto, ModelProto};
use backend::onnx::shape::{self, Dim};
use backend::onnx::{describe_inputs, describe_outputs, inputs, opset, parameters};
use pipeline::Digest;
use pipeline::artifact::{ModelRow, OperatorRow};

use crate::fp16::precision_of;
use crate::load;
use crate::say;
use crate::store::About;

/// The rows of a model for `models.parquet` and `operators.parquet`; an open batch counts as 1.
pub fn rows(
    model: &ModelProto,
    about: &About,
    digest: &Digest,
    path: &str,
    bytes: u64,
) -> (ModelRow, Vec<OperatorRow>) {
    let empty = GraphProto::default();
    let graph = model.graph.as_ref().unwrap_or(&empty);
    let costs = costs(model, &shape::infer(model, &one_image(graph)));
    let row = ModelRow {
        model_digest: digest.to_string(),
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

fn operator(digest: &Digest, cost: Cost) -> OperatorRow {
    OperatorRow {
        model_digest: digest.to_string(),
        operator: cost.operator,
        op_type: cost.op_type,
        inputs: cost.inputs,
        outputs: cost.outputs,
        flops: cost.flops.map(|n| n as i64),
        weight_bytes: cost.weight_bytes as i64,
        activation_bytes: cost.activation_bytes.map(|n| n as i64),
    }
}

/// Sizes of all inputs whose only open dimension is the first, which becomes 1.
fn one_image(graph: &GraphProto) -> Vec<(String, Vec<usize>)> {
    let sizes = |dims: Vec<Dim>| -> Option<Vec<usize>> {
        let size = |(index, dim): (usize, &Dim)| dim.fixed().or((index == 0).then_some(1));
        dims.iter().enumerate().map(size).collect()
    };
    let entry = |input: &backend::onnx::proto::ValueInfoProto| {
        Some((input.name.clone(), sizes(type_and_dims(input).1?)?))
    };
    inputs(graph).into_iter().filter_map(entry).collect()
}

/// The command `inspect`: prints what a model is, as text or as JSON.
pub fn command(path: &Path, as_json: bool) -> Result<()> {
    let model = load(path)?;
    let empty = GraphProto::default();
    let graph = model.graph.as_ref().unwrap_or(&empty);
    let costs = costs(&model, &shape::infer(&model, &one_image(graph)));
    let mut operators: BTreeMap<&str, u64> = BTreeMap::new();
    for node in &graph.node {
        *operators.entry(node.op_type.as_str()).or_default() += 1;
    }
    let digest = backend::onnx::digest(path)?;
    let flops = total_flops(&costs);
    let activations: Option<u64> = costs.iter().map(|cost| cost.activation_bytes).sum();
    if as_json {
        say::data(&serde_json::to_string(&serde_json::json!({
            "path": path,
            "model_digest": digest,
            "producer": format!("{} {}", model.producer_name, model.producer_version).trim(),
            "ir_version": model.ir_version,
            "opset": opset(&model),
            "precision": precision_of(&model),
            "inputs": describe_inputs(graph),
            "outputs": describe_outputs(graph),
            "parameters": parameters(graph),
            "weight_bytes": weight_bytes(&model),
            "flops": flops,
            "activation_bytes": activations,
            "operators": operators,
        }))?);
        return Ok(());
    }
    let unknown = || "unknown (not all shapes are known)".to_owned();
    let list = operators.iter().map(|(op, n)| format!("{n} {op}")).collect::<Vec<_>>().join(", ");
    let lines = [
        ("digest", digest),
        ("producer", format!("{} {}", model.producer_name, model.producer_version)),
        ("opset", format!("{} (file format {})", opset(&model), model.ir_version)),
        ("precision", precision_of(&model).to_string()),
        ("inputs", describe_inputs(graph).join(", ")),
        ("outputs", describe_outputs(graph).join(", ")),
        ("parameters", grouped(parameters(graph))),
        ("weights", format!("{} bytes", grouped(weight_bytes(&model)))),
        (
            "flops",
            flops.map_or_else(unknown, |n| {
                format!("{:.3} GFLOP a multiply-add counts 2", n as f64 / 1e9)
            }),
        ),
        (
            "activations",
            activations.map_or_else(unknown, |n| format!("{} bytes read and written", grouped(n))),
        ),
        ("operators", format!("{} ({list})", graph.node.len())),
    ];
    for (name, value) in lines {
        say::data(&format!("{name:<12}{value}"));
    }
    Ok(())
}

/// `25557032` → `25,557,032`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(25_557_032), "25,557,032");
        assert_eq!((grouped(7), grouped(1000)), ("7".into(), "1,000".into()));
    }
}
