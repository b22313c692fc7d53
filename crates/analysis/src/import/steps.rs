//! What printing left of a trace's times: the steps of its stamps and of its durations, found in the data. Pure.
//!
//! trtexec prints six significant digits, so a stamp after 10 s stands on a grid of 0.1 ms; and it holds times
//! in float32 milliseconds, so a duration, being the difference of two such numbers, stands on a grid of powers
//! of two that grows with the time since the start (2⁻⁹ ms from 16.4 s to 32.8 s).

/// Significant digits that trtexec prints.
const DIGITS: u32 = 6;
/// Durations below which no grid is looked for: a few fall on any grid by chance.
const FEWEST: usize = 50;
/// Finest grid that is looked for, in powers of two below 1 ms.
const FINEST: u32 = 16;

/// The grid of the stamps, decade by decade.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stamps([u64; 20]);

impl Stamps {
    /// Takes a stamp in ns.
    pub(crate) fn add(&mut self, ns: i64) {
        let value = ns.unsigned_abs();
        let Some(decade) = value.checked_ilog10() else { return };
        let known = &mut self.0[decade as usize];
        if *known == 0 || !value.is_multiple_of(*known) {
            *known = gcd(value, *known);
        }
    }

    /// The coarsest step among the decades, in ns: a power of ten, at most what six digits leave. 1 when every
    /// nanosecond is there.
    pub(crate) fn step_ns(&self) -> i64 {
        let of_decade = |(decade, &common): (usize, &u64)| {
            if common == 0 {
                return 1;
            }
            let mut step = 1_i64;
            while common.is_multiple_of(10 * step.unsigned_abs()) && step < printed(decade as u32) {
                step *= 10;
            }
            step
        };
        self.0.iter().enumerate().map(of_decade).max().unwrap_or(1)
    }
}

/// The last of six digits of a number whose first stands for 10^decade ns.
fn printed(decade: u32) -> i64 {
    10_i64.pow((decade + 1).saturating_sub(DIGITS))
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The grid of durations near the end of a trace, in ns: the coarsest power of two of a millisecond on which all
/// of them stand, as far as their digits tell. `times` are starts and durations; of them those count whose start
/// lies between the last power of two of a millisecond and the end, where float32 has one step. `None` when there is no such grid.
pub(crate) fn durations(times: impl Iterator<Item = (i64, i64)> + Clone) -> Option<f64> {
    let last = times.clone().map(|(start, _)| start).max()?;
    let octave = (last / 1_000_000).checked_ilog2()?;
    let late = times.filter(|&(start, _)| start / 1_000_000 >= 1 << octave);
    let values: Vec<i64> = late.map(|(_, duration)| duration).filter(|&ns| ns > 0).collect();
    if values.len() < FEWEST {
        return None;
    }
    let rounding = |ns: i64| 0.5 + 0.5 * printed(ns.unsigned_abs().ilog10()) as f64;
    let coarsest = values.iter().map(|&ns| rounding(ns)).fold(0.0, f64::max);
    (0..=FINEST)
        .map(|power| 1e6 / f64::from(1_u32 << power))
        .take_while(|&step| step > 8.0 * coarsest)
        .find(|&step| {
            values.iter().all(|&ns| {
                let value = ns as f64;
                (value - (value / step).round() * step).abs() <= rounding(ns)
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(milliseconds: &[&str]) -> i64 {
        let mut stamps = Stamps::default();
        for text in milliseconds {
            stamps.add((text.parse::<f64>().unwrap() * 1e6).round() as i64);
        }
        stamps.step_ns()
    }

    #[test]
    fn the_coarsest_decade_counts() {
        assert_eq!(step(&["498.501", "1498.51", "30503.7", "30505.4"]), 100_000);
        assert_eq!(step(&["498.501", "497.865"]), 1_000);
        assert_eq!(step(&["1498.51", "2000.25"]), 10_000);
        // a round number alone says no more than its six digits
        assert_eq!(step(&["30000"]), 100_000);
        assert_eq!(step(&["30000", "30000.000001"]), 1);
        assert_eq!(step(&["0"]), 1);
        assert_eq!(step(&["-30503.7"]), 100_000);
    }

    #[test]
    fn float32_durations_stand_on_powers_of_two() {
        let float = |k: i64| {
            let start = 20_000.0 + k as f32 * 2.178;
            let duration = (start + 2.178 + (k % 7) as f32 * 0.003) - start;
            // six digits
            let printed = (f64::from(duration) * 1e5).round() * 10.0;
            ((f64::from(start) * 1e6) as i64, printed as i64)
        };
        assert_eq!(durations((0..1000).map(float)), Some(1e6 / 512.0));
        let fine = |k: i64| (20_000_000_000 + k * 2_178_000, 2_178_000 + k * 37 % 1009);
        assert_eq!(durations((0..1000).map(fine)), None);
        assert_eq!(durations((0..10).map(float)), None, "too few to tell");
        assert_eq!(durations(std::iter::empty()), None);
    }
}
