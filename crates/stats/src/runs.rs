//! Ratios of sides that were measured in different runs, which no round pairs.
//!
//! What changes between runs (memory layout, clocks, temperature, the neighbours of a shared machine) hits one
//! side and not the other, and rounds inside a run do not see it. With several runs a side their scatter is
//! measured: [`ratio_of_runs`]. With one run a side it can only be assumed: [`ratio_of_figures`], then
//! [`Ratio::allowing`].

use crate::compare::Ratio;
use crate::interval::{Confidence, Interval};
use crate::special::t_quantile;

/// The ratio of `values` to `baseline`, one value a run, in any order.
///
/// Formula: the difference of the means of logarithms over its standard error. With two runs or more a side
/// after Welch (1947), with the degrees of freedom of Satterthwaite (1946); with one run on one side after
/// Student (1908), which assumes that both sides scatter alike. Assumes that runs are independent of each
/// other and near log-normal.
/// `None` when neither side has two runs or a side has none, or when a value is not positive and finite.
pub fn ratio_of_runs(values: &[f64], baseline: &[f64], confidence: Confidence) -> Option<Ratio> {
    let usable = |value: &f64| value.is_finite() && *value > 0.0;
    if !values.iter().chain(baseline).all(usable) || values.is_empty() || baseline.is_empty() {
        return None;
    }
    let logs = |values: &[f64]| values.iter().map(|value| libm::log(*value)).collect::<Vec<_>>();
    let (own, other) = (Scatter::of(&logs(values)), Scatter::of(&logs(baseline)));
    let (error, df) = own.error_of_difference(&other)?;
    let rounds = values.len().min(baseline.len());
    Some(Ratio::of_difference((own.mean - other.mean, error, df), rounds, confidence))
}

/// Mean, variance and number of one side's values.
struct Scatter {
    mean: f64,
    variance: f64,
    n: f64,
}

impl Scatter {
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let variance = if n > 1.0 { squares / (n - 1.0) } else { 0.0 };
        Self { mean, variance, n }
    }

    /// Standard error and degrees of freedom; `None` when both sides have one value.
    fn error_of_difference(&self, other: &Self) -> Option<(f64, f64)> {
        if self.n < 2.0 || other.n < 2.0 {
            let df = self.n + other.n - 2.0;
            let squares = self.variance * (self.n - 1.0) + other.variance * (other.n - 1.0);
            let pooled = squares / df;
            return (df > 0.0).then(|| ((pooled * (1.0 / self.n + 1.0 / other.n)).sqrt(), df));
        }
        let (a, b) = (self.variance / self.n, other.variance / other.n);
        let smallest = self.n.min(other.n) - 1.0;
        let df = (a + b) * (a + b) / (a * a / (self.n - 1.0) + b * b / (other.n - 1.0));
        // without any scatter the formula is 0 ÷ 0
        Some(((a + b).sqrt(), if df.is_finite() { df.max(smallest) } else { smallest }))
    }
}

/// A figure of one run with its interval and what the interval rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The estimate.
    pub estimate: f64,
    /// Its interval at the confidence of the comparison.
    pub interval: Interval,
    /// Degrees of freedom: rounds − 1, or effective samples − 1.
    pub df: f64,
}

/// The ratio of one run's figure to another's, from their intervals.
///
/// Formula: MOVER, the method of variance estimates recovery, on logarithms (Zou and Donner, 2008): the distance
/// from the difference to its bound is the root of the summed squares of the sides' own distances. The larger
/// of both distances stands for both, and the smaller of the degrees of freedom, so it is never too narrow
/// where one side is skewed. Assumes that both runs are independent; says nothing of what changes between runs.
/// `None` when a bound is missing or a value is not positive and finite.
pub fn ratio_of_figures(figure: Figure, baseline: Figure, confidence: Confidence) -> Option<Ratio> {
    let (own, other) = (Logs::of(figure)?, Logs::of(baseline)?);
    let below = libm::hypot(own.below, other.above);
    let above = libm::hypot(own.above, other.below);
    let df = figure.df.min(baseline.df);
    if df.is_nan() || df < 1.0 {
        return None;
    }
    let error = below.max(above) / t_quantile(1.0 - confidence.tail(), df);
    Some(Ratio::of_difference((own.middle - other.middle, error, df), 1, confidence))
}

/// A figure on the logarithmic scale: the estimate and how far its bounds are away.
struct Logs {
    middle: f64,
    below: f64,
    above: f64,
}

impl Logs {
    fn of(figure: Figure) -> Option<Self> {
        let (lower, upper) = figure.interval.both()?;
        let usable = |value: f64| value.is_finite() && value > 0.0;
        if ![lower, figure.estimate, upper].into_iter().all(usable) {
            return None;
        }
        let [lower, middle, upper] = [lower, figure.estimate, upper].map(libm::log);
        Some(Self { middle, below: (middle - lower).max(0.0), above: (upper - middle).max(0.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Direction, Judgement};
    use proptest::prelude::*;

    const CONFIDENCE: fn() -> Confidence = Confidence::default;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn welch_of_a_worked_example() {
        // logs 0.1, 0.2, 0.3 against 0, 0.02: variances 0.01 and 0.0002
        let exp = |logs: &[f64]| logs.iter().map(|log| libm::exp(*log)).collect::<Vec<_>>();
        let found =
            ratio_of_runs(&exp(&[0.1, 0.2, 0.3]), &exp(&[0.0, 0.02]), CONFIDENCE()).unwrap();
        assert!(near(libm::log(found.ratio), 0.19));
        let (a, b) = (0.01 / 3.0, 0.0002 / 2.0);
        let df = (a + b) * (a + b) / (a * a / 2.0 + b * b);
        let half = t_quantile(0.975, df) * f64::sqrt(a + b);
        assert!(near(libm::log(found.upper), 0.19 + half), "{found:?}");
        assert_eq!(found.rounds, 2);
    }

    #[test]
    fn one_run_borrows_the_scatter_of_the_other_side() {
        let found = ratio_of_runs(&[103.0], &[100.0, 101.0, 99.0], CONFIDENCE()).unwrap();
        assert!(found.lower < 1.03 && found.upper > 1.03);
        assert_eq!(ratio_of_runs(&[103.0], &[100.0], CONFIDENCE()), None);
        assert_eq!(ratio_of_runs(&[], &[100.0, 101.0], CONFIDENCE()), None);
        assert_eq!(ratio_of_runs(&[0.0, 1.0], &[100.0, 101.0], CONFIDENCE()), None);
    }

    #[test]
    fn runs_without_scatter_have_no_width() {
        let found = ratio_of_runs(&[2.0, 2.0], &[1.0, 1.0], CONFIDENCE()).unwrap();
        assert!(near(found.lower, 2.0) && near(found.upper, 2.0));
    }

    fn figure(estimate: f64, half: f64) -> Figure {
        let bound = |sign: f64| libm::exp(libm::log(estimate) + sign * half);
        Figure { estimate, interval: Interval::new(bound(-1.0), bound(1.0)), df: 4.0 }
    }

    #[test]
    fn distances_add_in_squares() {
        let found =
            ratio_of_figures(figure(110.0, 0.03), figure(100.0, 0.04), CONFIDENCE()).unwrap();
        assert!(near(libm::log(found.upper / found.ratio), 0.05), "{found:?}");
        let open = Figure { interval: Interval::default(), ..figure(100.0, 0.01) };
        assert_eq!(ratio_of_figures(open, figure(100.0, 0.01), CONFIDENCE()), None);
    }

    #[test]
    fn the_assumed_spread_stands_between_a_difference_and_a_verdict() {
        let of = |ratio: f64| {
            ratio_of_figures(figure(100.0 * ratio, 1e-4), figure(100.0, 1e-4), CONFIDENCE())
                .unwrap()
        };
        let judge = |ratio: f64, spread: f64, margin: f64| {
            of(ratio).allowing(spread, CONFIDENCE()).judge(
                margin,
                Direction::LowerIsBetter,
                CONFIDENCE(),
            )
        };
        // beyond margin and spread together, and not before
        assert_eq!(judge(1.032, 0.02, 0.01), Judgement::Slower);
        assert_eq!(judge(1.028, 0.02, 0.01), Judgement::Undecided);
        assert_eq!(judge(0.968, 0.02, 0.01), Judgement::Faster);
        // what may differ by 2 % cannot be shown to be within 1 %, but within 4 %
        assert_eq!(judge(1.0, 0.02, 0.01), Judgement::Undecided);
        assert_eq!(judge(1.01, 0.02, 0.04), Judgement::Same);
        let wide = of(1.0).allowing(0.02, CONFIDENCE());
        assert!(wide.upper > 1.0199 && wide.upper < 1.021, "{wide:?}");
        assert_eq!(judge(1.005, 0.0, 0.01), Judgement::Same);
    }

    proptest! {
        #[test]
        fn turned_around_it_is_the_inverse(
            a in prop::collection::vec(1.0_f64..1e3, 1..6),
            b in prop::collection::vec(1.0_f64..1e3, 2..6),
        ) {
            let (one, two) = (ratio_of_runs(&a, &b, CONFIDENCE()), ratio_of_runs(&b, &a, CONFIDENCE()));
            let (one, two) = (one.unwrap(), two.unwrap());
            prop_assert!((one.ratio * two.ratio - 1.0).abs() < 1e-9);
            prop_assert!((one.lower * two.upper - 1.0).abs() < 1e-6);
            prop_assert!(one.lower <= one.ratio && one.ratio <= one.upper);
        }

        #[test]
        fn more_spread_never_decides_more(ratio in 0.9_f64..1.1, spread in 0.0_f64..0.05) {
            let found = ratio_of_figures(figure(100.0 * ratio, 0.01), figure(100.0, 0.01), CONFIDENCE());
            let found = found.unwrap();
            let (tight, wide) = (
                found.tests(0.01, Direction::LowerIsBetter),
                found.allowing(spread, CONFIDENCE()).tests(0.01, Direction::LowerIsBetter),
            );
            prop_assert!(wide.faster >= tight.faster && wide.slower >= tight.slower);
            prop_assert!(wide.same >= tight.same);
        }
    }
}
