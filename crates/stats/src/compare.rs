//! Is one mode faster than another? Paired rounds, a margin, and a word when it cannot be told.

use crate::interval::{Confidence, over_rounds};
use crate::special::{t_cdf, t_quantile};

/// What "better" means for a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Throughput.
    HigherIsBetter,
    /// Times.
    LowerIsBetter,
}

/// The answer of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The difference is within the margin, by two one-sided tests.
    Same,
    /// Better by more than the margin.
    Faster,
    /// Worse by more than the margin.
    Slower,
    /// None of the three can be shown.
    Undecided,
}

impl Judgement {
    /// The word in every table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "SAME",
            Self::Faster => "FASTER",
            Self::Slower => "SLOWER",
            Self::Undecided => "UNDECIDED",
        }
    }
}

/// A ratio of two sides with its interval, from the difference of their logarithms: of paired rounds
/// ([`paired_ratio`]), or of runs ([`crate::runs`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// exp of the mean difference: the geometric mean of the pairs' ratios.
    pub ratio: f64,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// What the difference rests on: pairs, or the values of the side that has fewer.
    pub rounds: usize,
    mean: f64,
    error: f64,
    df: f64,
    allowance: f64,
}

impl Ratio {
    /// A ratio from the difference of logarithms, its standard error and degrees of freedom.
    pub(crate) fn of_difference(
        (mean, error, df): (f64, f64, f64),
        rounds: usize,
        confidence: Confidence,
    ) -> Self {
        let ratio = libm::exp(mean);
        let whole =
            Self { ratio, lower: ratio, upper: ratio, rounds, mean, error, df, allowance: 0.0 };
        let (lower, upper) = whole.interval(confidence);
        Self { lower, upper, ..whole }
    }

    /// The ratio when both sides may also differ by `spread` (0.02 = 2 %) for reasons that their values do
    /// not show: both bounds move away by it, and so does what [`Ratio::tests`] asks for.
    #[must_use]
    pub fn allowing(self, spread: f64, confidence: Confidence) -> Self {
        let wider = Self { allowance: self.allowance + libm::log1p(spread), ..self };
        let (lower, upper) = wider.interval(confidence);
        Self { lower, upper, ..wider }
    }
}

/// The ratio of `values` to `baseline`, paired by position (both from the same round).
///
/// Formula: d = ln v − ln b; mean d ± t · sd(d) ÷ √rounds with rounds − 1 degrees of freedom, then exp.
/// What disturbs a round disturbs both sides and cancels (paired t test; Student, 1908). Assumes that
/// differences of rounds are independent and near normal.
/// `None` below two pairs, or when a value is not positive and finite.
pub fn paired_ratio(values: &[f64], baseline: &[f64], confidence: Confidence) -> Option<Ratio> {
    let usable = |value: &f64| value.is_finite() && *value > 0.0;
    if values.len() != baseline.len() || !values.iter().chain(baseline).all(usable) {
        return None;
    }
    let logs: Vec<f64> =
        values.iter().zip(baseline).map(|(v, b)| libm::log(*v) - libm::log(*b)).collect();
    let rounds = over_rounds(&logs, confidence)?;
    let error = rounds.sd / (logs.len() as f64).sqrt();
    let df = logs.len() as f64 - 1.0;
    Some(Ratio::of_difference((rounds.mean, error, df), logs.len(), confidence))
}

/// The three tests behind a [`Judgement`], as p-values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tests {
    /// Two-sided p-value against "not better by more than the margin".
    pub faster: f64,
    /// Two-sided p-value against "not worse by more than the margin".
    pub slower: f64,
    /// p-value of the two one-sided tests against "differs by the margin or more".
    pub same: f64,
}

impl Ratio {
    /// Tests the ratio against a margin (0.01 = 1 %, symmetric on the log scale).
    ///
    /// FASTER and SLOWER ask for an interval that lies wholly beyond the margin; SAME is Schuirmann's
    /// pair of one-sided tests (1987), which is an interval at 1 − 2α within the margin.
    pub fn tests(&self, margin: f64, direction: Direction) -> Tests {
        let (beyond, within) = {
            let margin = libm::log1p(margin);
            (margin + self.allowance, margin - self.allowance)
        };
        let gain = match direction {
            Direction::HigherIsBetter => self.mean,
            Direction::LowerIsBetter => -self.mean,
        };
        // probability of a t at least this far above `distance` standard errors
        let tail = |distance: f64| {
            if self.error > 0.0 {
                1.0 - t_cdf(distance / self.error, self.df)
            } else if distance > 0.0 {
                0.0
            } else {
                1.0
            }
        };
        Tests {
            faster: (2.0 * tail(gain - beyond)).min(1.0),
            slower: (2.0 * tail(-gain - beyond)).min(1.0),
            same: tail(within - gain).max(tail(within + gain)),
        }
    }

    /// Judges the ratio at a margin.
    pub fn judge(&self, margin: f64, direction: Direction, confidence: Confidence) -> Judgement {
        self.tests(margin, direction).judge(1.0 - confidence.get())
    }

    /// The interval at another confidence.
    pub fn interval(&self, confidence: Confidence) -> (f64, f64) {
        let half = t_quantile(1.0 - confidence.tail(), self.df) * self.error + self.allowance;
        (libm::exp(self.mean - half), libm::exp(self.mean + half))
    }
}

impl Tests {
    /// The judgement at a level of significance, such as 0.05.
    pub fn judge(&self, alpha: f64) -> Judgement {
        if self.same <= alpha {
            Judgement::Same
        } else if self.faster <= alpha {
            Judgement::Faster
        } else if self.slower <= alpha {
            Judgement::Slower
        } else {
            Judgement::Undecided
        }
    }
}

/// p-values adjusted for several tests that gate together, in the order given (Holm, 1979).
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (place, &index) in order.iter().enumerate() {
        let factor = (p_values.len() - place) as f64;
        largest = largest.max((p_values[index] * factor).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(values: &[f64], baseline: &[f64]) -> Ratio {
        paired_ratio(values, baseline, Confidence::default()).unwrap()
    }

    fn judge(values: &[f64], margin: f64, direction: Direction) -> Judgement {
        let baseline = [100.0, 101.0, 99.0, 100.5, 99.5];
        ratio(values, &baseline).judge(margin, direction, Confidence::default())
    }

    #[test]
    fn what_disturbs_both_sides_cancels() {
        let found = ratio(&[110.0, 220.0, 330.0], &[100.0, 200.0, 300.0]);
        assert!((found.ratio - 1.1).abs() < 1e-12 && (found.upper - found.lower) < 1e-12);
    }

    #[test]
    fn four_answers() {
        use Direction::{HigherIsBetter, LowerIsBetter};
        let twice = [200.1, 202.2, 197.7, 201.2, 199.1];
        assert_eq!(judge(&twice, 0.01, HigherIsBetter), Judgement::Faster);
        assert_eq!(judge(&twice, 0.01, LowerIsBetter), Judgement::Slower);
        let near = [100.1, 101.2, 98.9, 100.6, 99.4];
        assert_eq!(judge(&near, 0.01, LowerIsBetter), Judgement::Same);
        let wild = [90.0, 120.0, 95.0, 108.0, 99.0];
        assert_eq!(judge(&wild, 0.01, LowerIsBetter), Judgement::Undecided);
    }

    #[test]
    fn a_difference_inside_the_margin_is_the_same_even_when_it_is_certain() {
        let half_a_percent = [100.5, 101.505, 99.495, 101.0025, 99.9975];
        let judged = judge(&half_a_percent, 0.01, Direction::HigherIsBetter);
        assert_eq!(judged, Judgement::Same);
        let judged = judge(&half_a_percent, 0.0, Direction::HigherIsBetter);
        assert_eq!(judged, Judgement::Faster);
    }

    #[test]
    fn tests_agree_with_the_interval() {
        let found = ratio(&[103.0, 104.5, 101.2, 103.9, 102.2], &[100.0, 101.0, 99.0, 100.5, 99.5]);
        let p = found.tests(0.0, Direction::HigherIsBetter).faster;
        let at = Confidence::new(1.0 - p).unwrap();
        assert!((found.interval(at).0 - 1.0).abs() < 1e-9);
        assert_eq!(found.interval(Confidence::default()), (found.lower, found.upper));
    }

    #[test]
    fn no_pairs_no_ratio() {
        let of = |a: &[f64], b: &[f64]| paired_ratio(a, b, Confidence::default());
        assert_eq!(of(&[1.0], &[1.0]), None);
        assert_eq!(of(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(of(&[1.0, 0.0], &[1.0, 1.0]), None);
    }

    #[test]
    fn holm_of_a_worked_example() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        assert!(adjusted.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{adjusted:?}");
    }
}
