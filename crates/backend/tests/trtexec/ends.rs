//! How builds end that do not end well: the last words are told, and no process is left.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use backend::{Backend, BuildOptions, BuildRequest, Error, Flow, Precision, Progress};

use crate::fixture::{Machine, model};

/// Asks to cancel at the n-th question.
struct Asked(AtomicU32, u32);

impl Progress for Asked {
    fn update(&self, _phase: &str, _done: u32, _total: u32) -> Flow {
        if self.0.fetch_add(1, Ordering::SeqCst) >= self.1 { Flow::Cancel } else { Flow::Continue }
    }
}

/// Builds with a fault; the error, and how long it took.
fn fail(
    machine: &Machine,
    limit: Option<Duration>,
    progress: Option<&dyn Progress>,
) -> (Error, Duration) {
    let tool = machine.open();
    let path = model(machine.folder.path(), true, false);
    let options = BuildOptions { time_limit: limit, ..BuildOptions::default() };
    let request = BuildRequest { options, progress, ..BuildRequest::new(&path, Precision::Fp16) };
    let start = Instant::now();
    let error = tool.build(&request, &machine.file("engine.plan")).unwrap_err();
    assert!(!machine.file("engine.plan").exists() && !machine.file("engine.plan.part").exists());
    (error, start.elapsed())
}

/// Waits for what the kernel is still clearing away.
fn nothing_is_left(machine: &Machine) {
    let start = Instant::now();
    while !machine.processes().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(2), "left: {:?}", machine.processes());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_last_words_of_a_failure_are_told_and_the_log_is_kept() {
    for version in ["8.2.1", "8.6.1", "10.3.0", "11.1.0"] {
        let machine = Machine::with(version, "fault=fail");
        let (error, _) = fail(&machine, None, None);
        let text = error.to_string();
        assert!(text.contains("exit code 1"), "{text}");
        assert!(text.contains("Could not find any implementation for node conv"), "{text}");
        assert!(text.contains("Engine set up failed"), "{text}");
        assert!(!text.contains("--avgRuns "), "no help text: {text}");
        assert_eq!(error.exit_code(), 4);
        let log = std::fs::read_to_string(machine.file("engine.plan.log")).unwrap();
        assert!(log.starts_with("# ") && log.contains("stand-in of trtexec, for tests"), "{log}");
        assert!(log.contains("&&&& FAILED"), "{log}");
    }
}

#[test]
fn a_model_that_is_refused_is_the_models_fault() {
    let machine = Machine::with("10.3.0", "fault=model");
    let (error, _) = fail(&machine, None, None);
    assert!(matches!(error, Error::Model { .. }), "{error:?}");
    assert!(error.to_string().contains("operator: Frobnicate"), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn a_crash_is_told_by_its_signal() {
    for (fault, words) in [("crash", "SIGSEGV"), ("abort", "SIGABRT")] {
        let machine = Machine::with("10.3.0", &format!("fault={fault}"));
        let (error, _) = fail(&machine, None, None);
        assert!(error.to_string().contains(words), "{error}");
        if fault == "abort" {
            assert!(error.to_string().contains("terminate called after throwing"), "{error}");
        }
    }
}

#[test]
fn garbage_and_silence_are_no_success() {
    let (error, _) = fail(&Machine::with("10.3.0", "fault=garbage"), None, None);
    assert!(error.to_string().contains("without saying PASSED"), "{error}");
    let (error, _) = fail(&Machine::with("10.3.0", "fault=silent"), None, None);
    assert!(error.to_string().contains("wrote no engine"), "{error}");
}

#[test]
fn a_hundred_megabytes_of_log_are_read_and_not_kept() {
    let machine = Machine::with("10.3.0", "fault=flood");
    let tool = machine.open();
    let path = model(machine.folder.path(), true, false);
    tool.build(&BuildRequest::new(&path, Precision::Fp16), &machine.file("engine.plan")).unwrap();
}

#[test]
fn the_time_limit_ends_the_program() {
    let machine = Machine::with("10.3.0", "fault=hang");
    let (error, took) = fail(&machine, Some(Duration::from_millis(300)), None);
    assert!(matches!(error, Error::Cancelled { .. }), "{error:?}");
    assert!(error.to_string().contains("its time limit is over after 0."), "{error}");
    assert!(error.to_string().contains("while building"), "{error}");
    assert!(took < Duration::from_secs(3), "SIGTERM is enough: {took:?}");
    nothing_is_left(&machine);
}

#[test]
fn a_program_that_ignores_sigterm_is_killed() {
    let machine = Machine::with("8.6.1", "fault=hang-hard");
    let (error, took) = fail(&machine, Some(Duration::from_millis(300)), None);
    assert!(matches!(error, Error::Cancelled { .. }), "{error:?}");
    assert!(took > Duration::from_secs(3) && took < Duration::from_secs(8), "{took:?}");
    nothing_is_left(&machine);
}

#[test]
fn who_asked_for_a_build_can_cancel_it() {
    let machine = Machine::with("11.1.0", "fault=hang");
    let asked = Asked(AtomicU32::new(0), 3);
    let (error, took) = fail(&machine, None, Some(&asked));
    assert!(error.to_string().contains("on request"), "{error}");
    assert_eq!(error.exit_code(), 5);
    assert!(took < Duration::from_secs(4), "{took:?}");
    nothing_is_left(&machine);
}

/// Panics at the first question.
struct Broken;

impl Progress for Broken {
    fn update(&self, _phase: &str, _done: u32, _total: u32) -> Flow {
        panic!("on purpose, in a test")
    }
}

#[test]
fn a_panic_of_ours_leaves_no_program_behind() {
    let machine = Machine::with("10.3.0", "fault=hang");
    let panicked = std::panic::catch_unwind(|| fail(&machine, None, Some(&Broken)));
    assert!(panicked.is_err());
    nothing_is_left(&machine);
}

#[test]
fn what_the_program_started_ends_with_it() {
    for (fault, limit) in [("children", Some(Duration::from_millis(500))), ("orphan", None)] {
        let machine = Machine::with("10.3.0", &format!("fault={fault}"));
        let tool = machine.open();
        let path = model(machine.folder.path(), true, false);
        let options = BuildOptions { time_limit: limit, ..BuildOptions::default() };
        let request = BuildRequest { options, ..BuildRequest::new(&path, Precision::Fp16) };
        let start = Instant::now();
        let outcome = tool.build(&request, &machine.file("engine.plan"));
        assert_eq!(outcome.is_ok(), fault == "orphan", "{outcome:?}");
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        nothing_is_left(&machine);
    }
}

/// Tells [`a_parent`] which folder to build in; without it, it does nothing.
const FOLDER: &str = "TRTEXEC_TEST_FOLDER";

/// Not a test: the process that the test below starts and kills in the middle of a build.
#[test]
fn a_parent() {
    let Some(folder) = std::env::var_os(FOLDER).map(std::path::PathBuf::from) else { return };
    let tool = backend::trtexec::Trtexec::at(&folder.join("trtexec")).unwrap();
    let path = model(&folder, true, false);
    let request = BuildRequest::new(&path, Precision::Fp16);
    let _ = tool.build(&request, &folder.join("engine.plan"));
}

#[test]
fn the_program_dies_with_us() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::KILL] {
        let machine = Machine::with("10.3.0", "fault=hang");
        let mut parent = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "ends::a_parent", "--nocapture"])
            .env(FOLDER, machine.folder.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let is_build = |line: &String| line.contains("--onnx=");
        let start = Instant::now();
        while !machine.processes().iter().any(is_build) {
            assert!(start.elapsed() < Duration::from_secs(20), "no build began");
            std::thread::sleep(Duration::from_millis(10));
        }
        rustix::process::kill_process(rustix::process::Pid::from_child(&parent), signal).unwrap();
        parent.wait().unwrap();
        nothing_is_left(&machine);
    }
}
