//! Import → export → import is the identity, whatever a trace holds; and what is found in its times.

use proptest::prelude::*;
use trtexec_format::times::{self, Row};

use super::trace::{Limits, Trace, read};
use crate::export::{self, Origin};

const ALL: Limits = Limits { rows: 1_000_000, warm_up_ns: i64::MIN };

fn text(rows: &[Row]) -> Vec<u8> {
    let mut text = Vec::new();
    times::write(&mut text, rows.iter().copied()).unwrap();
    text
}

fn trace(text: &[u8]) -> Trace {
    read("t.json", text, ALL).unwrap()
}

fn again(trace: &Trace) -> Trace {
    let rows: Vec<Row> =
        trace.samples.iter().map(|sample| export::row(sample, Origin::Imported)).collect();
    self::trace(&text(&rows))
}

prop_compose! {
    /// A row with any of the parts that versions and minimal writers have, in six digits or in all of them.
    fn any_row()(
        start in 0..40_000_000_000_i64,
        parts in proptest::array::uniform3(proptest::option::of(0..5_000_000_i64)),
        compute in 0..20_000_000_i64,
        wait in 0..3_000_000_i64,
        stamps in 0..3_u8,
        coarse in any::<bool>(),
    ) -> Row {
        let step = if coarse { 100_000 } else { 1 };
        let round = |ns: i64| ns / step * step;
        let [enqueue, h2d, d2h] = parts;
        let begin = round(start + h2d.unwrap_or(0) + wait);
        let end = round(begin + compute + d2h.unwrap_or(0));
        Row {
            start_enqueue_ns: enqueue.map(|_| start / 2),
            end_enqueue_ns: enqueue.map(|ns| start / 2 + round(ns)),
            start_h2d_ns: (stamps != 1).then_some(round(start)),
            start_compute_ns: (stamps != 2).then_some(begin),
            end_compute_ns: (stamps == 0).then_some(round(begin + compute)),
            end_d2h_ns: (stamps == 0).then_some(end),
            h2d_ns: h2d,
            compute_ns: Some(compute),
            d2h_ns: d2h,
            ..Row::default()
        }
    }
}

proptest! {
    #[test]
    fn import_export_import_is_the_identity(rows in proptest::collection::vec(any_row(), 1..60)) {
        let first = trace(&text(&rows));
        prop_assert_eq!(first.samples.len(), rows.len());
        let second = again(&first);
        prop_assert_eq!(&second.samples, &first.samples);
        prop_assert_eq!(again(&second).samples, second.samples);
    }

    #[test]
    fn the_order_of_rows_does_not_matter(rows in proptest::collection::vec(any_row(), 1..60), turn in 0..60_usize) {
        let mut turned = rows.clone();
        turned.rotate_left(turn % rows.len());
        let key = |trace: &Trace| {
            let mut keys: Vec<_> =
                trace.samples.iter().map(|s| (s.issue_ns, s.compute_ns, s.done_ns, s.h2d_ns)).collect();
            keys.sort_unstable();
            keys
        };
        let (one, other) = (trace(&text(&rows)), trace(&text(&turned)));
        prop_assert_eq!(key(&one), key(&other));
        prop_assert_eq!(one.window(), other.window());
        prop_assert_eq!(one.most_in_flight() > 0, other.most_in_flight() > 0);
    }
}

#[test]
fn inferences_under_way_at_once_are_counted() {
    let row = |start: i64, end: i64| Row {
        start_h2d_ns: Some(start),
        end_d2h_ns: Some(end),
        start_compute_ns: Some(start),
        compute_ns: Some(1),
        ..Row::default()
    };
    let at_once = |rows: &[Row]| trace(&text(rows)).most_in_flight();
    assert_eq!(at_once(&[row(0, 10), row(10, 20), row(20, 30)]), 1, "an end is no overlap");
    assert_eq!(at_once(&[row(0, 15), row(10, 25), row(20, 35)]), 2);
    assert_eq!(at_once(&[row(0, 90), row(10, 20), row(15, 30), row(40, 50)]), 3);
}
