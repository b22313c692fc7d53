//! `setup` with a stand-in package client: what is not pinned is not installed.

use std::fs;

use crate::support::{Project, run};

/// A project, and a PATH with a stand-in `python3` and nothing else.
fn project(client: &str) -> (Project, String) {
    let project = Project::new();
    project.script("bin/python3", client);
    let path = project.root().join("bin").display().to_string();
    (project, path)
}

/// Names below `data/runtime`.
fn installed(project: &Project) -> Vec<String> {
    let entries = fs::read_dir(project.root().join("data/runtime")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_wheel_that_is_not_the_pinned_one_installs_nothing() {
    let client = r#"while [ "$1" != --dest ]; do shift; done
echo "not a wheel" >"$2/some-1.0-cp312-cp312-any.whl""#;
    let mut what = vec![("cpu", "ONNX Runtime"), ("models", "models of the ONNX package")];
    if cfg!(target_arch = "x86_64") {
        what.push(("rtx", "TensorRT-RTX"));
    }
    for (what, title) in what {
        let (project, path) = project(client);
        let said = run(project.xtask(&["setup", what]).env("PATH", path)).with_exit(4).saying(&[
            &format!("the wheel of {title} "),
            "is not the pinned one; nothing was installed",
            "expected SHA-256",
            "found    SHA-256",
        ]);
        assert!(!said.stderr.contains("://"), "{}", said.stderr);
        assert_eq!(installed(&project), Vec::<String>::new());
    }
}

#[test]
fn without_a_network_everything_is_as_before() {
    let (project, path) = project("echo 'ERROR: no route' >&2; exit 1");
    let folder = "data/runtime/onnx-models-1.23.2";
    project.write(&format!("{folder}/light_vgg19.onnx"), "not the pinned file");
    // what an interrupted command left is cleared away
    project.write("data/runtime/.setup-1/download/half.whl", "");
    run(project.xtask(&["setup", "models"]).env("PATH", path)).with_exit(4).saying(&[
        "no route",
        "hint: install Python's pip",
        "any ONNX file will do",
    ]);
    assert_eq!(installed(&project), ["onnx-models-1.23.2"]);
    assert_eq!(project.read(&format!("{folder}/light_vgg19.onnx")), "not the pinned file");
}

#[test]
#[cfg(not(target_arch = "x86_64"))]
fn without_a_wheel_for_the_architecture_there_is_a_hint() {
    let project = Project::new();
    run(&mut project.xtask(&["setup", "rtx"]))
        .with_exit(4)
        .saying(&["no pinned TensorRT-RTX for", "TENSORRT_RTX_LIB"]);
}

#[test]
fn a_client_that_fails_is_quoted_without_addresses() {
    let client = "echo 'ERROR: nothing fits' >&2; echo 'looked at x://y' >&2; exit 1";
    let (project, path) = project(client);
    let said = run(project.xtask(&["setup"]).env("PATH", path)).with_exit(4);
    let said = said.saying(&["python3 -m pip: nothing fits", "ORT_DYLIB_PATH"]);
    assert!(!said.stderr.contains("://"), "{}", said.stderr);
}

#[test]
fn without_any_client_there_is_a_hint() {
    let project = Project::new();
    run(project.xtask(&["setup", "cpu"]).env("PATH", project.root()))
        .with_exit(4)
        .saying(&["python3 -m pip: not here", "hint: install Python's pip"]);
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let project = Project::new();
    fs::remove_dir(project.root().join("data")).unwrap();
    project.write("data", "a file where a folder should be");
    // named, since without its `data` folder the project is not known for one
    run(project.xtask(&["setup", "cpu"]).env("TAILMARK_ROOT", project.root()))
        .with_exit(4)
        .saying(&["cannot write into", "data"]);
}

#[test]
fn an_unknown_library_is_refused() {
    let project = Project::new();
    run(&mut project.xtask(&["setup", "cuda"])).with_exit(2).saying(&["cpu", "notebook"]);
}
