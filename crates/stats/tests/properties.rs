//! Properties that hold for all samples: against slow exact implementations, and under reordering and scaling.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use stats::batch::overlapping;
use stats::correlation::{effective_n, effective_n_above};
use stats::levels::levels;
use stats::outlier::{Fences, Label};
use stats::steady::{steps, truncation};
use stats::{Confidence, Estimator, Moments, Share, order};

fn share() -> impl Strategy<Value = Share> {
    (1_u32..1_000_000).prop_map(|ppm| Share::from_ppm(ppm).unwrap())
}

fn samples(most: usize) -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(0_i64..5_000_000, 1..most)
}

fn sorted(values: &[i64]) -> Vec<i64> {
    let mut values = values.to_vec();
    values.sort_unstable();
    values
}

/// By its definition, counting: the smallest value with at least the share of the samples at or below it.
fn slow_quantile(values: &[i64], share: Share) -> i64 {
    let covers = |value: i64| {
        let below = values.iter().filter(|&&other| other <= value).count() as u128;
        below * 1_000_000 >= values.len() as u128 * u128::from(share.ppm())
    };
    values.iter().copied().filter(|&value| covers(value)).min().unwrap()
}

/// Overlapping batch means by their definition, every batch summed anew.
fn slow_batch_means(values: &[f64], batch: usize) -> f64 {
    let n = values.len() as f64;
    let b = batch as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values
        .windows(batch)
        .map(|window| window.iter().sum::<f64>() / b - mean)
        .map(|away| away * away)
        .sum();
    n * b * squares / ((n - b) * (n - b + 1.0)) / n
}

proptest! {
    #[test]
    fn quantiles_are_those_of_the_definition(values in samples(300), share in share()) {
        let found = Estimator::InverseCdf.of_sorted(&sorted(&values), share).unwrap();
        prop_assert_eq!(found, slow_quantile(&values, share));
    }

    #[test]
    fn quantiles_are_monotone(values in samples(300), a in share(), b in share()) {
        let sorted = sorted(&values);
        let of = |share| Estimator::InverseCdf.of_sorted(&sorted, share).unwrap();
        prop_assert!(of(a.min(b)) <= of(a.max(b)));
    }

    #[test]
    fn bounds_hold_the_estimate_and_widen_with_doubt(
        values in samples(2_000),
        share in share(),
        doubt in 1.0_f64..50.0,
    ) {
        let sorted = sorted(&values);
        let n = sorted.len() as f64;
        let estimate = Estimator::InverseCdf.of_sorted(&sorted, share).unwrap() as f64;
        let of = |effective: f64| order::interval(&sorted, effective, share, Confidence::default());
        let (sure, unsure) = (of(n), of(n / doubt));
        prop_assert!(sure.lower.is_none_or(|lower| lower <= estimate));
        prop_assert!(sure.upper.is_none_or(|upper| upper >= estimate));
        if let (Some((a, b)), Some((c, d))) = (sure.both(), unsure.both()) {
            prop_assert!(c <= a && b <= d);
        }
    }

    #[test]
    fn sums_do_not_depend_on_the_order(values in samples(500), turn in 0_usize..500) {
        let mut turned = values.clone();
        turned.rotate_left(turn % values.len());
        prop_assert_eq!(Moments::of(&values), Moments::of(&turned));
        turned.reverse();
        prop_assert_eq!(Moments::of(&values), Moments::of(&turned));
    }

    #[test]
    fn moments_of_a_concatenation_add_up(a in samples(300), b in samples(300)) {
        let (of_a, of_b) = (Moments::of(&a).unwrap(), Moments::of(&b).unwrap());
        let whole = Moments::of(&[a, b].concat()).unwrap();
        prop_assert_eq!(whole.n, of_a.n + of_b.n);
        prop_assert_eq!(whole.sum, of_a.sum + of_b.sum);
        prop_assert_eq!(whole.min, of_a.min.min(of_b.min));
        prop_assert_eq!(whole.max, of_a.max.max(of_b.max));
    }

    #[test]
    fn batch_means_are_those_of_the_definition(values in samples(400)) {
        let values: Vec<f64> = values.iter().map(|&value| value as f64).collect();
        if let Some(found) = overlapping(&[&values]) {
            let slow = slow_batch_means(&values, found.batch);
            // the larger of this, of the monotone sequence and of independent samples is taken
            prop_assert!(found.variance >= slow * (1.0 - 1e-9), "{found:?} {slow}");
            prop_assert!(found.n_effective >= 1.0 && found.n_effective <= values.len() as f64 + 1e-6);
        }
    }

    #[test]
    fn effective_samples_are_no_more_than_samples(values in samples(500), place in 0_usize..500) {
        let threshold = values[place % values.len()];
        let found = effective_n_above(&[&values], threshold);
        prop_assert!(found.n_effective >= 1.0 && found.n_effective <= values.len() as f64);
        let floats: Vec<f64> = values.iter().map(|&value| value as f64).collect();
        let doubled: Vec<f64> = floats.iter().map(|value| value * 2.0).collect();
        let of = |values: &[f64]| effective_n(&[values]).n_effective;
        prop_assert!((of(&floats) / of(&doubled) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn phases_stay_within_the_series(values in samples(900)) {
        let floats: Vec<f64> = values.iter().map(|&value| value as f64).collect();
        if let Some(found) = truncation(&floats) {
            prop_assert!(found.at <= floats.len() / 2 + 5);
        }
        let found = steps(&floats);
        prop_assert!(found.windows(2).all(|pair| pair[0].at < pair[1].at));
        prop_assert!(found.iter().all(|step| step.at > 0 && step.at < floats.len()));
    }

    #[test]
    fn phases_do_not_depend_on_the_unit(values in samples(600)) {
        let places = |scale: f64| {
            let values: Vec<f64> = values.iter().map(|&value| value as f64 * scale).collect();
            let steps: Vec<usize> = steps(&values).iter().map(|step| step.at).collect();
            (truncation(&values).map(|found| found.at), steps)
        };
        // powers of two scale without rounding
        prop_assert_eq!(places(1.0), places(1024.0));
    }

    #[test]
    fn every_sample_has_one_level(values in samples(600), cut in 0_usize..600) {
        let (left, right) = values.split_at(cut % values.len());
        let found = levels(&[left, right], &sorted(&values), 1.0, 0.005);
        let share: f64 = found.levels.iter().map(|level| level.share).sum();
        prop_assert!((share - 1.0).abs() < 1e-9);
        prop_assert_eq!(found.path[0].len(), left.len());
        prop_assert_eq!(found.path[1].len(), right.len());
        prop_assert!(found.levels.windows(2).all(|pair| pair[0].value < pair[1].value));
    }

    #[test]
    fn labels_add_up_to_the_samples(values in samples(300)) {
        if let Some(fences) = Fences::of_sorted(&sorted(&values), 1.0) {
            let of = |label| fences.count(&values, label);
            let all = of(Label::Usual) + of(Label::Mild) + of(Label::Severe);
            prop_assert_eq!(all, values.len());
            // half of the samples lie between the quartiles
            prop_assert!(of(Label::Usual) * 2 >= values.len());
        }
    }
}
