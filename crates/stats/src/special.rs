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

/// Probability that a standard normal value is at most `z`.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The value that a standard normal one stays below with probability `p` in 0..1, both excluded.
///
/// Formula: rational approximations of Wichura (1988, algorithm AS 241, PPND16); relative error about 1e-16.
pub fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * polynomial(&CENTRE, r) / polynomial(&CENTRE_BELOW, r);
    }
    let r = (-libm::log(if q < 0.0 { p } else { 1.0 - p })).sqrt();
    let size = if r <= 5.0 {
        polynomial(&SIDE, r - 1.6) / polynomial(&SIDE_BELOW, r - 1.6)
    } else {
        polynomial(&TAIL, r - 5.0) / polynomial(&TAIL_BELOW, r - 5.0)
    };
    if q < 0.0 { -size } else { size }
}

fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

const CENTRE: [f64; 8] = [
    3.387_132_872_796_366_5,
    1.331_416_678_917_843_8e2,
    1.971_590_950_306_551_3e3,
    1.373_169_376_550_946e4,
    4.592_195_393_154_987e4,
    6.726_577_092_700_87e4,
    3.343_057_558_358_813e4,
    2.509_080_928_730_122_7e3,
];
const CENTRE_BELOW: [f64; 8] = [
    1.0,
    4.231_333_070_160_091e1,
    6.871_870_074_920_579e2,
    5.394_196_021_424_751e3,
    2.121_379_430_158_66e4,
    3.930_789_580_009_271e4,
    2.872_908_573_572_194_3e4,
    5.226_495_278_852_854e3,
];
const SIDE: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    2.417_807_251_774_506e-1,
    2.272_384_498_926_918_4e-2,
    7.745_450_142_783_414e-4,
];
const SIDE_BELOW: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    6.897_673_349_851e-1,
    1.481_039_764_274_800_8e-1,
    1.519_866_656_361_645_7e-2,
    5.475_938_084_995_345e-4,
    1.050_750_071_644_416_9e-9,
];
const TAIL: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    2.965_605_718_285_048_7e-1,
    2.653_218_952_657_612_4e-2,
    1.242_660_947_388_078_4e-3,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const TAIL_BELOW: [f64; 8] = [
    1.0,
    5.998_322_065_558_88e-1,
    1.369_298_809_227_358e-1,
    1.487_536_129_085_061_5e-2,
    7.868_691_311_456_133e-4,
    1.846_318_317_510_054_7e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];

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
    fn normal_quantiles_of_the_tables() {
        close(normal_quantile(0.975), 1.959_963_984_540_054);
        close(normal_quantile(0.99), 2.326_347_874_040_841);
        close(normal_quantile(0.001), -3.090_232_306_167_813_5);
        close(normal_quantile(1e-12), -7.034_483_825_301_131);
        assert!(normal_quantile(0.5).abs() < 1e-15);
    }

    #[test]
    fn normal_quantile_is_the_inverse_of_the_distribution() {
        for k in 1..2_000 {
            let p = f64::from(k) / 2_000.0;
            assert!((normal_cdf(normal_quantile(p)) / p - 1.0).abs() < 1e-12, "{p}");
        }
        for exponent in 4..150 {
            let p = libm::pow(10.0, -f64::from(exponent));
            assert!((normal_cdf(normal_quantile(p)) / p - 1.0).abs() < 1e-11, "{p}");
        }
    }

    #[test]
    fn t_is_symmetric() {
        close(t_cdf(-2.0, 5.0), 1.0 - t_cdf(2.0, 5.0));
        close(t_cdf(0.0, 3.0), 0.5);
    }
}
