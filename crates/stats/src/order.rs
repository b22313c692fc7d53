//! Intervals of quantiles from order statistics: no assumption about the shape of the distribution.
//!
//! The number of n independent samples below the true p-quantile is binomial(n, p), so the chance that
//! the u-th smallest sample lies below the quantile is the binomial tail P(B ≥ u) = I_p(u, n − u + 1)
//! (Thompson, 1936; David and Nagaraja, *Order Statistics*, 2003, §7.1). The upper bound is the smallest u
//! with a tail of at most (1 − confidence) ÷ 2; the lower bound mirrors it.
//!
//! Correlated samples count as `n_effective` independent ones: the bound is found among that many, not
//! necessarily whole, and its rank is stretched to the n samples there are.

use crate::interval::{Confidence, Interval};
use crate::quantile::Share;
use crate::special::{beta_inc, bisect};

/// Independent samples without which one bound of the quantile cannot be had.
///
/// Formula: the bound is at best the extreme sample, whose tail is q^n with q the larger of p and 1 − p;
/// so n = ln(tail) ÷ ln q. An effective n is never known to a twentieth of a sample: 367.04 reads as 367.
pub fn needed(share: Share, confidence: Confidence) -> u64 {
    let ln_larger = libm::log1p(-share.above().min(share.as_f64()));
    (libm::log(confidence.tail()) / ln_larger - 0.05).ceil().max(1.0) as u64
}

/// Indices (from 0) into `n` sorted samples of the bounds of a quantile; `None` for a bound that cannot be had.
///
/// `n_effective` is taken as at most n.
pub fn bounds(
    n: usize,
    n_effective: f64,
    share: Share,
    confidence: Confidence,
) -> (Option<usize>, Option<usize>) {
    let effective = n_effective.min(n as f64);
    let stretch = n as f64 / effective;
    let from_end = |p: f64, above: f64| {
        let rank = upper_rank(effective, p, above, confidence)?;
        // a whole rank stays whole: the tolerance covers the bisection's last digits
        Some(((rank * stretch - 1e-6).ceil() as usize).clamp(1, n))
    };
    let upper = from_end(share.as_f64(), share.above()).map(|rank| rank - 1);
    let lower = from_end(share.above(), share.as_f64()).map(|rank| n - rank);
    (lower, upper)
}

/// The smallest real u ≤ n with I_p(u, n − u + 1) ≤ tail; `above` is 1 − p.
fn upper_rank(n: f64, p: f64, above: f64, confidence: Confidence) -> Option<f64> {
    let tail = confidence.tail();
    if n < 1.0 || libm::log1p(-above) * (n + 0.05) > libm::log(tail) {
        return None;
    }
    let exceeds = |u: f64| beta_inc(u, n - u + 1.0, p) > tail;
    Some(bisect(n * p, n, exceeds).min(n))
}

/// The interval of a quantile of sorted samples.
pub fn interval(
    sorted: &[i64],
    n_effective: f64,
    share: Share,
    confidence: Confidence,
) -> Interval {
    let (lower, upper) = bounds(sorted.len(), n_effective, share, confidence);
    let value = |index: Option<usize>| index.map(|index| sorted[index] as f64);
    Interval { lower: value(lower), upper: value(upper) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(percent: f64) -> Share {
        Share::from_percent(percent).unwrap()
    }

    #[test]
    fn samples_needed() {
        let needed = |percent| needed(share(percent), Confidence::default());
        assert_eq!(needed(50.0), 6);
        assert_eq!(needed(90.0), 35);
        assert_eq!(needed(95.0), 72);
        assert_eq!(needed(99.0), 367);
        assert_eq!(needed(99.9), 3_687);
        assert_eq!(needed(1.0), 367);
    }

    #[test]
    fn a_bound_appears_exactly_when_there_are_enough() {
        for percent in [50.0, 90.0, 95.0, 99.0, 99.9] {
            let n = needed(share(percent), Confidence::default()) as usize;
            let upper = |n: usize| bounds(n, n as f64, share(percent), Confidence::default()).1;
            assert_eq!(upper(n), Some(n - 1), "p{percent}");
            assert_eq!(upper(n - 1), None, "p{percent}");
        }
    }

    /// P(lower < B ≤ upper) by adding up the binomial distribution: the chance that the quantile lies
    /// between the samples with these indices.
    fn coverage(n: usize, p: f64, lower: usize, upper: usize) -> f64 {
        let ln_factorial = |k: usize| libm::lgamma(k as f64 + 1.0);
        let ln_choose = |k: usize| ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k);
        let ln_power = |k: usize| k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln();
        (lower + 1..=upper).map(|k| (ln_choose(k) + ln_power(k)).exp()).sum()
    }

    #[test]
    fn coverage_is_at_least_the_confidence_and_ranks_are_the_tightest() {
        for (n, percent) in [(20, 50.0), (100, 50.0), (100, 90.0), (500, 95.0), (600, 99.0)] {
            let p = percent / 100.0;
            let (Some(lower), Some(upper)) =
                bounds(n, n as f64, share(percent), Confidence::default())
            else {
                panic!("no bounds for n = {n}, p{percent}");
            };
            assert!(coverage(n, p, lower, upper) >= 0.95 - 1e-9, "n = {n}, p{percent}");
            let above = coverage(n, p, upper, n);
            let one_less = coverage(n, p, upper - 1, n);
            assert!(above <= 0.025 && one_less > 0.025, "n = {n}, p{percent}: {above} {one_less}");
        }
    }

    #[test]
    fn the_table_of_the_median() {
        // n = 100: 40th and 61st smallest (Conover, 1999)
        let bounds = bounds(100, 100.0, Share::MEDIAN, Confidence::default());
        assert_eq!(bounds, (Some(39), Some(60)));
    }

    #[test]
    fn fewer_effective_samples_widen() {
        let (lower, upper) = bounds(10_000, 10_000.0, share(90.0), Confidence::default());
        let (lower_2, upper_2) = bounds(10_000, 400.0, share(90.0), Confidence::default());
        assert!(lower_2 < lower && upper_2 > upper);
        let half = (upper_2.unwrap() - lower_2.unwrap()) as f64 / 2.0;
        // ± 1.96 n √(p (1 − p) ÷ n_effective)
        assert!((half / (1.96 * 10_000.0 * (0.09_f64 / 400.0).sqrt()) - 1.0).abs() < 0.05);
    }

    #[test]
    fn bounds_are_never_outside_the_samples() {
        for n in 1..400 {
            for effective in [0.3, 1.0, 5.5, 40.0, 1e9] {
                let (lower, upper) = bounds(n, effective, share(95.0), Confidence::default());
                assert!(lower.is_none_or(|lower| lower < n) && upper.is_none_or(|upper| upper < n));
            }
        }
    }
}
