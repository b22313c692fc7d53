//! How evenly something is shared out.

/// Jain's index: (Σx)² ÷ (n Σx²). 1 when all have the same, 1 ÷ n when one has everything; a share of k among n
/// equal ones gives k ÷ n (Jain, Chiu and Hawe, 1984, *A Quantitative Measure of Fairness*, DEC-TR-301).
/// `None` without values, or when all are zero. Values are not negative.
pub fn jain(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    (squares > 0.0).then(|| sum * sum / (values.len() as f64 * squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_shares() {
        let is = |values: &[f64], expected: f64| {
            assert!((jain(values).unwrap() - expected).abs() < 1e-12, "{values:?}");
        };
        is(&[3.0, 3.0, 3.0], 1.0);
        is(&[5.0, 0.0, 0.0, 0.0], 0.25);
        is(&[1.0, 1.0, 0.0, 0.0], 0.5);
        is(&[1.0, 2.0], 0.9);
        assert_eq!(jain(&[]), None);
        assert_eq!(jain(&[0.0, 0.0]), None);
    }
}
