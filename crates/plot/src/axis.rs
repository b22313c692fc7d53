//! Axes: where a value lies in px, and which values are worth a tick.
//!
//! Logarithms come from `libm`, so that a plot is the same to the byte on every platform.

/// A straight map from values to px.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    log: bool,
}

impl Axis {
    /// An axis whose values `low..=high` lie at `from..=to` px. A span of zero is widened.
    pub fn linear((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        let high = if high > low { high } else { low + low.abs().max(1.0) * 0.01 };
        Self { low, high, from, to, log: false }
    }

    /// A logarithmic axis; `low` is above zero.
    pub fn log((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        let high = if high > low { high } else { low * 1.01 };
        Self { low, high, from, to, log: true }
    }

    /// Where a value lies; values beyond an end lie at that end.
    pub fn at(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        let share = if self.log {
            libm::log(value / self.low) / libm::log(self.high / self.low)
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share * (self.to - self.from)
    }

    /// The value at a px.
    pub fn value(&self, px: f64) -> f64 {
        let share = (px - self.from) / (self.to - self.from);
        if self.log {
            self.low * libm::pow(self.high / self.low, share)
        } else {
            self.low + share * (self.high - self.low)
        }
    }

    /// Round values on the axis, about `count` of them, ascending.
    pub fn ticks(&self, count: usize) -> Vec<f64> {
        if self.log && self.high / self.low > 5.0 {
            return log_ticks(self.low, self.high);
        }
        let step = nice_step((self.high - self.low) / count.max(1) as f64);
        let first = (self.low / step - 1e-9).ceil();
        let last = (self.high / step + 1e-9).floor();
        let steps = (last - first).max(0.0) as usize;
        (0..=steps).map(|k| (first + k as f64) * step).collect()
    }

    /// Exponents of the powers of ten from end to end, for an axis of whole decades.
    pub fn exponents(&self) -> std::ops::RangeInclusive<i32> {
        let exponent = |end: f64| libm::log10(end).round() as i32;
        exponent(self.low)..=exponent(self.high)
    }

    /// The smallest value.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The largest value.
    pub fn high(&self) -> f64 {
        self.high
    }
}

/// The smallest of 1, 2, 2.5 and 5 times a power of ten that is at least `step`.
pub fn nice_step(step: f64) -> f64 {
    let power = power_of_ten(libm::log10(step).floor() as i32);
    let nice = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|nice| nice * power >= step * 0.999_999);
    nice.unwrap_or(10.0) * power
}

/// The powers of ten around two values: the last one up to `low`, the first one above `high`.
pub fn whole_decades(low: f64, high: f64) -> (f64, f64) {
    let exponent = |value: f64| libm::log10(value).floor() as i32;
    (power_of_ten(exponent(low)), power_of_ten(exponent(high) + 1))
}

/// Exactly rounded, on every platform.
pub fn power_of_ten(exponent: i32) -> f64 {
    format!("1e{exponent}").parse().unwrap_or(1.0)
}

/// Round values between the ends, finer when the ends are near each other.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let coarse = steps_between(low, high, &[1.0, 2.0, 5.0]);
    if coarse.len() >= 4 {
        return coarse;
    }
    steps_between(low, high, &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0])
}

fn steps_between(low: f64, high: f64, steps: &[f64]) -> Vec<f64> {
    let mut ticks = Vec::new();
    let mut exponent = libm::log10(low).floor() as i32;
    while power_of_ten(exponent) <= high {
        let values = steps.iter().map(|step| step * power_of_ten(exponent));
        ticks.extend(values.filter(|tick| (low..=high).contains(tick)));
        exponent += 1;
    }
    ticks
}

/// Labels of ticks with the fewest decimals that are exact to a thousandth of a step.
pub fn labels(ticks: &[f64]) -> Vec<String> {
    let step = ticks.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    let step = if step.is_finite() { step } else { 1.0 };
    let exact = |places: i32| {
        let power = power_of_ten(places);
        ticks.iter().all(|tick| ((tick * power).round() / power - tick).abs() < step / 1000.0)
    };
    let places = (0..6).find(|&places| exact(places)).unwrap_or(6) as usize;
    ticks.iter().map(|tick| format!("{:.places$}", tick + 0.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_px_are_inverse() {
        for axis in
            [Axis::linear((10.0, 50.0), (0.0, 400.0)), Axis::log((1.0, 1000.0), (300.0, 0.0))]
        {
            assert!((axis.at(axis.value(120.0)) - 120.0).abs() < 1e-9);
        }
        let still = Axis::linear((5.0, 5.0), (0.0, 100.0));
        assert!(still.at(5.0).abs() < 1e-12);
    }

    #[test]
    fn ticks_are_round() {
        let axis = Axis::linear((38.2, 51.0), (0.0, 1.0));
        assert_eq!(axis.ticks(5), [40.0, 45.0, 50.0]);
        let axis = Axis::log((30.0, 4000.0), (0.0, 1.0));
        assert_eq!(axis.ticks(5), [50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0]);
        let axis = Axis::log((20.0, 110.0), (0.0, 1.0));
        assert_eq!(axis.ticks(5), [20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0]);
    }

    #[test]
    fn decades_are_whole() {
        assert_eq!(whole_decades(0.5, 163.0), (0.1, 1000.0));
        assert_eq!(whole_decades(0.1, 1000.0), (0.1, 10_000.0));
        assert_eq!(Axis::log((0.1, 1000.0), (0.0, 1.0)).exponents(), -1..=3);
        assert_eq!(Axis::log((1e-9, 1e14), (0.0, 1.0)).exponents(), -9..=14);
    }

    #[test]
    fn labels_tell_ticks_apart() {
        assert_eq!(labels(&[0.0, 0.5, 1.0]), ["0.0", "0.5", "1.0"]);
        assert_eq!(labels(&[40.0, 45.0]), ["40", "45"]);
        assert_eq!(labels(&[2.05, 2.0525]), ["2.0500", "2.0525"]);
    }
}
