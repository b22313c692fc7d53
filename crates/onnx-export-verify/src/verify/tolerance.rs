//! How far two computations of the same model may be apart, and why.
//!
//! Rounding errors of a deep sum of products add up like a random walk: after n roundings of relative size u
//! they have grown to u·√n of the output's magnitude. Two correct engines differ by that, times a
//! factor for the largest of many outputs (about 4 standard deviations among a thousand) and for layers
//! that magnify what they are given (4 more). So
//!
//! > tolerance = 16 · u · √n · scale
//!
//! * float32: u = 2⁻²⁴, n = terms of all sums, since each term is rounded when it is added;
//! * float16: u = 2⁻¹¹, n = 2 × layers, since the weights and the result of each layer are rounded when they
//!   are stored; the sums themselves may be longer in float32 and are then free.
//!
//! A wrong answer is about 1 scale away, far outside of both.

use std::collections::HashMap;

use backend::Precision;
use backend::onnx::proto::ModelProto;
use serde::{Deserialize, Serialize};

/// Largest of many (4) times magnification (4).
const SAFETY: f64 = 16.0;

/// Terms of a product whose weights do not stand in the file.
const UNKNOWN_TERMS: u64 = 512;

/// Raised when tolerances change; part of the key under which verifications are kept.
pub const TOLERANCE_VERSION: u32 = 1;

/// How many roundings lie between input and output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depth {
    /// Convolutions, matrix products and normalisations.
    pub layers: u64,
    /// Terms of one sum, added up over the layers.
    pub terms: u64,
}

impl Depth {
    /// Counts the layers of a model and the terms of their sums.
    pub fn of(model: &ModelProto) -> Self {
        let Some(graph) = &model.graph else { return Self::default() };
        let weights: HashMap<&str, &[i64]> =
            graph.initializer.iter().map(|t| (t.name.as_str(), t.dims.as_slice())).collect();
        let terms = |dims: &[i64], output: usize| -> u64 {
            let dims = dims.iter().enumerate().filter(|(axis, _)| *axis != output);
            dims.map(|(_, &size)| size.max(1).unsigned_abs()).fold(1, u64::saturating_mul)
        };
        let layer = |node: &backend::onnx::proto::NodeProto| {
            let dims = node.input.iter().skip(1).find_map(|name| weights.get(name.as_str()));
            let output = match node.op_type.as_str() {
                "Conv" => 0,
                "ConvTranspose" => 1,
                // the larger of the two sizes, so that the layout does not matter
                "Gemm" | "MatMul" => match dims {
                    Some([a, b]) => usize::from(a > b),
                    _ => usize::MAX,
                },
                // its result is rounded as well; it sums nothing
                "BatchNormalization" | "InstanceNormalization" | "LayerNormalization" => {
                    return Some(1);
                }
                _ => return None,
            };
            Some(match dims {
                Some(dims) if output < usize::MAX => terms(dims, output),
                _ => UNKNOWN_TERMS,
            })
        };
        let sums: Vec<u64> = graph.node.iter().filter_map(layer).collect();
        Self { layers: sums.len() as u64, terms: sums.iter().fold(0, |n, &k| n.saturating_add(k)) }
    }

    /// The tolerance at a precision, relative to the scale of the output.
    pub fn relative(self, precision: Precision) -> f64 {
        let (unit, roundings) = match precision {
            Precision::Fp32 => (2_f64.powi(-24), self.terms),
            Precision::Fp16 => (2_f64.powi(-11), 2 * self.layers),
        };
        SAFETY * unit * (roundings.max(1) as f64).sqrt()
    }

    /// One line that says where the tolerance comes from.
    pub fn reason(self, precision: Precision) -> String {
        let (unit, what) = match precision {
            Precision::Fp32 => ("2^-24", format!("{} terms are summed", self.terms)),
            Precision::Fp16 => {
                ("2^-11", format!("{} layers round weights and result", self.layers))
            }
        };
        let relative = self.relative(precision);
        format!("{relative:.1e} of the output's scale: 16 x {unit} x sqrt(n), {what}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backend::onnx::node::node;
    use backend::onnx::proto::GraphProto;
    use backend::onnx::tensor::from_f32;

    #[test]
    fn layers_and_terms_are_counted() {
        let graph = GraphProto {
            initializer: vec![
                from_f32("w", &[8, 3, 3, 3], &[0.0; 216]),
                from_f32("fc", &[4, 8], &[0.0; 32]),
            ],
            node: vec![
                node("Conv", "c", &["x", "w"], &["c"], vec![]),
                node("Relu", "r", &["c"], &["r"], vec![]),
                node("Gemm", "g", &["r", "fc"], &["g"], vec![]),
                node("MatMul", "m", &["g", "r"], &["y"], vec![]),
            ],
            ..GraphProto::default()
        };
        let model = ModelProto { graph: Some(graph), ..ModelProto::default() };
        assert_eq!(Depth::of(&model), Depth { layers: 3, terms: 27 + 8 + 512 });
    }

    #[test]
    fn resnet50_has_known_tolerances() {
        let depth = Depth { layers: 54, terms: 37_000 };
        assert!((1e-4..3e-4).contains(&depth.relative(Precision::Fp32)));
        assert!((5e-2..1e-1).contains(&depth.relative(Precision::Fp16)));
    }
}
