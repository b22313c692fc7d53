//! Where the steady part begins, and where its level steps: labels on samples, never a deletion.
//!
//! Both look at medians of five neighbours: one stall moves no median, and a change that lasts less than
//! five inferences is an outlier, not a phase. What is believed is decided on normal scores (each sample's rank,
//! as a quantile of the normal distribution: van der Waerden, 1952), so that a skewed or heavy-tailed latency is as
//! rarely called as a normal one; sizes are told in the unit of the samples.

use crate::correlation::effective_n;
use crate::special::normal_quantile;

/// Neighbours whose median stands for them (White, Cobb and Spratt, 2000, use batches of five).
const BATCH: usize = 5;
/// Standard errors beyond which a transient is believed. The largest of some hundred dependent places is
/// looked at, hence far more than two (`analysis validate` counts clean segments that are called).
const BELIEVED: f64 = 5.0;
/// The same for a step, which is the largest of all stretches.
const BELIEVED_STEP: f64 = 6.0;
/// Fewest batches on either side of a step.
const SHORTEST: usize = 4;
/// Most batches that are looked at; longer series get longer batches.
const MOST_BATCHES: usize = 600;
/// Most steps that are told.
const MOST_STEPS: usize = 16;

/// The end of a transient at the start of a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truncation {
    /// Samples before the steady part; zero when the segment starts steady.
    pub at: usize,
    /// Mean of the medians before it; that of the steady part when there is none.
    pub before: f64,
    /// Mean of the medians of the steady part.
    pub after: f64,
    /// Their difference in standard errors.
    pub errors: f64,
}

/// A step of the level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The first sample of the new level.
    pub at: usize,
    /// Mean of the medians from the step before, or the start, to this one.
    pub before: f64,
    /// Mean of the medians from here to the next step, or the end.
    pub after: f64,
    /// The lengths of these two, as shares of the segment.
    pub lasts: (f64, f64),
    /// Their difference in standard errors.
    pub errors: f64,
}

/// Finds where a segment, in order of time, becomes steady.
///
/// Formula: the marginal standard error rule (MSER: White, 1997; on batches: White, Cobb and Spratt, 2000): the
/// d ≤ k/2 of k batches with the least Σ(y − ȳ)² ÷ (k − d)², the sum and mean over the batches after d.
/// The rule alone cuts something from most clean series too; so what it cuts counts as a transient only if its mean
/// differs from the rest by more than five standard errors of the rest's long-run variance.
/// Assumes that the second half is steady; whether it is, drift and steps tell.
/// `None` below 16 batches (80 samples).
pub fn truncation(values: &[f64]) -> Option<Truncation> {
    let size = batch_size(values.len());
    let batches = Batches::of(values, size);
    let k = batches.scores.len();
    if k < 16 {
        return None;
    }
    let cut = marginal_standard_error(&batches.scores);
    let all = average(&batches.medians);
    let steady = Truncation { at: 0, before: all, after: all, errors: 0.0 };
    if cut == 0 {
        return Some(steady);
    }
    let (head, rest) = batches.scores.split_at(cut);
    let errors = LongRun::of(&[rest]).errors(average(head) - average(rest), cut, k - cut);
    Some(if errors > BELIEVED {
        Truncation {
            at: cut * size,
            before: average(&batches.medians[..cut]),
            after: average(&batches.medians[cut..]),
            errors,
        }
    } else {
        steady
    })
}

/// The d ≤ k/2 with the least squared standard error of the mean of what is left.
fn marginal_standard_error(values: &[f64]) -> usize {
    let k = values.len();
    // suffix sums around the overall mean, which keeps digits
    let centre = average(values);
    let (mut sum, mut squares) = (0.0, 0.0);
    let mut best = (f64::INFINITY, 0);
    for d in (0..k).rev() {
        let value = values[d] - centre;
        sum += value;
        squares += value * value;
        let rest = (k - d) as f64;
        let score = (squares - sum * sum / rest) / (rest * rest);
        if d <= k / 2 && score <= best.0 {
            best = (score, d);
        }
    }
    best.1
}

/// Finds steps of the level of a segment, in order of time; about sixteen at most.
///
/// Formula: circular binary segmentation (Olshen, Venkatraman, Lucito and Wigler, 2004): of all stretches, the one
/// whose mean differs most from the rest's, weighted by √(m(k − m)/k), is set apart if it differs by more than six
/// standard errors; then every part alone. So a visit to another level that ends again is two steps.
/// Standard errors come from the long-run variance of the residuals around both means, so that a memory
/// of the series is not a step (Csörgő and Horváth, *Limit Theorems in Change-Point Analysis*, 1997).
/// Assumes a level that is constant between few steps, and a memory that is short beside the distance of steps.
pub fn steps(values: &[f64]) -> Vec<Step> {
    let size = batch_size(values.len());
    // (first sample, errors) of each step
    let mut found: Vec<(usize, f64)> = Vec::new();
    let mut open = vec![(0, values.len())];
    while let Some((from, to)) = open.pop() {
        if found.len() >= MOST_STEPS {
            break;
        }
        // ranks are those within the part: scores of a part of a whole are not normal
        let Some(stretch) = stretch_in(&Batches::of(&values[from..to], size).scores) else {
            continue;
        };
        let mut ends = vec![from];
        for at in [from + stretch.from * size, from + stretch.to * size] {
            if at > from && at + size <= to {
                found.push((at, stretch.errors));
                ends.push(at);
            }
        }
        ends.push(to);
        open.extend(ends.windows(2).map(|pair| (pair[0], pair[1])));
    }
    found.sort_by_key(|&(at, _)| at);
    let ends: Vec<usize> = std::iter::once(0)
        .chain(found.iter().map(|&(at, _)| at))
        .chain(std::iter::once(values.len()))
        .collect();
    let share = |from: usize, to: usize| (to - from) as f64 / values.len() as f64;
    let level = |from: usize, to: usize| average(&medians(&values[from..to], size));
    found
        .iter()
        .zip(ends.windows(3))
        .map(|(&(at, errors), around)| Step {
            at,
            before: level(around[0], around[1]),
            after: level(around[1], around[2]),
            lasts: (share(around[0], around[1]), share(around[1], around[2])),
            errors,
        })
        .collect()
}

/// A stretch that differs from the rest of its segment.
struct Stretch {
    from: usize,
    to: usize,
    errors: f64,
}

/// The stretch that differs most, if the difference is believed.
fn stretch_in(scores: &[f64]) -> Option<Stretch> {
    let k = scores.len();
    if k < 4 * SHORTEST {
        return None;
    }
    let mean = average(scores);
    let mut sums = vec![0.0; k + 1];
    for (at, value) in scores.iter().enumerate() {
        sums[at + 1] = sums[at] + (value - mean);
    }
    let mut best = (0.0, 0, 0);
    for length in SHORTEST..=k - SHORTEST {
        let (mut largest, mut at) = (0.0, 0);
        for (from, (low, high)) in sums.iter().zip(&sums[length..]).enumerate() {
            let difference = (high - low).abs();
            // an end that is too short to be a part of its own belongs to the stretch or does not exist
            let near = |gap: usize| gap > 0 && gap < SHORTEST;
            if difference > largest && !near(from) && !near(k - from - length) {
                (largest, at) = (difference, from);
            }
        }
        let weighted = largest * largest * k as f64 / (length * (k - length)) as f64;
        if weighted > best.0 {
            best = (weighted, at, at + length);
        }
    }
    let (_, from, to) = best;
    if to == 0 {
        return None;
    }
    let parts: Vec<&[f64]> = [&scores[..from], &scores[from..to], &scores[to..]]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    let inside = average(&scores[from..to]);
    let rest = (sums[k] - (sums[to] - sums[from])) / (k - (to - from)) as f64 + mean;
    let errors = LongRun::of(&parts).errors(inside - rest, to - from, k - (to - from));
    (errors > BELIEVED_STEP).then_some(Stretch { from, to, errors })
}

/// Variance and memory of scores around the means of their segments.
struct LongRun {
    variance: f64,
    time: f64,
}

impl LongRun {
    fn of(segments: &[&[f64]]) -> Self {
        let n: usize = segments.iter().map(|segment| segment.len()).sum();
        let squares: f64 = segments
            .iter()
            .map(|segment| {
                let mean = average(segment);
                segment.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>()
            })
            .sum();
        let variance = squares / (n.saturating_sub(segments.len())).max(1) as f64;
        Self { variance, time: effective_n(segments).time }
    }

    /// A difference of the means of `left` and `right` scores in standard errors.
    fn errors(&self, difference: f64, left: usize, right: usize) -> f64 {
        // the mean of fewer than one memory's worth varies as one of them does
        let of_mean = |n: usize| self.time.min(n as f64) / n as f64;
        let error = (self.variance * (of_mean(left) + of_mean(right))).sqrt();
        if error > 0.0 {
            difference.abs() / error
        } else if difference == 0.0 {
            0.0
        } else {
            f64::INFINITY
        }
    }
}

/// Medians of neighbours, in order of time.
struct Batches {
    medians: Vec<f64>,
    /// Normal scores of the medians among all samples.
    scores: Vec<f64>,
}

impl Batches {
    fn of(values: &[f64], size: usize) -> Self {
        let medians = medians(values, size);
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let score = |&median: &f64| {
            let below = sorted.partition_point(|&value| value < median);
            let equal = sorted[below..].partition_point(|&value| value <= median);
            normal_quantile((below as f64 + 0.5 * equal as f64) / sorted.len() as f64)
        };
        let scores = medians.iter().map(score).collect();
        Self { medians, scores }
    }
}

/// Samples in a batch: odd, so that a median is a sample.
fn batch_size(n: usize) -> usize {
    BATCH.max(n / MOST_BATCHES) | 1
}

fn medians(values: &[f64], size: usize) -> Vec<f64> {
    let mut batch = vec![0.0; size];
    values
        .chunks_exact(size)
        .map(|chunk| {
            batch.copy_from_slice(chunk);
            batch.sort_by(f64::total_cmp);
            batch[size / 2]
        })
        .collect()
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests;
