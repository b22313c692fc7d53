//! Ctrl-C and a second writer, with the real stages.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Project, in_group, press_ctrl_c, run};

/// Waits until there is a first part of samples, at most twenty seconds.
fn wait_for_samples(project: &Project) {
    let started = Instant::now();
    let folder = project.root().join("r/samples");
    while std::fs::read_dir(&folder).map_or(0, Iterator::count) == 0 {
        assert!(started.elapsed() < Duration::from_secs(20), "no samples");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn ctrl_c_keeps_what_was_measured() {
    let project = Project::real();
    let mut child = in_group(
        project
            .smoke("r", &["--set", "runner.duration=60s", "--set", "runner.rounds=1"])
            .stderr(Stdio::piped()),
    );
    wait_for_samples(&project);
    press_ctrl_c(&child);
    let pressed = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert!(pressed.elapsed() < Duration::from_secs(10), "{:?}", pressed.elapsed());
    assert!(project.root().join("r/cases.parquet").exists());
    assert!(project.root().join("r/report.html").exists());
    // the interrupted round is FAILED, and its inferences are there
    let again = run(&mut project.stage("analysis", &["run", "--run", "r"])).with_exit(5);
    assert!(again.stdout.contains("FAILED"), "{}", again.stdout);
    run(&mut project.stage("analysis", &["verify", "r"])).with_exit(0);
}

#[test]
fn a_second_stage_keeps_out_of_a_folder_that_is_being_written() {
    let project = Project::real();
    let mut child = in_group(
        project
            .smoke("r", &["--set", "runner.duration=60s", "--set", "runner.rounds=1"])
            .stderr(Stdio::null()),
    );
    wait_for_samples(&project);
    let stage = run(&mut project.stage("runner", &["run", "--run", "r"]));
    let chain = run(&mut project.smoke("r", &[]));
    press_ctrl_c(&child);
    assert_eq!(child.wait().unwrap().code(), Some(5));
    stage.with_exit(2).saying(&["another process is writing into the run folder r"]);
    chain.with_exit(2).saying(&["another pipeline is writing into the run folder r"]);
}
