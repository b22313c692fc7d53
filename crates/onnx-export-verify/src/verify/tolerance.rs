//! How far two computations of the same model may be apart, and why.
//!
//! Every rounding multiplies a value by 1 + δ with |δ| ≤ u. The signs of many δ are as good as random, so after n
//! roundings in a row an output is off by about u·√n of its magnitude: errors add up like a random walk. A sum of
//! branches is no worse than the worse branch, a product of two values has the roundings of both, a gate (sigmoid,
//! tanh, softmax) damps what it is given. n roundings of all nodes are therefore a bound for every graph: chains,
//! residual sums, attention (its products of two activations and the sums of its softmax count), recurrence (each
//! step of an LSTM counts) and branches of an `If` (the longer one counts).
//!
//! > tolerance = 4 · 4 · u · √n · scale
//!
//! 4 for the largest of many outputs (about 4 standard deviations among a thousand), 4 for layers that magnify what
//! they are given.
//!
//! * float32: u = 2⁻²⁴, n = terms of all sums, since each term is rounded when it is added, and one for any other
//!   result; functions such as `Exp` count 64, since libraries approximate them to about 8 units;
//! * float16: u = 2⁻¹¹, n = weights and results that are stored as float16; the sums themselves may be longer in
//!   float32 and are then free;
//! * a `QuantizeLinear` may round the other way when what it is given is off by anything: 4 · 2⁻⁸ · √(their number)
//!   comes on top, in squares.
//!
//! The result of a sigmoid or softmax is rounded relative to 1, not to itself: for such an output the tolerance is
//! at least 4 · 2⁻²⁴, which matters where a detector sees nothing and answers 1e-8 everywhere.
//!
//! A wrong answer is about 1 scale away, far outside of all of them.

mod depth;
#[cfg(test)]
#[path = "tolerance/tests.rs"]
mod depth_tests;
mod gate;

use backend::Precision;
pub(crate) use gate::{GATE_ERROR, gated};
use serde::{Deserialize, Serialize};

/// Largest of many outputs, in standard deviations.
const PEAK: f64 = 4.0;
/// What layers may magnify.
const GROWTH: f64 = 4.0;
/// A step of 8 bits, relative to the range of a value.
const QUANTUM: f64 = 1.0 / 256.0;

/// Raised when tolerances change; part of the key under which verifications are kept.
pub const TOLERANCE_VERSION: u32 = 3;

/// How many roundings lie between input and output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depth {
    /// Nodes that sum products or normalise.
    pub layers: u64,
    /// Terms of one sum, added up over the nodes; results that are no sum count as well.
    pub terms: u64,
    /// Weights and results that a float16 model stores rounded.
    pub stored: u64,
    /// Values that are rounded to 8 bits.
    pub quantised: u64,
    /// Nodes whose sums have a size that only an engine knows; a size was assumed.
    pub assumed: u64,
}

/// The unit roundoff of a precision: the largest relative error of one rounding.
pub fn unit_roundoff(precision: Precision) -> f64 {
    match precision {
        Precision::Fp32 => 2_f64.powi(-24),
        Precision::Fp16 => 2_f64.powi(-11),
    }
}

impl Depth {
    /// The tolerance at a precision, relative to the scale of the output.
    pub fn relative(self, precision: Precision) -> f64 {
        let rounded = PEAK * GROWTH * unit_roundoff(precision) * self.roundings(precision).sqrt();
        rounded.hypot(PEAK * QUANTUM * (self.quantised as f64).sqrt())
    }

    fn roundings(self, precision: Precision) -> f64 {
        let roundings = match precision {
            Precision::Fp32 => self.terms,
            Precision::Fp16 => self.stored,
        };
        roundings.max(1) as f64
    }

    /// One line that says where the tolerance comes from, with all its constants.
    pub fn reason(self, precision: Precision) -> String {
        let (unit, what) = match precision {
            Precision::Fp32 => ("2^-24", "terms are summed"),
            Precision::Fp16 => ("2^-11", "weights and results are stored"),
        };
        let (relative, n) = (self.relative(precision), self.roundings(precision));
        let quantised = match self.quantised {
            0 => String::new(),
            n => format!("; {PEAK} x 2^-8 x sqrt({n}) for {n} roundings to 8 bits"),
        };
        let assumed = match self.assumed {
            0 => String::new(),
            n => format!("; sizes of sums assumed: {n}"),
        };
        format!(
            "{relative:.1e} of the output's scale: {PEAK} (largest of many) x {GROWTH} (growth) x {unit} x sqrt({n}), since {n} {what}{quantised}{assumed}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resnet50_has_known_tolerances() {
        let depth = Depth { layers: 54, terms: 37_000, stored: 125, ..Depth::default() };
        assert!((1e-4..3e-4).contains(&depth.relative(Precision::Fp32)));
        assert!((5e-2..1e-1).contains(&depth.relative(Precision::Fp16)));
        let reason = depth.reason(Precision::Fp16);
        assert!(
            reason.contains("4 (largest of many) x 4 (growth) x 2^-11 x sqrt(125)"),
            "{reason}"
        );
    }

    #[test]
    fn rounding_to_8_bits_comes_on_top() {
        let plain = Depth { layers: 1, terms: 100, stored: 2, ..Depth::default() };
        let quantised = Depth { quantised: 4, ..plain };
        let expected = plain.relative(Precision::Fp32).hypot(4.0 * 2.0 / 256.0);
        assert!((quantised.relative(Precision::Fp32) - expected).abs() < 1e-12);
    }
}
