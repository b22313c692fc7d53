//! Whether memory grows: a straight line through the resident memory after each round.

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
/// `None` for fewer than 4 rounds.
pub(super) fn slope(kib: &[u64], skipped: usize) -> Option<Slope> {
    let points = kib.get(skipped..)?;
    if points.len() < 4 {
        return None;
    }
    let n = points.len() as f64;
    let values = || points.iter().enumerate().map(|(x, &y)| (x as f64, y as f64));
    let (mean_x, mean_y) = ((n - 1.0) / 2.0, values().map(|(_, y)| y).sum::<f64>() / n);
    let square: f64 = values().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let estimate = values().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / square;
    let residual: f64 = values().map(|(x, y)| (y - mean_y - estimate * (x - mean_x)).powi(2)).sum();
    let error = (residual / (n - 2.0) / square).sqrt();
    Some(Slope { estimate, half: student(points.len() - 2) * error, n: points.len() })
}

/// The 97.5 % quantile of Student's t; exact to 1 % above 30 degrees of freedom by its first two terms.
fn student(degrees: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    let known = degrees.checked_sub(1).and_then(|index| TABLE.get(index));
    known.copied().unwrap_or_else(|| 1.96 + 2.37 / degrees as f64)
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
        assert!((student(2) - 4.303).abs() < 1e-9 && (student(60) - 2.0).abs() < 0.01);
    }
}
