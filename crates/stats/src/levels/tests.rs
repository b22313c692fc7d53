//! Levels of series whose levels are known.

use super::*;
use crate::simulated::{autoregressive, noise};

fn around(noise: Vec<f64>, centre: f64, scale: f64) -> Vec<i64> {
    noise.into_iter().map(|noise| (centre + scale * noise) as i64).collect()
}

fn found(segments: &[&[i64]]) -> Levels {
    let mut sorted: Vec<i64> = segments.concat();
    sorted.sort_unstable();
    levels(segments, &sorted, 1.0, 0.005)
}

/// Stays at 1 % more for `stay` samples every `every`.
fn visits(seed: u64, n: usize, every: usize, stay: usize, step: f64) -> Vec<i64> {
    let mut values = around(autoregressive(seed, n, 0.5), 2e6, 2e4);
    for start in (every / 2..n).step_by(every) {
        let end = (start + stay).min(n);
        values[start..end].iter_mut().for_each(|v| *v = (*v as f64 * (1.0 + step)) as i64);
    }
    values
}

#[test]
fn one_level_of_clean_series() {
    for phi in [0.0, 0.5, 0.9] {
        for seed in 1..=50 {
            let values = around(autoregressive(seed, 13_000, phi), 2e6, 1e4);
            assert_eq!(found(&[&values]).levels.len(), 1, "φ = {phi}, seed {seed}");
        }
    }
}

#[test]
fn two_clocks_are_two_levels_and_their_visits_are_counted() {
    for (every, stay) in [(1_300, 100), (13_000, 430), (130, 30)] {
        let values = visits(3, 13_000, every, stay, 0.05);
        let found = found(&[&values]);
        assert_eq!(found.levels.len(), 2, "{every} {stay}: {:?}", found.levels);
        let rare = found.levels[1];
        assert_eq!(rare.visits, 13_000 / every, "{every} {stay}: {:?}", found.levels);
        let share = stay as f64 / every as f64;
        assert!((rare.share - share).abs() < 0.003, "{:?}", found.levels);
        assert!((rare.value / found.levels[0].value - 1.05).abs() < 0.005);
    }
}

#[test]
fn a_mixture_that_hops_visits_often() {
    let coin = noise(9, 13_000);
    let values: Vec<i64> = around(noise(8, 13_000), 2e6, 2e4)
        .into_iter()
        .zip(coin)
        .map(|(value, coin)| if coin > 0.4 { value + 200_000 } else { value })
        .collect();
    let found = found(&[&values]);
    assert!(found.levels[1].visits > 1_000, "{:?}", found.levels);
}

#[test]
fn rounds_that_differ_a_little_are_no_levels() {
    let rounds: Vec<Vec<i64>> =
        (0..5).map(|k| around(noise(k, 2_600), 2e6 + 8e3 * (k * 7 % 5) as f64, 1e3)).collect();
    let rounds: Vec<&[i64]> = rounds.iter().map(Vec::as_slice).collect();
    assert_eq!(found(&rounds).levels.len(), 1);
}

#[test]
fn stalls_and_steps_of_the_clock_are_no_levels() {
    let mut values = around(noise(1, 13_000), 2e6, 2e4);
    values[500] = 40_000_000;
    values[9_000] = 42_000_000;
    assert_eq!(found(&[&values]).levels.len(), 1);
    // a clock of 20 µs at 2 ms
    let coarse: Vec<i64> = values.iter().map(|value| value / 20_000 * 20_000).collect();
    let mut sorted = coarse.clone();
    sorted.sort_unstable();
    assert_eq!(levels(&[&coarse], &sorted, 20_000.0, 0.005).levels.len(), 1);
}

#[test]
fn few_and_constant_samples() {
    assert_eq!(found(&[&[5; 500]]).levels.len(), 1);
    assert_eq!(found(&[&[1, 2, 3]]).levels.len(), 1);
    assert_eq!(found(&[]).levels.len(), 1);
}

#[test]
fn outliers_do_not_make_one_long_visit_many() {
    let mut values = visits(3, 13_000, 13_000, 430, 0.05);
    (0..60).for_each(|k| values[k * 200 + 7] = 2_100_000);
    let found = found(&[&values]);
    assert_eq!(found.levels.len(), 2, "{:?}", found.levels);
    assert_eq!(found.levels[1].visits, 1, "{:?}", found.levels);
}
