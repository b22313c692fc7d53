//! The binary as a user runs it, on a model of a few operators and a project of its own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "it/caches.rs"]
mod caches;
#[path = "it/isolation.rs"]
mod isolation;
#[path = "it/kill.rs"]
mod kill;
#[path = "it/project.rs"]
mod project;
#[path = "it/rtx.rs"]
mod rtx;

use std::fs;
use std::path::Path;

use backend::onnx::shape::Dim;
use pipeline::Digest;
use pipeline::artifact::{self, LayerRow};
use predicates::prelude::*;
use predicates::str::contains;

use project::{Project, files, model, relu};

#[test]
fn the_second_run_is_served_from_the_store() {
    for backend in ["rten", "sim"] {
        let project = Project::new(backend);
        project.export(&[("fp32", relu())]);
        project.stage(&[]).assert().success().stderr(
            contains("backend: ")
                .and(contains("engine: tiny fp32 → fp32: built in"))
                .and(contains("1 engine, 0 from the store")),
        );
        let first = project.engines().remove(0);
        assert_eq!((first.cache.as_str(), first.build_round), ("cold", 0));
        assert_eq!((first.backend.as_str(), first.error.as_deref()), (backend, None));
        assert_eq!((first.precision_achieved.as_str(), first.precision_share), ("fp32", Some(1.0)));
        assert!(first.build_ns > 0 && first.build_ns == first.original_build_ns);
        let engine = project.path(&first.path);
        assert_eq!(Digest::of_file(&engine).unwrap().as_str(), first.engine_digest);
        assert_eq!(fs::metadata(&engine).unwrap().len() as i64, first.bytes);
        let layers: Vec<LayerRow> = artifact::read(&project.run_dir()).unwrap();
        let types: Vec<&str> = layers.iter().map(|layer| layer.layer_type.as_str()).collect();
        assert_eq!(types, ["Conv", "Relu"]);

        project.stage(&[]).assert().success().stderr(
            contains("served from the store (built in").and(contains("1 engine, 1 from the store")),
        );
        let second = project.engines().remove(0);
        assert_eq!(second.cache, "engine-store");
        assert_eq!(second.original_build_ns, first.build_ns);
        assert_eq!(second.engine_digest, first.engine_digest);
        assert_eq!(artifact::read::<LayerRow>(&project.run_dir()).unwrap(), layers);

        project
            .stage(&["--set", "engine-build.timing-cache=cold"])
            .assert()
            .success()
            .stderr(contains("built in").and(contains("from the store (").not()));
        assert_eq!(project.engines()[0].cache, "cold");
        let version = if backend == "rten" { "rten.version" } else { "sim.version" };
        let path = project.run_dir().artifact("engines");
        assert!(artifact::provenance_of(&path).unwrap().get(version).is_some());
    }
}

#[test]
fn without_the_store_nothing_is_indexed() {
    let project = Project::new("rten");
    project.export(&[("fp32", relu())]);
    project.stage(&["--set", "engine-build.timing-cache=off"]).assert().success();
    assert_eq!(project.engines()[0].cache, "none");
    project.command(&["cache", "list"]).assert().success().stdout(contains("store is empty"));
}

#[test]
fn a_damaged_engine_is_set_aside_and_built_again() {
    let project = Project::new("rten");
    project.export(&[("fp32", relu())]);
    project.stage(&[]).assert().success();
    let engine = project.path(&project.engines()[0].path);
    let bytes = fs::read(&engine).unwrap();
    fs::write(&engine, &bytes[..bytes.len() / 2]).unwrap();
    project
        .stage(&[])
        .assert()
        .success()
        .stderr(contains("warning").and(contains("set aside")).and(contains("built in")));
    assert_eq!(fs::read(&engine).unwrap(), bytes);
    let aside = |name: &String| name.contains(".aside");
    assert!(files(&project.path("data/engines")).iter().any(aside));
    project.command(&["cache", "prune"]).assert().success().stdout(contains("removed 2 files"));
    assert!(!files(&project.path("data/engines")).iter().any(aside));
    project.stage(&[]).assert().success().stderr(contains("served from the store"));
}

#[test]
fn a_torn_entry_is_set_aside() {
    let project = Project::new("rten");
    project.export(&[("fp32", relu())]);
    project.stage(&[]).assert().success();
    let index = project.path("data/caches/v1");
    let shelf = index.join(&files(&index)[0]);
    let entry = files(&shelf).into_iter().find(|name| name.contains(".json")).unwrap();
    fs::write(shelf.join(entry), b"{ \"format\": 1,").unwrap();
    project.stage(&[]).assert().success().stderr(contains("entry is unusable"));
    assert_eq!(project.engines()[0].cache, "cold");
}

#[test]
fn the_cache_is_listed_and_shown() {
    let project = Project::new("rten");
    project.export(&[("fp32", relu())]);
    project.stage(&[]).assert().success();
    let key = project.engines()[0].engine_key.clone();
    project
        .command(&["cache", "list"])
        .assert()
        .success()
        .stdout(contains(&key[..12]).and(contains("rten")));
    project
        .command(&["cache", "list", "--json"])
        .assert()
        .success()
        .stdout(contains("\"optimization-level\": 5"));
    project.command(&["cache", "show", &key[..8]]).assert().success().stdout(contains(&key));
    project
        .command(&["cache", "show", "0123-no-key"])
        .assert()
        .code(2)
        .stderr(contains("no key that begins with").and(contains("cache list")));
}

#[test]
fn wrong_tables_end_with_2() {
    let project = Project::new("rten");
    project.export(&[("fp32", relu())]);
    for (table, message) in [
        ("backend = \"rtne\"", "did you mean \"rten\""),
        ("backend = 3", "it.toml:4"),
        ("precision = [\"fp8\"]", "fp8"),
        ("precision = []", "at least one precision"),
        ("precision = [\"fp32\", \"fp32\"]", "stands twice"),
        ("precision = [\"fp16\"]", "exported as fp32"),
        ("optimization-level = 6", "expected 0 to 5"),
        ("timing-cache = \"warm\"", "reuse"),
        ("rounds = 51", "expected 1 to 50"),
        ("fp16-route = \"both\"", "typed"),
        ("optimisation-level = 5", "did you mean \"optimization-level\""),
    ] {
        project.configure(table);
        for extra in [&[][..], &["--check"]] {
            project.stage(extra).assert().code(2).stderr(contains(message));
        }
    }
}

#[test]
fn what_is_missing_is_named() {
    let project = Project::new("rten");
    project
        .stage(&[])
        .assert()
        .code(2)
        .stderr(contains("models.parquet").and(contains("run the stage onnx-export-verify")));
    project.stage(&["--check"]).assert().success().stderr(contains("backend: rten"));
    project.export(&[("fp32", relu())]);
    project.configure("backend = \"tensorrt\"");
    for extra in [&[][..], &["--check"]] {
        project
            .stage(extra)
            .assert()
            .code(4)
            .stderr(contains("was not found").and(contains("hint")));
    }
    project.configure("backend = \"onnxruntime-cpu\"");
    project
        .stage(&[])
        .env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so")
        .assert()
        .code(4)
        .stderr(contains("/nowhere/libonnxruntime.so").and(contains("cargo xtask setup cpu")));
}

#[test]
fn auto_explains_itself() {
    let project = Project::new("auto");
    project.export(&[("fp32", relu())]);
    project.stage(&["--check"]).assert().success().stderr(contains("(auto: "));
    project.stage(&[]).assert().success().stderr(contains("backend: ").and(contains("(auto: ")));
}

#[test]
fn a_failed_build_is_a_row() {
    let project = Project::new("rten");
    project.export(&[("fp16", model("Frobnicate", &Dim::Fixed(1))), ("fp32", relu())]);
    project
        .stage(&[])
        .assert()
        .code(2)
        .stderr(contains("no engine for tiny fp16").and(contains("Frobnicate")));
    let rows = project.engines();
    assert_eq!(rows.len(), 2);
    assert!(rows[0].error.as_deref().is_some_and(|error| error.contains("Frobnicate")));
    assert!(rows[0].engine_digest.is_empty() && rows[0].path.is_empty());
    assert_eq!(rows[1].error, None);
    let leftovers = files(&project.path("data/engines"));
    assert!(leftovers.iter().all(|name| !name.starts_with(".building")), "{leftovers:?}");
}

#[test]
fn a_truncated_or_changed_model_is_refused() {
    let project = Project::new("rten");
    let bytes = relu();
    project.export(&[("fp32", bytes[..bytes.len() / 2].to_vec())]);
    project.stage(&[]).assert().code(2).stderr(contains("truncated"));
    project.export(&[("fp32", bytes.clone())]);
    let model = project.path(&format!("data/models/{}.onnx", Digest::of_bytes(&bytes)));
    fs::write(&model, super_relu()).unwrap();
    project.stage(&[]).assert().code(2).stderr(contains("has changed"));
    fs::remove_file(&model).unwrap();
    project.stage(&[]).assert().code(2).stderr(contains("no such model file"));
}

/// Another model than [`relu`].
fn super_relu() -> Vec<u8> {
    model("Sigmoid", &Dim::Fixed(1))
}

#[test]
fn one_engine_is_built_and_inspected() {
    let project = Project::new("rten");
    fs::write(project.path("m.onnx"), model("Relu", &Dim::Symbol("batch".into()))).unwrap();
    let build = ["build", "m.onnx", "--backend", "rten", "--out", "e.rten.onnx"];
    project
        .command(&build)
        .args(["--shape", "input=2x3x8x8"])
        .assert()
        .success()
        .stdout(contains("fp32 → fp32").and(contains("2 layers")));
    project
        .command(&["inspect", "e.rten.onnx"])
        .assert()
        .success()
        .stdout(contains("input   input: f32[batch,3,8,8]").and(contains("Conv")));
    let json = project.command(&["inspect", "e.rten.onnx", "--json"]).assert().success();
    let text = String::from_utf8(json.get_output().stdout.clone()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["layers"].as_array().unwrap().len(), 2);
    project
        .command(&["build", "m.onnx", "--backend", "sim", "--out", "e.sim.json", "--json"])
        .assert()
        .success()
        .stdout(contains("\"backend\":\"sim\""));
    project.command(&["inspect", "e.sim.json"]).assert().success().stdout(contains("simulator"));

    project
        .command(&build)
        .args(["--shape", "image=2x3x8x8"])
        .assert()
        .code(2)
        .stderr(contains("no such input"));
    project.command(&build).args(["--shape", "input"]).assert().code(2).stderr(contains("NAME="));
    project
        .command(&["build", "no.onnx", "--out", "e"])
        .assert()
        .code(2)
        .stderr(contains("no.onnx"));
    project
        .command(&["build", "m.onnx", "--out", "no/where.onnx"])
        .assert()
        .code(2)
        .stderr(contains("does not exist"));
    project.command(&["inspect", "pipelines"]).assert().code(2).stderr(contains("folder"));
}

#[test]
fn the_simulator_takes_its_behaviour_from_the_environment() {
    let project = Project::new("sim");
    project.export(&[("fp32", relu())]);
    project.stage(&[]).assert().success().stderr(contains("backend: simulator"));
    project
        .stage(&[])
        .env("TAILMARK_SIM", r#"{"base-ns": 5000}"#)
        .assert()
        .success()
        .stderr(contains("built in"));
    assert!(project.engines()[0].flags[0].contains("\"base-ns\":5000"));
    for extra in [&[][..], &["--check"]] {
        project
            .stage(extra)
            .env("TAILMARK_SIM", "{\"base\": 1}")
            .assert()
            .code(2)
            .stderr(contains("TAILMARK_SIM"));
    }
}

#[test]
fn the_backends_are_listed() {
    let project = Project::new("rten");
    project.command(&["backends"]).assert().success().stdout(contains("rten"));
    let output = project.command(&["backends", "--json"]).assert().success();
    let rows: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 7);
}

/// With the shared library that the project's own `data` folder may hold.
#[test]
fn onnx_runtime_builds_an_engine_of_its_own() {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/runtime");
    let found = fs::read_dir(&runtime)
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten())
        .map(|file| file.path())
        .find(|path| path.to_string_lossy().contains("libonnxruntime.so"));
    let Some(library) = found else {
        eprintln!("skipped: no ONNX Runtime below {}", runtime.display());
        return;
    };
    let project = Project::new("onnxruntime-cpu");
    project.export(&[("fp32", relu())]);
    for cache in ["cold", "engine-store"] {
        project.stage(&[]).env("ORT_DYLIB_PATH", &library).assert().success();
        let row = project.engines().remove(0);
        assert_eq!((row.cache.as_str(), row.precision_achieved.as_str()), (cache, "fp32"));
        assert!(row.backend_version.starts_with("1."), "{}", row.backend_version);
    }
    let layers: Vec<LayerRow> = artifact::read(&project.run_dir()).unwrap();
    assert!(layers.iter().any(|layer| layer.layer_type.contains("Conv")), "{layers:?}");
    let path = project.run_dir().artifact("engines");
    assert!(artifact::provenance_of(&path).unwrap().get("onnxruntime.version").is_some());
}
