//! PIL's `Image.resize` with the bilinear filter: antialiased, over bytes, in fixed point.
//!
//! A pixel of the result is a weighted sum of the pixels below a triangle, which is as wide as the step between two
//! pixels of the result when the picture shrinks, and one pixel otherwise. Weights are rounded to 22 bits behind the
//! point. Rows are scaled first and rounded to bytes, then columns. (PIL 13 takes the columns first where the height
//! shrinks by more than the width, and in some tall pictures: a byte in a few is then off by one.)

use super::Picture;

/// Bits behind the point of a weight: 32, less 8 of a pixel, less 2 against overflow.
const BITS: u32 = 22;

/// Scales a picture to `height × width`.
pub(super) fn bilinear(picture: &Picture, height: usize, width: usize) -> Picture {
    let wide = if width == picture.width { picture.clone() } else { rows(picture, width) };
    if height == wide.height { wide } else { columns(&wide, height) }
}

/// The weights of one pixel of the result.
struct Window {
    /// The first pixel that counts.
    start: usize,
    weights: Vec<i64>,
}

/// A window for each of `to` pixels that are made of `from`.
fn windows(from: usize, to: usize) -> Vec<Window> {
    let step = from as f64 / to as f64;
    let support = step.max(1.0);
    let window = |place: usize| {
        let center = (place as f64 + 0.5) * step;
        let start = (center - support + 0.5).max(0.0) as usize;
        let end = ((center + support + 0.5) as usize).min(from);
        let triangle = |pixel: usize| {
            let distance = (pixel as f64 - center + 0.5) * (1.0 / support);
            (1.0 - distance.abs()).max(0.0)
        };
        let raw: Vec<f64> = (start..end).map(triangle).collect();
        let sum: f64 = raw.iter().sum();
        let fixed = |weight: &f64| {
            let share = if sum == 0.0 { *weight } else { weight / sum };
            (0.5 + share * f64::from(1_u32 << BITS)) as i64
        };
        Window { start, weights: raw.iter().map(fixed).collect() }
    };
    (0..to).map(window).collect()
}

/// A sum in fixed point as a byte.
fn byte(sum: i64) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

fn rows(picture: &Picture, width: usize) -> Picture {
    let channels = picture.channels;
    let windows = windows(picture.width, width);
    let mut pixels = Vec::with_capacity(picture.height * width * channels);
    for row in picture.pixels.chunks_exact(picture.width * channels) {
        for window in &windows {
            for channel in 0..channels {
                let pixel = |k: usize| i64::from(row[(window.start + k) * channels + channel]);
                let terms = window.weights.iter().enumerate().map(|(k, weight)| weight * pixel(k));
                pixels.push(byte((1 << (BITS - 1)) + terms.sum::<i64>()));
            }
        }
    }
    Picture { width, pixels, ..*picture }
}

fn columns(picture: &Picture, height: usize) -> Picture {
    let stride = picture.width * picture.channels;
    let mut pixels = Vec::with_capacity(height * stride);
    for window in windows(picture.height, height) {
        let mut sums = vec![1_i64 << (BITS - 1); stride];
        for (k, weight) in window.weights.iter().enumerate() {
            let from = (window.start + k) * stride;
            let row = &picture.pixels[from..from + stride];
            sums.iter_mut().zip(row).for_each(|(sum, &pixel)| *sum += weight * i64::from(pixel));
        }
        pixels.extend(sums.into_iter().map(byte));
    }
    Picture { height, pixels, ..*picture }
}
