//! Intervals: bounds that may be missing, and the two that a mean needs.

use crate::special::t_quantile;

/// The share of repetitions in which an interval shall hold the true value: above one half, below one.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Confidence(f64);

impl Confidence {
    /// The confidence when it makes sense.
    pub fn new(value: f64) -> Option<Self> {
        (value > 0.5 && value < 1.0).then_some(Self(value))
    }

    /// The share, such as 0.95.
    pub fn get(self) -> f64 {
        self.0
    }

    /// What is left on each side of a two-sided interval, such as 0.025.
    pub fn tail(self) -> f64 {
        (1.0 - self.0) / 2.0
    }
}

impl Default for Confidence {
    fn default() -> Self {
        Self(0.95)
    }
}

/// A lower and an upper bound, each of which may be impossible to have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Interval {
    /// Lower bound.
    pub lower: Option<f64>,
    /// Upper bound.
    pub upper: Option<f64>,
}

impl Interval {
    /// An interval with both bounds.
    pub fn new(lower: f64, upper: f64) -> Self {
        Self { lower: Some(lower), upper: Some(upper) }
    }

    /// Both bounds, when there are both.
    pub fn both(self) -> Option<(f64, f64)> {
        self.lower.zip(self.upper)
    }

    /// Upper minus lower bound.
    pub fn width(self) -> Option<f64> {
        self.both().map(|(lower, upper)| upper - lower)
    }

    /// The wider of two intervals; a missing bound counts as infinitely far.
    #[must_use]
    pub fn wider(self, other: Self) -> Self {
        match (self.width(), other.width()) {
            (Some(own), Some(others)) if others > own => other,
            (Some(_), None) => other,
            _ => self,
        }
    }
}

/// The interval of a mean from `n` samples with standard deviation `sd` that tell as much as
/// `n_effective` independent ones: mean ± t · sd ÷ √n_effective, with n_effective − 1 degrees of freedom.
///
/// Assumes that n_effective is large enough for the mean to be near normal (Student, 1908; for
/// correlated samples see [`crate::correlation`]). Both bounds are missing below n_effective = 2.
pub fn of_mean(mean: f64, sd: f64, n_effective: f64, confidence: Confidence) -> Interval {
    if n_effective < 2.0 {
        return Interval::default();
    }
    let half = t_quantile(1.0 - confidence.tail(), n_effective - 1.0) * sd / n_effective.sqrt();
    Interval::new(mean - half, mean + half)
}

/// Mean, standard deviation and interval of values that are independent of each other, such as one a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounds {
    /// Mean of the values.
    pub mean: f64,
    /// Sample standard deviation (n − 1).
    pub sd: f64,
    /// Mean ± t · sd ÷ √n with n − 1 degrees of freedom.
    pub interval: Interval,
}

/// Student's interval over round values (Student, 1908). Assumes that rounds are independent and
/// near normal. `None` below two values.
pub fn over_rounds(values: &[f64], confidence: Confidence) -> Option<Rounds> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let sd = (squares / (n - 1.0)).sqrt();
    Some(Rounds { mean, sd, interval: of_mean(mean, sd, n, confidence) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worked_example() {
        // 5 values with mean 10 and sd 1: 10 ± 2.776445 ÷ √5
        let unit = 10.0 + (2.5_f64).sqrt();
        let values = [10.0 - (unit - 10.0), 10.0, 10.0, 10.0, unit];
        let rounds = over_rounds(&values, Confidence::default()).unwrap();
        let sd = (2.0 * 2.5 / 4.0_f64).sqrt();
        assert!((rounds.mean - 10.0).abs() < 1e-12 && (rounds.sd - sd).abs() < 1e-12);
        let half = 2.776_445_105_198 * sd / 5.0_f64.sqrt();
        assert!((rounds.interval.upper.unwrap() - 10.0 - half).abs() < 1e-9);
    }

    #[test]
    fn one_value_has_no_interval() {
        assert_eq!(over_rounds(&[1.0], Confidence::default()), None);
        assert_eq!(of_mean(1.0, 0.1, 1.5, Confidence::default()), Interval::default());
    }

    #[test]
    fn a_missing_bound_is_the_widest() {
        let open = Interval { lower: Some(1.0), upper: None };
        let closed = Interval::new(0.0, 9.0);
        assert_eq!(closed.wider(open), open);
        assert_eq!(open.wider(closed), open);
        assert_eq!(closed.wider(Interval::new(2.0, 3.0)), closed);
    }

    #[test]
    fn senseless_confidence_is_refused() {
        assert!([0.0, 0.5, 1.0, f64::NAN, 95.0].into_iter().all(|c| Confidence::new(c).is_none()));
    }
}
