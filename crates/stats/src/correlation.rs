//! Effective number of samples: how many independent ones tell as much about the mean as these.
//!
//! Neighbouring inferences share their clock, cache and interference. The variance of a mean is then
//! τ σ² ÷ n with the integrated autocorrelation time τ = 1 + 2 Σ ρ(k), and n ÷ τ is the effective n.

/// What the autocorrelation of a series says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// Samples.
    pub n: usize,
    /// n ÷ τ, at least 1 and at most n.
    pub n_effective: f64,
    /// Integrated autocorrelation time, at least 1.
    pub time: f64,
    /// Lags that were added up.
    pub lags: usize,
}

/// Effective n of the mean of segments that are each in order of time; lags do not cross segments.
///
/// Formula: autocovariances around each segment's own mean, pooled over segments; their pairs
/// ρ(2k) + ρ(2k+1) are added while they are positive, each no larger than the one before
/// (Geyer, 1992, initial monotone sequence). At most ten times the root of the longest segment's length in lags.
/// Assumes that each segment is stationary; trends make the effective n smaller, which is the safe side.
/// Negative correlation is not counted as a gain.
pub fn effective_n(segments: &[&[f64]]) -> Correlation {
    let centred: Vec<Vec<f64>> = segments
        .iter()
        .filter(|segment| !segment.is_empty())
        .map(|segment| {
            let mean = segment.iter().sum::<f64>() / segment.len() as f64;
            segment.iter().map(|value| value - mean).collect()
        })
        .collect();
    let n: usize = centred.iter().map(Vec::len).sum();
    let longest = centred.iter().map(Vec::len).max().unwrap_or(0);
    let covariance =
        |lag: usize| -> f64 { centred.iter().map(|segment| lagged_product(segment, lag)).sum() };
    initial_monotone(n, most_lags(longest), covariance)
}

/// Lags at which a sequence over segments of this length ends at the latest.
pub(crate) fn most_lags(longest: usize) -> usize {
    (longest / 2).min((10.0 * (longest as f64).sqrt()) as usize)
}

/// Geyer's initial monotone sequence over the autocovariances of `n` samples, up to `most` lags.
pub(crate) fn initial_monotone(
    n: usize,
    most: usize,
    covariance: impl Fn(usize) -> f64,
) -> Correlation {
    let variance = covariance(0);
    let independent = Correlation { n, n_effective: n as f64, time: 1.0, lags: 0 };
    if n < 4 || variance <= 0.0 {
        return independent;
    }
    let mut sum = 0.0;
    let mut smallest = f64::INFINITY;
    let mut lag = 0;
    while lag < most {
        let even = if lag == 0 { variance } else { covariance(lag) };
        let pair = (even + covariance(lag + 1)) / variance;
        if pair <= 0.0 {
            break;
        }
        smallest = smallest.min(pair);
        sum += smallest;
        lag += 2;
    }
    let time = (2.0 * sum - 1.0).max(1.0);
    Correlation { n, n_effective: (n as f64 / time).max(1.0), time, lags: lag }
}

/// Effective n of the share of values above `threshold`: that of the exceedance indicator.
pub fn effective_n_above(segments: &[&[i64]], threshold: i64) -> Correlation {
    let indicators: Vec<Vec<f64>> = segments
        .iter()
        .map(|segment| {
            segment.iter().map(|&value| f64::from(u8::from(value > threshold))).collect()
        })
        .collect();
    let indicators: Vec<&[f64]> = indicators.iter().map(Vec::as_slice).collect();
    effective_n(&indicators)
}

/// Sums that run side by side in [`lagged_product`].
const LANES: usize = 8;

/// Σ x(t) x(t + lag), in eight interleaved sums that are added in a fixed order: as fast as the
/// processor allows and the same on every one.
fn lagged_product(values: &[f64], lag: usize) -> f64 {
    if lag >= values.len() {
        return 0.0;
    }
    let (left, right) = (&values[..values.len() - lag], &values[lag..]);
    let mut lanes = [0.0; LANES];
    let (left_chunks, right_chunks) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let rest = left_chunks.remainder().iter().zip(right_chunks.remainder());
    let rest: f64 = rest.map(|(a, b)| a * b).sum();
    for (a, b) in left_chunks.zip(right_chunks) {
        for k in 0..LANES {
            lanes[k] += a[k] * b[k];
        }
    }
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::{autoregressive, noise};

    #[test]
    fn independent_noise_keeps_most_of_its_samples() {
        for seed in 1..20 {
            let series = noise(seed, 10_000);
            let found = effective_n(&[&series]);
            assert!(found.n_effective > 8_000.0, "{found:?}");
        }
    }

    #[test]
    fn autoregression_has_its_known_time() {
        // τ = (1 + φ) ÷ (1 − φ)
        for (phi, expected) in [(0.5, 3.0), (0.9, 19.0)] {
            let times: Vec<f64> = (1..=20)
                .map(|seed| effective_n(&[&autoregressive(seed, 20_000, phi)]).time)
                .collect();
            let mean = times.iter().sum::<f64>() / times.len() as f64;
            assert!((mean / expected - 1.0).abs() < 0.1, "φ = {phi}: {mean}");
        }
    }

    #[test]
    fn segments_are_not_joined() {
        // two levels: joined they would look like one long correlation
        let low = noise(1, 500);
        let high: Vec<f64> = noise(2, 500).iter().map(|value| value + 100.0).collect();
        assert!(effective_n(&[&low, &high]).n_effective > 700.0);
        let joined: Vec<f64> = low.iter().chain(&high).copied().collect();
        assert!(effective_n(&[&joined]).n_effective < 10.0);
    }

    #[test]
    fn a_burst_of_slow_samples_tells_little_about_the_tail() {
        let mut values = vec![100_i64; 12_000];
        values[5_000..5_124].fill(130);
        let found = effective_n_above(&[&values], 110);
        assert!(found.n_effective < 300.0, "{found:?}");
        let mut spread = vec![100_i64; 12_000];
        (0..124).for_each(|k| spread[k * 97] = 130);
        assert!(effective_n_above(&[&spread], 110).n_effective > 10_000.0);
    }

    #[test]
    fn degenerate_series() {
        assert_eq!(effective_n(&[]).n, 0);
        assert!((effective_n(&[&[1.0; 50]]).n_effective - 50.0).abs() < 1e-12);
        assert!((effective_n(&[&[1.0], &[], &[2.0]]).n_effective - 2.0).abs() < 1e-12);
    }
}
