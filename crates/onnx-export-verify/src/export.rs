//! From an architecture and its weights to an ONNX model, as torchvision's exporter would give it.

use anyhow::Result;
use backend::onnx::node::value_info;
use backend::onnx::proto::{
    DataType, GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto, ValueInfoProto,
};
use backend::onnx::shape::{self, Dim};

use crate::architecture::{Architecture, Exported, Net, Norm};
use crate::config::Batch;
use crate::weights::Weights;

/// Raised when the same request gives another file; part of the store's key.
pub const EXPORTER_VERSION: u32 = 2;

/// How to export.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Size of the first axis of input and output.
    pub batch: Batch,
    /// What becomes of BatchNormalization.
    pub norm: Norm,
    /// Version of the default operator set.
    pub opset: u32,
    /// Size of the output.
    pub classes: usize,
}

/// A model and what its file does not say.
pub struct Model {
    /// The model.
    pub proto: ModelProto,
    /// Trained parameters of the architecture; folding does not change it.
    pub parameters: u64,
}

/// Exports an architecture in float32. `about` goes into the file's metadata.
pub fn export(
    architecture: Architecture,
    weights: &dyn Weights,
    options: Options,
    about: &[(&str, String)],
) -> Result<Model> {
    let mut net = Net::new(weights, options.norm, options.opset);
    architecture.build(&mut net, options.classes)?;
    let graph = net.finish();
    let parameters = graph.parameters;
    let batch = options.batch.dim();
    let mut input = vec![batch.clone()];
    input.extend(architecture.image().map(Dim::Fixed));
    let output = [batch, Dim::Fixed(options.classes)];
    let outputs = vec![value_info("output", DataType::Float as i32, Some(&output))];
    let mut proto = assemble(graph, &input, outputs, options.opset);
    if let Some(graph) = &mut proto.graph {
        architecture.as_str().clone_into(&mut graph.name);
    }
    let entry = |(key, value): &(&str, String)| StringStringEntryProto {
        key: (*key).to_owned(),
        value: value.clone(),
    };
    proto.metadata_props = about.iter().map(entry).collect();
    describe_values(&mut proto);
    Ok(Model { proto, parameters })
}

/// Puts a graph with the input `input: f32` into a model.
pub fn assemble(
    graph: Exported,
    input: &[Dim],
    outputs: Vec<ValueInfoProto>,
    opset: u32,
) -> ModelProto {
    let graph = GraphProto {
        name: "main_graph".to_owned(),
        node: graph.nodes,
        initializer: graph.initializers,
        input: vec![value_info("input", DataType::Float as i32, Some(input))],
        output: outputs,
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: ir_version(opset),
        producer_name: "tailmark".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset.into() }],
        ..ModelProto::default()
    }
}

/// The file format that came with an operator set.
fn ir_version(opset: u32) -> i64 {
    match opset {
        ..15 => 7,
        15..19 => 8,
        19..21 => 9,
        _ => 10,
    }
}

/// States type and shape of every inner value that shape inference knows, replacing what was stated.
pub fn describe_values(model: &mut ModelProto) {
    let shapes = shape::infer(model, &[]);
    let Some(graph) = &mut model.graph else { return };
    let outputs: std::collections::HashSet<&str> =
        graph.output.iter().map(|output| output.name.as_str()).collect();
    let stated = |name: &String| outputs.contains(name.as_str());
    let describe = |name: &String| {
        let value = shapes.get(name).filter(|value| value.element != 0)?;
        Some(value_info(name, value.element, Some(value.dims.as_deref()?)))
    };
    let names = graph.node.iter().flat_map(|node| &node.output);
    graph.value_info =
        names.filter(|name| !name.is_empty() && !stated(name)).filter_map(describe).collect();
}
