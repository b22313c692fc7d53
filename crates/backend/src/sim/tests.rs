//! The simulator keeps its promises: seeded, timed, and faulty where it is told to be.

use std::sync::LazyLock;
use std::time::Instant;

use super::*;
use crate::input::image_like;
use crate::tiny::Tiny;

static OPTIONS: LazyLock<OpenOptions> = LazyLock::new(OpenOptions::default);

/// A session on the tiny model that behaves as `json` says.
fn session(json: &str) -> Box<dyn Session> {
    let folder = tempfile::tempdir().unwrap();
    let path = Tiny::fp32().write(folder.path());
    let spec = Spec::parse(json).unwrap();
    let engine = describe(&path, &onnx::load(&path).unwrap(), &[], spec).unwrap();
    let file = folder.path().join("engine.json");
    std::fs::write(&file, serde_json::to_vec(&engine).unwrap()).unwrap();
    let mut session = Sim.open(&file, &OPTIONS).unwrap();
    let dims = session.inputs()[0].dims.clone();
    session.set_input(0, &image_like(1, &dims)).unwrap();
    session
}

fn answers(json: &str, n: usize) -> Vec<Vec<f32>> {
    let mut session = session(json);
    (0..n)
        .map(|_| {
            session.poison_outputs().unwrap();
            session.infer().unwrap();
            session.output(0).unwrap()
        })
        .collect()
}

#[test]
fn latencies_follow_the_behaviour() {
    let spec = |json: &str| Spec::parse(json).unwrap();
    let plain = spec(r#"{"base-ns": 1000, "noise": 0.0, "warm-up": 10, "warm-up-factor": 2.0}"#);
    let all: Vec<u64> = [0, 5, 10, 1000].map(|i| plain.latency_ns(i, 3.0)).to_vec();
    assert_eq!(all, [2000, 1500, 1000, 1000]);
    let rich = spec(
        r#"{"base-ns": 1000, "noise": 0.0, "warm-up": 0, "drift": 0.001, "throttle-after": 100,
            "throttle-factor": 2.0, "stall-every": 50, "stall-ns": 7}"#,
    );
    assert_eq!([0, 49, 100].map(|i| rich.latency_ns(i, 0.0)), [1000, 1056, 2200]);
    let noisy = spec(r#"{"base-ns": 1000, "noise": 0.1, "warm-up": 0}"#);
    assert_eq!([-1.0, 0.0, 1.0].map(|z| noisy.latency_ns(0, z)), [904, 1000, 1105]);
}

#[test]
fn it_really_waits() {
    let mut session = session(r#"{"base-ns": 2000000, "noise": 0.0, "warm-up": 0}"#);
    let start = Instant::now();
    for _ in 0..5 {
        session.infer().unwrap();
    }
    assert!(start.elapsed().as_millis() >= 10);
}

#[test]
fn faults_show_in_the_outputs() {
    let right = answers(r#"{"base-ns": 0}"#, 3);
    assert!(right[0].iter().all(|v| v.is_finite()) && right[0] == right[2]);
    let wrong = answers(r#"{"base-ns": 0, "fault": "wrong", "fault-after": 1}"#, 2);
    assert!(wrong[0] == right[0] && wrong[1] != right[0]);
    let nan = answers(r#"{"base-ns": 0, "fault": "nan"}"#, 1);
    assert!(nan[0][0].is_nan() && nan[0][1].is_finite());
    let stale = answers(r#"{"base-ns": 0, "fault": "stale"}"#, 1);
    assert!(stale[0].iter().all(|v| v.is_nan()));
}

#[test]
fn it_crashes_when_told() {
    let mut session = session(r#"{"base-ns": 0, "crash-after": 2}"#);
    session.infer().unwrap();
    session.infer().unwrap();
    let error = session.infer().unwrap_err();
    assert!(error.to_string().contains("simulated crash after 2"), "{error}");
}

#[test]
fn impossible_behaviour_is_refused() {
    for (json, what) in [
        (r#"{"base": 1}"#, "base-ns"),
        (r#"{"base-ns": 99999999999}"#, "at most 10 s"),
        (r#"{"noise": -1}"#, "noise"),
        (r#"{"throttle-factor": 0}"#, "factors"),
        ("200us", "expected"),
    ] {
        let error = Spec::parse(json).unwrap_err();
        assert!(error.to_string().contains(what), "{json}: {error}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn other_files_are_no_engines() {
    let folder = tempfile::tempdir().unwrap();
    let path = Tiny::fp32().write(folder.path());
    let error = Sim.open(&path, &OPTIONS).err().unwrap();
    assert!(error.to_string().contains("not an engine of the simulator"), "{error}");
}
