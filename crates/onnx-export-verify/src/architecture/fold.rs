//! BatchNormalization multiplied into the convolution before it.

/// What BatchNormalization adds to the variance, PyTorch's default.
pub(super) const EPSILON: f32 = 1e-5;

/// Multiplies scale ÷ deviation into the filters, which lie one after another, and returns the bias.
pub(super) fn fold(
    filters: &mut [f32],
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    variance: &[f32],
    epsilon: f32,
) -> Vec<f32> {
    let size = filters.len() / gamma.len().max(1);
    let channel = |(index, filter): (usize, &mut [f32])| {
        let deviation = (f64::from(variance[index]) + f64::from(epsilon)).sqrt();
        let factor = f64::from(gamma[index]) / deviation;
        for weight in filter {
            *weight = (f64::from(*weight) * factor) as f32;
        }
        (f64::from(beta[index]) - f64::from(mean[index]) * factor) as f32
    };
    filters.chunks_exact_mut(size.max(1)).enumerate().map(channel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_is_the_same_function() {
        let mut filters = [2.0, -1.0, 0.5, 4.0];
        let bias =
            fold(&mut filters, &[1.5, 0.5], &[0.1, -0.2], &[0.3, -0.7], &[4.0, 0.25], EPSILON);
        let expected = |w: f32, gamma: f32, variance: f32| w * gamma / (variance + 1e-5).sqrt();
        assert!((filters[0] - expected(2.0, 1.5, 4.0)).abs() < 1e-6);
        assert!((filters[3] - expected(4.0, 0.5, 0.25)).abs() < 1e-6);
        assert!((bias[0] - (0.1 - 0.3 * expected(1.0, 1.5, 4.0))).abs() < 1e-6);
        assert!((bias[1] - (-0.2 + 0.7 * expected(1.0, 0.5, 0.25))).abs() < 1e-6);
    }
}
