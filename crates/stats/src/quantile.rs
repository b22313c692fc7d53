//! Quantiles of samples by named estimators, with exact ranks.

use std::fmt;

/// A share of the samples between 0 and 1, both excluded, as whole parts per million: 99.9 % has no
/// exact binary fraction, and a rank that is off by one is another sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

const MILLION: u32 = 1_000_000;

impl Share {
    /// The median.
    pub const MEDIAN: Self = Self(MILLION / 2);

    /// A share from parts per million.
    pub fn from_ppm(ppm: u32) -> Option<Self> {
        (ppm > 0 && ppm < MILLION).then_some(Self(ppm))
    }

    /// A share from a percentage with at most four decimals, such as 99.9.
    pub fn from_percent(percent: f64) -> Option<Self> {
        if !(percent > 0.0 && percent < 100.0) {
            return None;
        }
        let ppm = (percent * 1e4).round();
        ((percent * 1e4 - ppm).abs() < 1e-6).then_some(())?;
        Self::from_ppm(ppm as u32)
    }

    /// Parts per million.
    pub fn ppm(self) -> u32 {
        self.0
    }

    /// The nearest float to the share.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(MILLION)
    }

    /// What is above it: 0.001 for p99.9, without the rounding of 1 − 0.999.
    pub fn above(self) -> f64 {
        f64::from(MILLION - self.0) / f64::from(MILLION)
    }
}

/// `p50`, `p99.9`: how the share is named in metrics.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000);
        if rest == 0 {
            f.pad(&format!("p{whole}"))
        } else {
            f.pad(format!("p{whole}.{rest:04}").trim_end_matches('0'))
        }
    }
}

/// Which sample stands for a quantile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Estimator {
    /// The smallest value with at least the share of the samples at or below it: rank ⌈n p⌉
    /// (Hyndman and Fan, 1996, definition 1).
    #[default]
    InverseCdf,
    /// What trtexec reports: `sorted[max(n − 1 − ⌊(1 − p) n⌋, 0)]`, here without its rounding in float32.
    Trtexec,
}

impl Estimator {
    /// The name in the `estimator` column.
    pub fn name(self) -> &'static str {
        match self {
            Self::InverseCdf => "inverse-cdf",
            Self::Trtexec => "trtexec",
        }
    }

    /// The index into `n` sorted samples, from 0; `None` when there are none.
    pub fn index(self, n: usize, share: Share) -> Option<usize> {
        let last = n.checked_sub(1)?;
        let million = u128::from(MILLION);
        let part = |ppm: u32| n as u128 * u128::from(ppm);
        let index = match self {
            Self::InverseCdf => part(share.0).div_ceil(million).max(1) - 1,
            Self::Trtexec => (last as u128).saturating_sub(part(MILLION - share.0) / million),
        };
        Some(index as usize)
    }

    /// The quantile of samples that are sorted in ascending order.
    pub fn of_sorted<T: Copy>(self, sorted: &[T], share: Share) -> Option<T> {
        self.index(sorted.len(), share).map(|index| sorted[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(percent: f64) -> Share {
        Share::from_percent(percent).unwrap()
    }

    #[test]
    fn inverse_cdf_has_exact_ranks() {
        let index = |n, percent| Estimator::InverseCdf.index(n, share(percent)).unwrap();
        assert_eq!(index(1000, 99.9), 998);
        assert_eq!(index(1001, 99.9), 999);
        assert_eq!(index(100, 95.0), 94);
        assert_eq!(index(4, 50.0), 1);
        assert_eq!(index(5, 50.0), 2);
        assert_eq!(index(1, 0.0001), 0);
        assert_eq!(Estimator::InverseCdf.index(0, Share::MEDIAN), None);
        // in floats 0.999 · 10^15 is not whole
        assert_eq!(index(1_000_000_000_000_000, 99.9), 998_999_999_999_999);
    }

    #[test]
    fn trtexec_takes_its_own_rank() {
        let index = |n, percent| Estimator::Trtexec.index(n, share(percent)).unwrap();
        assert_eq!(index(100, 95.0), 94);
        // exact arithmetic gives 98 here; trtexec's float32 gives the maximum
        assert_eq!(index(100, 99.0), 98);
        assert_eq!(index(12_379, 99.0), 12_255);
        assert_eq!(index(3, 1.0), 0);
    }

    #[test]
    fn it_is_the_smallest_value_that_covers_the_share() {
        for n in 1..200_usize {
            for ppm in [1, 250_000, 500_000, 900_000, 990_000, 999_000, 999_999] {
                let sorted: Vec<usize> = (0..n).collect();
                let share = Share::from_ppm(ppm).unwrap();
                let found = Estimator::InverseCdf.of_sorted(&sorted, share).unwrap();
                let covers = |value: usize| (value + 1) * 1_000_000 >= n * ppm as usize;
                assert!(covers(found) && (found == 0 || !covers(found - 1)));
            }
        }
    }

    #[test]
    fn names_and_limits() {
        assert_eq!(share(99.9).to_string(), "p99.9");
        assert_eq!(share(50.0).to_string(), "p50");
        assert_eq!(share(99.95).to_string(), "p99.95");
        assert_eq!(share(0.5).to_string(), "p0.5");
        for percent in [0.0, 100.0, -1.0, f64::NAN, 99.999_99, 1e9] {
            assert_eq!(Share::from_percent(percent), None, "{percent}");
        }
        assert!((share(99.9).above() - 0.001).abs() < 1e-18);
    }
}
