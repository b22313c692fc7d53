//! Weights drawn from a seed, so that a chain can be run where no trained weights are.
//!
//! They time like trained ones and carry no meaning: He initialisation for convolutions, scales near 1, and
//! near 1/√n at the end of each of n residual branches: all branches together then weigh as much as the
//! shortcut, and rounding errors are magnified about as by trained weights. (At twice that, ResNet-50 magnifies
//! them five times as much.) Running statistics and the
//! classifier's scale come from [`super::calibrate`]. Each tensor has a stream of its own, by its name.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use pipeline::Digest;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};

use super::{Parameter, Role, Weights};

/// Standard deviation of the logits over classes: that of a trained ResNet-50 on photographs.
const LOGIT_DEVIATION: f64 = 1.5;

/// A seeded source.
#[derive(Clone, Debug)]
pub struct Synthetic {
    seed: u64,
    statistics: Option<Statistics>,
}

/// What calibration measured.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Running means and variances by name.
    pub running: HashMap<String, Vec<f32>>,
    /// Mean of each feature before the classifier.
    pub feature_mean: Vec<f64>,
    /// Root mean square distance of the features of one image from their mean.
    pub feature_spread: f64,
}

impl Synthetic {
    /// A source without statistics: good for the calibrating graph only.
    pub fn uncalibrated(seed: u64) -> Self {
        Self { seed, statistics: None }
    }

    /// The same source with what calibration measured.
    #[must_use]
    pub fn with(mut self, statistics: Statistics) -> Self {
        self.statistics = Some(statistics);
        self
    }

    fn stream(&self, name: &str) -> ChaCha8Rng {
        let fields = [("seed", self.seed.to_string()), ("tensor", name.to_owned())];
        let digest = Digest::of_fields(fields);
        let mut key = [0_u8; 32];
        for (byte, pair) in key.iter_mut().zip(digest.as_str().as_bytes().chunks_exact(2)) {
            let digit = |d: u8| (d as char).to_digit(16).unwrap_or(0) as u8;
            *byte = 16 * digit(pair[0]) + digit(pair[1]);
        }
        ChaCha8Rng::from_seed(key)
    }

    /// One window for each channel, whose centre outweighs the rest, as in trained networks. Where it does not,
    /// channels are left that hold little but differences of neighbours: normalisation raises them, and with
    /// them the rounding errors.
    fn depthwise(&self, name: &str, count: usize, window: usize, deviation: f32) -> Vec<f32> {
        let mut values = self.normal(name, count, 0.0, deviation / 2.0);
        values
            .iter_mut()
            .skip(window / 2)
            .step_by(window.max(1))
            .for_each(|v| *v += 3.0 * deviation);
        values
    }

    fn statistics(&self) -> Result<&Statistics> {
        self.statistics.as_ref().context("synthetic weights were not calibrated")
    }

    fn uniform(&self, name: &str, count: usize, bound: f64) -> Vec<f32> {
        let mut rng = self.stream(name);
        (0..count).map(|_| (bound * rng.random_range(-1.0..1.0_f64)) as f32).collect()
    }

    fn normal(&self, name: &str, count: usize, mean: f32, deviation: f32) -> Vec<f32> {
        let mut rng = self.stream(name);
        let mut draw = || -> f32 { StandardNormal.sample(&mut rng) };
        (0..count).map(|_| mean + deviation * draw()).collect()
    }

    /// Uniform weights, scaled so that logits spread as [`LOGIT_DEVIATION`] says.
    fn linear(&self, name: &str, count: usize) -> Result<Vec<f32>> {
        let bound = 3_f64.sqrt() * LOGIT_DEVIATION / self.statistics()?.feature_spread;
        Ok(self.uniform(name, count, bound))
    }

    /// Cancels what all images have in common, so that the logits tell images apart.
    fn bias(&self, name: &str, classes: usize, inputs: usize) -> Result<Vec<f32>> {
        let weight = name.strip_suffix(".bias").unwrap_or(name).to_owned() + ".weight";
        let weight = self.linear(&weight, classes * inputs)?;
        let mean = &self.statistics()?.feature_mean;
        anyhow::ensure!(mean.len() == inputs, "{inputs} features expected, {} seen", mean.len());
        let own = self.uniform(name, classes, 1.0 / (inputs as f64).sqrt());
        let common =
            |row: &[f32]| row.iter().zip(mean).map(|(w, m)| f64::from(*w) * m).sum::<f64>();
        let rows = weight.chunks_exact(inputs.max(1));
        Ok(own.iter().zip(rows).map(|(own, row)| (f64::from(*own) - common(row)) as f32).collect())
    }
}

impl Weights for Synthetic {
    fn tensor(&self, parameter: &Parameter<'_>) -> Result<Vec<f32>> {
        let Parameter { name, shape, role } = *parameter;
        let count: usize = shape.iter().product();
        let running = || {
            let values = self.statistics()?.running.get(name);
            let values = values.with_context(|| format!("calibration gave no {name}"))?;
            anyhow::ensure!(values.len() == count, "calibration gave {} {name}", values.len());
            Ok(values.clone())
        };
        match role {
            Role::Conv { groups } => {
                // all inputs of a group that one output reaches back to
                let inputs = shape.get(1).copied().unwrap_or(1).max(1);
                let outputs = count / inputs / groups.max(1);
                let deviation = (2.0 / outputs.max(1) as f32).sqrt();
                Ok(match *shape {
                    [_, 1, height, width] if groups > 1 => {
                        self.depthwise(name, count, height * width, deviation)
                    }
                    _ => self.normal(name, count, 0.0, deviation),
                })
            }
            Role::Scale { mean } => {
                let near = self.normal(name, count, mean, 0.1 * mean);
                Ok(near.into_iter().map(|v| v.clamp(0.5 * mean, 1.5 * mean)).collect())
            }
            Role::Shift { mean } => Ok(self.normal(name, count, mean, 0.1)),
            Role::RunningMean | Role::RunningVariance => running(),
            Role::Hidden { inputs, gain } => {
                Ok(self.normal(name, count, 0.0, gain * (2.0 / inputs.max(1) as f32).sqrt()))
            }
            Role::Linear { .. } => self.linear(name, count),
            Role::Bias { inputs } => self.bias(name, count, inputs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(seed: u64, name: &str, shape: &[usize], role: Role) -> Vec<f32> {
        Synthetic::uncalibrated(seed).tensor(&Parameter { name, shape, role }).unwrap()
    }

    #[test]
    fn filters_have_the_deviation_of_he() {
        let values = tensor(1, "conv1.weight", &[64, 32, 3, 3], Role::Conv { groups: 1 });
        let power: f32 = values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32;
        assert!((power * (64.0 * 9.0) / 2.0 - 1.0).abs() < 0.05, "{power}");
    }

    #[test]
    fn streams_repeat_and_differ_by_seed_and_name() {
        let draw = |seed, name| tensor(seed, name, &[8], Role::Shift { mean: 0.0 });
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
    }

    #[test]
    fn statistics_are_not_invented() {
        let parameter = Parameter { name: "m", shape: &[2], role: Role::RunningMean };
        assert!(Synthetic::uncalibrated(1).tensor(&parameter).is_err());
    }
}
