//! Whether memory grows: a straight line through the resident memory after each round.

use crate::measure::paired::t_975;

/// A fitted slope with its interval.
#[derive(Debug, PartialEq)]
pub(super) struct Slope {
    /// KiB a round.
    pub(super) estimate: f64,
    /// Half of the 95 % interval. Residuals of a heap are not independent, so this is a guide, not a proof.
    pub(super) half: f64,
    /// Rounds that the line goes through.
    pub(super) n: usize,
}

/// Least squares over the rounds, without the first few in which heaps and caches fill.
/// `None` for fewer than 11 rounds.
pub(super) fn slope(kib: &[u64], skipped: usize) -> Option<Slope> {
    let points = kib.get(skipped..)?;
    if points.len() < 11 {
        return None;
    }
    let n = points.len() as f64;
    let values = || points.iter().enumerate().map(|(x, &y)| (x as f64, y as f64));
    let (mean_x, mean_y) = ((n - 1.0) / 2.0, values().map(|(_, y)| y).sum::<f64>() / n);
    let square: f64 = values().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let estimate = values().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / square;
    let residual: f64 = values().map(|(x, y)| (y - mean_y - estimate * (x - mean_x)).powi(2)).sum();
    let error = (residual / (n - 2.0) / square).sqrt();
    Some(Slope { estimate, half: t_975(n - 2.0) * error, n: points.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope_and_noise_has_an_interval() {
        let line: Vec<u64> = (0..20).map(|x| 1000 + 8 * x).collect();
        let found = slope(&line, 3).unwrap();
        assert!((found.estimate - 8.0).abs() < 1e-9 && found.half < 1e-6 && found.n == 17);
        let flat: Vec<u64> = (0..20).map(|x| 1000 + (x * 7919) % 13).collect();
        let found = slope(&flat, 3).unwrap();
        assert!(found.estimate.abs() < found.half, "{found:?}");
        assert_eq!(slope(&flat[..6], 3), None);
    }
}
