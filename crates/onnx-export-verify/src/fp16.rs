//! Turns a float32 model into a strongly typed one with float16 weights and activations.
//!
//! ```text
//! facts (every value and node, by number) → plan (float16, or float32 and why) → rewrite (tensor by tensor) → check
//! ```
//!
//! Each value keeps one natural type: float16 when the operator that makes it works in float16, else what it
//! was. A `Cast` stands only where an operator needs the other type, once per value, so that no pair of casts
//! undoes itself; casts of the model are seen through. What an operator takes is read from the ONNX operator
//! schemas. Weights are rounded to nearest even. Knows no engine.

mod check;
mod external;
pub(crate) mod facts;
mod options;
mod plan;
mod quantised;
mod reason;
mod report;
mod rewrite;
mod schema;
mod shapes;
mod types;
mod values;
mod variance;
mod weights;

use std::path::Path;

use anyhow::Result;
use backend::Precision;
use backend::onnx::node::{subgraphs, type_and_dims};
use backend::onnx::proto::{DataType, GraphProto, ModelProto, NodeProto};
use backend::onnx::shape;
use backend::onnx::tensor::element_count;
use pipeline::{Exit, Fault};

use crate::load;
use facts::Facts;
use plan::{Choice, Plan};
use rewrite::Rewriter;
use weights::Rounding;

pub(crate) use types::type_attribute;

pub use options::{Io, OnOverflow, Options};
pub use reason::Reason;
pub use report::{Left, Loss, Report, Weights};

/// Raised when the same model converts to another file; part of the store's key.
pub const CONVERTER_VERSION: u32 = 3;

const F32: i32 = DataType::Float as i32;
const F16: i32 = DataType::Float16 as i32;

/// The precision of a model: that of most of its floating-point weights; without weights, that of most of
/// its inner values.
pub fn precision_of(model: &ModelProto) -> Precision {
    let weights = |kind: i32| -> usize {
        let tensors = model.graph.iter().flat_map(|graph| &graph.initializer);
        let counts = tensors.filter(|t| t.data_type == kind).filter_map(|t| element_count(t).ok());
        // dimensions are a claim of the file: their sum may not fit
        counts.fold(0, usize::saturating_add)
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

/// Converts a model; see [`convert_owned`], which needs less memory.
pub fn convert(model: &ModelProto, options: &Options) -> Result<(ModelProto, Report)> {
    convert_owned(model.clone(), options)
}

/// Converts a model and takes it apart on the way: no more than one tensor stands there in both types, apart
/// from weights that the new model has in both.
///
/// # Errors
/// Exit 2: a model that is float16 already, weights beyond 65504 (all named, unless they are to be clamped) or
/// NaN, a name to block that the model does not have, values in another file.
pub fn convert_owned(model: ModelProto, options: &Options) -> Result<(ModelProto, Report)> {
    convert_from(None, model, options)
}

/// Converts a model file; external data is read tensor by tensor.
///
/// # Errors
/// As [`convert_owned`], and what [`backend::onnx::load`] says of the file.
pub fn convert_file(path: &Path, options: &Options) -> Result<(ModelProto, Report)> {
    convert_from(Some(path), load(path)?, options)
}

fn convert_from(
    path: Option<&Path>,
    mut model: ModelProto,
    options: &Options,
) -> Result<(ModelProto, Report)> {
    if precision_of(&model) == Precision::Fp16 {
        return Err(Fault::config("the model has float16 weights already").into());
    }
    if let Some((path, graph)) = path.zip(model.graph.as_mut()) {
        external::fill_vectors(path, graph)?;
    }
    let rescaled = model.graph.as_mut().map_or(0, variance::rescale);
    let shapes = shape::infer(&model, &[]);
    let Some(graph) = model.graph.take() else {
        return Err(Fault::config("a model without graph").into());
    };
    let facts = Facts::of(&model, &graph);
    let sound = check::breaches(&facts, &graph).is_empty();
    let plan = Plan::new(&facts, &graph, options)?;
    let rounding = Rounding::new(options.on_overflow);
    let mut rewriter = Rewriter::new(&facts, &plan, path, rounding);
    let mut graph = rewriter.outermost(graph)?;
    let Rewriter { names, rounding, casts_removed, .. } = rewriter;
    let weights = rounding.finish()?;
    values::describe(&mut graph, &facts, &names, &shapes);
    let half = |choice: &&Choice| matches!(choice, Choice::Half);
    let report = Report {
        weights,
        half: plan.choices.iter().filter(half).count() as u64,
        casts: count_casts(&graph),
        casts_removed,
        rescaled,
        left: plan::left(&facts, &plan)
            .into_iter()
            .map(|(reason, operators)| Left { reason, operators })
            .collect(),
    };
    // from version 4 on, weights need not be listed among the inputs
    model.ir_version = model.ir_version.max(4);
    if sound && let Some(breach) = check::breaches(&Facts::of(&model, &graph), &graph).first() {
        let message = format!("the float16 model is not strongly typed: {breach}");
        return Err(Fault::new(Exit::Bug, message).into());
    }
    model.graph = Some(graph);
    Ok((model, report))
}

fn count_casts(graph: &GraphProto) -> u64 {
    let count = |node: &NodeProto| {
        u64::from(node.op_type == "Cast") + subgraphs(node).map(count_casts).sum::<u64>()
    };
    graph.node.iter().map(count).sum()
}

#[cfg(test)]
mod tests;
