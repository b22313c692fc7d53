//! Transients and steps of series in which they are known.

use super::*;
use crate::simulated::{autoregressive, noise};

fn level(seed: u64, n: usize, phi: f64) -> Vec<f64> {
    autoregressive(seed, n, phi).into_iter().map(|noise| 100.0 + noise).collect()
}

#[test]
fn a_slow_start_is_found_where_it_ends() {
    let mut values = level(1, 3_000, 0.5);
    values.iter_mut().take(140).for_each(|value| *value += 20.0);
    let found = truncation(&values).unwrap();
    assert_eq!(found.at, 140, "{found:?}");
    assert!((found.before - found.after - 20.0).abs() < 0.3, "{found:?}");
}

#[test]
fn a_decay_is_cut_until_it_is_small() {
    let mut values = level(2, 3_000, 0.0);
    for (k, value) in values.iter_mut().enumerate() {
        *value += 10.0 * libm::exp(-(k as f64) / 100.0);
    }
    let found = truncation(&values).unwrap();
    assert!((250..700).contains(&found.at), "{found:?}");
}

#[test]
fn clean_series_start_steady_and_do_not_step() {
    for phi in [0.0, 0.5, 0.9] {
        for seed in 1..=50 {
            let values = level(seed, 2_600, phi);
            assert_eq!(truncation(&values).unwrap().at, 0, "φ = {phi}, seed {seed}");
            assert_eq!(steps(&values), [], "φ = {phi}, seed {seed}");
        }
    }
}

#[test]
fn one_stall_is_no_phase() {
    let mut values = level(3, 2_600, 0.0);
    values[1] = 2_000.0;
    values[1_300] = 2_000.0;
    assert_eq!(truncation(&values).unwrap().at, 0);
    assert_eq!(steps(&values), []);
}

#[test]
fn a_visit_to_another_level_is_two_steps() {
    let mut values = level(4, 3_000, 0.5);
    values[1_000..1_400].iter_mut().for_each(|value| *value += 3.0);
    let found = steps(&values);
    let places: Vec<usize> = found.iter().map(|step| step.at).collect();
    assert_eq!(places.len(), 2, "{found:?}");
    assert!(places[0].abs_diff(1_000) <= 10 && places[1].abs_diff(1_400) <= 10, "{found:?}");
    assert!((found[0].after - found[0].before - 3.0).abs() < 0.3, "{found:?}");
}

#[test]
fn short_and_constant_series() {
    assert_eq!(truncation(&noise(1, 79)), None);
    assert_eq!(truncation(&[5.0; 200]).unwrap().at, 0);
    assert_eq!(steps(&[5.0; 200]), []);
    assert_eq!(steps(&[]), []);
    let mut exact = [5.0; 200];
    exact[100..].fill(6.0);
    assert_eq!(steps(&exact).len(), 1);
}
