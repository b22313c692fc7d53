//! Exact quantiles of any number of integers in bounded memory: counts of ranges that grow finer pass by pass.
//!
//! A value of a given rank is found by counting how many values lie in each of many ranges, choosing the range
//! that holds the rank, and counting within it again (multi-pass selection: Munro and Paterson, *Selection and
//! sorting with limited storage*, 1980; here with fixed ranges, so that passes can be counted in parts and added
//! up in any order). A range of one value ends the search, so the answer is that of sorting, to the last bit.
//!
//! ```text
//! first pass   few values: kept as they are, and sorted at the end
//!              many values: the first of them make a plan; counted where they are dense, kept where they are not
//! later passes only for ranks whose range still holds several values (data that left the plan, wide spreads)
//! ```
//!
//! A span of 2^64 in flat ranges of 2^16 takes four passes; latencies in ns take one as a rule.

mod counts;
mod plan;
#[cfg(test)]
mod tests;

pub use counts::Counts;
pub use plan::Plan;

use std::sync::Arc;

/// How many values and how large in sum. Exact, so the order of adding does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Values.
    pub n: u64,
    /// Their exact sum.
    pub sum: i128,
}

impl Total {
    /// Adds values.
    pub fn add(&mut self, values: &[i64]) {
        // halves of 32 bits cannot overflow 64 within a chunk, and the loop stays free of 128-bit sums
        for chunk in values.chunks(1 << 16) {
            let (mut low, mut high) = (0_u64, 0_u64);
            for &value in chunk {
                // shifted by half the range, so that both halves are positive
                let shifted = value as u64 ^ (1 << 63);
                low = low.wrapping_add(shifted & 0xffff_ffff);
                high = high.wrapping_add(shifted >> 32);
            }
            let shifted = (i128::from(high) << 32) + i128::from(low);
            self.sum += shifted - ((chunk.len() as i128) << 63);
        }
        self.n += values.len() as u64;
    }

    /// Adds what another has added up.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.sum += other.sum;
    }

    /// Sum ÷ n; `None` when there are none.
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum as f64 / self.n as f64)
    }
}

/// The first pass of one thread: keeps values while they are few, counts them when they are many.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    total: Total,
    kept: Vec<i64>,
    counts: Option<Counts>,
}

impl Collector {
    /// Adds values. Once more than `room` would be kept, `plan` says how to count them; it is given the values so
    /// far and must give all collectors that are merged later the same plan.
    pub fn add(&mut self, values: &[i64], room: usize, plan: impl FnOnce(&[i64]) -> Arc<Plan>) {
        self.total.add(values);
        if let Some(counts) = &mut self.counts {
            counts.add(values);
        } else if self.kept.len() + values.len() <= room {
            self.kept.extend_from_slice(values);
        } else {
            let pilot = if self.kept.is_empty() { values } else { &self.kept };
            let mut counts = Counts::new(plan(pilot));
            counts.add(&self.kept);
            counts.add(values);
            self.kept = Vec::new();
            self.counts = Some(counts);
        }
    }

    /// Adds what another has collected.
    pub fn merge(&mut self, mut other: Self) {
        self.total.merge(&other.total);
        match (&mut self.counts, other.counts.take()) {
            (Some(own), Some(others)) => own.merge(others),
            (None, others) => self.counts = others,
            (Some(_), None) => {}
        }
        self.kept.append(&mut other.kept);
        if let Some(counts) = &mut self.counts {
            counts.add(&std::mem::take(&mut self.kept));
        }
    }
}

/// Where the value of a rank lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is this one.
    At(i64),
    /// It is one of these; another pass tells which.
    Between(i64, i64),
}

/// All that passes have found out about a set of values.
#[derive(Clone, Debug)]
pub struct Distribution {
    total: Total,
    sorted: Vec<i64>,
    counts: Vec<Counts>,
}

impl Distribution {
    /// What the first pass found.
    pub fn new(collector: Collector) -> Self {
        let Collector { total, kept: mut sorted, counts } = collector;
        sorted.sort_unstable();
        let mut found = Self { total, sorted, counts: Vec::new() };
        found.learn(counts);
        found
    }

    /// Number and sum of the values.
    pub fn total(&self) -> &Total {
        &self.total
    }

    /// Where the value of a rank, from 0, lies; `None` when there are no more than `rank` values.
    pub fn place(&self, rank: u64) -> Option<Place> {
        if rank >= self.total.n {
            return None;
        }
        if let Some(&value) = self.sorted.get(rank as usize) {
            return Some(Place::At(value));
        }
        let (mut low, mut high) = (i64::MIN, i64::MAX);
        for (first, last) in self.counts.iter().filter_map(|counts| counts.range_of(rank)) {
            (low, high) = (low.max(first), high.min(last));
        }
        Some(if low == high { Place::At(low) } else { Place::Between(low, high) })
    }

    /// What the next pass has to count so that the values of these ranks become known, at most `bins` ranges each;
    /// empty when they are known.
    pub fn refine(&self, ranks: &[u64], bins: usize) -> Vec<Arc<Plan>> {
        let mut ranges: Vec<(i64, i64)> = ranks
            .iter()
            .filter_map(|&rank| match self.place(rank)? {
                Place::At(_) => None,
                Place::Between(low, high) => Some((low, high)),
            })
            .collect();
        ranges.sort_unstable();
        ranges.dedup();
        ranges.into_iter().map(|range| Arc::new(Plan::flat(range, bins))).collect()
    }

    /// Takes what a later pass over the same values has counted.
    pub fn learn(&mut self, counts: impl IntoIterator<Item = Counts>) {
        self.counts.extend(counts.into_iter().map(Counts::finish));
    }
}
