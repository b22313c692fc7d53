//! Variance of a mean by overlapping batch means, for samples that depend on each other.

use crate::correlation::effective_n;
use crate::interval::{Confidence, Interval};
use crate::special::t_quantile;

/// Batch length in integrated autocorrelation times: the estimate is low by about 1 ÷ (2 · 10).
const TIMES: f64 = 10.0;
/// At least this many batches fit into a segment side by side.
const FEWEST: usize = 20;

/// What overlapping batches say of a mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchMeans {
    /// Samples.
    pub n: usize,
    /// Samples in a batch.
    pub batch: usize,
    /// Variance of the mean of all samples, in their unit squared.
    pub variance: f64,
    /// Degrees of freedom of that variance.
    pub df: f64,
    /// Independent samples with the same variance of their mean, at most n.
    pub n_effective: f64,
}

/// Overlapping batch means over segments that are each in order of time; batches do not cross segments.
///
/// Formula (Meketon and Schmeiser, 1984): with the means m(j) of every run of b neighbours,
/// σ² = b Σ (m(j) − x̄)² ÷ Σ (n − b + 1)(n − b)/n, both sums over segments, each around its own mean;
/// the variance of the mean is σ² ÷ n. Degrees of freedom: 3/2 (n/b − 1) (Meketon and Schmeiser).
/// Batch length: ten autocorrelation times (see [`effective_n`]), at least √n of a segment and at most a
/// twentieth of one (the trade-off of Flegal and Jones, 2010).
/// Assumes segments that are stationary and longer than twenty times what they remember.
/// Batches of a twentieth of a segment see too little where the memory is long, so the variance by the initial
/// monotone sequence ([`effective_n`]; Geyer, 1992) is taken where it is the larger; and a variance below that of
/// independent samples is not believed. `None` below eight samples in every segment.
pub fn overlapping(segments: &[&[f64]]) -> Option<BatchMeans> {
    let segments: Vec<&[f64]> =
        segments.iter().copied().filter(|segment| segment.len() >= 8).collect();
    let n: usize = segments.iter().map(|segment| segment.len()).sum();
    let longest = segments.iter().map(|segment| segment.len()).max()?;
    let memory = effective_n(&segments).time;
    let batch = ((TIMES * memory) as usize)
        .max((longest as f64).sqrt() as usize)
        .min(longest / FEWEST)
        .max(1);
    let (mut squares, mut weight, mut own_squares) = (0.0, 0.0, 0.0);
    for segment in &segments {
        let mean = segment.iter().sum::<f64>() / segment.len() as f64;
        own_squares += segment.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
        // a segment too short for a batch of its own tells nothing of the long run
        if segment.len() > batch {
            squares += squares_of_batches(segment, batch, mean);
            let length = segment.len() as f64;
            let starts = (segment.len() - batch + 1) as f64;
            weight += starts * (length - batch as f64) / length;
        }
    }
    let independent = own_squares / (n - segments.len()) as f64;
    let long_run = (batch as f64 * squares / weight).max(memory * independent);
    let n_effective = if long_run > 0.0 { n as f64 * independent / long_run } else { n as f64 };
    Some(BatchMeans {
        n,
        batch,
        variance: long_run / n as f64,
        df: (1.5 * (n as f64 / batch as f64 - 1.0)).max(1.0),
        n_effective: n_effective.max(1.0),
    })
}

/// Σ (m(j) − mean)² over every run of `batch` neighbours.
fn squares_of_batches(segment: &[f64], batch: usize, mean: f64) -> f64 {
    // sums around the mean, so that a long run of additions and subtractions loses nothing that counts
    let mut sum: f64 = segment[..batch].iter().map(|value| value - mean).sum();
    let mut squares = sum * sum;
    for (leaves, enters) in segment.iter().zip(&segment[batch..]) {
        sum += enters - leaves;
        squares += sum * sum;
    }
    squares / (batch as f64 * batch as f64)
}

impl BatchMeans {
    /// The interval of a mean: mean ± t · √variance.
    pub fn interval(&self, mean: f64, confidence: Confidence) -> Interval {
        let half = t_quantile(1.0 - confidence.tail(), self.df) * self.variance.sqrt();
        Interval::new(mean - half, mean + half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::{autoregressive, noise};

    #[test]
    fn the_formula_of_a_small_series() {
        // n = 8: batches of one are the samples themselves, the variance is s² ÷ n
        let series = [1.0, 2.0, 4.0, 3.0, 5.0, 2.0, 1.0, 6.0];
        let found = overlapping(&[&series]).unwrap();
        let squares: f64 = series.iter().map(|value| (value - 3.0) * (value - 3.0)).sum();
        assert_eq!(found.batch, 1);
        assert!((found.variance - squares / 7.0 / 8.0).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn it_finds_the_long_run_variance_of_an_autoregression() {
        // variance of the mean = σ² ÷ (1 − φ)² ÷ n for noise of variance σ² = 1 ÷ 12
        let n = 20_000;
        for phi in [0.5, 0.9] {
            let expected = 1.0 / 12.0 / ((1.0 - phi) * (1.0 - phi)) / n as f64;
            let found: f64 = (1..=20)
                .map(|seed| overlapping(&[&autoregressive(seed, n, phi)]).unwrap().variance)
                .sum::<f64>()
                / 20.0;
            assert!((found / expected - 1.0).abs() < 0.1, "φ = {phi}: {found} for {expected}");
        }
    }

    #[test]
    fn levels_of_segments_do_not_count() {
        let low = noise(1, 2_000);
        let high: Vec<f64> = noise(2, 2_000).iter().map(|value| value + 100.0).collect();
        let found = overlapping(&[&low, &high]).unwrap();
        assert!(found.n_effective > 2_000.0, "{found:?}");
    }

    #[test]
    fn small_and_constant_series() {
        assert_eq!(overlapping(&[]), None);
        assert_eq!(overlapping(&[&[1.0; 7]]), None);
        let still = overlapping(&[&[5.0; 100]]).unwrap();
        assert!(still.variance.abs() < 1e-12 && (still.n_effective - 100.0).abs() < 1e-9);
    }
}
