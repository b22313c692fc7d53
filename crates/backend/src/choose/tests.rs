//! What is taken, what is passed over, and what is said about it.

use super::*;

fn nowhere() -> Environment {
    Environment { data: "/nonexistent".into() }
}

#[test]
fn auto_always_finds_a_backend_and_says_why() {
    let chosen = choose(Choice::Auto, &nowhere()).unwrap();
    assert!(chosen.explanation.starts_with("backend: "), "{}", chosen.explanation);
    assert!(chosen.explanation.contains("(auto: "), "{}", chosen.explanation);
    if chosen.backend.id() == BackendId::Rten {
        assert!(chosen.explanation.contains("cargo xtask setup cpu"), "{}", chosen.explanation);
    }
    preview(Choice::Auto, &nowhere()).unwrap();
}

#[test]
fn a_named_backend_that_is_not_there_is_an_error_with_a_hint() {
    for (id, text) in [
        (BackendId::Tensorrt, "no libnvinfer.so"),
        (BackendId::TensorrtRtx, "no libtensorrt_rtx.so"),
        (BackendId::OnnxruntimeCuda, "not in this version"),
    ] {
        let choice = Choice::Named(id);
        let found = [choose(choice, &nowhere()).map(drop), preview(choice, &nowhere()).map(drop)];
        for error in found.into_iter().filter_map(Result::err) {
            assert_eq!(error.exit_code(), 4);
            assert!(error.to_string().contains(text), "{error}");
            assert!(error.hint().is_some());
        }
    }
}

#[test]
fn auto_takes_a_backend_that_runs_and_names_what_only_builds() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("runtime/tensorrt-rtx-1.7.1");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("libtensorrt_rtx.so.1"), b"").unwrap();
    let environment = Environment { data: folder.path().to_owned() };
    let chosen = choose(Choice::Auto, &environment).unwrap();
    assert!(!chosen.backend.id().as_str().starts_with("tensorrt"));
    for text in [chosen.explanation, preview(Choice::Auto, &environment).unwrap()] {
        assert!(text.contains("tensorrt-rtx only builds: running engines on a GPU"), "{text}");
    }
}

#[test]
fn the_survey_names_every_backend_once() {
    let found = survey(&nowhere());
    let ids: Vec<BackendId> = found.iter().map(|row| row.backend).collect();
    assert_eq!(ids, BackendId::ALL);
    assert!(found.iter().all(|row| row.works || row.hint.is_some()));
    assert!(found.iter().any(|row| row.backend == BackendId::Rten && row.works));
}
