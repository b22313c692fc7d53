//! Values of integer and float columns, and integers that sort like floats.

/// A value of an integer or a float column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Of an integer column, exact.
    Int(i64),
    /// Of a float column.
    Real(f64),
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Real(value) => value.fmt(f),
        }
    }
}

impl From<Number> for serde_json::Value {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(value) => value.into(),
            Number::Real(value) => value.into(),
        }
    }
}

/// The integer that stands where a float stands in the total order of IEEE 754 (§5.10), as in `f64::total_cmp`:
/// the bits of positive floats sort already, those of negative ones the other way round.
pub(super) fn key_of(real: f64) -> i64 {
    let bits = real.to_bits() as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// The float of a key.
pub(super) fn real_of(key: i64) -> f64 {
    f64::from_bits((key ^ ((key >> 63) as u64 >> 1) as i64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_like_floats_and_come_back() {
        let mut reals = [
            f64::NEG_INFINITY,
            -1e300,
            -2.5,
            -2.0,
            -1e-310,
            -0.0,
            0.0,
            1e-310,
            2.0,
            2.5,
            1e300,
            f64::INFINITY,
        ];
        assert!(reals.map(key_of).is_sorted());
        assert_eq!(reals.map(|real| real_of(key_of(real)).to_bits()), reals.map(f64::to_bits));
        reals.reverse();
        assert!(!reals.map(key_of).is_sorted());
    }
}
