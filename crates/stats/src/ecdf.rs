//! A band around an empirical distribution that holds the whole true one at once.
//!
//! The inequality of Dvoretzky, Kiefer and Wolfowitz (1956), with the constant of Massart (1990): for n independent
//! samples of any distribution, P(sup |F̂ − F| > ε) ≤ 2 exp(−2 n ε²). So ε = √(ln(2 ÷ (1 − confidence)) ÷ 2n).
//! Correlated samples count as their effective number; that is an approximation, since the inequality is proved for
//! independent ones only.

use crate::interval::Confidence;

/// Half the height of the band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band(f64);

impl Band {
    /// The band of so many independent samples; `None` where it would be as high as the figure, below 8.
    pub fn new(n_effective: f64, confidence: Confidence) -> Option<Self> {
        let half = libm::sqrt(libm::log(1.0 / confidence.tail()) / (2.0 * n_effective));
        (n_effective >= 8.0 && half < 0.5).then_some(Self(half))
    }

    /// Largest distance of both curves, a share.
    pub fn half(self) -> f64 {
        self.0
    }

    /// The bounds around a share.
    pub fn around(self, share: f64) -> (f64, f64) {
        ((share - self.0).max(0.0), (share + self.0).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_formula() {
        let band = Band::new(1000.0, Confidence::default()).unwrap();
        assert!((band.half() - 0.042_946_93).abs() < 1e-6, "{}", band.half());
        assert_eq!(band.around(0.99).1.to_bits(), 1.0_f64.to_bits());
        assert!(Band::new(3.0, Confidence::default()).is_none());
    }

    #[test]
    fn it_holds_the_whole_curve_as_often_as_it_says() {
        let mut state = 7_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let (trials, n) = (2000, 100_u32);
        let all = f64::from(n);
        let band = Band::new(all, Confidence::default()).unwrap().half();
        let outside = (0..trials)
            .filter(|_| {
                let mut values: Vec<f64> = (0..n).map(|_| uniform()).collect();
                values.sort_by(f64::total_cmp);
                values.iter().enumerate().any(|(k, value)| {
                    let (below, at) = (k as f64 / all, (k + 1) as f64 / all);
                    (below - value).abs() > band || (at - value).abs() > band
                })
            })
            .count();
        // 5 % at most, and close to it: the bound is sharp; three standard errors are 1.5 %
        let share = outside as f64 / f64::from(trials);
        assert!((0.025..=0.065).contains(&share), "{share}");
    }
}
