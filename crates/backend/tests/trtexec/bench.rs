//! Benchmarks in every version.

use std::time::Duration;

use backend::Error;
use backend::trtexec::{BenchSpec, Limits, Wait};

use crate::fixture::{Machine, VERSIONS};

/// A machine with an engine.
fn machine(version: &str, more: &str) -> Machine {
    let machine = Machine::with(version, more);
    std::fs::write(machine.file("engine.plan"), "engine of the trtexec stand-in").unwrap();
    machine
}

fn spec(machine: &Machine) -> BenchSpec<'static> {
    let engine = Box::leak(machine.file("engine.plan").into_boxed_path());
    BenchSpec {
        warm_up: Duration::from_millis(100),
        duration: Duration::from_secs(1),
        ..BenchSpec::new(engine)
    }
}

#[test]
fn every_version_gives_rows_a_summary_and_a_profile() {
    for version in VERSIONS {
        let machine = machine(version, "");
        let tool = machine.open();
        let spec = BenchSpec { graph: true, streams: 2, profile: true, ..spec(&machine) };
        let outcome = tool.bench(&spec, Limits::default(), &machine.file("bench.log")).unwrap();
        let measured = &outcome.times[outcome.warm_up_rows..];
        assert_eq!(outcome.summary.queries, Some(measured.len() as u64), "{version}");
        assert_eq!(outcome.warm_up_rows > 0, version == "8.2.1", "{version}");
        assert!(measured.iter().all(|row| row.start_compute_ns >= Some(100_000_000)));
        let mean = measured.iter().map(trtexec_format::times::Row::compute).sum::<i64>() as f64
            / measured.len() as f64;
        let told = outcome.summary.metric("GPU Compute Time").unwrap().mean * 1e6;
        assert!((mean - told).abs() / told < 1e-4, "{mean} against {told}");
        assert_eq!(outcome.summary.metric("End-to-End Host Latency").is_some(), version == "8.2.1");
        let profile = outcome.profile.unwrap();
        assert_eq!((profile.count, profile.layers.len()), (128, 2));
        assert_eq!(profile.layers[1].name, r#"{ForeignNode["pool"...fc]}"#);
        assert_eq!(profile.layers[0].median_ms.is_some(), version != "8.2.1");
        assert!(outcome.graph);
        assert!(outcome.command.contains("--useCudaGraph"), "{}", outcome.command);
        assert!(outcome.warnings.iter().any(|w| w.contains("unstable")), "{:?}", outcome.warnings);
        assert!(
            !outcome.warnings.iter().any(|w| w.contains("deprecated")),
            "{:?}",
            outcome.warnings
        );
        assert!(!machine.file("bench.log").exists(), "only a failure keeps its log");
    }
}

#[test]
fn what_was_asked_is_what_was_understood() {
    for version in VERSIONS {
        let machine = machine(version, "");
        let tool = machine.open();
        for (graph, transfers, wait, depth) in [
            (false, true, Wait::Block, 2),
            (true, false, Wait::Spin, 1),
            (false, false, Wait::Block, 1),
            (true, true, Wait::Spin, 2),
        ] {
            let spec = BenchSpec { graph, transfers, wait, depth, ..spec(&machine) };
            let outcome = tool.bench(&spec, Limits::default(), &machine.file("bench.log")).unwrap();
            let says = |key: &str| {
                let pair = outcome.settings.iter().find(|(own, _)| own == key);
                pair.map(|(_, value)| value == "Enabled")
            };
            assert_eq!(says("CUDA Graph"), Some(graph), "{version}");
            assert_eq!(says("Data transfers"), Some(transfers), "{version}");
            assert_eq!(says("Spin-wait"), Some(wait == Wait::Spin), "{version}");
            assert_eq!(says("ExposeDMA"), Some(depth == 1), "{version}");
        }
    }
}

#[test]
fn a_default_that_moved_is_an_error_and_no_number() {
    let machine = machine("11.1.0", "fault=other-defaults");
    let error = machine
        .open()
        .bench(&spec(&machine), Limits::default(), &machine.file("bench.log"))
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("asked for `CUDA Graph: Disabled`, trtexec understood `Enabled`"),
        "{text}"
    );
}

#[test]
fn a_graph_that_could_not_be_captured_is_told() {
    for version in VERSIONS {
        let machine = machine(version, "fault=no-graph");
        let spec = BenchSpec { graph: true, ..spec(&machine) };
        let outcome =
            machine.open().bench(&spec, Limits::default(), &machine.file("bench.log")).unwrap();
        assert!(!outcome.graph, "{version}");
    }
}

#[test]
fn an_engine_that_is_not_there_and_a_run_that_hangs() {
    let machine = machine("10.3.0", "fault=hang");
    let tool = machine.open();
    let log = machine.file("bench.log");
    let missing = machine.file("missing.plan");
    let error = tool.bench(&BenchSpec::new(&missing), Limits::default(), &log).unwrap_err();
    assert!(matches!(error, Error::Model { .. }), "{error:?}");
    let limits = Limits { time_limit: Some(Duration::from_millis(300)), progress: None };
    let error = tool.bench(&spec(&machine), limits, &log).unwrap_err();
    assert!(error.to_string().contains("while measuring"), "{error}");
    assert!(log.exists() && machine.processes().is_empty());
}
