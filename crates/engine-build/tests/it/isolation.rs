//! Builders in processes of their own, with a TensorRT of Rust functions for tests in the place of NVIDIA's:
//! what it does to its process must be one row with an error, and nothing more.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use predicates::prelude::*;
use predicates::str::contains;

use crate::project::{Project, chain, files, relu};

/// A project on the fake TensorRT, with one model or two.
fn project(table: &str, models: &[(&str, Vec<u8>)]) -> Project {
    let project = Project::new("tensorrt");
    project.configure(&format!("backend = \"tensorrt\"\n{table}"));
    project.export(models);
    project
}

/// The stage with a fault of the library.
fn with_fault(project: &Project, fault: &str) -> assert_cmd::Command {
    let mut command = project.build("run", 0);
    command.env("TENSORRT_FAKE_FAULT", fault);
    assert_cmd::Command::from_std(command)
}

/// Files that a build which failed may not leave.
fn leftovers(project: &Project) -> Vec<String> {
    let mut left = files(&project.path("data/engines"));
    left.extend(files(&project.path("data/tmp")));
    left.retain(|name| !name.contains(".lock")); // a lock's file stays
    left
}

#[test]
fn a_crash_of_the_library_is_a_row_and_the_other_models_have_theirs() {
    let models = [("fp32", relu()), ("fp32", chain(1, 2))];
    for (fault, signal) in [
        ("crash", "SIGSEGV (signal 11)"),
        ("abort", "SIGABRT (signal 6)"),
        ("crash-parse", "SIGSEGV (signal 11)"),
    ] {
        let project = project("", &models);
        with_fault(&project, fault).assert().code(4).stderr(
            contains("error: no engine for tiny fp32")
                .and(contains("warning").and(contains("no engine for tiny fp32")))
                .and(contains(signal))
                .and(contains("hint: the library crashed on this model")),
        );
        let rows = project.engines();
        assert_eq!(rows.len(), 2);
        for row in &rows {
            let error = row.error.as_deref().unwrap();
            assert!(error.contains(signal) && !error.contains('\n'), "{fault}: {error}");
            assert!(row.engine_digest.is_empty() && row.path.is_empty());
        }
        assert_eq!(leftovers(&project), Vec::<String>::new());
        // nothing is locked, nothing is torn: the next run builds all of them
        let out = project.build("run", 0).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success() && !said.contains("waiting"), "{said}");
        assert!(project.engines().iter().all(|row| row.error.is_none()));
    }
}

#[test]
fn an_error_of_the_library_keeps_its_words() {
    let project = project("", &[("fp32", relu())]);
    with_fault(&project, "build").assert().code(4);
    let error = project.engines()[0].error.clone().unwrap();
    assert!(error.contains("the fault `build` was asked for"), "{error}");
    assert!(!error.contains("the builder"), "it failed in good order: {error}");
}

#[test]
fn limits_cost_one_engine() {
    // 40 layers of 100 ms against 2
    let models = [("fp32", chain(1, 40)), ("fp32", chain(2, 2))];
    let slow = project("time-limit = \"1500ms\"", &models);
    let begun = Instant::now();
    let command = slow.build("run", 100);
    assert_cmd::Command::from_std(command).assert().code(4).stderr(
        contains("not done after time-limit = \"1s 500ms\"").and(contains("raise time-limit")),
    );
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let rows = slow.engines();
    assert!(rows[0].error.is_some() && rows[1].error.is_none(), "{rows:?}");
    assert_eq!(leftovers(&slow).len(), 1, "one engine, and nothing of the other");

    let greedy = project("memory-limit = \"300MiB\"", &[("fp32", relu())]);
    with_fault(&greedy, "oom").env("TENSORRT_FAKE_MEGABYTES", "4096").assert().code(4).stderr(
        contains("more than memory-limit = \"300MiB\"").and(contains("raise memory-limit")),
    );
    assert_eq!(leftovers(&greedy), Vec::<String>::new());
}

/// Children of a process.
fn children(parent: &Child) -> Vec<PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{}/task", parent.id())).into_iter().flatten().flatten();
    let listed = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let all: Vec<String> = listed.collect();
    all.iter()
        .flat_map(|ids| ids.split_whitespace())
        .map(|id| PathBuf::from("/proc").join(id))
        .collect()
}

/// Whether a process is there and is no corpse.
fn lives(process: &std::path::Path) -> bool {
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    !status.is_empty() && !status.lines().any(|line| line.starts_with("State:\tZ"))
}

/// A stage whose builder hangs, and the builder.
#[expect(clippy::zombie_processes, reason = "the caller ends it and waits for it")]
fn hanging(project: &Project) -> (Child, PathBuf) {
    let mut command = project.build("run", 0);
    command.args(["--set", "engine-build.timing-cache=cold"]).stderr(Stdio::null());
    command.process_group(0);
    let parent = command.env("TENSORRT_FAKE_FAULT", "hang").spawn().unwrap();
    let begun = Instant::now();
    loop {
        // with the library loaded the builder is on its way into the build
        if let [builder] = children(&parent).as_slice()
            && fs::read(builder.join("cmdline"))
                .is_ok_and(|line| line.windows(9).any(|w| w == b"build-one"))
            && fs::read_to_string(builder.join("maps"))
                .is_ok_and(|maps| maps.contains("tensorrt_fake"))
        {
            return (parent, builder.clone());
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "no builder");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a process is gone.
fn gone(process: &std::path::Path, limit: Duration) -> Duration {
    let begun = Instant::now();
    while lives(process) {
        assert!(begun.elapsed() < limit, "{} is still there", process.display());
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

#[test]
fn a_builder_dies_with_its_parent_and_leaves_no_lock() {
    let project = project("", &[("fp32", relu())]);
    for _ in 0..3 {
        let (mut parent, builder) = hanging(&project);
        assert!(lives(&builder));
        parent.kill().unwrap();
        println!(
            "the builder is gone {:.1?} after its parent",
            gone(&builder, Duration::from_secs(2))
        );
        parent.wait().unwrap();
        let out =
            project.build("run", 0).arg("--set").arg("engine-build.timing-cache=cold").output();
        let out = out.unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success() && !said.contains("waiting"), "{said}");
        assert!(project.engines()[0].error.is_none());
    }
}

/// Processes at work in the project's folder.
fn at_work(project: &Project) -> Vec<PathBuf> {
    let root = project.path("").canonicalize().unwrap();
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    all.filter(|process| fs::read_link(process.join("cwd")).is_ok_and(|folder| folder == root))
        .filter(|process| lives(process))
        .collect()
}

#[test]
fn whenever_the_parent_dies_no_builder_stays() {
    let project = project("", &[("fp32", relu())]);
    for round in 0..20 {
        let mut command = project.build("run", 0);
        command.env("TENSORRT_FAKE_FAULT", "hang").stderr(Stdio::null());
        let mut parent = command.spawn().unwrap();
        // from before the builder is started until it hangs in the library
        std::thread::sleep(Duration::from_millis(3 * round));
        parent.kill().unwrap();
        parent.wait().unwrap();
        let begun = Instant::now();
        while !at_work(&project).is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(2), "round {round}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let out = project.build("run", 0).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn an_interruption_ends_the_builder_and_cleans_up() {
    let project = project("", &[("fp32", relu()), ("fp32", chain(1, 2))]);
    // to the stage alone, and to its whole group, as a terminal does
    for (signal, group) in [("-TERM", ""), ("-INT", ""), ("-INT", "-")] {
        let (mut parent, builder) = hanging(&project);
        let receiver = format!("{group}{}", parent.id());
        let sent = Command::new("kill").args([signal, "--", &receiver]).status();
        assert!(sent.unwrap().success());
        assert_eq!(parent.wait().unwrap().code(), Some(5));
        assert!(!lives(&builder));
        let rows = project.engines();
        assert_eq!(rows.len(), 1, "the second model is not begun");
        assert!(rows[0].error.as_deref().unwrap().contains("interrupted"), "{rows:?}");
        assert_eq!(leftovers(&project), Vec::<String>::new());
    }
}

#[test]
fn phases_are_lines_where_there_is_no_terminal() {
    let project = project("", &[("fp32", relu())]);
    let command = project.build("run", 0);
    let mut command = assert_cmd::Command::from_std(command);
    command
        .env("TAILMARK_LOG", "engine_build=debug")
        .assert()
        .success()
        .stderr(contains("DEBUG").and(contains("building with tensorrt (fp32): ")));
}

#[test]
fn wrong_limits_are_told_with_their_line() {
    let project = project("", &[("fp32", relu())]);
    for (table, message) in [
        ("isolation = \"sandbox\"", "expected `process` or `none`"),
        ("isolation = true", "it.toml:4"),
        ("memory-limit = \"8GB\"", "write for example \"8GiB\""),
        ("memory-limit = \"1KiB\"", "expected 1MiB"),
        ("memory-limit = 8", "it.toml:4"),
        ("time-limit = \"0s\"", "above zero"),
        ("time-limit = \"soon\"", "it.toml:4"),
        ("memory_limit = \"8GiB\"", "did you mean \"memory-limit\""),
        ("isolation = \"none\"\nmemory-limit = \"8GiB\"", "memory-limit cannot be kept"),
        ("isolation = \"none\"\ntime-limit = \"10m\"", "expected isolation = \"process\""),
    ] {
        project.configure(table);
        for extra in [&[][..], &["--check"]] {
            project.stage(extra).assert().code(2).stderr(contains(message));
        }
    }
}

#[test]
fn one_engine_is_built_in_either_place() {
    let project = Project::new("tensorrt");
    fs::write(project.path("m.onnx"), relu()).unwrap();
    for (isolation, peak) in [("process", "\"peak-memory\":null"), ("none", "")] {
        let mut command = project.command(&["build", "m.onnx", "--backend", "tensorrt", "--json"]);
        command.env("TENSORRT_LIB", tensorrt_fake::library_path().unwrap());
        command.args(["--isolation", isolation, "--out", "e.engine"]);
        let told = command.assert().success();
        let line = String::from_utf8_lossy(&told.get_output().stdout).into_owned();
        assert_eq!(line.contains(peak), isolation == "none", "{line}");
        assert!(project.path("e.engine").is_file());
        fs::remove_file(project.path("e.engine")).unwrap();
    }
    let mut command = project.command(&["build", "m.onnx", "--backend", "tensorrt"]);
    command.env("TENSORRT_LIB", tensorrt_fake::library_path().unwrap());
    command.env("TENSORRT_FAKE_FAULT", "abort").args(["--out", "e.engine"]);
    command.assert().code(4).stderr(contains("SIGABRT"));
    assert!(!files(&project.path("")).iter().any(|name| name.contains("engine")));
    project
        .command(&["build-one"])
        .write_stdin("hello\n")
        .assert()
        .code(2)
        .stderr(contains("started by engine-build itself"));
}
