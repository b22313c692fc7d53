//! Selection against sorting, on values of every scale.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::quantile::{Estimator, Share};

const SHARES: [f64; 6] = [0.1, 50.0, 90.0, 99.0, 99.9, 99.99];

fn shares() -> Vec<Share> {
    SHARES.iter().map(|&percent| Share::from_percent(percent).unwrap()).collect()
}

fn ranks(n: usize) -> Vec<u64> {
    let index = |share| Estimator::InverseCdf.index(n, share).map(|index| index as u64);
    shares().into_iter().filter_map(index).collect()
}

/// Collects `parts` apart from each other, with one plan for all.
fn collect(parts: &[&[i64]], room: usize, bins: usize) -> Vec<Collector> {
    let mut common: Option<Arc<Plan>> = None;
    let parts = parts.iter().map(|part| {
        let mut collector = Collector::default();
        for values in part.chunks(37) {
            collector.add(values, room, |first| {
                Arc::clone(
                    common.get_or_insert_with(|| Arc::new(Plan::around(first, &shares(), bins))),
                )
            });
        }
        collector
    });
    parts.collect()
}

/// The values of all ranks, in as many passes as it takes; also how many that were.
fn select(parts: &[&[i64]], order: &[usize], room: usize, bins: usize) -> (Vec<i64>, usize) {
    let collectors = collect(parts, room, bins);
    let mut all = Collector::default();
    for &k in order {
        all.merge(collectors[k].clone());
    }
    let mut found = Distribution::new(all);
    let ranks = ranks(found.total().n as usize);
    let mut passes = 1;
    loop {
        let plans = found.refine(&ranks, bins.max(16));
        if plans.is_empty() {
            break;
        }
        let count = |plan: Arc<Plan>| {
            let mut counts = Counts::new(plan);
            for part in parts {
                counts.add(part);
            }
            counts
        };
        found.learn(plans.into_iter().map(count));
        passes += 1;
    }
    let value = |&rank| match found.place(rank) {
        Some(Place::At(value)) => value,
        other => panic!("{other:?} after {passes} passes"),
    };
    (ranks.iter().map(value).collect(), passes)
}

fn by_sorting(values: &[i64]) -> Vec<i64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    ranks(values.len()).iter().map(|&rank| sorted[rank as usize]).collect()
}

/// Values of one scale or of all, with ties.
fn values() -> impl Strategy<Value = Vec<i64>> {
    let one = prop_oneof![
        4 => 2_400_000_i64..2_500_000,
        2 => 0_i64..50,
        1 => any::<i64>(),
        1 => (0_u32..63).prop_map(|k| 1_i64 << k),
        1 => Just(i64::MIN),
        1 => Just(i64::MAX),
    ];
    prop_oneof![
        3 => prop::collection::vec(2_000_000_i64..2_100_000, 0..900),
        3 => prop::collection::vec(one, 0..900),
        1 => prop::collection::vec(-3_i64..3, 0..900),
    ]
}

proptest! {
    #[test]
    fn selection_is_sorting(values in values(), room in 0_usize..300, bins in 4_usize..3000) {
        let (found, _) = select(&[&values], &[0], room, bins);
        prop_assert_eq!(&found, &by_sorting(&values));
        // monotone: a higher share is never a smaller value
        prop_assert!(found.is_sorted());
    }

    #[test]
    fn the_order_of_merging_does_not_matter(
        values in values(),
        cuts in prop::collection::vec(0.0_f64..1.0, 3),
        order in Just([0_usize, 1, 2, 3]).prop_shuffle(),
        room in 0_usize..300,
    ) {
        let mut at: Vec<usize> = cuts.iter().map(|cut| (cut * values.len() as f64) as usize).collect();
        at.sort_unstable();
        let parts = [&values[..at[0]], &values[at[0]..at[1]], &values[at[1]..at[2]], &values[at[2]..]];
        let (found, _) = select(&parts, &order, room, 500);
        prop_assert_eq!(found, by_sorting(&values));
    }

    #[test]
    fn parts_add_up_to_the_whole(left in values(), right in values()) {
        let whole: Vec<i64> = left.iter().chain(&right).copied().collect();
        let mut parts = collect(&[&left, &right], 100, 500).into_iter();
        let mut sum = parts.next().unwrap();
        sum.merge(parts.next().unwrap());
        let mut expected = Total::default();
        expected.add(&whole);
        prop_assert_eq!(*Distribution::new(sum).total(), expected);
        let exact: i128 = whole.iter().map(|&value| i128::from(value)).sum();
        prop_assert_eq!((expected.n, expected.sum), (whole.len() as u64, exact));
    }

    #[test]
    fn every_value_lies_in_the_range_that_counts_it(values in values(), bins in 4_usize..3000) {
        for plan in [Plan::around(&values, &shares(), bins), Plan::flat((-5, 1 << 40), bins)] {
            let plan = Arc::new(plan);
            let mut end = None;
            for bin in 0..plan.bins() {
                let (first, last) = plan.range(bin);
                // the last bucket may reach beyond the domain
                if first > last { break; }
                prop_assert!(end.is_none_or(|end: i64| end.checked_add(1) == Some(first)));
                end = Some(last);
            }
            for &value in &values {
                let mut counts = Counts::new(Arc::clone(&plan));
                counts.add(&[value]);
                let (first, last) = counts.finish().range_of(0).unwrap();
                prop_assert!((first..=last).contains(&value));
            }
        }
    }
}

#[test]
fn latencies_take_one_pass_and_the_whole_range_four() {
    let latencies: Vec<i64> = (0..200_000).map(|k| 2_400_000 + (k * 7919) % 100_003).collect();
    let (found, passes) = select(&[&latencies], &[0], 1 << 14, 1 << 16);
    assert_eq!((found, passes), (by_sorting(&latencies), 1));
    let wide: Vec<i64> =
        (0..200_000_i64).map(|k| k.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64)).collect();
    let (found, passes) = select(&[&wide], &[0], 1 << 14, 1 << 16);
    assert_eq!(found, by_sorting(&wide));
    assert!(passes <= 4, "{passes}");
}

#[test]
fn nothing_has_no_quantile() {
    let none = Distribution::new(Collector::default());
    assert_eq!((none.place(0), none.total().mean()), (None, None));
    assert!(none.refine(&[0], 16).is_empty());
}
