//! Which rows count as what, and what warm saves.

use super::*;

fn row(round: i64, cache: &str, build_ns: i64) -> EngineRow {
    EngineRow {
        model_digest: "m".into(),
        engine_digest: format!("e{round}{cache}"),
        engine_key: "key".into(),
        path: String::new(),
        backend: "tensorrt".into(),
        backend_version: "10.3.0".into(),
        device: "here".into(),
        build_round: round,
        precision_requested: "fp16".into(),
        precision_achieved: "fp16".into(),
        precision_share: None,
        cache: cache.into(),
        cache_hits: None,
        cache_misses: None,
        build_ns,
        original_build_ns: build_ns,
        bytes: 1,
        flags: Vec::new(),
        error: None,
    }
}

fn kinds(rows: &[EngineRow]) -> Vec<(Build, bool, usize)> {
    let times = times("key", rows);
    times.iter().map(|times| (times.kind, times.from_store, times.rounds.len())).collect()
}

#[test]
fn a_served_engine_is_warm_only_beside_a_cold_one() {
    use Build::{Cold, Store, Warm};
    let served = [row(0, "engine-store", 9)];
    assert_eq!(kinds(&served), [(Store, false, 1)]);
    let both = [row(0, "cold", 90), row(0, "engine-store", 9)];
    assert_eq!(kinds(&both), [(Cold, false, 1), (Warm, true, 1), (Store, false, 1)]);
    let rebuilt = [row(0, "cold", 90), row(0, "warm", 30), row(1, "engine-store", 9)];
    assert_eq!(kinds(&rebuilt), [(Cold, false, 1), (Warm, false, 1), (Store, false, 1)]);
    assert_eq!(kinds(&[row(0, "none", 90)]), [(Cold, false, 1)]);
    let failed = EngineRow { error: Some("crashed".into()), ..row(0, "cold", 90) };
    assert_eq!(kinds(&[failed]), []);
}

#[test]
fn warm_over_cold_is_paired_by_round() {
    // the machine is twice as slow in round 1: the ratio is a half in each round all the same
    let mut rows = Vec::new();
    for (round, pace) in [(0, 100), (1, 200), (2, 104)] {
        rows.push(row(round, "cold", 10 * pace));
        rows.push(row(round, "warm", 5 * pace));
    }
    let found = saved(&rows, Confidence::default());
    assert_eq!(found.len(), 1);
    let ratio = found[0].ratio.unwrap();
    assert!((ratio.ratio - 0.5).abs() < 1e-12 && ratio.upper - ratio.lower < 1e-9);
    let (mean, interval) = found[0].cold.mean(Confidence::default()).unwrap();
    assert!((mean - 4040.0 / 3.0).abs() < 1e-9 && interval.both().is_some());
    let two = saved(&rows[..4], Confidence::default());
    assert!(two[0].ratio.is_none(), "two rounds give no interval");
    assert!(saved(&rows[..1], Confidence::default()).is_empty());
}
