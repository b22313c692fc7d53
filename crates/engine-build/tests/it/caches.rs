//! The timing cache from build to build, with a TensorRT of Rust functions for tests in the place of NVIDIA's.
//! Times and entries here are the fake's; they show that Tailmark keeps and offers what a library gives it.

use std::fs;
use std::process::Command;
use std::time::Duration;

use pipeline::RunDir;
use pipeline::artifact::{self, EngineRow};

use crate::project::{Project, chain, files, relu};

const TENSORRT: &str = "backend = \"tensorrt\"";

/// Runs the stage to its end: exit code and what it said.
fn finish(mut command: Command) -> (i32, String) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), said)
}

fn build(project: &Project) -> (i32, String) {
    finish(project.build("run", 0))
}

/// `cache`, hits and misses of the rows.
fn caches(project: &Project) -> Vec<(String, Option<i64>, Option<i64>)> {
    let row = |row: EngineRow| (row.cache, row.cache_hits, row.cache_misses);
    project.engines().into_iter().map(row).collect()
}

fn row(cache: &str, hits: i64, misses: i64) -> (String, Option<i64>, Option<i64>) {
    (cache.to_owned(), Some(hits), Some(misses))
}

/// A project on the fake TensorRT whose table goes on with `more`, and a model of 4 layers.
fn project(more: &str) -> Project {
    let project = Project::new("tensorrt");
    project.configure(&format!("{TENSORRT}\n{more}"));
    project.export(&[("fp32", chain(1, 4))]);
    project
}

#[test]
fn what_one_build_timed_the_next_one_finds() {
    let project = project("");
    let (code, said) = build(&project);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("0 timings from the cache and 4 taken"), "{said}");
    assert!(said.contains("timing cache:") && said.contains("from 1 build, key"), "{said}");
    assert_eq!(caches(&project), [row("cold", 0, 4)]);
    let flags = project.engines().remove(0).flags;
    assert!(flags.contains(&"build-cache=timing".to_owned()), "{flags:?}");
    assert_eq!(build(&project).0, 0);
    assert_eq!(caches(&project), [("engine-store".to_owned(), None, None)]);

    // another engine of the same layers
    project.configure(&format!("{TENSORRT}\noptimization-level = 1"));
    let (code, said) = build(&project);
    assert_eq!(code, 0, "{said}");
    assert_eq!(caches(&project), [row("warm", 4, 0)]);

    let list = project.command(&["cache", "list"]).assert().success();
    let list = String::from_utf8(list.get_output().stdout.clone()).unwrap();
    let line = list.lines().find(|line| line.starts_with("timing")).unwrap();
    assert!(line.contains("tensorrt") && line.contains(" 4/4 ") && line.contains(" 2 "), "{list}");
    assert_eq!(list.lines().filter(|line| line.starts_with("engine")).count(), 2, "{list}");
    let key = line.split_whitespace().nth(1).unwrap();
    let shown = project.command(&["cache", "show", key]).assert().success();
    let shown: serde_json::Value = serde_json::from_slice(&shown.get_output().stdout).unwrap();
    assert_eq!((&shown["kind"], &shown["hits"]), (&"timing".into(), &4.into()));
    assert!(
        shown["scope"]["agree"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| { item.as_str().is_some_and(|item| item.starts_with("cuda=")) })
    );
}

#[test]
fn cold_and_warm_are_rows_of_each_round() {
    let project = project("timing-cache = \"cold\"\nrounds = 3\nrequire-cached = true");
    let (code, said) = build(&project);
    assert_eq!(code, 0, "{said}");
    let (cold, warm) = (row("cold", 0, 4), row("warm", 4, 0));
    let expected = [&cold, &warm, &warm, &cold, &cold, &warm].map(Clone::clone);
    assert_eq!(caches(&project), expected);
    let rows = project.engines();
    let rounds: Vec<i64> = rows.iter().map(|row| row.build_round).collect();
    assert_eq!(rounds, [0, 0, 1, 1, 2, 2]);
    assert!(rows.iter().all(|row| row.engine_key == rows[0].engine_key && row.error.is_none()));
    assert!(said.contains("cold 3 × ") && said.contains("with the timing cache"), "{said}");
    let left = files(&project.path("data/engines"));
    let kept = left.iter().filter(|name| name.ends_with(".engine")).count();
    assert_eq!(kept, 1, "engines that were built for their time are not kept: {left:?}");
}

#[test]
fn without_a_timing_cache_warm_comes_from_the_engine_store() {
    let project = Project::new("rten");
    project.configure("backend = \"rten\"\ntiming-cache = \"cold\"\nrounds = 2");
    project.export(&[("fp32", relu())]);
    let (code, said) = build(&project);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("warm is an engine served from the engine store"), "{said}");
    assert!(project.engines().iter().all(|row| row.flags.contains(&"build-cache=none".to_owned())));
    let found = caches(&project).into_iter().map(|(cache, hits, _)| (cache, hits));
    let expected = ["cold", "engine-store", "engine-store", "cold"];
    assert_eq!(found.collect::<Vec<_>>(), expected.map(|cache| (cache.to_owned(), None)));
    project.configure("backend = \"rten\"\nrequire-cached = true");
    let (code, said) = build(&project);
    assert!(code == 2 && said.contains("rten has none"), "{said}");
}

#[test]
fn a_timing_that_is_missing_is_an_error_when_asked_for() {
    let project = project("require-cached = true");
    let (code, said) = build(&project);
    assert!(code == 4 && said.contains("cache miss"), "{code}: {said}");
    assert!(
        project.engines()[0].error.as_deref().is_some_and(|error| error.contains("cache miss"))
    );
    project.configure(&format!("{TENSORRT}\nrequire-cached = true\ntiming-cache = \"off\""));
    for extra in [&[][..], &["--check"]] {
        let mut command = project.build("run", 0);
        command.args(extra);
        let (code, said) = finish(command);
        assert!(code == 2 && said.contains("needs a timing cache"), "{said}");
    }
}

#[test]
fn off_leaves_no_trace() {
    let project = project("timing-cache = \"off\"");
    assert_eq!(build(&project).0, 0);
    assert_eq!(caches(&project)[0].0, "none");
    assert_eq!(project.cache_files(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_damaged_cache_is_set_aside_and_the_build_goes_on_cold() {
    let project = project("");
    assert_eq!(build(&project).0, 0);
    let blob = project
        .cache_files()
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "cache"));
    fs::write(blob.unwrap(), b"tensorrt-fake timing cache 10.3.0 fake").unwrap();
    project.export(&[("fp32", chain(2, 3))]);
    let (code, said) = build(&project);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("warning") && said.contains("set aside as"), "{said}");
    assert_eq!(caches(&project), [row("cold", 0, 3)]);
    let aside =
        || project.cache_files().iter().filter(|p| p.to_string_lossy().contains(".aside")).count();
    assert_eq!(aside(), 2);
    let list = || {
        let list = project.command(&["cache", "list"]).assert().success();
        String::from_utf8(list.get_output().stdout.clone()).unwrap()
    };
    assert!(list().contains("set aside: 2 files"), "{}", list());
    project.command(&["cache", "prune"]).assert().success();
    assert_eq!(aside(), 2, "a cache that was set aside is not deleted");
    project.command(&["cache", "prune", "--aside"]).assert().success();
    assert_eq!(aside(), 0);
    assert_eq!(project.cached_layers().len(), 3);
}

#[test]
fn a_cache_that_the_library_refuses_is_set_aside() {
    let project = project("");
    assert_eq!(build(&project).0, 0);
    project.export(&[("fp32", chain(2, 3))]);
    let mut other = project.build("run", 0);
    // the backend does not see the change, the library does
    other.env("TENSORRT_FAKE_DEVICE", "fake-sm90");
    let (code, said) = finish(other);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("the library refuses it") && said.contains("set aside as"), "{said}");
    assert_eq!(caches(&project), [row("cold", 0, 3)]);
    assert_eq!(project.cached_layers().len(), 3);
}

#[test]
fn another_version_never_sees_the_cache() {
    let project = project("");
    assert_eq!(build(&project).0, 0);
    let mut other = project.build("run", 0);
    other.env("TENSORRT_FAKE_VERSION", "11.1.0");
    let (code, said) = finish(other);
    assert_eq!(code, 0, "{said}");
    assert_eq!(caches(&project), [row("cold", 0, 4)]);
    let names = files(&project.path("data/caches/v1"));
    let timing: Vec<&String> = names.iter().filter(|name| name.starts_with("timing-")).collect();
    assert!(timing.len() == 2 && timing[0].ends_with("-10.3.0"), "{names:?}");
    assert!(timing[1].ends_with("-11.1.0") && !said.contains("set aside"), "{said}");
}

#[test]
fn an_engine_that_stayed_at_single_precision_fails_a_request_for_half() {
    let project = project("");
    project.export(&[("fp16", chain(1, 2))]);
    let mut command = project.build("run", 0);
    command.env("TENSORRT_FAKE_FAULT", "no-fp16");
    let (code, said) = finish(command);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("fp16 was asked for and the engine stayed fp32"), "{said}");
    let row = project.engines().remove(0);
    assert_eq!(
        (row.precision_requested.as_str(), row.precision_achieved.as_str()),
        ("fp16", "fp32")
    );
    assert!(!row.engine_digest.is_empty() && row.error.is_some_and(|error| error.contains("fp32")));
}

#[test]
fn the_flag_makes_half_precision_of_a_float32_model() {
    let project = project("precision = [\"fp16\"]\nfp16-route = \"flag\"\nworkspace = \"64MiB\"");
    let (code, said) = build(&project);
    assert_eq!(code, 0, "{said}");
    let row = project.engines().remove(0);
    assert_eq!(
        (row.precision_requested.as_str(), row.precision_achieved.as_str()),
        ("fp16", "fp16")
    );
    for flag in ["builder-flag=fp16", "workspace=67108864"] {
        assert!(row.flags.contains(&flag.to_owned()), "{:?}", row.flags);
    }
    let mut command = project.build("run", 0);
    command.env("TENSORRT_FAKE_VERSION", "11.1.0");
    let (code, said) = finish(command);
    assert!(code != 0 && said.contains("has none (10.x has)"), "{code}: {said}");
    project.export(&[("fp16", chain(1, 4))]);
    let (code, said) = build(&project);
    assert!(code == 2 && said.contains("fp16 made from a float32 model"), "{said}");
}

#[test]
fn one_engine_is_built_once_by_two_processes() {
    let project = project("");
    let mut builds = Vec::new();
    for run in ["run-a", "run-b"] {
        project.export_to(run, &[("fp32", chain(1, 4))]);
        builds.push((run, project.build(run, 150).spawn().unwrap()));
    }
    let mut found = Vec::new();
    let mut all_said = String::new();
    for (run, build) in builds {
        let output = build.wait_with_output().unwrap();
        assert!(output.status.success());
        all_said += &String::from_utf8_lossy(&output.stderr);
        let run = RunDir::new(project.path(run));
        found.push(artifact::read::<EngineRow>(&run).unwrap().remove(0).cache);
    }
    found.sort();
    assert_eq!(found, ["cold", "engine-store"]);
    assert!(all_said.contains("waiting for another build of this engine"), "{all_said}");
}

#[test]
fn eight_builds_at_once_lose_no_entry_to_each_other() {
    const LAYERS: usize = 5;
    let project = project("");
    let mut builds = Vec::new();
    for number in 0..8 {
        let run = format!("run-{number}");
        project.export_to(&run, &[("fp32", chain(10 + number, LAYERS))]);
        builds.push(project.build(&run, 60).spawn().unwrap());
    }
    let begin = std::time::Instant::now();
    let mut built = Duration::ZERO;
    for (number, build) in builds.into_iter().enumerate() {
        let output = build.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !said.contains("warning"), "{said}");
        let run = RunDir::new(project.path(&format!("run-{number}")));
        let row = artifact::read::<EngineRow>(&run).unwrap().remove(0);
        assert_eq!((row.cache_misses, row.cache_hits), (Some(LAYERS as i64), Some(0)));
        built += Duration::from_nanos(row.build_ns.try_into().unwrap());
    }
    let wall = begin.elapsed();
    let cached = project.cached_layers();
    for number in 0..8 {
        let own = cached.iter().filter(|layer| layer.starts_with(&format!("run-{number}-")));
        assert_eq!(own.count(), LAYERS, "of build {number} in {cached:?}");
    }
    assert_eq!(cached.len(), 8 * LAYERS);
    println!(
        "8 builds at once of 8 models: all {} entries are in the one cache, counted in the format of the fake library; {:.1} s of building in {:.1} s",
        cached.len(),
        built.as_secs_f64(),
        wall.as_secs_f64(),
    );
    assert!(wall < built, "one after the other: {built:?} of building in {wall:?}");
}
