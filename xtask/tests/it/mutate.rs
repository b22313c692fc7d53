//! A few damaged models through the whole builder, with the fake TensorRT and with the real TensorRT-RTX where
//! it is installed. `cargo xtask measure mutate` does it with many.

use std::path::{Path, PathBuf};

use crate::support::{Ended, Project, repository, run, stages};

/// `measure mutate` with this library, or nothing where a program is not built.
fn mutate(library: &Path, version: Option<&str>, rounds: &str) -> Option<Ended> {
    let parse = stages().join("examples/parse");
    if !parse.is_file() {
        anstream::eprintln!("LEFT OUT: {} is not built", parse.display());
        return None;
    }
    let project = Project::real();
    let mut command = project.xtask(&["measure", "mutate", "--count", "24", "--rounds", rounds]);
    command.args(["--model", "pipelines/models/tiny.onnx"]).env("TENSORRT_RTX_LIB", library);
    if let Some(version) = version {
        command.env("TENSORRT_FAKE_VERSION", version);
    }
    Some(run(&mut command))
}

#[test]
fn damaged_models_end_nothing_with_the_fake_library() {
    let library = stages().join("libtensorrt_fake.so");
    if !library.is_file() {
        anstream::eprintln!("LEFT OUT: {} is not built", library.display());
        return;
    }
    // it keeps what was deleted, to find uses of it: its memory grows by design
    let Some(ended) = mutate(&library, Some("rtx-1.6.1"), "0") else { return };
    let ended = ended.with_exit(0).saying(&["libtensorrt_fake.so"]);
    for line in ["number changed", "node twice"] {
        assert!(ended.stdout.contains(line), "{}", ended.stdout);
    }
    let all = ended.stdout.lines().find(|line| line.starts_with("all ")).unwrap();
    assert!(all.contains("build: refused (2)") && all.contains("parser: error"), "{all}");
}

#[test]
fn damaged_models_end_nothing_with_the_real_library() {
    let named = std::env::var_os("TENSORRT_RTX_LIB").map(PathBuf::from);
    let installed = std::fs::read_dir(repository().join("data/runtime")).into_iter().flatten();
    let installed = installed.flatten().map(|entry| entry.path()).find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tensorrt-rtx-"))
    });
    let Some(library) = named.or(installed) else {
        anstream::eprintln!("LEFT OUT: TensorRT-RTX is not here");
        return;
    };
    if let Some(ended) = mutate(&library, None, "20") {
        let ended = ended.with_exit(0);
        assert!(ended.stdout.contains("slope over the last 15 rounds"), "{}", ended.stdout);
    }
}

#[test]
fn without_valgrind_memcheck_says_what_is_missing() {
    let project = Project::real();
    let mut command = project.xtask(&["measure", "memcheck"]);
    run(command.env("PATH", "nowhere")).with_exit(4).saying(&["valgrind is not installed", "hint"]);
}
