//! What an engine of TensorRT says about its layers, and the precision in which each computes.
//!
//! Two sources: the JSON of the engine inspector ([`of_json`], also what `trtexec --exportLayerInfo`
//! writes) and the report that a builder logs at verbose level ([`of_report`]), which is all there is
//! where the engine cannot be opened.
//!
//! A layer that multiplies weights or matrices is told by, in this order:
//! - its type: `correlation`, `gemm`, `deconv`, `CaskConvolution`, `MatrixMultiply`, …;
//! - a generated name whose parts say so: `__myl_FcAddRelu`, `__myl_CorrSilu`;
//! - the kernel's name: `_gemm_mha_v2_…`, `sm80_xmma_gemm_…`.
//!
//! Its precision is that of its input, or of its weights where those are wider; weights that are
//! packed into integers do not count. Scalars (alpha and beta of a Gemm) never do.

mod json;
mod report;

pub use json::parse as of_json;
pub use report::parse as of_report;

/// One layer in an engine's own words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineLayer {
    /// The engine's name for it.
    pub name: String,
    /// Empty where the engine was built without details.
    pub layer_type: String,
    /// What it reads.
    pub inputs: Vec<Operand>,
    /// Its weights.
    pub constants: Vec<Operand>,
    /// What it writes.
    pub outputs: Vec<Operand>,
    /// The kernel; empty where the engine does not tell.
    pub tactic: String,
    /// `[ONNX Layer: conv1][ONNX Layer: relu1]`, and more of the like.
    pub metadata: String,
}

/// A tensor of a layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Operand {
    /// `fp16`, `fp32`, …; empty where unknown.
    pub precision: &'static str,
    /// Memory layout.
    pub format: Option<String>,
    /// `None` where a dimension is open or unknown.
    pub elements: Option<i64>,
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
    pub fn multiplies(&self) -> bool {
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
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        let parts = self.metadata.split("[ONNX Layer: ").skip(1);
        parts.filter_map(|part| part.split(']').next())
    }

    /// Inputs and weights without scalars.
    pub fn operands(&self) -> impl Iterator<Item = &Operand> {
        self.inputs.iter().chain(&self.constants).filter(|operand| !operand.is_scalar())
    }

    /// The input that tells the precision: the first float one, else the first.
    pub fn main_input(&self) -> Option<&Operand> {
        self.inputs.iter().find(|operand| operand.is_float()).or(self.inputs.first())
    }

    /// The precision it computes in.
    pub fn precision(&self) -> &'static str {
        let input = self.main_input().map_or("", |operand| operand.precision);
        let weights = self
            .constants
            .iter()
            .filter(|operand| !operand.is_scalar())
            .max_by_key(|operand| operand.elements)
            .map_or("", |operand| operand.precision);
        if width(weights) > width(input) { weights } else { input }
    }

    /// The memory layout of what goes in and out: `Linear → NHWC` where they differ.
    pub fn format(&self) -> Option<String> {
        let of = |operand: Option<&Operand>| operand.and_then(|o| o.format.clone());
        match (of(self.main_input()), of(self.outputs.first())) {
            (Some(from), Some(to)) if from != to => Some(format!("{from} → {to}")),
            (from, to) => to.or(from),
        }
    }

    /// Precision of what it writes; empty where unknown.
    pub fn precision_out(&self) -> &'static str {
        self.outputs.first().map_or("", |operand| operand.precision)
    }

    /// Precision of what it reads; empty where unknown.
    pub fn precision_in(&self) -> &'static str {
        self.main_input().map_or("", |operand| operand.precision)
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

/// The precision that a text about a tensor names: `Half`, `Channel major FP16 format …`, `Float`.
pub fn precision_of(text: &str) -> &'static str {
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
