//! What a TensorRT engine says about its layers, and the precision in which it computes.
//!
//! Two sources: the JSON of the engine inspector ([`of_json`], also what `trtexec --exportLayerInfo`
//! writes) and the report that a builder logs at verbose level ([`of_report`]), which is all there is
//! where the engine cannot be opened.
//!
//! The achieved precision is that of the layers which multiply weights or matrices. Such a layer is
//! told by, in this order:
//! - its type: `correlation`, `gemm`, `deconv`, `CaskConvolution`, `MatrixMultiply`, …;
//! - a generated name whose parts say so: `__myl_FcAddRelu`, `__myl_CorrSilu`;
//! - the kernel's name: `_gemm_mha_v2_…`, `sm80_xmma_gemm_…`;
//! - the model: a node with weights that none of those computes must be in a fused layer that names
//!   it and has two operands (`__myl_MulSum` may be a Gemm).
//!
//! Its precision is that of its input, or of its weights where those are wider; weights that are
//! packed into integers do not count. Scalars (alpha and beta of a Gemm) never do.

mod json;
mod report;

use std::collections::HashSet;

use crate::layers::{Layers, is_weighted};
use crate::onnx::proto::GraphProto;
use crate::traits::Layer;

/// Reads an inspector's JSON. `graph` is the model that the engine was built from, where it is at hand.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn of_json(text: &str, graph: Option<&GraphProto>) -> Result<Layers, String> {
    json::parse(text).map(|layers| summary(&layers, graph))
}

/// Finds the builder's report in a log message; `None` when it is not there.
pub(crate) fn of_report(message: &str, graph: Option<&GraphProto>) -> Option<Layers> {
    report::parse(message).map(|layers| summary(&layers, graph))
}

/// One layer in an engine's own words.
#[derive(Clone, Debug, Default, PartialEq)]
struct EngineLayer {
    name: String,
    /// Empty where the engine was built without details.
    layer_type: String,
    inputs: Vec<Operand>,
    constants: Vec<Operand>,
    outputs: Vec<Operand>,
    tactic: String,
    /// `[ONNX Layer: conv1][ONNX Layer: relu1]`, and more of the like.
    metadata: String,
}

/// A tensor of a layer.
#[derive(Clone, Debug, Default, PartialEq)]
struct Operand {
    /// `fp16`, `fp32`, …; empty where unknown.
    precision: &'static str,
    format: Option<String>,
    /// `None` where a dimension is open or unknown.
    elements: Option<i64>,
}

impl Operand {
    fn is_scalar(&self) -> bool {
        self.elements.is_some_and(|n| n <= 1)
    }

    fn is_float(&self) -> bool {
        matches!(self.precision, "fp64" | "fp32" | "fp16" | "bf16" | "fp8" | "fp4")
    }
}

impl EngineLayer {
    /// Whether its own words say that it multiplies weights or matrices.
    fn multiplies(&self) -> bool {
        let kind = self.layer_type.to_ascii_lowercase();
        let by_type = ["convolution", "correlation", "deconv", "gemm", "matmul", "matrixmultiply"]
            .iter()
            .any(|word| kind.contains(word))
            || matches!(kind.as_str(), "conv" | "fc" | "fullyconnected" | "matrix_multiply");
        by_type || self.name_multiplies() || self.tactic_multiplies()
    }

    /// `__myl_FcAddRelu_myl0_3` holds a fully connected layer. Parts are cut to four letters.
    fn name_multiplies(&self) -> bool {
        let Some(generated) = self.name.strip_prefix("__myl_") else { return false };
        let word = generated.split('_').next().unwrap_or_default();
        camel_parts(word).any(|part| {
            matches!(part, "Fc" | "Corr" | "Conv" | "Deco" | "Gemm" | "Matm" | "MatM" | "Bmm")
        })
    }

    fn tactic_multiplies(&self) -> bool {
        // what the compiler generated itself is named after the layer
        !self.tactic.starts_with("__myl_")
            && ["gemm", "fprop", "dgrad", "fmha"].iter().any(|word| self.tactic.contains(word))
    }

    /// Names of the model's nodes that went into it.
    fn nodes(&self) -> impl Iterator<Item = &str> {
        let parts = self.metadata.split("[ONNX Layer: ").skip(1);
        parts.filter_map(|part| part.split(']').next())
    }

    /// Inputs and weights without scalars.
    fn operands(&self) -> impl Iterator<Item = &Operand> {
        self.inputs.iter().chain(&self.constants).filter(|operand| !operand.is_scalar())
    }

    /// The input that tells the precision: the first float one, else the first.
    fn main_input(&self) -> Option<&Operand> {
        self.inputs.iter().find(|operand| operand.is_float()).or(self.inputs.first())
    }

    /// The precision it computes in.
    fn precision(&self) -> &'static str {
        let input = self.main_input().map_or("", |operand| operand.precision);
        let weights = self
            .constants
            .iter()
            .filter(|operand| !operand.is_scalar())
            .max_by_key(|operand| operand.elements)
            .map_or("", |operand| operand.precision);
        if width(weights) > width(input) { weights } else { input }
    }

    fn layer(&self) -> Layer {
        let input = self.main_input();
        let output = self.outputs.first();
        let format_of = |operand: Option<&Operand>| operand.and_then(|o| o.format.clone());
        let format = match (format_of(input), format_of(output)) {
            (Some(from), Some(to)) if from != to => Some(format!("{from} → {to}")),
            (from, to) => to.or(from),
        };
        Layer {
            name: self.name.clone(),
            layer_type: self.layer_type.clone(),
            precision_in: input.map_or("", |operand| operand.precision).to_owned(),
            precision_out: output.map_or("", |operand| operand.precision).to_owned(),
            format,
            tactic: Some(self.tactic.clone()).filter(|tactic| !tactic.is_empty()),
        }
    }
}

/// Bits of a floating-point precision; 0 for all else, so that packed weights never win.
fn width(precision: &str) -> u32 {
    match precision {
        "fp64" => 64,
        "fp32" => 32,
        "fp16" | "bf16" => 16,
        "fp8" => 8,
        "fp4" => 4,
        _ => 0,
    }
}

fn summary(layers: &[EngineLayer], graph: Option<&GraphProto>) -> Layers {
    let mut weighted: Vec<bool> = layers.iter().map(EngineLayer::multiplies).collect();
    let mut open: HashSet<&str> = graph
        .iter()
        .flat_map(|graph| &graph.node)
        .filter(|node| is_weighted(&node.op_type))
        .map(|node| node.name.as_str())
        .collect();
    for (layer, _) in layers.iter().zip(&weighted).filter(|(_, weighted)| **weighted) {
        layer.nodes().for_each(|node| {
            open.remove(node);
        });
    }
    for (layer, weighted) in layers.iter().zip(&mut weighted) {
        let holds_open_node = layer.nodes().any(|node| open.contains(node));
        *weighted |= holds_open_node && layer.operands().count() >= 2;
    }
    let precisions = layers.iter().zip(weighted).filter(|(_, weighted)| *weighted);
    Layers::new(
        layers.iter().map(EngineLayer::layer).collect(),
        precisions.map(|(layer, _)| layer.precision().to_owned()).collect(),
    )
}

/// The precision that a text about a tensor names: `Half`, `Channel major FP16 format …`, `Float`.
pub(super) fn precision_of(text: &str) -> &'static str {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.map(str::to_ascii_lowercase).find_map(|word| known_precision(&word)).unwrap_or_default()
}

fn known_precision(word: &str) -> Option<&'static str> {
    Some(match word {
        "float" | "fp32" | "float32" => "fp32",
        "half" | "fp16" | "float16" => "fp16",
        "bf16" | "bfloat16" => "bf16",
        "fp8" | "float8" => "fp8",
        "fp4" | "float4" => "fp4",
        "int8" => "int8",
        "uint8" => "uint8",
        "int4" => "int4",
        "int32" => "int32",
        "int64" => "int64",
        "bool" => "bool",
        _ => return None,
    })
}

/// The memory layout that a text names: `NHWC` of `(NHWC) Channel major format`, and the whole of
/// `Channel major FP16 format where channel % 8 == 0`; `None` where it names a precision alone.
fn format_of(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some((short, _)) = text.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        return Some(short.to_owned());
    }
    let bare = known_precision(&text.to_ascii_lowercase()).is_some();
    (!text.is_empty() && !bare && !text.starts_with("N/A")).then(|| text.to_owned())
}

/// Number of elements; `None` where a dimension is open.
fn elements(dims: &[i64]) -> Option<i64> {
    dims.iter().try_fold(1_i64, |n, &dim| if dim < 0 { None } else { n.checked_mul(dim) })
}

/// `FcAddRelu` → `Fc`, `Add`, `Relu`.
fn camel_parts(word: &str) -> impl Iterator<Item = &str> {
    let starts = word.char_indices().filter(|(_, c)| c.is_ascii_uppercase()).map(|(at, _)| at);
    let starts: Vec<usize> = starts.collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([word.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| &word[start..end])
}

#[cfg(test)]
mod tests;
