//! Values that look like photographs: never zeros, since power and speed depend on the data.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Image-like values for a tensor of shape `dims`, row-major.
///
/// The last two dimensions are taken as height and width. Each plane is a sum of a few smooth waves
/// and a little noise, scaled as torchvision's normalisation leaves photographs: mean near 0,
/// standard deviation near 1, within about ±2.5. The stream of numbers depends on `seed` and `dims` only.
pub fn image_like(seed: u64, dims: &[usize]) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let total: usize = dims.iter().product();
    let (height, width) = match dims {
        [.., height, width] => (*height, *width),
        [width] => (1, *width),
        [] => (1, 1),
    };
    let plane = (height * width).max(1);
    let mut values = Vec::with_capacity(total);
    while values.len() < total {
        let waves: Vec<[f32; 4]> = (0..6)
            .map(|k| {
                let octave = (1 << (k / 2)) as f32;
                let angle = rng.random_range(0.0..std::f32::consts::TAU);
                let phase = rng.random_range(0.0..std::f32::consts::TAU);
                let amplitude = rng.random_range(0.5..1.0) / octave.sqrt();
                [octave * angle.cos(), octave * angle.sin(), phase, amplitude]
            })
            .collect();
        let power: f32 = waves.iter().map(|w| w[3] * w[3] / 2.0).sum::<f32>() + 0.01;
        let scale = 1.0 / power.sqrt();
        for index in 0..plane.min(total - values.len()) {
            let y = (index / width.max(1)) as f32 / height as f32 * std::f32::consts::TAU;
            let x = (index % width.max(1)) as f32 / width as f32 * std::f32::consts::TAU;
            let smooth: f32 =
                waves.iter().map(|[ky, kx, phase, a]| a * (ky * y + kx * x + phase).sin()).sum();
            let noise = rng.random_range(-0.17..0.17_f32);
            values.push((smooth + noise) * scale);
        }
    }
    values
}
