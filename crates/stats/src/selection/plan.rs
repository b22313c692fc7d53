//! Which ranges a pass counts.

use crate::quantile::{Estimator, Share};

/// Most buckets of a plan that was made from first values: a table of them stays in the fastest cache.
const BUCKETS: usize = 2048;
/// A domain of that many times the fine ranges of one quantile is counted value by value from end to end.
const FLAT: usize = 8;
/// Standard errors of a share in first values that its region covers on each side.
const ERRORS: f64 = 4.0;
/// First values count as this many times fewer independent ones: they are neighbours of each other.
const CORRELATED: f64 = 25.0;
/// Share of the values on each side that are left out of the domain: there they are sparse, and are kept.
const BEYOND: f64 = 0.00125;
/// Most values that are kept on each side.
const MOST_BEYOND: usize = 1 << 20;

/// A domain of values in ranges, in ascending order.
///
/// From `low` on, buckets of 2^shift values each are cut into ranges of 2^sub values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    low: i64,
    high: i64,
    shift: u32,
    /// Empty when no bucket is cut: then a bucket is a range.
    buckets: Vec<Bucket>,
    bins: usize,
    most_beyond: usize,
}

/// How a bucket is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bucket {
    first: u32,
    sub: u32,
}

impl Plan {
    /// Ranges of equal width over `low..=high`, at most `bins` of them (at least 2).
    pub fn flat((low, high): (i64, i64), bins: usize) -> Self {
        let shift = shift_for(low, high, bins.max(2));
        let bins = (span(low, high) >> shift) as usize + 1;
        Self { low, high, shift, buckets: Vec::new(), bins, most_beyond: 0 }
    }

    /// Ranges that are fine, down to single values, where the quantiles are expected after a look at some values,
    /// and coarse elsewhere. Each quantile gets at most `bins` fine ranges.
    ///
    /// The region of a quantile covers four standard errors of its share on each side, with values counted as 25
    /// times fewer; the domain leaves out the utmost 0.125 % on either side.
    /// A wrong guess costs another pass, never a wrong answer.
    pub fn around(values: &[i64], shares: &[Share], bins: usize) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let Some((low, high)) = inner(&sorted) else { return Self::flat((0, 0), bins) };
        let clip = |(first, last): (i64, i64)| (first.clamp(low, high), last.clamp(low, high));
        let regions: Vec<(i64, i64)> =
            shares.iter().filter_map(|&share| region(&sorted, share)).map(clip).collect();
        let most_beyond = MOST_BEYOND.min(2 * bins);
        if span(low, high) < (FLAT * bins) as u64 {
            return Self { most_beyond, ..Self::flat((low, high), FLAT * bins) };
        }
        let shift = shift_for(low, high, bins.clamp(4, BUCKETS));
        let mut subs = vec![shift; (span(low, high) >> shift) as usize + 1];
        for &(first, last) in &regions {
            let (first, last) = (span(low, first) >> shift, span(low, last) >> shift);
            let each = (bins as u64 / (last - first + 1)).max(1);
            let sub = shift.saturating_sub(each.ilog2());
            for other in &mut subs[first as usize..=last as usize] {
                *other = sub.min(*other);
            }
        }
        let mut bins = 0_usize;
        let buckets = subs.into_iter().map(|sub| {
            let bucket = Bucket { first: bins as u32, sub };
            bins += 1 << (shift - sub);
            bucket
        });
        let buckets = buckets.collect();
        Self { low, high, shift, buckets, bins, most_beyond }
    }

    /// Number of ranges.
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// The first value of the domain.
    pub(super) fn low(&self) -> i64 {
        self.low
    }

    /// Values that may be kept on each side of the domain.
    pub(super) fn most_beyond(&self) -> usize {
        self.most_beyond
    }

    /// Adds 1 to the range of each value; `beyond` gets those outside of the domain.
    pub(super) fn count(&self, values: &[i64], bins: &mut [u64], mut beyond: impl FnMut(i64)) {
        let Self { low, shift, .. } = *self;
        let span = span(self.low, self.high);
        let within = (1_u64 << shift) - 1;
        for &value in values {
            // a value below the first one wraps around to far above the last
            let at = value.wrapping_sub(low) as u64;
            if at > span {
                beyond(value);
                continue;
            }
            let bin = if self.buckets.is_empty() {
                (at >> shift) as usize
            } else {
                let bucket = self.buckets[(at >> shift) as usize];
                bucket.first as usize + ((at & within) >> bucket.sub) as usize
            };
            bins[bin] = bins[bin].wrapping_add(1);
        }
    }

    /// The first and the last value of a range.
    pub(super) fn range(&self, bin: usize) -> (i64, i64) {
        let (start, width) = if self.buckets.is_empty() {
            ((bin as u64) << self.shift, self.shift)
        } else {
            let after = self.buckets.partition_point(|bucket| bucket.first as usize <= bin);
            let bucket = self.buckets[after - 1];
            let part = (bin - bucket.first as usize) as u64;
            (((after as u64 - 1) << self.shift) + (part << bucket.sub), bucket.sub)
        };
        let end = (start + ((1 << width) - 1)).min(span(self.low, self.high));
        (self.low.wrapping_add(start as i64), self.low.wrapping_add(end as i64))
    }
}

/// The values between which all but the utmost ones lie.
fn inner(sorted: &[i64]) -> Option<(i64, i64)> {
    let left_out = (sorted.len() as f64 * BEYOND) as usize;
    Some((*sorted.get(left_out)?, *sorted.get(sorted.len().checked_sub(left_out + 1)?)?))
}

/// The values between which a quantile is expected.
fn region(sorted: &[i64], share: Share) -> Option<(i64, i64)> {
    let middle = Estimator::InverseCdf.index(sorted.len(), share)? as f64;
    let n = sorted.len() as f64;
    let half = ERRORS * (share.as_f64() * share.above() * n * CORRELATED).sqrt() + 1.0;
    let last = sorted.len() - 1;
    let at = |place: f64| sorted[(place.max(0.0) as usize).min(last)];
    Some((at((middle - half).floor()), at((middle + half).ceil())))
}

fn span(low: i64, high: i64) -> u64 {
    high.wrapping_sub(low) as u64
}

/// The least shift by which the span falls below `buckets`.
fn shift_for(low: i64, high: i64, buckets: usize) -> u32 {
    let (span, buckets) = (span(low, high), buckets as u64);
    (0..64).find(|shift| (span >> shift) < buckets).unwrap_or(63)
}
