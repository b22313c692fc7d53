//! Passes over a dataset until every rank of every group is known, in memory that depends on the number of
//! groups and not on the number of rows.
//!
//! | groups | values kept before they are counted | fine ranges a percentile | memory a group and thread, at most |
//! |---|---|---|---|
//! | up to 4 | 65,536 | 2^19 | 50 MB, touched where there are values |
//! | up to 64 | 65,536 | 2^14 | 1.6 MB |
//! | more | 1,024 | 2^9 | 50 kB |

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pipeline::Fault;
use stats::Share;
use stats::selection::{Collector, Counts, Distribution, Place, Plan};

use super::scan::{Rows, Scan};

/// Something for each group, by the values of its columns.
pub(super) type Groups<T> = BTreeMap<Vec<String>, T>;

/// Groups beyond which no answer is tried: 50 kB for each would leave what is meant for a whole run.
/// Each thread counts its own.
const MOST_GROUPS: usize = 40_000;
/// Row groups of which the first rows are looked at before the first pass, and how many rows.
const PILOT_UNITS: usize = 16;
const PILOT_ROWS: usize = 4096;
/// Rows below which no such look is worth its time.
const PILOT_FROM: u64 = 4_000_000;

/// What is known about one group.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) distribution: Distribution,
    pub(super) nulls: u64,
    /// Sums of floats by row group.
    sums: Vec<(usize, f64)>,
}

impl Found {
    /// Values.
    pub(super) fn n(&self) -> u64 {
        self.distribution.total().n
    }

    /// The value of a rank, once it is known.
    pub(super) fn at(&self, rank: u64) -> Option<i64> {
        match self.distribution.place(rank)? {
            Place::At(value) => Some(value),
            Place::Between(..) => None,
        }
    }

    /// Row groups are added up in their order, whoever read them.
    pub(super) fn mean_of_reals(&self) -> Option<f64> {
        let sum: f64 = self.sums.iter().map(|(_, sum)| sum).sum();
        (self.n() > 0).then(|| sum / self.n() as f64)
    }
}

/// The first pass of one thread over one group.
#[derive(Default)]
struct First {
    collector: Collector,
    nulls: u64,
    sums: Vec<(usize, f64)>,
}

/// What all threads of the first pass share.
struct Shared<'a> {
    shares: &'a [Share],
    plans: Mutex<Groups<Arc<Plan>>>,
    groups: AtomicUsize,
}

impl Shared<'_> {
    /// The plan of a group, made from the values that come first.
    fn plan(&self, group: &[String], first: &[i64]) -> Arc<Plan> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get(group) {
            return Arc::clone(plan);
        }
        let bins = match plans.len() {
            0..4 => 1 << 19,
            4..64 => 1 << 14,
            _ => 1 << 9,
        };
        let plan = Arc::new(Plan::around(first, self.shares, bins));
        plans.insert(group.to_vec(), Arc::clone(&plan));
        plan
    }

    fn visit(&self, own: &mut Groups<First>, rows: &Rows<'_>) -> anyhow::Result<()> {
        if !own.contains_key(rows.group) {
            let groups = self.groups.fetch_add(1, Ordering::Relaxed);
            anyhow::ensure!(groups < MOST_GROUPS, too_many());
            own.insert(rows.group.to_vec(), First::default());
        }
        let Some(first) = own.get_mut(rows.group) else { return Ok(()) };
        let room = if self.groups.load(Ordering::Relaxed) <= 128 { 1 << 16 } else { 1 << 10 };
        first.nulls += rows.nulls as u64;
        first.collector.add(rows.values, room, |values| self.plan(rows.group, values));
        if !rows.reals.is_empty() {
            let sum: f64 = rows.reals.iter().sum();
            match first.sums.last_mut() {
                Some((unit, total)) if *unit == rows.unit => *total += sum,
                _ => first.sums.push((rows.unit, sum)),
            }
        }
        Ok(())
    }
}

fn too_many() -> Fault {
    Fault::config(format!("there are too many groups: threads have begun {MOST_GROUPS}"))
        .hint("choose rows with --where, or a column with fewer values")
}

/// Counts every group once.
pub(super) fn first_pass(scan: &Scan<'_>, shares: &[Share]) -> anyhow::Result<Groups<Found>> {
    let plans = Mutex::new(pilot(scan, shares)?);
    let shared = Shared { shares, plans, groups: AtomicUsize::new(0) };
    let parts = scan.all(Groups::new, |own, rows| shared.visit(own, rows))?;
    let mut groups: Groups<First> = Groups::new();
    for (key, part) in parts.into_iter().flatten() {
        let all = groups.entry(key).or_default();
        all.collector.merge(part.collector);
        all.nulls += part.nulls;
        all.sums.extend(part.sums);
    }
    let found = |(key, mut first): (Vec<String>, First)| {
        first.sums.sort_by_key(|(unit, _)| *unit);
        let distribution = Distribution::new(first.collector);
        (key, Found { distribution, nulls: first.nulls, sums: first.sums })
    };
    Ok(groups.into_iter().map(found).collect())
}

/// Plans from the first rows of row groups all over the dataset: a trace of a month does not stay where it began.
fn pilot(scan: &Scan<'_>, shares: &[Share]) -> anyhow::Result<Groups<Arc<Plan>>> {
    let units = &scan.dataset.units;
    let rows: u64 = units.iter().map(|&unit| scan.dataset.rows(unit)).sum();
    if rows < PILOT_FROM {
        return Ok(Groups::new());
    }
    let looks = PILOT_UNITS.min(units.len());
    let chosen: Vec<usize> = (0..looks).map(|k| k * units.len() / looks).collect();
    let parts = scan.some(&chosen, PILOT_ROWS, Groups::<Vec<i64>>::new, |own, rows| {
        own.entry(rows.group.to_vec()).or_default().extend_from_slice(rows.values);
        Ok(())
    })?;
    let mut seen: Groups<Vec<i64>> = Groups::new();
    for (key, mut values) in parts.into_iter().flatten() {
        seen.entry(key).or_default().append(&mut values);
    }
    // of many groups each has too few rows here to plan by
    if seen.len() > 4 {
        return Ok(Groups::new());
    }
    let full = |values: &Vec<i64>| values.len() >= PILOT_ROWS;
    let plan = |(key, values): (Vec<String>, Vec<i64>)| {
        (key, Arc::new(Plan::around(&values, shares, 1 << 19)))
    };
    Ok(seen.into_iter().filter(|(_, values)| full(values)).map(plan).collect())
}

/// Goes over the rows until the ranks that each group is asked for are known.
pub(super) fn settle(
    scan: &Scan<'_>,
    groups: &mut Groups<Found>,
    ranks: &dyn Fn(&[String], &Found) -> Vec<u64>,
) -> anyhow::Result<()> {
    // 64 bits in steps of 9 at least
    for _ in 0..9 {
        let open = groups.len();
        let bins = if open <= 64 { 1 << 16 } else { 1 << 9 };
        let plans = groups
            .iter()
            .map(|(key, found)| (key.clone(), found.distribution.refine(&ranks(key, found), bins)));
        let plans: Groups<Vec<Arc<Plan>>> = plans.filter(|(_, plans)| !plans.is_empty()).collect();
        if plans.is_empty() {
            return Ok(());
        }
        let parts = scan.all(Groups::<Vec<Counts>>::new, |own, rows| {
            let Some(plans) = plans.get(rows.group) else { return Ok(()) };
            if !own.contains_key(rows.group) {
                let counts = plans.iter().map(|plan| Counts::new(Arc::clone(plan)));
                own.insert(rows.group.to_vec(), counts.collect());
            }
            for counts in own.get_mut(rows.group).into_iter().flatten() {
                counts.add(rows.values);
            }
            Ok(())
        })?;
        let mut all: Groups<Vec<Counts>> = Groups::new();
        for (key, part) in parts.into_iter().flatten() {
            match all.get_mut(&key) {
                Some(sum) => sum.iter_mut().zip(part).for_each(|(sum, part)| sum.merge(part)),
                None => drop(all.insert(key, part)),
            }
        }
        for (key, counts) in all {
            if let Some(found) = groups.get_mut(&key) {
                found.distribution.learn(counts);
            }
        }
    }
    Err(Fault::config("the files changed while they were read").hint("try again").into())
}
