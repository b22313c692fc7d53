//! Weights from a seed: each tensor has a stream of its own, by its name.

use pipeline::Digest;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};

use super::roles::{Role, Weight};

/// Means of what normalises.
#[derive(Clone, Copy)]
pub(super) struct Means {
    /// Of a scale.
    pub(super) scale: f32,
    /// Of a shift.
    pub(super) shift: f32,
}

/// The elements of a weight before calibration.
pub(super) fn draw(weight: &Weight, seed: u64, means: Means) -> Vec<f32> {
    let gain = means.scale;
    let count: usize = weight.dims.iter().product();
    let mut rng = stream(seed, &weight.name);
    let mut normal = || -> f32 { StandardNormal.sample(&mut rng) };
    let mut around = |mean: f32, deviation: f32| -> Vec<f32> {
        (0..count).map(|_| mean + deviation * normal()).collect()
    };
    match weight.role {
        Role::Filters { fan_in } => around(0.0, (2.0 / fan_in as f32).sqrt()),
        Role::Bias => around(0.0, 0.1),
        Role::Shift => around(means.shift, 0.1),
        Role::Scale => {
            let near = around(gain, 0.1 * gain);
            near.into_iter().map(|value| value.clamp(0.5 * gain, 1.5 * gain)).collect()
        }
        Role::Slope => around(0.25, 0.02),
        Role::Table => around(0.0, 1.0),
        Role::Mean => vec![0.0; count],
        Role::Variance => vec![1.0; count],
        Role::Recurrent { hidden } => {
            let bound = 1.0 / (hidden as f32).sqrt();
            (0..count).map(|_| rng.random_range(-bound..bound)).collect()
        }
    }
}

fn stream(seed: u64, name: &str) -> ChaCha8Rng {
    let fields = [("reweight", seed.to_string()), ("tensor", name.to_owned())];
    let digest = Digest::of_fields(fields);
    let mut key = [0_u8; 32];
    for (byte, pair) in key.iter_mut().zip(digest.as_str().as_bytes().chunks_exact(2)) {
        let digit = |d: u8| (d as char).to_digit(16).unwrap_or(0) as u8;
        *byte = 16 * digit(pair[0]) + digit(pair[1]);
    }
    ChaCha8Rng::from_seed(key)
}

/// The number with 8 significant bits, so that an engine's last bits do not show.
pub(super) fn coarse(value: f32) -> f32 {
    const DROPPED: u32 = 24 - 8;
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(1 << (DROPPED - 1)) & !((1 << DROPPED) - 1);
    if value.is_finite() { f32::from_bits(rounded) } else { value }
}
