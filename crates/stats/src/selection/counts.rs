//! How many values lie in each range of a plan.

use std::sync::Arc;

use super::Plan;

/// Counts within the domain of a plan. Values beyond it are kept while they are few enough.
#[derive(Clone, Debug)]
pub struct Counts {
    plan: Arc<Plan>,
    bins: Vec<u64>,
    below: Side,
    above: Side,
}

/// The values on one side of the domain.
#[derive(Clone, Debug)]
struct Side {
    n: u64,
    min: i64,
    max: i64,
    /// All of them; `None` once they were too many.
    values: Option<Vec<i64>>,
}

impl Side {
    fn new() -> Self {
        Self { n: 0, min: i64::MAX, max: i64::MIN, values: Some(Vec::new()) }
    }

    // rare, and out of the way of the loop that counts
    #[cold]
    #[inline(never)]
    fn add(&mut self, value: i64, most: usize) {
        self.n += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if let Some(values) = &mut self.values {
            values.push(value);
        }
        if self.n > most as u64 {
            self.values = None;
        }
    }

    fn merge(&mut self, other: Self, most: usize) {
        self.n += other.n;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.values = match (self.values.take(), other.values) {
            (Some(mut own), Some(mut others)) if self.n <= most as u64 => {
                own.append(&mut others);
                Some(own)
            }
            _ => None,
        };
    }

    /// The first and last value among which the one of a rank within this side lies.
    fn range_of(&self, rank: u64) -> (i64, i64) {
        let value = self.values.as_ref().and_then(|values| values.get(rank as usize));
        value.map_or((self.min, self.max), |&value| (value, value))
    }
}

impl Counts {
    /// Nothing counted yet.
    pub fn new(plan: Arc<Plan>) -> Self {
        let bins = vec![0; plan.bins()];
        Self { plan, bins, below: Side::new(), above: Side::new() }
    }

    /// Counts values.
    pub fn add(&mut self, values: &[i64]) {
        let (low, most) = (self.plan.low(), self.plan.most_beyond());
        let (below, above) = (&mut self.below, &mut self.above);
        self.plan.count(values, &mut self.bins, |value| {
            if value < low { below.add(value, most) } else { above.add(value, most) }
        });
    }

    /// Adds what was counted with the same plan.
    ///
    /// # Panics
    /// When the plans are two, which is a bug of the caller: their ranges do not fit each other.
    pub fn merge(&mut self, other: Self) {
        assert!(Arc::ptr_eq(&self.plan, &other.plan), "counts of one plan only can be added up");
        for (own, others) in self.bins.iter_mut().zip(&other.bins) {
            *own += others;
        }
        let most = self.plan.most_beyond();
        self.below.merge(other.below, most);
        self.above.merge(other.above, most);
    }

    /// Sorts what was kept; before [`Self::range_of`].
    pub(super) fn finish(mut self) -> Self {
        for side in [&mut self.below, &mut self.above] {
            if let Some(values) = &mut side.values {
                values.sort_unstable();
            }
        }
        self
    }

    /// The first and last value of the range that holds a rank (from 0) among all values that were counted.
    pub(super) fn range_of(&self, rank: u64) -> Option<(i64, i64)> {
        if rank < self.below.n {
            return Some(self.below.range_of(rank));
        }
        let mut before = self.below.n;
        for (bin, count) in self.bins.iter().enumerate() {
            if rank < before + count {
                return Some(self.plan.range(bin));
            }
            before += count;
        }
        (rank - before < self.above.n).then(|| self.above.range_of(rank - before))
    }
}
