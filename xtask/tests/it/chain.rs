//! The chain with stand-in stages: order, exit codes, checks first, locks, interruption.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Project, STAGES, in_group, press_ctrl_c, run};

const PIPELINE: &str = "[pipeline]\nname = \"fake\"\n[onnx-export-verify]\n[engine-build]\nbackend = \"sim\"\n[runner]\n[analysis]\n";

/// Each stand-in notes its call and ends as `<STAGE>_EXIT` or `<STAGE>_CHECK` (upper case, `_`) says.
fn project() -> Project {
    let project = Project::new();
    project.write("pipelines/fake.toml", PIPELINE);
    for stage in STAGES {
        let word = stage.to_uppercase().replace('-', "_");
        let script = format!(
            r#"case "$*" in
*--check*) echo "{stage} check" >>log; echo "{stage} looks around" >&2; exit ${{{word}_CHECK:-0}};;
esac
echo "{stage} $* root=$TAILMARK_ROOT revision=${{TAILMARK_REVISION:+set}}" >>log
mkdir -p "$5"; cp "$3" "$5/pipeline.toml"
trap '' INT
eval "${{{word}_DO:-}}"
exit ${{{word}_EXIT:-0}}"#
        );
        project.script(&format!("stages/{stage}"), &script);
    }
    project
}

fn xtask(project: &Project, args: &[&str]) -> Command {
    let mut command = project.xtask(args);
    command.env("TAILMARK_BIN_DIR", project.root().join("stages"));
    command
}

/// The stages of the log, checks as `?`.
fn order(project: &Project) -> Vec<String> {
    let log = project.read("log");
    log.lines()
        .map(|line| {
            let mut words = line.split(' ');
            let stage = words.next().unwrap_or_default();
            if words.next() == Some("check") { format!("{stage}?") } else { stage.to_owned() }
        })
        .collect()
}

#[test]
fn every_check_comes_before_the_first_stage() {
    let project = project();
    let ended =
        run(&mut xtask(&project, &["pipeline", "pipelines/fake.toml", "--json"])).with_exit(0);
    let checks = STAGES.map(|stage| format!("{stage}?"));
    let expected: Vec<String> = checks.into_iter().chain(STAGES.map(str::to_owned)).collect();
    assert_eq!(order(&project), expected);
    // what a check says is not said twice
    assert!(!ended.stderr.contains("looks around"), "{}", ended.stderr);
    let line: serde_json::Value =
        serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(line["exit"], 0);
    assert_eq!(line["stages"].as_array().unwrap().len(), 4);
    assert_eq!(line["stages"][2]["name"], "runner");
    let run = line["run"].as_str().unwrap();
    let (folder, name) = run.rsplit_once('/').unwrap();
    assert_eq!(folder, "results/runs/pipeline=fake");
    let (stamp, digest) = name.strip_prefix("run=").unwrap().split_once('-').unwrap();
    assert!(stamp.len() == 16 && stamp.ends_with('Z') && stamp.contains('T'), "{stamp}");
    assert!(digest.len() == 8 && digest.chars().all(|c| c.is_ascii_hexdigit()), "{digest}");
}

#[test]
fn stages_are_told_root_revision_and_every_option() {
    let project = project();
    let args =
        ["pipeline", "pipelines/fake.toml", "--run", "r", "--strict", "--set", "runner.rounds=2"];
    run(&mut xtask(&project, &args)).with_exit(0);
    let root = project.root().canonicalize().unwrap();
    let expected = format!(
        "runner run --pipeline pipelines/fake.toml --run r --set runner.rounds=2 --strict root={} revision=set",
        root.display()
    );
    let log =
        project.read("log").replace(&*project.root().to_string_lossy(), &root.to_string_lossy());
    assert!(log.lines().any(|line| line == expected), "{log}");
}

#[test]
fn a_check_that_fails_stops_before_anything_is_written() {
    let project = project();
    let mut command = xtask(&project, &["pipeline", "pipelines/fake.toml", "--run", "r"]);
    run(command.env("RUNNER_CHECK", "2")).with_exit(2).saying(&[
        "runner looks around",
        "the check of",
        "runner failed (exit 2",
    ]);
    assert_eq!(order(&project), ["onnx-export-verify?", "engine-build?", "runner?"]);
    assert!(!project.root().join("r").exists());
}

#[test]
fn check_alone_starts_nothing() {
    let project = project();
    let ended =
        run(&mut xtask(&project, &["pipeline", "pipelines/fake.toml", "--check"])).with_exit(0);
    assert_eq!(order(&project), STAGES.map(|stage| format!("{stage}?")));
    assert!(ended.stderr.contains("every stage can start"), "{}", ended.stderr);
    assert!(!project.root().join("results").exists());
}

#[test]
fn a_failure_stops_the_chain_and_names_the_stage() {
    for (exit, word) in [(1, "a bug"), (3, "verification failed"), (4, "the environment")] {
        let project = project();
        let mut command = xtask(&project, &["pipeline", "pipelines/fake.toml", "--run", "r"]);
        run(command.env("ENGINE_BUILD_EXIT", exit.to_string())).with_exit(exit).saying(&[
            "error: stage engine-build failed",
            word,
            "--run r --from engine-build",
        ]);
        assert_eq!(order(&project).last().unwrap(), "engine-build");
    }
}

#[test]
fn after_a_runner_with_failed_cases_analysis_still_runs() {
    let project = project();
    let mut command = xtask(&project, &["pipeline", "pipelines/fake.toml", "--run", "r"]);
    run(command.env("RUNNER_EXIT", "5")).with_exit(5).saying(&["stage runner failed (exit 5"]);
    assert_eq!(order(&project).last().unwrap(), "analysis");
}

#[test]
fn a_crash_is_told_from_an_exit() {
    let project = project();
    let mut command = xtask(&project, &["pipeline", "pipelines/fake.toml", "--run", "r"]);
    run(command.env("RUNNER_DO", "kill -SEGV $$"))
        .with_exit(1)
        .saying(&["runner failed (killed by signal 11"]);
}

#[test]
fn from_goes_on_with_the_newest_run_and_says_so() {
    let project = project();
    run(&mut xtask(&project, &["pipeline", "pipelines/fake.toml", "--from", "runner"]))
        .with_exit(2)
        .saying(&["no run of the pipeline \"fake\""]);
    run(&mut xtask(&project, &["pipeline", "pipelines/fake.toml"])).with_exit(0);
    fs::remove_file(project.root().join("log")).unwrap();
    run(&mut xtask(&project, &["pipeline", "pipelines/fake.toml", "--from", "runner"]))
        .with_exit(0)
        .saying(&["going on with the newest run: results/runs/pipeline=fake/run="]);
    assert_eq!(order(&project), ["runner?", "analysis?", "runner", "analysis"]);
}

#[test]
fn a_stage_without_a_table_is_not_run() {
    let project = project();
    project.write("pipelines/part.toml", "[pipeline]\nname = \"part\"\n[analysis]\n");
    run(&mut xtask(&project, &["pipeline", "pipelines/part.toml", "--run", "r"])).with_exit(0);
    assert_eq!(order(&project), ["analysis?", "analysis"]);
}

#[test]
fn wrong_words_are_answered_with_the_right_ones() {
    let project = project();
    run(&mut xtask(&project, &["pipeline", "pipelines/fake.toml", "--from", "runer"]))
        .with_exit(2)
        .saying(&["--from runer", "did you mean \"runner\"", "onnx-export-verify"]);
    run(&mut xtask(&project, &["pipeline", "pipelines/fke.toml"])).with_exit(2).saying(&[
        "cannot read",
        "fke.toml",
        "there are: pipelines/fake.toml",
    ]);
    run(&mut xtask(&project, &["pipelin"])).with_exit(2);
}

#[test]
fn missing_programs_are_named() {
    let project = project();
    fs::remove_file(project.root().join("stages/runner")).unwrap();
    run(&mut xtask(&project, &["pipeline", "pipelines/fake.toml"]))
        .with_exit(4)
        .saying(&["no program for runner", "cargo build"]);
}

#[test]
fn onnxruntime_is_asked_for_only_where_it_can_be_used() {
    let project = project();
    let with = |backend: &str| {
        let set = format!("engine-build.backend={backend}");
        run(&mut xtask(&project, &["pipeline", "pipelines/fake.toml", "--run", "r", "--set", &set]))
    };
    let ended = with("sim").with_exit(0);
    assert!(!ended.stderr.contains("ONNX Runtime"), "{}", ended.stderr);
    with("auto").with_exit(0).saying(&["TAILMARK_OFFLINE is set", "going on with rten"]);
    with("onnxruntime-cpu").with_exit(4).saying(&["TAILMARK_OFFLINE", "setup cpu"]);
}

/// Waits until a line is in the log, at most ten seconds.
fn wait_for(project: &Project, line: &str) {
    let started = Instant::now();
    while !project.read("log").contains(line) {
        assert!(started.elapsed() < Duration::from_secs(10), "no \"{line}\" in the log");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn two_pipelines_do_not_share_a_run_folder() {
    let project = project();
    let args = ["pipeline", "pipelines/fake.toml", "--run", "r"];
    let mut first = xtask(&project, &args)
        .env("RUNNER_DO", "echo busy >>log; while [ ! -e stop ]; do sleep 0.05; done")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(&project, "busy");
    let second = run(&mut xtask(&project, &args));
    project.write("stop", "");
    assert!(first.wait().unwrap().success());
    second.with_exit(2).saying(&["another pipeline is writing into the run folder r", "--run"]);
}

#[test]
fn ctrl_c_lets_the_runner_close_its_files_and_analysis_read_them() {
    let project = project();
    let mut child = in_group(
        xtask(&project, &["pipeline", "pipelines/fake.toml", "--run", "r"])
        .env(
            "RUNNER_DO",
            "trap 'echo closed >>log; exit 5' INT; echo busy >>log; while :; do sleep 0.05; done",
        )
        .stderr(Stdio::piped()),);
    wait_for(&project, "busy");
    press_ctrl_c(&child);
    let status = child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(status.code(), Some(5), "{said}");
    let log = project.read("log");
    assert!(log.contains("closed") && log.lines().last().unwrap().starts_with("analysis"), "{log}");
}

#[test]
fn ctrl_c_in_another_stage_ends_the_chain() {
    let project = project();
    let mut child = in_group(
        xtask(&project, &["pipeline", "pipelines/fake.toml", "--run", "r"])
            .env("ENGINE_BUILD_DO", "trap - INT; echo busy >>log; sleep 30; :")
            .stderr(Stdio::null()),
    );
    wait_for(&project, "busy");
    press_ctrl_c(&child);
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert_eq!(order(&project).iter().filter(|stage| *stage == "runner").count(), 0);
}

#[test]
fn a_supervisor_that_ends_xtask_alone_ends_the_runner_in_order() {
    let project = project();
    let mut child = xtask(&project, &["pipeline", "pipelines/fake.toml", "--run", "r"])
        .env(
            "RUNNER_DO",
            "trap 'echo closed >>log; exit 5' TERM; echo busy >>log; while :; do sleep 0.05; done",
        )
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(&project, "busy");
    let process = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(5));
    let log = project.read("log");
    assert!(log.contains("closed") && log.lines().last().unwrap().starts_with("analysis"), "{log}");
}
