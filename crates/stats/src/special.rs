//! The incomplete beta function and what follows from it: Student's t and binomial tails.
//!
//! The library function in `statrs` stops its continued fraction after 140 terms, too few for the
//! 10^5 and more samples of a run; hence this one. Terms needed grow as √max(a, b).

/// Most terms of the continued fraction; enough for a + b of about 10^8.
const TERMS: u32 = 50_000;
/// Smallest value that stands for zero in Lentz's recurrences.
const TINY: f64 = 1e-300;

/// The regularised incomplete beta function I_x(a, b), for a, b > 0 and x in 0..=1.
///
/// Formula: x^a (1−x)^b ÷ (a B(a, b)) times a continued fraction, evaluated by the modified method of
/// Lentz (1976; Thompson and Barnett, 1986), on the side where it converges fast.
/// Relative error about 1e-12 for a + b up to 10^6.
pub fn beta_inc(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x < (a + 1.0) / (a + b + 2.0) {
        beta_front(a, b, x) * beta_fraction(a, b, x) / a
    } else {
        1.0 - beta_front(b, a, 1.0 - x) * beta_fraction(b, a, 1.0 - x) / b
    }
}

/// x^a (1−x)^b ÷ B(a, b)
fn beta_front(a: f64, b: f64, x: f64) -> f64 {
    let ln_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    libm::exp(a * libm::log(x) + b * libm::log1p(-x) - ln_beta)
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut numerator = 1.0;
    let mut inverse = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = inverse;
    for term in 1..=TERMS {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for factor in [even, odd] {
            inverse = 1.0 / away_from_zero(1.0 + factor * inverse);
            numerator = away_from_zero(1.0 + factor / numerator);
            step = inverse * numerator;
            fraction *= step;
        }
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

/// Probability that Student's t with `df` degrees of freedom is at most `t`.
pub fn t_cdf(t: f64, df: f64) -> f64 {
    let tail = 0.5 * beta_inc(df / 2.0, 0.5, df / (df + t * t));
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// The value that Student's t with `df` degrees of freedom stays below with probability `p` in 0.5..1.
///
/// By bisection until neighbouring floats are reached, so that the last bit does not depend on a start value.
pub fn t_quantile(p: f64, df: f64) -> f64 {
    if p <= 0.5 {
        return 0.0;
    }
    let mut high = 1.0;
    while t_cdf(high, df) < p && high < 1e12 {
        high *= 2.0;
    }
    bisect(0.0, high, |t| t_cdf(t, df) < p)
}

/// The point in `low..=high` at which `below` turns from true to false.
pub(crate) fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 1e-9, "{value} is not {expected}");
    }

    #[test]
    fn beta_has_its_closed_forms() {
        close(beta_inc(1.0, 1.0, 0.3), 0.3);
        close(beta_inc(5.0, 1.0, 0.9), 0.9_f64.powi(5));
        close(beta_inc(1.0, 7.0, 0.2), 1.0 - 0.8_f64.powi(7));
        // I_x(2, 3) = 6x² − 8x³ + 3x⁴
        close(beta_inc(2.0, 3.0, 0.4), 6.0 * 0.16 - 8.0 * 0.064 + 3.0 * 0.0256);
        close(beta_inc(1e6, 1e6, 0.5), 0.5);
    }

    #[test]
    fn t_quantiles_of_the_tables() {
        close(t_quantile(0.975, 1.0), 12.706_204_736_432_1);
        close(t_quantile(0.975, 4.0), 2.776_445_105_198_5);
        close(t_quantile(0.95, 4.0), 2.131_846_786_327_0);
        close(t_quantile(0.975, 30.0), 2.042_272_456_301_2);
        close(t_quantile(0.975, 1e7), 1.959_964_222_7);
    }

    #[test]
    fn t_is_symmetric() {
        close(t_cdf(-2.0, 5.0), 1.0 - t_cdf(2.0, 5.0));
        close(t_cdf(0.0, 3.0), 0.5);
    }
}
