//! Does the steady part still move? A straight line through the samples, with an honest error.

use crate::correlation::effective_n;
use crate::interval::Confidence;
use crate::special::t_quantile;

/// Samples of one round in order of time.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// When, in any unit.
    pub times: &'a [f64],
    /// What; as many as `times`.
    pub values: &'a [f64],
}

/// Whether segments have a level of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// One line through all segments: drift of the machine over the run. Needs four segments, or one: with two or
    /// three, levels that differ by chance cannot be told from a drift.
    Common,
    /// One slope, but a level for each segment: what warm-up left over in every round.
    Own,
}

/// A fitted trend, as a change relative to the mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// Change over the length of time that the segments cover (`Common`) or that the longest one covers (`Own`).
    pub change: f64,
    /// Lower bound of the change.
    pub lower: f64,
    /// Upper bound of the change.
    pub upper: f64,
}

impl Drift {
    /// Whether the change is beyond `threshold` in size and its sign is beyond doubt.
    pub fn exceeds(&self, threshold: f64) -> bool {
        self.change.abs() > threshold && (self.lower > 0.0 || self.upper < 0.0)
    }
}

/// The trend of segments by least squares; `None` with fewer than 8 samples, no time span or a mean of zero.
///
/// Formula: slope = Σ(t − t̄)(x − x̄) ÷ Σ(t − t̄)², standard error s √τ ÷ √Σ(t − t̄)² with the residuals'
/// correlation time τ (see [`effective_n`]). Assumes that the trend is near a straight line and that
/// residuals are stationary (Draper and Smith, 1998; correlated errors as in Cochrane and Orcutt, 1949).
/// Rounds have levels of their own that are no drift. So the error of a common line is at least the one that the k
/// segments' means show by their scatter around it, with k − 2 degrees of freedom (a random effect of each cluster:
/// Moulton, 1990).
pub fn drift(segments: &[Segment<'_>], level: Level, confidence: Confidence) -> Option<Drift> {
    let n: usize = segments.iter().map(|segment| segment.values.len()).sum();
    if n < 8 {
        return None;
    }
    let mean = total(segments, |_, value| value) / n as f64;
    let mean_time = total(segments, |time, _| time) / n as f64;
    let centres: Vec<(f64, f64)> = segments
        .iter()
        .map(|segment| match level {
            Level::Common => (mean_time, mean),
            Level::Own => (average(segment.times), average(segment.values)),
        })
        .collect();
    let (mut products, mut squares) = (0.0, 0.0);
    for (segment, (centre_time, centre)) in segments.iter().zip(&centres) {
        for (time, value) in segment.times.iter().zip(segment.values) {
            products += (time - centre_time) * (value - centre);
            squares += (time - centre_time) * (time - centre_time);
        }
    }
    if squares <= 0.0 || mean == 0.0 {
        return None;
    }
    let slope = products / squares;
    let residuals: Vec<Vec<f64>> = segments
        .iter()
        .zip(&centres)
        .map(|(segment, (centre_time, centre))| {
            let pairs = segment.times.iter().zip(segment.values);
            pairs.map(|(time, value)| value - centre - slope * (time - centre_time)).collect()
        })
        .collect();
    let residuals: Vec<&[f64]> = residuals.iter().map(Vec::as_slice).collect();
    let effective = effective_n(&residuals).n_effective;
    let rest: f64 = residuals.iter().flat_map(|part| part.iter()).map(|value| value * value).sum();
    let mut df = (effective - 1.0 - segments.len() as f64).max(1.0);
    let mut error = (rest / n as f64 / squares * n as f64 / effective).sqrt();
    if level == Level::Common && segments.len() > 1 {
        df = df.min(segments.len() as f64 - 2.0);
        error = error.max(error_of_scatter(segments, slope, (mean_time, mean))?);
    }
    let half = t_quantile(1.0 - confidence.tail(), df) * error;
    let scale = span(segments, level) / mean;
    let (a, b) = ((slope - half) * scale, (slope + half) * scale);
    Some(Drift { change: slope * scale, lower: a.min(b), upper: a.max(b) })
}

/// Standard error of a slope from how the segments' means lie around its line; `None` below four segments.
fn error_of_scatter(segments: &[Segment<'_>], slope: f64, centre: (f64, f64)) -> Option<f64> {
    if segments.len() < 4 {
        return None;
    }
    let (mut scatter, mut squares) = (0.0, 0.0);
    for segment in segments {
        let time = average(segment.times) - centre.0;
        let away = average(segment.values) - centre.1 - slope * time;
        scatter += away * away;
        squares += time * time;
    }
    Some((scatter / (segments.len() as f64 - 2.0) / squares).sqrt())
}

fn total(segments: &[Segment<'_>], pick: impl Fn(f64, f64) -> f64) -> f64 {
    let pairs = segments.iter().flat_map(|segment| segment.times.iter().zip(segment.values));
    pairs.map(|(&time, &value)| pick(time, value)).sum()
}

fn average(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

fn span(segments: &[Segment<'_>], level: Level) -> f64 {
    let ends = segments.iter().filter_map(|segment| {
        let (first, last) = (segment.times.first()?, segment.times.last()?);
        Some((*first, *last))
    });
    match level {
        Level::Own => ends.map(|(first, last)| last - first).fold(0.0, f64::max),
        Level::Common => {
            let (first, last) = ends
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), (c, d)| (a.min(c), b.max(d)));
            last - first
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(n: usize, from: f64, drift: f64) -> (Vec<f64>, Vec<f64>) {
        let times: Vec<f64> = (0..n).map(|k| from + k as f64 / n as f64).collect();
        // a fixed pattern with cv of about 0.5 % and no trend of its own
        let wave = |k: usize| 0.007 * (((k * 7919) % 1009) as f64 / 1009.0 - 0.5) * 2.5;
        let values = (0..n).map(|k| 40.0 * (1.0 + wave(k) + drift * k as f64 / n as f64)).collect();
        (times, values)
    }

    fn fit(parts: &[(Vec<f64>, Vec<f64>)], level: Level) -> Drift {
        let segments: Vec<Segment<'_>> =
            parts.iter().map(|(times, values)| Segment { times, values }).collect();
        drift(&segments, level, Confidence::new(0.999).unwrap()).unwrap()
    }

    #[test]
    fn a_planted_drift_is_found() {
        let found = fit(&[series(700, 0.0, 0.01)], Level::Common);
        assert!((found.change - 0.01).abs() < 0.003, "{found:?}");
        assert!(found.exceeds(0.005), "{found:?}");
    }

    #[test]
    fn still_samples_do_not_drift() {
        let found = fit(&[series(700, 0.0, 0.0)], Level::Common);
        assert!(!found.exceeds(0.005), "{found:?}");
    }

    #[test]
    fn every_round_may_warm_up_again() {
        let rounds: Vec<_> = (0..5).map(|k| series(150, f64::from(k) * 10.0, 0.03)).collect();
        assert!(fit(&rounds, Level::Own).exceeds(0.005));
        assert!(!fit(&rounds, Level::Common).exceeds(0.005));
    }

    #[test]
    fn too_little_to_tell() {
        let segment = Segment { times: &[0.0, 1.0], values: &[1.0, 2.0] };
        assert_eq!(drift(&[segment], Level::Common, Confidence::default()), None);
        let still = Segment { times: &[1.0; 10], values: &[2.0; 10] };
        assert_eq!(drift(&[still], Level::Common, Confidence::default()), None);
    }
}
