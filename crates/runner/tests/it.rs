//! The binary as a user runs it: modes on rten and the simulator, faults, bad input, Ctrl-C.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use assert_cmd::assert::OutputAssertExt as _;
use backend::{BackendId, BuildRequest, Environment, OpenOptions, Precision};
use pipeline::artifact::{self, CaseRow, EngineRow, ModelRow, ReferenceRow, TelemetryRow};
use pipeline::samples::{self, Phase};
use pipeline::{Provenance, RunDir, Verdict};
use predicates::str::contains;

#[path = "it/sizes.rs"]
mod sizes;
#[path = "support/tiny.rs"]
mod tiny;

/// A project folder with a model, an engine and the artifacts of the earlier stages.
struct Project {
    root: tempfile::TempDir,
    run: RunDir,
}

impl Project {
    fn new(backend: BackendId) -> Self {
        Self::with(backend, |_| ())
    }

    /// `change` may falsify the references.
    fn with(id: BackendId, change: impl Fn(&mut ReferenceRow)) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("pipelines")).unwrap();
        std::fs::create_dir_all(root.path().join("data/engines")).unwrap();
        let run = RunDir::new(root.path().join("run"));
        let model = root.path().join("data/model.onnx");
        backend::onnx::save(&model, &tiny::model()).unwrap();
        let environment = Environment { data: root.path().join("data") };
        let backend = backend::open_backend(id, &environment).unwrap();
        let engine = root.path().join("data/engines/tiny.onnx");
        let request =
            BuildRequest { optimization_level: 3, ..BuildRequest::new(&model, Precision::Fp32) };
        backend.build(&request, &engine).unwrap();
        let engines = [engine_row(id)];
        artifact::write(&run, &engines, &Provenance::default()).unwrap();
        artifact::write(&run, &[model_row()], &Provenance::default()).unwrap();
        let rten = backend::open_backend(BackendId::Rten, &environment).unwrap();
        let mut rows: Vec<ReferenceRow> =
            [11, 12].map(|seed| reference(rten.as_ref(), &model, seed)).into();
        rows.iter_mut().for_each(change);
        artifact::write(&run, &rows, &Provenance::default()).unwrap();
        Self { root, run }
    }

    fn pipeline(&self, runner: &str) -> PathBuf {
        let path = self.root.path().join("pipelines/p.toml");
        std::fs::write(&path, format!("[pipeline]\nname = \"p\"\n[runner]\n{runner}\n")).unwrap();
        path
    }

    fn command(&self, runner: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("runner"));
        command
            .arg("run")
            .arg("--pipeline")
            .arg(self.pipeline(runner))
            .arg("--run")
            .arg(self.run.path());
        command.env("TAILMARK_ROOT", self.root.path());
        command
    }

    fn cases(&self) -> Vec<CaseRow> {
        artifact::read(&self.run).unwrap()
    }
}

fn engine_row(id: BackendId) -> EngineRow {
    EngineRow {
        model_digest: "m0".into(),
        engine_digest: "e0".into(),
        engine_key: "k0".into(),
        path: "data/engines/tiny.onnx".into(),
        backend: id.to_string(),
        backend_version: "test".into(),
        device: "cpu".into(),
        build_round: 0,
        precision_requested: "fp16".into(),
        precision_achieved: "fp32".into(),
        precision_share: Some(0.0),
        cache: "cold".into(),
        cache_hits: None,
        cache_misses: None,
        build_ns: 1,
        original_build_ns: 1,
        bytes: 1,
        flags: Vec::new(),
        error: None,
    }
}

fn model_row() -> ModelRow {
    ModelRow {
        model_digest: "m0".into(),
        name: "tiny".into(),
        precision: "fp16".into(),
        source: "test".into(),
        seed: None,
        path: "data/model.onnx".into(),
        opset: 17,
        inputs: Vec::new(),
        outputs: Vec::new(),
        parameters: 64,
        flops: None,
        bytes: 1,
    }
}

fn reference(backend: &dyn backend::Backend, model: &Path, seed: i64) -> ReferenceRow {
    let options = OpenOptions::default();
    let mut session = backend.open_model(model, &options).unwrap();
    let values = backend::input::image_like(seed as u64, &session.inputs()[0].dims);
    session.set_input(0, &values).unwrap();
    session.infer().unwrap();
    let image = &session.inputs()[0];
    let size = backend::shape_text(&image.name, &image.dims);
    ReferenceRow {
        model_digest: "m0".into(),
        input_seed: seed,
        distribution: "image-like".into(),
        fixed_inputs: Vec::new(),
        input_sizes: vec![size],
        output: "output".into(),
        dims: vec![1, 4],
        values: session.output(0).unwrap(),
        tolerance: 1e-4,
    }
}

const QUICK: &str = "warm-up = \"20ms\"\nduration = \"200ms\"\nrounds = 2\n";

#[test]
fn cpu_modes_are_measured_and_the_graph_is_skipped() {
    let project = Project::new(BackendId::Rten);
    let modes = "modes = [\"base\", \"cuda-graph\", \"streams-2\", \"streams-4\"]";
    project.command(&format!("{QUICK}{modes}")).assert().success().stderr(contains("interleaved"));
    let cases = project.cases();
    assert_eq!(cases.len(), 8);
    for row in &cases {
        if row.case == "cuda-graph" {
            assert_eq!((row.verdict, row.n), (Verdict::Skipped, 0));
            assert!(row.reasons[0].contains("no CUDA graphs"), "{:?}", row.reasons);
            continue;
        }
        assert_eq!(row.verdict, Verdict::Valid, "{row:?}");
        assert_eq!(row.requested_streams, row.achieved_streams);
        assert!(
            row.outputs_checked && row.output_max_abs.is_some_and(|error| error < 1e-4),
            "{row:?}"
        );
        assert!(row.reasons.iter().any(|reason| reason.contains("fp16 asked, fp32 achieved")));
    }
    let rows = samples::read(&project.run, "streams-2").unwrap();
    let steady = rows.iter().filter(|row| row.phase == Phase::Steady).count() as i64;
    let counted: i64 = cases.iter().filter(|row| row.case == "streams-2").map(|row| row.n).sum();
    assert_eq!(steady, counted);
    assert!(rows.iter().any(|row| row.stream == 1 && row.round == 1));
    assert!(!artifact::read::<TelemetryRow>(&project.run).unwrap().is_empty());
    let left: Vec<_> = std::fs::read_dir(project.run.samples())
        .unwrap()
        .flatten()
        .map(|e| e.file_name())
        .collect();
    assert_eq!(left.len(), 3, "parts were joined: {left:?}");
}

#[test]
fn a_wrong_reference_fails_the_case() {
    let project = Project::with(BackendId::Rten, |row| row.values[2] += 1.0);
    project
        .command(&format!("{QUICK}modes = [\"base\"]"))
        .assert()
        .code(5)
        .stderr(contains("differs from the verified"));
    assert!(project.cases().iter().all(|row| row.verdict == Verdict::Failed));
    assert!(!samples::read(&project.run, "base").unwrap().is_empty(), "what was measured is kept");
}

#[test]
fn faults_of_the_simulator_are_found() {
    let build = |spec: &str| {
        let project = Project::new(BackendId::Sim);
        let path = project.root.path().join("data/engines/tiny.onnx");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut engine: serde_json::Value = serde_json::from_str(&text).unwrap();
        let changes: serde_json::Value = serde_json::from_str(spec).unwrap();
        let behaviour =
            engine.as_object_mut().unwrap().get_mut("behaviour").unwrap().as_object_mut().unwrap();
        behaviour.extend(changes.as_object().unwrap().clone());
        std::fs::write(&path, engine.to_string()).unwrap();
        project
    };
    let check = |spec: &str, what: &'static str| {
        let project = build(spec);
        project
            .command(&format!("{QUICK}modes = [\"base\"]"))
            .assert()
            .code(5)
            .stderr(contains(what));
    };
    check(r#"{"fault": "nan", "fault-after": 5}"#, "NaN");
    check(r#"{"fault": "stale", "fault-after": 5}"#, "NaN on a second input");
    check(r#"{"fault": "wrong", "fault-after": 5}"#, "differs from the verified");
    check(r#"{"crash-after": 100}"#, "stream 0");
    let project = build("{}");
    project.command(&format!("{QUICK}modes = [\"base\", \"cuda-graph\"]")).assert().success();
}

#[test]
fn a_request_that_cannot_be_met_ends_with_3_when_asked() {
    let project = Project::new(BackendId::Rten);
    let text = format!("{QUICK}on-unsupported = \"fail\"\nmodes = [\"cuda-graph\"]");
    project.command(&text).assert().code(3).stderr(contains("no CUDA graphs"));
}

#[test]
fn bad_configuration_is_refused_with_the_place() {
    let project = Project::new(BackendId::Rten);
    let check = |text: &str, what: &'static str| {
        project.command(text).arg("--check").assert().code(2).stderr(contains(what));
    };
    check("modes = [\"bass\"]", "did you mean \"base\"");
    check("modes = [\"streams-0\"]", "out of range");
    check("modes = [\"streams-99\"]", "out of range");
    check("modes = []", "no mode");
    check("modes = [\"base\", \"base\"]", "stands twice");
    check("modes = [{ name = \"x\", stream = 2 }]", "did you mean \"streams\"");
    check("modes = [{ name = \"streams-2\", streams = 3 }]", "says something else");
    check("modes = [{ name = \"x\", precision = \"int4\" }]", "unknown variant `int4`");
    check("duration = \"0s\"", "out of range");
    check("duration = \"-3s\"", "p.toml:4");
    check("duration = \"400h\"", "out of range");
    check("duration = 30", "invalid type");
    check("rounds = 0", "expected 1 to 1000");
    check("rounds = 100000", "expected 1 to 1000");
    check("duration = \"2ms\"\nrounds = 5", "too short");
    check("durration = \"2s\"", "did you mean \"duration\"");
    check("on-unsupported = \"ignore\"", "expected");
}

#[test]
fn a_missing_input_names_the_stage_that_makes_it() {
    let project = Project::new(BackendId::Rten);
    std::fs::remove_file(project.run.artifact("engines")).unwrap();
    project.command(QUICK).assert().code(2).stderr(contains("engine-build"));
}

#[test]
fn one_writer_at_a_time() {
    let project = Project::new(BackendId::Rten);
    let _lock = project.run.lock().unwrap();
    project.command(QUICK).assert().code(2).stderr(contains("another process"));
}

#[test]
fn an_interrupted_run_closes_its_files() {
    let project = Project::new(BackendId::Rten);
    let mut child =
        project.command("warm-up = \"20ms\"\nduration = \"60s\"\nrounds = 1\nmodes = [\"base\"]");
    let mut child = child.stderr(std::process::Stdio::null()).spawn().unwrap();
    wait_for_parts(&project.run, 1);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
    let cases = project.cases();
    assert!(cases[0].reasons[0].contains("interrupted after"), "{:?}", cases[0].reasons);
    assert_eq!(
        samples::read(&project.run, "base").unwrap().len() as i64,
        cases[0].n + cases[0].n_warm_up
    );
}

#[test]
fn a_killed_run_keeps_its_parts() {
    let project = Project::new(BackendId::Rten);
    let mut child =
        project.command("warm-up = \"20ms\"\nduration = \"60s\"\nrounds = 1\nmodes = [\"base\"]");
    let mut child = child.stderr(std::process::Stdio::null()).spawn().unwrap();
    wait_for_parts(&project.run, 2);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!samples::read(&project.run, "base").unwrap().is_empty());
}

/// A tmpfs of 1 MB (some five seconds of samples) while it lives; `None` without the privilege to mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(&path)
            .output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_ends_with_4_and_loses_nothing_written() {
    let project = Project::new(BackendId::Rten);
    let small = project.root.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let Some(_disk) = SmallDisk::mount(small.clone()) else {
        eprintln!("SKIPPED: no privilege to mount a small tmpfs");
        return;
    };
    for name in ["engines", "models", "references"] {
        std::fs::copy(project.run.artifact(name), RunDir::new(&small).artifact(name)).unwrap();
    }
    let run = RunDir::new(small);
    let text = "warm-up = \"20ms\"\nduration = \"60s\"\nrounds = 1\nmodes = [\"base\"]";
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("runner"));
    command.arg("run").arg("--pipeline").arg(project.pipeline(text)).arg("--run").arg(run.path());
    command.env("TAILMARK_ROOT", project.root.path());
    command.assert().code(4).stderr(contains("cannot write")).stderr(contains("No space left"));
    assert!(!samples::read(&run, "base").unwrap().is_empty());
}

#[test]
fn a_limit_on_file_size_ends_with_4() {
    let project = Project::new(BackendId::Rten);
    let command =
        project.command("warm-up = \"20ms\"\nduration = \"60s\"\nrounds = 1\nmodes = [\"base\"]");
    let mut limited = Command::new("bash");
    limited
        .args(["-c", "ulimit -f 64; exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args());
    limited.env("TAILMARK_ROOT", project.root.path());
    limited.assert().code(4).stderr(contains("cannot write"));
}

fn wait_for_parts(run: &RunDir, n: usize) {
    let begun = Instant::now();
    let parts = || {
        let entries = std::fs::read_dir(run.samples()).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "parquet")).count()
    };
    while parts() < n {
        assert!(begun.elapsed() < Duration::from_mins(1), "no part was closed");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn bench_interleaves_engine_files() {
    let project = Project::new(BackendId::Rten);
    let engine = project.root.path().join("data/engines/tiny.onnx");
    let out = project.root.path().join("bench");
    Command::new(assert_cmd::cargo::cargo_bin!("runner"))
        .args([
            "bench",
            "--backend",
            "rten",
            "--duration",
            "100ms",
            "--rounds",
            "2",
            "--warm-up",
            "10ms",
            "--run",
        ])
        .arg(&out)
        .args([&engine, &engine])
        .assert()
        .success();
    let rows: Vec<CaseRow> = artifact::read(&RunDir::new(out)).unwrap();
    let mut names: Vec<&str> = rows.iter().map(|row| row.case.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["tiny", "tiny", "tiny-2", "tiny-2"]);
    let written =
        pipeline::PipelineFile::load(&project.root.path().join("bench/pipeline.toml"), &[])
            .unwrap();
    let config: runner::config::Config = written.section("runner").unwrap();
    assert_eq!((config.modes.len(), config.rounds.get()), (2, 2));
    Command::new(assert_cmd::cargo::cargo_bin!("runner"))
        .args(["bench", "no-such.onnx", "--run", "x"])
        .current_dir(project.root.path())
        .assert()
        .code(2)
        .stderr(contains("no-such.onnx"));
}

#[test]
fn list_cases_shows_the_order() {
    let project = Project::new(BackendId::Rten);
    let path = project.pipeline("modes = [\"base\", \"streams-2\"]\nrounds = 2");
    Command::new(assert_cmd::cargo::cargo_bin!("runner"))
        .arg("list-cases")
        .arg("--pipeline")
        .arg(path)
        .assert()
        .success()
        .stdout(contains("streams-2"));
}
