//! Two sides, measured in interleaved pairs, and the ratio with its interval.
//!
//! The order within a pair alternates and the ratio is formed within each pair, so that a drift of the
//! machine hits both sides alike.

use std::fmt;
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use crate::ui;

/// Measures both sides `pairs` times and returns what they found; `told` hears of each pair.
pub(super) fn interleave<T>(
    pairs: u32,
    mut ours: impl FnMut() -> anyhow::Result<T>,
    mut theirs: impl FnMut() -> anyhow::Result<T>,
    told: impl Fn(usize, &T, &T),
) -> anyhow::Result<Vec<(T, T)>> {
    let mut found = Vec::new();
    for pair in 0..pairs {
        let (first, second) = if pair % 2 == 0 {
            let ours = ours()?;
            (ours, theirs()?)
        } else {
            let theirs = theirs()?;
            (ours()?, theirs)
        };
        found.push((first, second));
        if let Some((ours, theirs)) = found.last() {
            told(found.len(), ours, theirs);
        }
    }
    Ok(found)
}

/// Runs a command quietly; what it said is shown when it fails.
pub(super) fn must(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        ui::note(String::from_utf8_lossy(&output.stderr).trim_end());
        anyhow::bail!("{} ended with {}", command.get_program().to_string_lossy(), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A number in what a process reported.
pub(super) fn number(of: &Value, key: &str) -> anyhow::Result<f64> {
    of[key].as_f64().with_context(|| format!("no {key} in {of}"))
}

/// The JSON of a command's last line.
pub(super) fn asked(command: &mut Command) -> anyhow::Result<Value> {
    let said = must(command)?;
    let line = said.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))
}

/// A ratio of two sides with its 95 % interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ratio {
    /// The geometric mean of the pairs' ratios.
    pub(super) estimate: f64,
    /// Lower bound.
    pub(super) lower: f64,
    /// Upper bound.
    pub(super) upper: f64,
    pairs: usize,
}

impl Ratio {
    /// The first side over the second, in the quantity that `of` names.
    pub(super) fn new<T>(found: &[(T, T)], of: impl Fn(&T) -> f64) -> Self {
        let logs: Vec<f64> = found.iter().map(|(a, b)| (of(a) / of(b)).ln()).collect();
        let (estimate, lower, upper) = interval(&logs);
        Self { estimate, lower, upper, pairs: found.len() }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { estimate, lower, upper, pairs } = self;
        write!(f, "{estimate:.4}, 95 % [{lower:.4}, {upper:.4}], {pairs} pairs")
    }
}

/// Mean and 95 % t interval of logarithms, as ratios.
fn interval(logs: &[f64]) -> (f64, f64, f64) {
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = t_975(n - 1.0) * (variance / n).sqrt();
    (mean.exp(), (mean - half).exp(), (mean + half).exp())
}

/// The 97.5 % quantile of Student's t, by the expansion in 1/df (Abramowitz and Stegun 26.7.5); right to 0.001 from 9 on.
pub(super) fn t_975(df: f64) -> f64 {
    const Z: f64 = 1.959_963_985;
    let z = |power: i32| Z.powi(power);
    let first = (z(3) + Z) / 4.0;
    let second = (5.0 * z(5) + 16.0 * z(3) + 3.0 * Z) / 96.0;
    let third = (3.0 * z(7) + 19.0 * z(5) + 17.0 * z(3) - 15.0 * Z) / 384.0;
    Z + first / df + second / df.powi(2) + third / df.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_t_are_those_of_the_tables() {
        for (df, expected) in [(9.0, 2.262), (11.0, 2.201), (19.0, 2.093), (30.0, 2.042)] {
            assert!((t_975(df) - expected).abs() < 1e-3, "{df}: {}", t_975(df));
        }
    }

    #[test]
    fn the_interval_of_equal_ratios_is_a_point() {
        let (ratio, lower, upper) = interval(&[0.5_f64.ln(); 10]);
        for value in [ratio, lower, upper] {
            assert!((value - 0.5).abs() < 1e-12);
        }
    }
}
