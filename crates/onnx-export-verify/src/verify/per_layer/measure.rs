//! The figures of one value. Pure.

use pipeline::artifact::LayerErrorRow;

use super::graph::Pair;
use super::{Names, Request};
use crate::verify::compare::{Content, Differences, peak, relative};

/// What was found of one value over all inputs: the worst of each figure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Found {
    sets: u32,
    elements: usize,
    max_abs: f64,
    rms_rel: f64,
    error: f64,
    scale: f64,
    max_value: f64,
    nan: u64,
    inf: u64,
    reference_nonfinite: u64,
    /// Not finite where the reference is.
    broken: u64,
}

impl Found {
    /// Takes one inference in.
    pub(super) fn add(&mut self, values: &[f32], reference: &[f32]) {
        let (found, expected) = (Content::of(values), Content::of(reference));
        let differences = Differences::of(values, reference);
        let scale = expected.scale;
        let broken = |(a, b): &(&f32, &f32)| !a.is_finite() && b.is_finite();
        self.sets += 1;
        self.elements = values.len();
        self.max_abs = self.max_abs.max(differences.max);
        self.rms_rel = self.rms_rel.max(relative(differences.rms, scale));
        self.error = self.error.max(relative(differences.error(), scale));
        self.scale = self.scale.max(scale);
        self.max_value = self.max_value.max(peak(reference));
        self.nan += found.nan;
        self.inf += found.inf;
        self.reference_nonfinite += expected.nan + expected.inf;
        self.broken += values.iter().zip(reference).filter(broken).count() as u64;
    }

    /// The row of a value.
    pub(super) fn row(
        &self,
        request: &Request<'_>,
        names: &Names,
        pair: &Pair,
        tolerance: f64,
    ) -> LayerErrorRow {
        LayerErrorRow {
            model_digest: names.digest.clone(),
            precision: request.precision.to_string(),
            engine: names.engine.clone(),
            reference: names.reference.clone(),
            input_sets: self.sets.into(),
            layer: pair.layer as i64,
            name: pair.reference.clone(),
            node: pair.node.clone(),
            op_type: pair.op_type.clone(),
            elements: self.elements as i64,
            max_abs: self.max_abs,
            rms_rel: self.rms_rel,
            error: self.error,
            scale: self.scale,
            max_value: self.max_value,
            nan_count: self.nan as i64,
            inf_count: self.inf as i64,
            reference_nonfinite_count: self.reference_nonfinite as i64,
            tolerance,
            departs: self.broken > 0 || self.error > tolerance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_relative_to_the_scale() {
        let mut found = Found::default();
        found.add(&[1.0, -1.0, 1.0, -0.9], &[1.0, -1.0, 1.0, -1.0]);
        assert!((found.scale - 1.0).abs() < 1e-12 && (found.max_abs - 0.1).abs() < 1e-6);
        assert!((found.rms_rel - 0.05).abs() < 1e-6 && (found.error - 0.05).abs() < 1e-6);
        found.add(&[f32::INFINITY, f32::NAN, 1.0, 1.0], &[1.0, 1.0, 1.0, f32::NAN]);
        assert_eq!((found.nan, found.inf, found.reference_nonfinite, found.broken), (1, 1, 1, 2));
        assert!((found.error - 0.05).abs() < 1e-6, "the worst of both inputs");
    }

    #[test]
    fn a_single_wrong_element_counts() {
        let (mut values, reference) = (vec![1.0_f32; 100_000], vec![1.0_f32; 100_000]);
        values[7] = 0.0;
        let mut found = Found::default();
        found.add(&values, &reference);
        assert!((found.error - 0.25).abs() < 1e-9 && found.rms_rel < 0.01);
        let mut zeros = Found::default();
        zeros.add(&[0.0, 1e-9], &[0.0, 0.0]);
        assert!(zeros.error.is_infinite());
    }
}
