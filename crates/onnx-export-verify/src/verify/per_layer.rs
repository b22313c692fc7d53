//! Compares two runs of a model value by value and names the first layer where they part.
//!
//! Every inner float value becomes an output, both models run on the same inputs, and values of one name are
//! compared. A layer *departs* when its error is more than the roundings up to it explain, or when it is not
//! finite where the reference is:
//!
//! > error = max(rms of the differences, ¼ · largest difference) ÷ scale > 4 · u · √n
//!
//! with the scale, the unit u and the number of roundings n of [`super::tolerance`], n counted over the nodes
//! that the value depends on. It is a quarter of the tolerance by which outputs are judged, since a quarter of
//! the largest difference is compared. The first such layer in the order of the graph is where to look: all that
//! it depends on is within its own tolerance.
//!
//! Outputs are as large as all activations together, so they are run in parts of at most [`PART_BYTES`] a side;
//! a part costs one more run of both models. One value of each side is copied at a time.

mod graph;
mod growth;
mod in_run;
mod measure;
mod run;
pub mod show;

use anyhow::Result;
use backend::Precision;
use backend::onnx::proto::ModelProto;
use backend::onnx::shape;
use pipeline::Fault;
use pipeline::artifact::LayerErrorRow;

use super::engines::Engine;
use super::inputs::Inputs;
use super::rounded::{Rounding, rounded, rounded_by, widened};
use crate::say;

pub use graph::exposed;
use graph::pairs;
pub(super) use growth::node_tolerance;
pub use in_run::InRun;
pub(super) use run::Opened;
pub use show::figure;

/// Most bytes of values that one run of one side gives out.
pub const PART_BYTES: u64 = 256 << 20;

/// One of the two models with the engine that runs it.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The model, weights included.
    pub model: &'a ModelProto,
    /// The engine.
    pub engine: &'a Engine,
}

/// What to compare.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// What is right.
    pub reference: Side<'a>,
    /// What is judged.
    pub subject: Side<'a>,
    /// The precision whose roundings are allowed.
    pub precision: Precision,
    /// What both are fed: the sets that are judged.
    pub fed: Fed<'a>,
}

/// Names for the rows.
#[derive(Clone, Debug)]
pub struct Names {
    /// Digest of the model that is judged.
    pub digest: String,
    /// The engine that runs it, and how.
    pub engine: String,
    /// What it is compared with.
    pub reference: String,
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerErrors {
    /// One row for each value, in the order of the graph.
    pub rows: Vec<LayerErrorRow>,
    /// Values of the reference that the other model does not have.
    pub unmatched: usize,
    /// Runs that were needed for each input.
    pub parts: usize,
    /// Most bytes of values that one run gave out, of one side.
    pub part_bytes: u64,
}

impl LayerErrors {
    /// The first layer that departs.
    pub fn first(&self) -> Option<&LayerErrorRow> {
        self.rows.iter().find(|row| row.departs)
    }
}

/// Does float16 depart? The float16 twin of `model` against `base` in float32, both on one engine.
///
/// Without a base, a float16 model is compared with itself widened to float32, and a float32 model with what it
/// would be in float16.
///
/// # Errors
/// Exit 2: a model that cannot be emulated or run, or that shares no layer with the base.
pub fn float16_departs(
    model: &ModelProto,
    base: Option<&ModelProto>,
    engine: &Engine,
    fed: &Fed<'_>,
    names: &Names,
) -> Result<LayerErrors> {
    let twin =
        if engine.is_onnxruntime() { rounded_by(model, Rounding::Casts)? } else { rounded(model)? };
    let wide = base.map_or_else(|| widened(model), widened)?;
    let request = Request {
        reference: Side { model: &wide, engine },
        subject: Side { model: &twin, engine },
        precision: Precision::Fp16,
        fed: *fed,
    };
    compare_layers(&request, names)
}

/// The inputs of a comparison.
#[derive(Clone, Copy)]
pub struct Fed<'a> {
    /// Sizes for open dimensions.
    pub shapes: &'a [(String, Vec<usize>)],
    /// The input sets.
    pub inputs: &'a Inputs,
    /// Whether rten reads the file as it stands: it gets operator sets before 13 wrong in part.
    pub as_written: bool,
}

/// Do the engines agree? One model on two engines, as its graph is written; a float16 model widened to float32,
/// since rten takes float16 for that.
///
/// # Errors
/// Exit 2: an engine cannot run the model.
pub fn engines_depart(
    model: &ModelProto,
    engines: [&Engine; 2],
    fed: &Fed<'_>,
    names: &Names,
) -> Result<LayerErrors> {
    widened_depart(&widened(model)?, engines, fed, names)
}

/// As [`engines_depart`], of a model without float16.
pub(super) fn widened_depart(
    model: &ModelProto,
    [reference, engine]: [&Engine; 2],
    fed: &Fed<'_>,
    names: &Names,
) -> Result<LayerErrors> {
    let request = Request {
        reference: Side { model, engine: reference },
        subject: Side { model, engine },
        precision: Precision::Fp32,
        fed: *fed,
    };
    compare_layers(&request, names)
}

/// Runs both sides and compares every value that both have.
///
/// # Errors
/// Exit 2: a side cannot be run, or the models share no value.
pub fn compare_layers(request: &Request<'_>, names: &Names) -> Result<LayerErrors> {
    let shapes = shape::infer(request.reference.model, request.fed.shapes);
    let (pairs, unmatched) = pairs(request.reference.model, request.subject.model);
    if pairs.is_empty() {
        let message =
            "the two models have no inner value in common: neither names nor operators agree";
        return Err(Fault::config(message).hint("compare a model with its own conversion").into());
    }
    let growth = growth::tolerances(request.reference.model, &shapes, request.precision);
    let parts = graph::parts(&pairs, &shapes, PART_BYTES);
    let part_bytes = parts.iter().map(|part| part.bytes).max().unwrap_or(0);
    let mut errors =
        LayerErrors { unmatched, parts: parts.len(), part_bytes, ..LayerErrors::default() };
    for (k, part) in parts.iter().enumerate() {
        let text = format!("comparing {} layers, part {} of {}", pairs.len(), k + 1, parts.len());
        let found =
            say::while_working(text, || run::part(request, &pairs[part.range.clone()], &shapes))?;
        for (pair, found) in pairs[part.range.clone()].iter().zip(found) {
            let tolerance = growth.get(&pair.reference).copied().unwrap_or(0.0);
            errors.rows.push(found.row(request, names, pair, tolerance));
        }
    }
    Ok(errors)
}

#[cfg(test)]
#[path = "per_layer/tests.rs"]
mod tests;
