//! Axes of time.

use super::axis::{Axis, labels};
use crate::format::unit_of;

/// The unit of an axis of times that reaches up to `high` ns, and tick labels in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeUnit {
    /// ns in one unit.
    pub(super) scale: f64,
    /// Its name.
    pub(super) name: &'static str,
}

impl TimeUnit {
    /// The unit for times up to `high` ns.
    pub(super) fn of(high: f64) -> Self {
        let (scale, name) = unit_of(high);
        Self { scale, name }
    }

    /// Labels of ticks in ns, all with the decimals that tell them apart.
    pub(super) fn labels(self, ticks: &[f64]) -> Vec<String> {
        labels(&ticks.iter().map(|tick| tick / self.scale).collect::<Vec<_>>())
    }
}

/// Ticks of a time axis with labels in one unit, and the unit.
pub(super) fn time_ticks(axis: &Axis, count: usize) -> (Vec<f64>, Vec<String>, &'static str) {
    let unit = TimeUnit::of(axis.high());
    let ticks = axis.ticks(count);
    let words = unit.labels(&ticks);
    (ticks, words, unit.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_have_a_unit_that_suits_them() {
        let unit = TimeUnit::of(2_000_000.0);
        assert_eq!(
            (unit.name, unit.labels(&[1.5e6, 2e6])),
            ("ms", vec!["1.5".into(), "2.0".into()])
        );
    }
}
