//! Seeded inputs: what the engines are fed when they are verified, timed and checked.
//!
//! [`fill`] makes the values of one input of a model from a seed, a [`Distribution`] and what is [`Fixed`].
//! The same seed and the same [`Feeds`] give the same values in every stage and on every machine.

mod fixed;
mod image;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};
use serde::{Deserialize, Deserializer};

pub use fixed::{Fixed, parse_input};
pub use image::image_like;

use crate::error::{Error, Result};
use crate::types::{ElementType, TensorSpec};

/// Distance of the seeds of two inputs of one model.
const INPUT_STEP: u64 = 1000;

/// Integers are drawn below this, so that they are valid as indices, lengths and flags.
const SMALL: u8 = 4;

/// Magnitudes of [`Distribution::Wide`], as powers of two: 1/4096 to 32.
const WIDE: std::ops::Range<f32> = -12.0..5.0;

/// How the values of floating-point inputs are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Distribution {
    /// Smooth planes with a little noise, as normalised photographs are; see [`image_like`].
    #[default]
    ImageLike,
    /// Independent, mean 0, standard deviation 1.
    Normal,
    /// Independent, in [0, 1).
    Uniform,
    /// Independent, magnitudes log-uniform from 2⁻¹² to 2⁵, both signs.
    Wide,
}

impl Distribution {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ImageLike, Self::Normal, Self::Uniform, Self::Wide];

    /// The name in pipeline files and artifacts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImageLike => "image-like",
            Self::Normal => "normal",
            Self::Uniform => "uniform",
            Self::Wide => "wide",
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Distribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|known| known.as_str()).collect();
            format!("unknown distribution `{text}`, expected one of `{}`", names.join("`, `"))
        })
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How the inputs of a model are filled: drawn from a distribution, but for those that are fixed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Feeds {
    /// Of the floating-point inputs that are not fixed.
    pub distribution: Distribution,
    /// Inputs that are not drawn, by name.
    pub fixed: BTreeMap<String, Fixed>,
}

impl Feeds {
    /// The same fixed values, another distribution.
    #[must_use]
    pub fn with(&self, distribution: Distribution) -> Self {
        Self { distribution, fixed: self.fixed.clone() }
    }

    /// The fixed inputs as texts, `sr=16000`, for artifacts; [`parse_input`] reads them.
    pub fn fixed_texts(&self) -> Vec<String> {
        self.fixed.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// An engine's error, with the integers and flags that were drawn: few models accept any.
    pub(crate) fn explain(&self, error: Error, inputs: &[TensorSpec]) -> Error {
        let drawn = inputs
            .iter()
            .filter(|spec| !spec.element.is_float() && !self.fixed.contains_key(&spec.name))
            .map(|spec| format!("`{}` ({})", spec.name, spec.element));
        let drawn: Vec<String> = drawn.collect();
        match error {
            Error::Engine { .. } if !drawn.is_empty() => {
                Error::Drawn { inputs: drawn.join(", "), source: Box::new(error) }
            }
            error => error,
        }
    }

    /// Whether the fixed values fit the inputs of a model.
    ///
    /// # Errors
    /// [`Error::Input`]: no input of that name, or a value that its type cannot hold.
    pub fn check(&self, inputs: &[TensorSpec]) -> Result<()> {
        for (name, fixed) in &self.fixed {
            let wrong = |reason: String| Error::Input { input: name.clone(), reason };
            let Some(spec) = inputs.iter().find(|spec| spec.name == *name) else {
                let names: Vec<&str> = inputs.iter().map(|spec| spec.name.as_str()).collect();
                let names = names.join("`, `");
                return Err(wrong(format!(
                    "the model has no such input; its inputs are `{names}`"
                )));
            };
            let value = fixed.value();
            if !spec.element.holds(value) {
                return Err(wrong(format!("{value} does not fit its type {}", spec.element)));
            }
        }
        Ok(())
    }
}

/// The values of input number `index` of a model, row-major, `spec.len()` of them.
///
/// A fixed input has its value everywhere. Otherwise floating-point tensors follow the distribution, bytes are
/// an image of 0 to 255, other integers are drawn from 0 to 3, and flags are 0 or 1. Each input has a stream
/// of its own: its seed is `seed + 1000 · index`.
pub fn fill(feeds: &Feeds, seed: u64, index: usize, spec: &TensorSpec) -> Vec<f32> {
    if let Some(fixed) = feeds.fixed.get(&spec.name) {
        return vec![fixed.value() as f32; spec.len()];
    }
    let seed = seed.wrapping_add(INPUT_STEP.wrapping_mul(index as u64));
    let draw = |range: u8| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..spec.len()).map(|_| f32::from(rng.random_range(0..range))).collect()
    };
    match spec.element {
        ElementType::F32 | ElementType::F16 | ElementType::F64 => {
            floats(feeds.distribution, seed, &spec.dims)
        }
        ElementType::U8 => {
            let image = image_like(seed, &spec.dims);
            image.into_iter().map(|v| (v * 48.0 + 128.0).round().clamp(0.0, 255.0)).collect()
        }
        ElementType::Bool => draw(2),
        ElementType::I64 | ElementType::I32 | ElementType::I8 => draw(SMALL),
    }
}

fn floats(distribution: Distribution, seed: u64, dims: &[usize]) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut each = |value: fn(&mut ChaCha8Rng) -> f32| {
        (0..dims.iter().product()).map(|_| value(&mut rng)).collect()
    };
    match distribution {
        Distribution::ImageLike => image_like(seed, dims),
        Distribution::Normal => each(|rng| StandardNormal.sample(rng)),
        Distribution::Uniform => each(|rng| rng.random_range(0.0..1.0)),
        Distribution::Wide => each(|rng| {
            let magnitude = rng.random_range(WIDE).exp2();
            if rng.random_range(0..2) == 0 { magnitude } else { -magnitude }
        }),
    }
}

#[cfg(test)]
mod tests;
