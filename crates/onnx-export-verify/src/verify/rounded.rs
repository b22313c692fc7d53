//! A twin of a model in which every activation goes through float16, typed float32 so that engines on the
//! processor run it.
//!
//! ONNX Runtime and rten compute a float16 model in float32 and drop the roundings between operators: an
//! inner overflow does not show. The twin brings them back. Its weights are float16 values, and the result of
//! every operator that is float16 in the original is rounded to float16: nearest, ties to even, beyond 65504
//! infinity, below 6.1e-5 in steps of 2⁻²⁴. What the original keeps in float32 (its inputs and outputs, what a
//! converter's block-list left alone) is not touched; a float16 input is rounded where it enters.
//!
//! | how it rounds | where |
//! |---|---|
//! | [`Rounding::Arithmetic`]: eleven float32 operators, exact to the bit but for the sign of zero | every engine, from operator set 9 on; needs [`backend::OpenOptions::optimise`] off |
//! | [`Rounding::Casts`]: `Cast` to float16 and back | ONNX Runtime. rten takes float16 for float32: a cast does nothing there |
//!
//! Not emulated: the sums inside an operator (float32 here, as tensor cores do with float16 operands), states
//! inside a recurrent operator, and the body of a model-local function, which is refused. Graphs inside `If`,
//! `Loop` and `Scan` are.

mod arithmetic;
mod graph;
mod values;

use anyhow::Result;
use backend::onnx::node::{subgraphs, type_and_dims};
use backend::onnx::opset;
use backend::onnx::proto::{DataType, GraphProto, ModelProto, NodeProto};
use pipeline::Fault;

use graph::Walk;

pub(super) const F32: i32 = DataType::Float as i32;
pub(super) const F16: i32 = DataType::Float16 as i32;
/// The first operator set whose `Where`, `Less` and `Max` the arithmetic can use.
const ARITHMETIC_OPSET: i64 = 9;

/// How the twin rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// In float32 arithmetic.
    Arithmetic,
    /// By casts to float16 and back.
    Casts,
}

/// The float32-typed twin of a model, rounding by [`Rounding::Arithmetic`] (before operator set 9 by casts).
///
/// A model without any float16 is treated as if it were converted: every float32 value is rounded, apart
/// from what sets shapes or grids (the scales of `Resize`, the limits of `Range`, and what these are made of).
///
/// # Errors
/// Exit 2: external data that was not read, a model-local function, a value whose type nothing tells.
pub fn rounded(model: &ModelProto) -> Result<ModelProto> {
    let old = opset(model) < ARITHMETIC_OPSET;
    rounded_by(model, if old { Rounding::Casts } else { Rounding::Arithmetic })
}

/// As [`rounded`], by a given way.
///
/// # Errors
/// As [`rounded`], and arithmetic before operator set 9.
pub fn rounded_by(model: &ModelProto, rounding: Rounding) -> Result<ModelProto> {
    if rounding == Rounding::Arithmetic && opset(model) < ARITHMETIC_OPSET {
        let message = format!("rounding by arithmetic needs operator set {ARITHMETIC_OPSET}");
        return Err(Fault::config(message).hint("run the model on ONNX Runtime").into());
    }
    twin(model, Some(rounding))
}

/// The model with float16 widened to float32: the same weights, no rounding of activations. The reference of
/// a float16 model that has no float32 original.
///
/// # Errors
/// As [`rounded`].
pub fn widened(model: &ModelProto) -> Result<ModelProto> {
    twin(model, None)
}

fn twin(model: &ModelProto, rounding: Option<Rounding>) -> Result<ModelProto> {
    let Some(graph) = &model.graph else {
        return Err(Fault::config("a model without graph").into());
    };
    if let Some(function) = model.functions.first() {
        let message = format!("float16 cannot be emulated inside the function `{}`", function.name);
        return Err(Fault::config(message).hint("inline the model's functions first").into());
    }
    let half = if has_half(graph) { F16 } else { F32 };
    let mut walk = Walk::new(model, graph, half, rounding);
    let graph = walk.root(graph)?;
    // from version 4 on, weights need not be listed among the inputs
    Ok(ModelProto { ir_version: model.ir_version.max(4), graph: Some(graph), ..model.clone() })
}

/// Whether anything in a graph is float16.
fn has_half(graph: &GraphProto) -> bool {
    let mut values = graph.input.iter().chain(&graph.output).chain(&graph.value_info);
    graph.initializer.iter().any(|tensor| tensor.data_type == F16)
        || values.any(|value| type_and_dims(value).0 == F16)
        || graph.node.iter().any(node_has_half)
}

fn node_has_half(node: &NodeProto) -> bool {
    node.attribute.iter().any(|attribute| {
        values::asks_for_half(node, attribute)
            || attribute.t.iter().any(|tensor| tensor.data_type == F16)
    }) || subgraphs(node).any(has_half)
}

#[cfg(test)]
#[path = "rounded/tests.rs"]
mod tests;
