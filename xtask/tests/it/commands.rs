//! Every command once, each program alone, as a script would call it.

use std::fs;

use serde_json::Value;

use crate::support::{Ended, Project, STAGES, run};

const TINY: &str = "pipelines/models/tiny.onnx";

/// Runs a stage's own command; it must end well.
#[track_caller]
fn stage(project: &Project, name: &str, args: &[&str]) -> Ended {
    run(&mut project.stage(name, args)).with_exit(0)
}

/// Whether a program has a subcommand; one that comes with a later version is left out, and said so.
fn has(project: &Project, name: &str, words: &[&str]) -> bool {
    let (last, before) = words.split_last().unwrap();
    let help = run(project.stage(name, before).arg("--help"));
    let found = help.stdout.lines().any(|line| line.split_whitespace().next() == Some(last));
    if !found {
        anstream::eprintln!("LEFT OUT: {name} has no command {} yet", words.join(" "));
    }
    found
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_stages_by_hand_make_the_same_run_as_the_chain() {
    let project = Project::real();
    for name in STAGES {
        let mut command = project.stage(name, &["run", "--pipeline", "pipelines/smoke.toml"]);
        for set in ["engine-build.backend=sim", "runner.duration=150ms", "runner.warm-up=10ms"] {
            command.args(["--set", set]);
        }
        let ended = run(command.args(["--run", "r", "--json"])).with_exit(0);
        let line = json(ended.stdout.lines().last().unwrap());
        assert_eq!((&line["stage"], &line["exit"]), (&name.into(), &0.into()));
    }
    for artifact in ["models", "verify", "engines", "layers", "cases", "summary"] {
        assert!(project.root().join(format!("r/{artifact}.parquet")).is_file(), "{artifact}");
    }
    for file in ["report.html", "report.md", "manifest.json", "samples/base.parquet"] {
        assert!(project.root().join("r").join(file).is_file(), "{file}");
    }
}

#[test]
fn commands_of_onnx_export_verify() {
    let project = Project::real();
    let name = "onnx-export-verify";
    let export = ["export", "--architecture", "resnet18", "--weights", "synthetic"];
    stage(&project, name, &[&export[..], &["--precision", "fp32", "--out", "r18.onnx"]].concat());
    assert!(project.root().join("r18.onnx").metadata().unwrap().len() > 40_000_000);
    stage(&project, name, &["convert", TINY, "--precision", "fp16", "--out", "half.onnx"]);
    stage(&project, name, &["verify", TINY]);
    stage(&project, name, &["verify", "half.onnx", "--against", TINY]);
    json(&stage(&project, name, &["inspect", TINY, "--json"]).stdout);
    assert!(stage(&project, name, &["inspect", TINY]).stdout.contains("Gemm"));
}

#[test]
fn commands_of_engine_build() {
    let project = Project::real();
    let name = "engine-build";
    let backends = json(&stage(&project, name, &["backends", "--json"]).stdout);
    let works = |backend: &str| {
        let rows = backends.as_array().unwrap();
        rows.iter().any(|row| row["backend"] == backend && row["works"] == true)
    };
    assert!(works("rten") && works("sim"));
    assert_eq!(works("onnxruntime-cpu"), project.has_onnxruntime());
    stage(&project, name, &["build", TINY, "--backend", "rten", "--out", "e.onnx"]);
    stage(&project, name, &["inspect", "e.onnx"]);
    run(&mut project.smoke("r", &[])).with_exit(0);
    let listed = json(&stage(&project, name, &["cache", "list", "--json"]).stdout);
    let first = &listed.as_array().unwrap()[0];
    let key = first["key"].as_str().or(first["engine-key"].as_str()).unwrap().to_owned();
    assert!(stage(&project, name, &["cache", "show", &key]).stdout.contains("sim"));
    stage(&project, name, &["cache", "list"]);
    stage(&project, name, &["cache", "prune"]);
}

#[test]
fn commands_of_runner() {
    let project = Project::real();
    let listed =
        stage(&project, "runner", &["list-cases", "--pipeline", "pipelines/smoke.toml"]).stdout;
    assert_eq!(listed.matches("streams-2").count(), 3, "{listed}");
    stage(&project, "engine-build", &["build", TINY, "--backend", "rten", "--out", "e.onnx"]);
    stage(&project, "runner", &["bench", "e.onnx", "--duration", "200ms", "--run", "bench"]);
    assert!(project.root().join("bench/cases.parquet").is_file());
}

#[test]
fn commands_of_analysis() {
    let project = Project::real();
    let name = "analysis";
    for folder in ["a", "b"] {
        run(&mut project.smoke(folder, &[])).with_exit(0);
    }
    stage(&project, name, &["run", "--run", "a"]);
    stage(&project, name, &["verify", "a"]);
    if has(&project, name, &["compare"]) {
        for more in [&["a", "b"][..], &["a", "--cases", "base,streams-2"]] {
            let ended = run(&mut project.stage(name, &[&["compare"], more].concat()));
            if ended.stderr.contains("not there yet") {
                anstream::eprintln!("LEFT OUT: analysis compare {}", more.join(" "));
                continue;
            }
            assert!([0, 6, 7].contains(&ended.exit), "{}\n{}", ended.exit, ended.stderr);
        }
    }
    if has(&project, name, &["quantiles"]) {
        let args = ["quantiles", "a/samples/base.parquet", "--column", "compute_ns", "--json"];
        json(&stage(&project, name, &args).stdout);
    }
    if has(&project, name, &["export"]) {
        stage(&project, name, &["export", "trtexec", "a", "--out", "exported"]);
    }
    if has(&project, name, &["import"]) {
        fs::write(project.root().join("base.json"), trtexec_times()).unwrap();
        let args = ["import", "trtexec", "--mode", "base=base.json", "--run", "imported"];
        stage(&project, name, &args);
    }
    if has(&project, name, &["plan"]) {
        stage(&project, name, &["plan", "--help"]);
    }
}

/// A thousand inferences as trtexec writes them with --exportTimes.
fn trtexec_times() -> String {
    let entry = |i: u32| {
        let start = f64::from(i) * 2.5;
        serde_json::json!({
            "startH2dMs": start, "endH2dMs": start + 0.03, "startComputeMs": start + 0.03,
            "endComputeMs": start + 2.4 + f64::from(i % 7) * 0.01, "startD2hMs": start + 2.47,
            "endD2hMs": start + 2.48, "h2dMs": 0.03, "computeMs": 2.37 + f64::from(i % 7) * 0.01,
            "d2hMs": 0.01, "enqueueMs": 0.4, "latencyMs": 2.41 + f64::from(i % 7) * 0.01,
        })
    };
    serde_json::Value::from((0..1000).map(entry).collect::<Vec<_>>()).to_string()
}

#[test]
fn commands_of_xtask() {
    let project = Project::real();
    let doctor = run(&mut project.xtask(&["doctor", "--json"])).with_exit(0);
    let found = json(&doctor.stdout);
    assert!(found["backends"].as_array().unwrap().iter().any(|row| row["name"] == "rten"));
    assert!(run(&mut project.xtask(&["doctor"])).with_exit(0).stdout.contains("ONNX Runtime"));
    let steps = run(&mut project.xtask(&["test", "--list"])).with_exit(0).stdout;
    assert!(steps.contains("tests") && steps.contains("notebook"), "{steps}");
    let help = run(&mut project.xtask(&["--help"])).with_exit(0).stdout;
    for command in ["pipeline", "test", "setup", "doctor", "bundle", "tidy", "measure"] {
        assert!(help.contains(command), "{command}");
    }
}

#[test]
fn a_second_run_takes_its_engines_from_the_store() {
    let project = Project::real();
    run(&mut project.smoke("first", &[])).with_exit(0);
    let ended = run(&mut project.smoke("second", &[])).with_exit(0);
    assert!(ended.stderr.contains("store"), "{}", ended.stderr);
}
