//! Mean, spread and extremes of integers, summed exactly.

/// What a set of integers adds up to. Sums are exact, so their order does not matter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Number of values.
    pub n: usize,
    /// Exact sum.
    pub sum: i128,
    /// Smallest value.
    pub min: i64,
    /// Largest value.
    pub max: i64,
    /// Sum ÷ n.
    pub mean: f64,
    /// Sample standard deviation, with n − 1; zero for one value.
    pub sd: f64,
}

impl Moments {
    /// The moments of `values`; `None` when there are none.
    ///
    /// Formula: with d = x − min, variance = (n Σd² − (Σd)²) ÷ (n (n − 1)), numerator in exact 128-bit
    /// integers; only when that overflows (a spread of hours over millions of values) by two passes in floats.
    pub fn of(values: &[i64]) -> Option<Self> {
        let (&min, &max) = (values.iter().min()?, values.iter().max()?);
        let n = values.len();
        let sum: i128 = values.iter().map(|&value| i128::from(value)).sum();
        let mean = sum as f64 / n as f64;
        let variance = exact_variance(values, min).unwrap_or_else(|| {
            let squares: f64 = values
                .iter()
                .map(|&value| {
                    let d = value as f64 - mean;
                    d * d
                })
                .sum();
            squares / (n as f64 - 1.0)
        });
        Some(Self { n, sum, min, max, mean, sd: variance.sqrt() })
    }

    /// Coefficient of variation: standard deviation ÷ mean; `None` when the mean is zero.
    pub fn cv(&self) -> Option<f64> {
        (self.sum != 0).then(|| self.sd / self.mean)
    }
}

fn exact_variance(values: &[i64], min: i64) -> Option<f64> {
    let n = i128::try_from(values.len()).ok()?;
    if n < 2 {
        return Some(0.0);
    }
    let (mut sum, mut squares) = (0_i128, 0_i128);
    for &value in values {
        let d = i128::from(value) - i128::from(min);
        sum += d;
        squares = squares.checked_add(d.checked_mul(d)?)?;
    }
    let numerator = n.checked_mul(squares)?.checked_sub(sum.checked_mul(sum)?)?;
    Some(numerator as f64 / (n * (n - 1)) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        let moments = Moments::of(&[2, 4, 4, 4, 5, 5, 7, 9]).unwrap();
        assert_eq!((moments.n, moments.sum, moments.min, moments.max), (8, 40, 2, 9));
        assert!((moments.mean - 5.0).abs() < 1e-15);
        assert!((moments.sd - (32.0_f64 / 7.0).sqrt()).abs() < 1e-15);
        assert!(Moments::of(&[]).is_none());
        assert!(Moments::of(&[3]).unwrap().sd.abs() < 1e-300);
    }

    #[test]
    fn a_large_offset_costs_no_digits() {
        let offset = 9_000_000_000_000_000_000;
        let near = Moments::of(&[1, 2, 3]).unwrap();
        let far = Moments::of(&[offset + 1, offset + 2, offset + 3]).unwrap();
        assert_eq!(near.sd.to_bits(), far.sd.to_bits());
    }

    #[test]
    fn the_order_does_not_matter() {
        let mut values: Vec<i64> = (0..1000).map(|k| (k * 7919) % 1_000_003).collect();
        let forward = Moments::of(&values).unwrap();
        values.reverse();
        assert_eq!(forward, Moments::of(&values).unwrap());
    }

    #[test]
    fn a_spread_beyond_the_exact_range_still_has_a_variance() {
        let moments = Moments::of(&[i64::MIN, i64::MAX, i64::MIN, i64::MAX]).unwrap();
        assert!(moments.sd > 1e19 && moments.sd < 1.2e19);
    }
}
