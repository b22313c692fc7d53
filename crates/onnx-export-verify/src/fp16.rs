//! Turns a float32 model into one with float16 weights and activations; inputs and outputs stay float32.
//!
//! Each value keeps one natural type: float16 when the operator that makes it is known to work in
//! float16, else what it was. A `Cast` stands only where an operator needs the other type, once per value,
//! so that no pair of casts undoes itself. Weights are rounded to nearest even.

mod conversion;
mod plan;
mod weights;

use anyhow::Result;
use backend::Precision;
use backend::onnx::inputs;
use backend::onnx::node::type_and_dims;
use backend::onnx::proto::{
    DataType, GraphProto, ModelProto, NodeProto, TypeValue, ValueInfoProto,
};
use backend::onnx::tensor::{element_count, is_float};
use pipeline::Fault;

use crate::export::describe_values;
use conversion::Conversion;

/// Raised when the same model converts to another file; part of the store's key.
pub const CONVERTER_VERSION: u32 = 1;

const F32: i32 = DataType::Float as i32;
const F16: i32 = DataType::Float16 as i32;

/// What happened to the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Weights that were rounded to float16.
    pub weights: u64,
    /// Of them, those below 6.1e-5, which lose precision (zeros apart).
    pub subnormal: u64,
    /// Of them, those too small for float16, which became zero.
    pub vanished: u64,
    /// Casts in the new graph.
    pub casts: u64,
}

/// The precision of a model: that of most of its floating-point weights; without weights, that of most of
/// its inner values.
pub fn precision_of(model: &ModelProto) -> Precision {
    let weights = |kind: i32| -> usize {
        let tensors = model.graph.iter().flat_map(|graph| &graph.initializer);
        tensors.filter(|t| t.data_type == kind).filter_map(|t| element_count(t).ok()).sum()
    };
    let values = |kind: i32| {
        let infos = model.graph.iter().flat_map(|graph| &graph.value_info);
        infos.filter(|info| type_and_dims(info).0 == kind).count()
    };
    let (half, single) = match (weights(F16), weights(F32)) {
        (0, 0) => (values(F16), values(F32)),
        counts => counts,
    };
    if half > single { Precision::Fp16 } else { Precision::Fp32 }
}

/// Converts a model.
///
/// # Errors
/// Exit 2: a model that is float16 already or has subgraphs, a weight beyond 65504 (named), a value whose type
/// nothing tells.
pub fn convert(model: &ModelProto) -> Result<(ModelProto, Report)> {
    if precision_of(model) == Precision::Fp16 {
        return Err(Fault::config("the model has float16 weights already").into());
    }
    let Some(graph) = &model.graph else {
        return Err(Fault::config("a model without graph").into());
    };
    if let Some(node) = graph.node.iter().find(|node| has_subgraph(node)) {
        let message = format!(
            "operator {} ({}) holds a graph of its own; such models cannot be converted to float16 yet",
            node.name, node.op_type
        );
        return Err(Fault::config(message)
            .hint("give a model that was exported in float16")
            .into());
    }
    let mut conversion = Conversion::new(model, graph);
    for node in &graph.node {
        conversion.node(node)?;
    }
    conversion.outputs()?;
    let Conversion { nodes, initializers, mut report, .. } = conversion;
    report.casts = nodes.iter().filter(|node| node.op_type == "Cast").count() as u64;
    let mut converted = ModelProto {
        // from version 4 on, weights need not be listed among the inputs
        ir_version: model.ir_version.max(4),
        graph: None,
        ..model.clone()
    };
    converted.graph = Some(GraphProto {
        node: nodes,
        initializer: initializers,
        input: inputs(graph).into_iter().cloned().collect(),
        // what the file said of inner values speaks of the old types
        value_info: retyped(graph),
        ..graph.clone()
    });
    describe_values(&mut converted);
    Ok((converted, report))
}

fn has_subgraph(node: &NodeProto) -> bool {
    node.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty())
}

/// Shapes that the file states, without float types: those follow from the new graph.
fn retyped(graph: &GraphProto) -> Vec<ValueInfoProto> {
    let mut infos = graph.value_info.clone();
    for info in &mut infos {
        if let Some(TypeValue::Tensor(tensor)) = info.r#type.as_mut().and_then(|t| t.value.as_mut())
            && is_float(tensor.elem_type)
        {
            tensor.elem_type = 0;
        }
    }
    infos
}

#[cfg(test)]
#[path = "fp16/tests.rs"]
mod tests;
