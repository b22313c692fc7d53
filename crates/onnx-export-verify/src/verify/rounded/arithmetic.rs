//! Rounding a value to float16: by casts, or by float32 arithmetic where an engine knows no float16.
//!
//! For |x| in [2ᵉ, 2ᵉ⁺¹), float16 has steps of 2ᵉ⁻¹⁰, and so has float32 from 2ᵉ⁺¹³ on: adding 1.5 · 2ᵉ⁺¹³ and
//! taking it away again rounds x, ties to even, since the mantissa of that number is even. The power 2ᵉ comes
//! out of four operations without error: with u = 2⁻²⁴ and q = (2²³ + 1) · x it is q − (1 − u) · q (S. M. Rump,
//! "Accurate solution of dense linear systems", 2013, and Rump, Ogita, Oishi 2008). Below 2⁻¹⁴ the step stays
//! 2⁻²⁴. From 65520 on the result is infinite; NaN stays NaN.

use backend::onnx::node::{attr_int, node};
use backend::onnx::proto::{NodeProto, TensorProto};
use backend::onnx::tensor::from_f32;

use super::{F16, F32};

/// The constants, by the names that [`nodes`] uses behind a prefix.
const CONSTANTS: [(&str, f32); 6] = [
    // the smallest normal number of float16
    ("smallest", 6.103_515_6e-5),
    ("spread", 8_388_609.0),
    // 1 - u
    ("below-one", 0.999_999_94),
    ("shift", 12_288.0),
    // half a step above the largest number of float16
    ("limit", 65_520.0),
    ("overflow", f32::MAX),
];

/// Weights that the arithmetic needs once in a graph, their names behind `prefix`.
pub(super) fn constants(prefix: &str) -> Vec<TensorProto> {
    CONSTANTS
        .iter()
        .map(|(name, value)| from_f32(&format!("{prefix}{name}"), &[], &[*value]))
        .collect()
}

/// Rounds `from` into `to` by arithmetic with the constants behind `prefix`; inner values are named after `to`.
pub(super) fn nodes(from: &str, to: &str, prefix: &str) -> Vec<NodeProto> {
    let inner = |what: &str| format!("{to}/round/{what}");
    let constant = |what: &str| format!("{prefix}{what}");
    let step = |op: &str, inputs: [&str; 2], output: &str| {
        node(op, &format!("{output}/{op}"), &inputs, &[output], Vec::new())
    };
    let [size, normal, wide, less, power, shift, shifted, near, fits, huge] =
        ["size", "normal", "wide", "less", "power", "shift", "shifted", "near", "fits", "huge"]
            .map(inner);
    vec![
        node("Abs", &format!("{size}/Abs"), &[from], &[&size], Vec::new()),
        step("Max", [&size, &constant("smallest")], &normal),
        step("Mul", [&normal, &constant("spread")], &wide),
        step("Mul", [&wide, &constant("below-one")], &less),
        step("Sub", [&wide, &less], &power),
        step("Mul", [&power, &constant("shift")], &shift),
        step("Add", [from, &shift], &shifted),
        step("Sub", [&shifted, &shift], &near),
        step("Less", [&size, &constant("limit")], &fits),
        step("Mul", [from, &constant("overflow")], &huge),
        node("Where", &format!("{to}/round"), &[&fits, &near, &huge], &[to], Vec::new()),
    ]
}

/// Rounds `from` into `to` by a cast to float16 and one back.
pub(super) fn casts(from: &str, to: &str) -> Vec<NodeProto> {
    // converters name their casts `…/Cast`, and no two nodes may share a name
    let half = format!("{to}/round/half");
    let cast = |from: &str, to: &str, element: i32| {
        node("Cast", &format!("{to}/round"), &[from], &[to], vec![attr_int("to", element.into())])
    };
    vec![cast(from, &half, F16), cast(&half, to, F32)]
}
