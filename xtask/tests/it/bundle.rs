//! A bundle runs the chain on a machine that has neither cargo nor these sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Project, STAGES, run};

/// A folder with links to the few tools that unpacking needs, to be the whole PATH.
fn few_tools(below: &Path) -> PathBuf {
    let folder = below.join("tools");
    fs::create_dir(&folder).unwrap();
    for tool in ["sh", "cat", "gzip", "tar", "sha256sum", "mkdir", "dirname"] {
        let places = std::env::var_os("PATH").unwrap();
        let found =
            std::env::split_paths(&places).map(|place| place.join(tool)).find(|p| p.exists());
        std::os::unix::fs::symlink(found.unwrap(), folder.join(tool)).unwrap();
    }
    folder
}

#[test]
fn a_bundle_runs_without_cargo_and_notices_damage() {
    let project = Project::real();
    let root = project.root();
    let packed = run(&mut project.xtask(&["bundle", "--part-size", "8MiB", "--out", "out"]));
    packed.with_exit(0).saying(&["part(s)"]);
    let parts: Vec<PathBuf> = fs::read_dir(root.join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(".part-"))
        .collect();
    assert!(parts.len() > 1);
    assert!(parts.iter().all(|part| part.metadata().unwrap().len() <= 8 << 20));

    let away = tempfile::tempdir().unwrap();
    fs::rename(root.join("out"), away.path().join("copy")).unwrap();
    let script = away.path().join("copy/unpack-and-run.sh");
    let tools = few_tools(away.path());
    let unpack = |arguments: &[&str]| {
        let mut command = Command::new(tools.join("sh"));
        command.arg(&script).args(arguments).env_clear();
        command.env("PATH", &tools).env("TAILMARK_OFFLINE", "1").env("NO_COLOR", "1");
        run(command.current_dir(away.path()))
    };
    let set = ["--set", "runner.duration=150ms", "--set", "engine-build.backend=rten", "--json"];
    let ended = unpack(&set).with_exit(0);
    let line: serde_json::Value =
        serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    let report = Path::new(line["run"].as_str().unwrap()).join("report.html");
    assert!(away.path().join("copy/tailmark").join(report).is_file(), "{line}");

    let part = away.path().join("copy").join(parts[0].file_name().unwrap());
    let mut bytes = fs::read(&part).unwrap();
    bytes[1000] ^= 1;
    fs::write(&part, bytes).unwrap();
    unpack(&["--unpack-only"]).with_exit(4).saying(&["missing or damaged"]);
}

#[test]
fn a_bundle_depends_on_its_contents_only() {
    let project = Project::real();
    for out in ["a", "b"] {
        run(&mut project.xtask(&["bundle", "--out", out])).with_exit(0);
    }
    assert!(!project.read("a/SHA256SUMS").is_empty());
    assert_eq!(project.read("a/SHA256SUMS"), project.read("b/SHA256SUMS"));
}

#[test]
fn optional_libraries_go_along_when_they_are_asked_for() {
    let project = Project::new();
    for program in STAGES.into_iter().chain(["xtask"]) {
        project.script(&format!("programs/{program}"), "exit 0");
    }
    let with = ["bundle", "--with", "rtx", "--out", "out"];
    let xtask = || {
        let mut command = project.xtask(&with);
        command.env("TAILMARK_BIN_DIR", project.root().join("programs"));
        command
    };
    run(&mut xtask()).with_exit(4).saying(&["TensorRT-RTX is not here", "cargo xtask setup rtx"]);
    // what is packed is whatever `setup` has put there
    let folder = "data/runtime/tensorrt-rtx-9.9.9";
    for file in ["libtensorrt_rtx.so.1", "libtensorrt_onnxparser_rtx.so.1", "LICENSE.txt"] {
        project.write(&format!("{folder}/{file}"), file);
    }
    run(&mut xtask()).with_exit(0);
    run(Command::new("sh")
        .args(["out/unpack-and-run.sh", "--unpack-only"])
        .current_dir(project.root()))
    .with_exit(0);
    let unpacked = project.read(&format!("out/tailmark/{folder}/libtensorrt_rtx.so.1"));
    assert_eq!(unpacked, "libtensorrt_rtx.so.1");
}

#[test]
fn bad_sizes_and_commands_are_refused() {
    let project = Project::real();
    for size in ["0", "-5MiB", "huge", "3 apples"] {
        let size = format!("--part-size={size}");
        run(&mut project.xtask(&["bundle", &size])).with_exit(2).saying(&["part-size"]);
    }
    run(&mut project.xtask(&["bundle", "--with", "cuda"])).with_exit(2).saying(&["rtx"]);
    run(&mut project.xtask(&["bundle", "--run-command", " "]))
        .with_exit(2)
        .saying(&["--run-command"]);
}
