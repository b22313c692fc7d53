//! Compares two outputs element by element. Pure: knows neither engines nor tolerances.

use std::cmp::Ordering::Equal;

use backend::Precision;

/// What two outputs have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Largest absolute difference over pairs of finite elements.
    pub max_abs: f64,
    /// Largest difference ÷ magnitude of the reference element, where that is not zero.
    pub max_rel: f64,
    /// Largest difference in units in the last place of float32 and of float16: see [`Comparison::ulp`].
    units: [f64; 2],
    /// Share of elements that are the same, NaN and NaN included; 1 for empty outputs.
    pub equal: f64,
    /// Cosine of the angle between the outputs; `None` when one of them is zero or not finite.
    pub cosine: Option<f64>,
    /// Whether the largest element of every row is the same; `None` unless the output lists classes.
    pub top1: Option<bool>,
    /// Share of the five largest elements that agree, over all rows.
    pub top5: Option<f64>,
    /// What the output holds.
    pub found: Content,
    /// What the reference holds.
    pub reference: Content,
}

impl Comparison {
    /// Largest difference in units in the last place of a precision. The unit is that of the reference element,
    /// or of the scale of the reference where the element is smaller: next to a sum of large terms that nearly
    /// cancel, no computation has more places than those terms.
    pub fn ulp(&self, precision: Precision) -> f64 {
        match precision {
            Precision::Fp32 => self.units[0],
            Precision::Fp16 => self.units[1],
        }
    }

    /// The least tolerance, relative to the scale of the reference, with which the outputs agree; `None` when none
    /// would do: values that are not finite, or a reference of zeros alone.
    pub fn least_tolerance(&self) -> Option<f64> {
        let finite = [self.found, self.reference].iter().all(|c| c.nan + c.inf == 0);
        let least = relative(self.max_abs, self.reference.scale);
        (finite && least.is_finite()).then_some(least)
    }
}

/// Distance of a value of this magnitude to the next one: `bits` behind the point, `smallest` = the least exponent.
fn unit(magnitude: f64, bits: i32, smallest: i32) -> f64 {
    // the exponent of a float64 is read off; zeros and what is smaller still have the least
    let exponent = ((magnitude.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    2_f64.powi(exponent.max(smallest) - bits)
}

/// What one output holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Content {
    /// NaN.
    pub nan: u64,
    /// Infinities.
    pub inf: u64,
    /// The magnitude to which errors are compared: the larger of the root mean square and a quarter of the
    /// largest magnitude. Of a thousand normal values both are about the same; of a peaked output, such as
    /// probabilities, the peak counts.
    pub scale: f64,
    /// Whether all elements are the same, of more than one.
    pub constant: bool,
}

/// How far two outputs are apart, over pairs of finite elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Differences {
    /// Largest magnitude of a difference.
    pub max: f64,
    /// Root mean square of the differences.
    pub rms: f64,
}

impl Differences {
    /// Differences of outputs of as many elements.
    pub fn of(found: &[f32], reference: &[f32]) -> Self {
        let differences = || finite_pairs(found, reference).map(|(a, b)| (a - b).abs());
        let count = differences().count().max(1) as f64;
        let squares: f64 = differences().map(|difference| difference.powi(2)).sum();
        Self { max: differences().fold(0.0, f64::max), rms: (squares / count).sqrt() }
    }

    /// One number for both, as for a scale: the root mean square, or a quarter of the largest if that is more.
    pub fn error(self) -> f64 {
        self.rms.max(self.max / 4.0)
    }
}

fn finite_pairs(found: &[f32], reference: &[f32]) -> impl Iterator<Item = (f64, f64)> {
    let finite = |(a, b): &(&f32, &f32)| a.is_finite() && b.is_finite();
    found.iter().zip(reference).filter(finite).map(|(&a, &b)| (f64::from(a), f64::from(b)))
}

/// Largest magnitude of the finite elements.
pub fn peak(values: &[f32]) -> f64 {
    let finite = values.iter().filter(|value| value.is_finite());
    finite.fold(0.0, |peak: f64, &value| peak.max(f64::from(value).abs()))
}

/// An error relative to a scale. Next to nothing but zeros any difference is infinitely far.
pub fn relative(error: f64, scale: f64) -> f64 {
    match (error, scale) {
        (0.0, _) => 0.0,
        (_, 0.0) => f64::INFINITY,
        _ => error / scale,
    }
}

impl Content {
    /// Looks through an output.
    pub fn of(values: &[f32]) -> Self {
        let nan = values.iter().filter(|v| v.is_nan()).count() as u64;
        let inf = values.iter().filter(|v| v.is_infinite()).count() as u64;
        let finite = || values.iter().filter(|v| v.is_finite()).map(|&v| f64::from(v));
        let count = finite().count().max(1) as f64;
        let rms = (finite().map(|v| v * v).sum::<f64>() / count).sqrt();
        let same = |pair: &[f32]| pair[0].total_cmp(&pair[1]).is_eq();
        let constant = values.len() > 1 && values.windows(2).all(same);
        Self { nan, inf, scale: rms.max(peak(values) / 4.0), constant }
    }
}

/// Compares an output with its reference; both have `dims` and as many elements as that.
pub fn compare(found: &[f32], reference: &[f32], dims: &[usize]) -> Comparison {
    let pairs = || finite_pairs(found, reference);
    let max_rel = pairs()
        .filter(|(_, b)| *b != 0.0)
        .fold(0.0, |max: f64, (a, b)| max.max((a - b).abs() / b.abs()));
    let (found_content, reference_content) = (Content::of(found), Content::of(reference));
    let finite = [found_content, reference_content].iter().all(|c| c.nan + c.inf == 0);
    let classes = classes(dims).filter(|_| finite);
    let units = [(23, -126), (10, -14)].map(|(bits, smallest)| {
        let scale = reference_content.scale;
        let units = |(a, b): (f64, f64)| (a - b).abs() / unit(b.abs().max(scale), bits, smallest);
        pairs().map(units).fold(0.0, f64::max)
    });
    let same =
        |(a, b): &(&f32, &f32)| a.partial_cmp(b) == Some(Equal) || (a.is_nan() && b.is_nan());
    let equal = found.iter().zip(reference).filter(same).count();
    // the largest five of every row, on both sides
    let tops = classes.map(|n| {
        let rows = found.chunks_exact(n).zip(reference.chunks_exact(n));
        rows.map(|(a, b)| (top(a), top(b))).collect::<Vec<_>>()
    });
    let shared = |(a, b): &([usize; 5], [usize; 5])| a.iter().filter(|k| b.contains(k)).count();
    Comparison {
        max_abs: Differences::of(found, reference).max,
        max_rel,
        units,
        equal: if found.is_empty() { 1.0 } else { equal as f64 / found.len() as f64 },
        cosine: if finite { cosine(found, reference) } else { None },
        top1: tops.as_ref().map(|tops| tops.iter().all(|(a, b)| a[0] == b[0])),
        top5: tops.as_ref().map(|tops| {
            tops.iter().map(shared).sum::<usize>() as f64 / (5 * tops.len().max(1)) as f64
        }),
        found: found_content,
        reference: reference_content,
    }
}

/// Number of classes when the output is a list of at least five of them for each image: `N×C` or `N×C×1×1`.
fn classes(dims: &[usize]) -> Option<usize> {
    match dims {
        [_, classes] | [_, classes, 1, 1] if *classes >= 5 => Some(*classes),
        _ => None,
    }
}

/// Indices of the five largest elements, largest first; of equal ones the first counts.
fn top(row: &[f32]) -> [usize; 5] {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]).then(a.cmp(&b)));
    std::array::from_fn(|place| order.get(place).copied().unwrap_or(usize::MAX))
}

fn cosine(a: &[f32], b: &[f32]) -> Option<f64> {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
    };
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    (norms > 0.0).then(|| dot(a, b) / norms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: [f32; 6] = [0.0, 1.0, -2.0, 4.0, 3.0, 0.5];

    #[test]
    fn equal_outputs_agree_in_everything() {
        let same = compare(&REFERENCE, &REFERENCE, &[1, 6]);
        assert_eq!((same.max_abs, same.max_rel), (0.0, 0.0));
        assert_eq!((same.top1, same.top5), (Some(true), Some(1.0)));
        assert!((same.cosine.unwrap() - 1.0).abs() < 1e-12);
        assert!(!same.reference.constant);
    }

    #[test]
    fn differences_are_found_where_they_are() {
        let mut found = REFERENCE;
        found[2] = -2.5;
        found[0] = 0.1;
        let c = compare(&found, &REFERENCE, &[1, 6]);
        assert_eq!((c.max_abs, c.max_rel), (0.5, 0.25));
        found[4] = 5.0;
        let c = compare(&found, &REFERENCE, &[1, 6]);
        assert_eq!(c.top1, Some(false));
        let c = compare(&found, &REFERENCE, &[2, 3]);
        assert_eq!((c.top1, c.top5), (None, None), "three values are no list of classes");
    }

    #[test]
    fn nan_and_infinity_are_counted_on_both_sides() {
        let c = compare(&[f32::NAN, 1.0, f32::INFINITY], &[1.0, f32::NAN, 2.0], &[3]);
        assert_eq!((c.found.nan, c.found.inf, c.reference.nan), (1, 1, 1));
        assert_eq!((c.cosine, c.top1), (None, None));
        assert!(c.max_abs.abs() < 1e-12, "no finite pair is left");
    }

    #[test]
    fn constant_and_peaked_outputs() {
        assert!(Content::of(&[0.001; 1000]).constant);
        assert!(!Content::of(&[7.0]).constant);
        let mut probabilities = [0.0_f32; 1000];
        probabilities[3] = 1.0;
        assert!((Content::of(&probabilities).scale - 0.25).abs() < 1e-12);
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "powers of two are exact")]
    fn units_in_the_last_place() {
        let one = |found: f32, reference: f32| compare(&[found], &[reference], &[1]);
        assert_eq!(one(1.0 + f32::EPSILON, 1.0).ulp(Precision::Fp32), 1.0);
        assert_eq!(one(1.5 + 3.0 * f32::EPSILON, 1.5).ulp(Precision::Fp32), 3.0);
        assert_eq!(one(1.0 + 2_f32.powi(-10), 1.0).ulp(Precision::Fp16), 1.0);
        assert_eq!(one(0.0, 0.0).ulp(Precision::Fp16), 0.0);
        // subnormal in float16: steps of 2^-24
        assert_eq!(one(2_f32.powi(-23), 2_f32.powi(-24)).ulp(Precision::Fp16), 1.0);
        // the scale is 4, so a small element has the unit of 4
        let scale = |small: f32| compare(&[4.0, small], &[4.0, 0.0], &[2]);
        assert!((scale(2_f32.powi(-22)).ulp(Precision::Fp32) - 1.0).abs() < 1e-12);
        assert_eq!(unit(2.82, 23, -126), 2_f64.powi(-22));
    }

    #[test]
    fn the_least_tolerance_is_what_would_pass() {
        let c = compare(&[4.0, 1.0], &[4.0, 0.0], &[2]);
        assert!((c.least_tolerance().unwrap() - 1.0 / 8_f64.sqrt()).abs() < 1e-12);
        assert_eq!(compare(&[0.0; 2], &[0.0; 2], &[2]).least_tolerance(), Some(0.0));
        assert_eq!(compare(&[1.0; 2], &[0.0; 2], &[2]).least_tolerance(), None);
        assert_eq!(compare(&[f32::NAN; 2], &[1.0; 2], &[2]).least_tolerance(), None);
    }

    #[test]
    fn equal_elements_are_counted() {
        let c = compare(&[1.0, f32::NAN, 3.0, 4.0], &[1.0, f32::NAN, 3.0, 5.0], &[4]);
        assert!((c.equal - 0.75).abs() < 1e-12);
        assert!((compare(&[], &[], &[0]).equal - 1.0).abs() < 1e-12);
    }

    proptest::proptest! {
        #[test]
        fn comparing_never_panics_and_is_zero_only_for_equals(
            a in proptest::collection::vec(proptest::num::f32::ANY, 10),
            b in proptest::collection::vec(proptest::num::f32::ANY, 10),
        ) {
            let c = compare(&a, &b, &[2, 5]);
            proptest::prop_assert!(c.max_abs >= 0.0 && c.top5.is_none_or(|share| share <= 1.0));
            let finite = a.iter().chain(&b).all(|v| v.is_finite());
            proptest::prop_assert!(!finite || (c.max_abs == 0.0) == (a == b));
        }
    }
}
