//! How long must a measurement be? Rounds and samples that resolve a figure or find a regression.

use crate::interval::Confidence;
use crate::quantile::Share;
use crate::special::{normal_cdf, normal_quantile, t_quantile};

/// Most rounds that a plan asks for.
const MOST_ROUNDS: usize = 200;
/// Room for the scatter of bounds within one round.
const WITHIN: f64 = 1.4;
/// Steps of the numerical integrals; their error is below 1e-6.
const STEPS: usize = 2_000;

/// What one figure varies by, relative to itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Variance of the figure within a round times the samples of that round.
    pub within: f64,
    /// Standard deviation of rounds beyond that.
    pub between: f64,
}

impl Noise {
    /// Noise of a mean: cv² τ, with the integrated autocorrelation time τ.
    pub fn of_mean(cv: f64, time: f64, between: f64) -> Self {
        Self { within: cv * cv * time, between }
    }

    /// Noise of a quantile: p(1 − p) τ s² with the exceedance's autocorrelation time and the sparsity s, the
    /// slope of the quantile function relative to the quantile (Kiefer, 1967, for the asymptotics).
    pub fn of_quantile(share: Share, time: f64, sparsity: f64, between: f64) -> Self {
        Self { within: share.as_f64() * share.above() * time * sparsity * sparsity, between }
    }

    /// Standard deviation of one round's figure from `samples` samples.
    pub fn of_round(&self, samples: f64) -> f64 {
        (self.within / samples + self.between * self.between).sqrt()
    }
}

/// Slope of the quantile function of normal samples at a quantile, relative to the quantile:
/// cv ÷ (φ(z) (1 + cv z)).
pub fn normal_sparsity(share: Share, cv: f64) -> f64 {
    let z = normal_quantile(share.as_f64());
    cv / (normal_density(z) * (1.0 + cv * z))
}

/// Slope of the quantile function at a quantile of samples in ascending order, relative to the quantile.
///
/// Formula: (Q(p + h) − Q(p − h)) ÷ 2h with the h of Hall and Sheather (1988; Koenker, *Quantile Regression*, 2005,
/// §3.4.1) for `n_effective` samples, at most half of what is left on either side. `None` without samples or at zero.
pub fn sparsity(sorted: &[i64], share: Share, n_effective: f64) -> Option<f64> {
    let (p, above) = (share.as_f64(), share.above());
    let z = normal_quantile(p);
    let density = normal_density(z);
    let ratio = 1.5 * density * density / (2.0 * z * z + 1.0);
    let width = libm::cbrt(1.96 * 1.96) * libm::cbrt(ratio) / libm::cbrt(n_effective);
    let h = width.min(0.5 * p).min(0.5 * above);
    let n = sorted.len() as f64;
    let at = |p: f64| sorted.get(((p * n).ceil() as usize).clamp(1, sorted.len().max(1)) - 1);
    let (low, middle, high) = (*at(p - h)?, *at(p)?, *at(p + h)?);
    (middle > 0).then(|| (high - low) as f64 / (2.0 * h) / middle as f64)
}

/// Integrated autocorrelation time of "above the quantile" when samples are normal and autoregressive with
/// coefficient `phi` in 0..1.
///
/// Formula: 1 + 2 Σ (P(both above at lag k) − q²) ÷ (q (1 − q)) with q = 1 − p, where P follows from Plackett's
/// identity (1954): its derivative with respect to the correlation r is the bivariate density, so
/// P − q² = ∫ exp(−z² ÷ (1 + r)) ÷ (2π √(1 − r²)) dr from 0 to φ^k.
pub fn exceedance_time(phi: f64, share: Share) -> f64 {
    let z = normal_quantile(share.as_f64());
    let (q, p) = (share.above(), share.as_f64());
    let covariance = |correlation: f64| {
        // r = sin a takes the root away
        let end = libm::asin(correlation);
        let density = |a: f64| libm::exp(-z * z / (1.0 + libm::sin(a)));
        simpson(density, 0.0, end, 64) / (2.0 * std::f64::consts::PI)
    };
    let mut time = 1.0;
    let mut correlation = phi;
    while correlation > 1e-6 {
        time += 2.0 * covariance(correlation) / (p * q);
        correlation *= phi;
    }
    time
}

/// The chance that the paired comparison of `rounds` rounds finds a side worse beyond `margin`, when it is worse by
/// `effect` and differences of rounds have standard deviation `sd` (all on the scale of logarithms).
///
/// Formula: P(T > t) for the noncentral t of Student's test (Owen, 1965), as an integral over the distribution of the
/// standard deviation that is found.
pub fn power(effect: f64, margin: f64, sd: f64, rounds: usize, confidence: Confidence) -> f64 {
    if rounds < 2 {
        return 0.0;
    }
    let df = rounds as f64 - 1.0;
    let shift = (effect - margin) / sd * (rounds as f64).sqrt();
    let critical = t_quantile(1.0 - confidence.tail(), df);
    let ln_scale = std::f64::consts::LN_2 + df / 2.0 * libm::log(df / 2.0) - libm::lgamma(df / 2.0);
    let integrand = |w: f64| {
        if w <= 0.0 {
            return 0.0;
        }
        let ln_density = ln_scale + (df - 1.0) * libm::log(w) - df * w * w / 2.0;
        libm::exp(ln_density) * normal_cdf(shift - critical * w)
    };
    let reach = 1.0 + 12.0 / (2.0 * df).sqrt();
    simpson(integrand, 0.0, reach, STEPS)
}

/// Fewest rounds with which [`power`] is at least `wanted`; `None` when two hundred are too few.
pub fn rounds_to_find(
    effect: f64,
    margin: f64,
    sd: f64,
    confidence: Confidence,
    wanted: f64,
) -> Option<usize> {
    if effect <= margin {
        return None;
    }
    // power grows with rounds
    let enough = |rounds: usize| power(effect, margin, sd, rounds, confidence) >= wanted;
    let high = std::iter::successors(Some(3), |rounds| Some(rounds * 2))
        .find(|&rounds| rounds > MOST_ROUNDS || enough(rounds))?;
    let counts: Vec<usize> = (3..=high).collect();
    let first = counts.partition_point(|&rounds| !enough(rounds));
    counts.get(first).copied().filter(|&rounds| rounds <= MOST_ROUNDS)
}

/// The half width, relative to the figure, that the interval over `rounds` rounds of `samples` samples stays below in
/// nine of ten runs; with one round, that of the interval within it.
///
/// Formula: t · sd ÷ √rounds, times the root of the ninth decile of χ² ÷ df, which is how far the standard deviation that
/// is found may lie above the true one (Wilson and Hilferty, 1931, for the decile). Within one round the bounds come from
/// an estimated effective n or from order statistics, which scatter, and lie further out on the side of the tail: see `analysis validate`.
pub fn half_width(noise: Noise, rounds: usize, samples: f64, confidence: Confidence) -> f64 {
    let tail = 1.0 - confidence.tail();
    if rounds < 2 {
        return WITHIN * normal_quantile(tail) * (noise.within / samples).sqrt();
    }
    let df = rounds as f64 - 1.0;
    let part = 2.0 / (9.0 * df);
    let decile = 1.0 - part + normal_quantile(0.9) * part.sqrt();
    let scatter = decile * decile * decile;
    t_quantile(tail, df) * scatter.sqrt() * noise.of_round(samples) / (rounds as f64).sqrt()
}

/// Samples a round with which [`half_width`] is `wanted`; `None` when rounds differ by too much for so few.
/// Of one round it says nothing of what rounds differ by.
pub fn samples_to_resolve(
    noise: Noise,
    rounds: usize,
    wanted: f64,
    confidence: Confidence,
) -> Option<f64> {
    let unit = half_width(Noise { within: 1.0, between: 0.0 }, rounds, 1.0, confidence);
    let between = if rounds < 2 { 0.0 } else { noise.between };
    let left = (wanted / unit) * (wanted / unit) - between * between;
    (left > 0.0).then(|| noise.within / left)
}

/// Samples a round without which a percentile has no figure of its own in each round: five beyond it.
pub fn least_samples(share: Share) -> f64 {
    5.0 / share.above().min(share.as_f64())
}

fn normal_density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt()
}

/// Simpson's rule over an even number of steps.
fn simpson(f: impl Fn(f64) -> f64, from: f64, to: f64, steps: usize) -> f64 {
    let step = (to - from) / steps as f64;
    let inner: f64 =
        (1..steps).map(|k| f(from + k as f64 * step) * if k % 2 == 1 { 4.0 } else { 2.0 }).sum();
    (f(from) + inner + f(to)) * step / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIDENCE: fn() -> Confidence = Confidence::default;

    fn near(value: f64, expected: f64, within: f64) {
        assert!((value - expected).abs() < within, "{value} is not {expected}");
    }

    #[test]
    fn power_without_an_effect_is_one_tail() {
        for rounds in [3, 5, 20] {
            near(power(0.0, 0.0, 0.01, rounds, CONFIDENCE()), 0.025, 1e-5);
        }
    }

    #[test]
    fn power_of_the_tables() {
        // two-sided one-sample t test, α = 5 %: d = 1, n = 10: 0.803 (Cohen, 1988); d = 0.5, n = 34: 0.808
        near(power(1.0, 0.0, 1.0, 10, CONFIDENCE()), 0.803, 2e-3);
        near(power(0.5, 0.0, 1.0, 34, CONFIDENCE()), 0.808, 2e-3);
    }

    #[test]
    fn rounds_are_the_fewest() {
        let sd = 0.003 * std::f64::consts::SQRT_2;
        let rounds = rounds_to_find(0.01, 0.0, sd, CONFIDENCE(), 0.9).unwrap();
        let of = |rounds| power(0.01, 0.0, sd, rounds, CONFIDENCE());
        assert!(of(rounds) >= 0.9 && of(rounds - 1) < 0.9, "{rounds}");
        assert_eq!(rounds_to_find(0.01, 0.01, sd, CONFIDENCE(), 0.9), None);
        assert_eq!(rounds_to_find(1e-5, 0.0, 0.1, CONFIDENCE(), 0.9), None);
    }

    #[test]
    fn exceedances_remember_less_than_their_series() {
        let share = |percent| Share::from_percent(percent).unwrap();
        near(exceedance_time(0.0, share(99.0)), 1.0, 1e-12);
        // the sign of a normal autoregression: correlation 2/π asin φ^k
        let expected: f64 = 1.0
            + 2.0
                * (1..200)
                    .map(|k| 2.0 / std::f64::consts::PI * f64::asin(0.9_f64.powi(k)))
                    .sum::<f64>();
        near(exceedance_time(0.9, Share::MEDIAN), expected, 1e-4);
        assert!(exceedance_time(0.9, share(99.0)) < 0.6 * expected);
    }

    #[test]
    fn sparsity_of_normal_scores() {
        let n = 100_000;
        let sorted: Vec<i64> = (0..n)
            .map(|k| 1e9 * (1.0 + 0.01 * normal_quantile((f64::from(k) + 0.5) / f64::from(n))))
            .map(|value| value as i64)
            .collect();
        for percent in [50.0, 90.0, 99.0] {
            let share = Share::from_percent(percent).unwrap();
            let found = sparsity(&sorted, share, f64::from(n)).unwrap();
            near(found / normal_sparsity(share, 0.01), 1.0, 0.05);
        }
        assert_eq!(sparsity(&[], Share::MEDIAN, 1.0), None);
    }

    #[test]
    fn samples_give_the_width_that_was_asked_for() {
        let noise = Noise::of_mean(0.02, 3.0, 0.001);
        let samples = samples_to_resolve(noise, 5, 0.002, CONFIDENCE()).unwrap();
        near(half_width(noise, 5, samples, CONFIDENCE()), 0.002, 1e-9);
        assert_eq!(samples_to_resolve(noise, 5, 0.001, CONFIDENCE()), None);
    }
}
