//! Children that misbehave in every way, played by shell scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use backend::{BackendId, Environment, Precision};
use pipeline::fault::{exit_of, hints_of};
use pipeline::{Exit, Fault};

use super::limits::Settings;
use super::*;

/// A result line of a build that went well.
const DONE: &str = r#"{"say":"done","built":{"layers":[],"layers-from":"","precision-achieved":"fp32","precision-share":null,"cache":null,"timing-cache":null,"flags":[],"warnings":[]},"cache":false,"build-ns":7,"peak-memory":null}"#;

/// Builds with a script in the child's place; `ENGINE` in it stands for the engine's file.
fn build_with(
    script: &str,
    limits: Limits,
) -> (anyhow::Result<Finished>, PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let engine = folder.path().join("engine.part");
    let program = folder.path().join("builder");
    let script = script.replace("ENGINE", &engine.to_string_lossy()).replace("DONE", DONE);
    fs::write(&program, format!("#!/bin/sh\nread request\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let settings = Settings { program, data: folder.path().to_owned(), limits };
    let environment = Environment { data: folder.path().to_owned() };
    let backend = backend::open_backend(BackendId::Sim, &environment).unwrap();
    let request = BuildRequest::new(folder.path(), Precision::Fp32);
    let finished = build(&Place::Child(settings), backend.as_ref(), &request, &engine);
    (finished, engine, folder)
}

/// The exit code and the text of a build that must fail; no engine may be left, nor a private folder.
fn refused(script: &str, limits: Limits) -> (Exit, String) {
    let (finished, engine, folder) = build_with(script, limits);
    let error = finished.unwrap_err();
    assert!(!engine.exists(), "{error:#}");
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0, "{error:#}");
    assert!(!hints_of(&error).is_empty(), "{error:#}");
    (exit_of(&error), format!("{error:#}"))
}

#[test]
fn a_crash_is_an_error_with_the_log() {
    for (signal, name) in [("SEGV", "SIGSEGV (signal 11)"), ("ABRT", "SIGABRT (signal 6)")] {
        let script = format!(
            "echo half > ENGINE; echo oops >&2; echo '{{\"say\":\"progress\",\"phase\":\"tactics\",\"done\":1,\"total\":2}}'; kill -{signal} $$"
        );
        let (exit, text) = refused(&script, Limits::default());
        assert_eq!(exit, Exit::Environment);
        assert!(text.contains(name) && text.contains("log: oops"), "{text}");
        assert!(text.contains("in the phase \"tactics\""), "{text}");
    }
}

#[test]
fn every_wrong_word_is_an_error() {
    for (script, exit, expected) in [
        ("exit 3", Exit::Environment, "ended with exit code 3 and without a result"),
        ("exit 101", Exit::Bug, "panicked"),
        ("kill -KILL $$", Exit::Environment, "killed by SIGKILL"),
        (
            "echo half > ENGINE; echo hello; exec sleep 60",
            Exit::Environment,
            "no message of it: `hello`",
        ),
        ("printf '{\"say\":'", Exit::Environment, "in the middle of a message: `{\"say\":`"),
        ("exec 1>&-; exec sleep 60", Exit::Environment, "closed its output without a result"),
        ("echo 'DONE'", Exit::Environment, "left no engine"),
        ("echo 'DONE'; : > ENGINE", Exit::Environment, "left no engine"),
        ("echo '{\"say\":\"done\"}'; echo x > ENGINE", Exit::Environment, "no message of it"),
    ] {
        let (found, text) = refused(script, Limits::default());
        assert!(found == exit && text.contains(expected), "{script}: {found:?}: {text}");
    }
}

#[test]
fn the_childs_own_errors_keep_their_code() {
    let (finished, ..) = build_with(
        r#"echo '{"say":"failed","error":"no such input","exit":2,"hint":"give it"}'"#,
        Limits::default(),
    );
    let error = finished.unwrap_err();
    assert_eq!((exit_of(&error), hints_of(&error)), (Exit::Config, vec!["give it"]));
    assert_eq!(format!("{error:#}"), "no such input");
}

#[test]
fn an_answer_is_believed_even_when_the_end_is_a_crash() {
    for end in ["", "; kill -SEGV $$"] {
        let (finished, engine, _folder) =
            build_with(&format!("echo x > ENGINE; echo 'DONE'{end}"), Limits::default());
        let finished = finished.unwrap();
        assert_eq!(finished.took, Duration::from_nanos(7));
        assert!(engine.exists());
    }
}

#[test]
fn limits_end_the_child() {
    let memory = Limits { memory: Some("64MiB".parse().unwrap()), time: None };
    let (exit, text) = refused("exec sort /dev/zero", memory);
    assert_eq!(exit, Exit::Environment);
    assert!(text.contains("more than memory-limit = \"64MiB\" allows"), "{text}");

    let time = Limits { memory: None, time: Some(Duration::from_millis(300)) };
    let start = Instant::now();
    let (exit, text) = refused("echo x > ENGINE; exec sleep 60", time);
    assert_eq!(exit, Exit::Environment);
    assert!(text.contains("not done after time-limit = \"300ms\""), "{text}");
    assert!(start.elapsed() < Duration::from_secs(10));
    // one that listens ends at once
    let start = Instant::now();
    let (_, text) = refused("read word; echo \"heard $word\" >&2; exit 0", time);
    assert!(text.contains("heard cancel"), "{text}");
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_builder_that_is_not_there_is_the_environments_fault() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        program: folder.path().join("nowhere"),
        data: folder.path().to_owned(),
        limits: Limits::default(),
    };
    let environment = Environment { data: folder.path().to_owned() };
    let backend = backend::open_backend(BackendId::Sim, &environment).unwrap();
    let request = BuildRequest::new(folder.path(), Precision::Fp32);
    let out = folder.path().join("engine");
    let error = build(&Place::Child(settings), backend.as_ref(), &request, &out).unwrap_err();
    assert!(error.downcast_ref::<Fault>().is_some());
    assert_eq!(exit_of(&error), Exit::Environment);
    assert!(format!("{error:#}").contains("nowhere"), "{error:#}");
}
