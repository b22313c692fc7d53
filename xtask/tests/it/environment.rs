//! Places that cannot be written: exit 4 with the folder's name, and nothing half-written that a reader would take for whole.

use std::process::Command;

use crate::support::{Project, run, stages};

#[test]
fn a_run_folder_that_cannot_be_made() {
    let project = Project::real();
    project.write("file", "not a folder");
    for folder in ["file/run", "/proc/tailmark/run"] {
        run(&mut project.smoke(folder, &[])).with_exit(4).saying(&[
            "cannot write into the run folder",
            folder,
            "--run",
        ]);
    }
}

#[test]
fn a_full_disk_while_it_is_written() {
    let project = Project::real();
    // a file-size limit stands for a disk: writes beyond it fail in the same way
    let script = format!(
        "ulimit -f 8; exec {} run --pipeline pipelines/smoke.toml --run r --set engine-build.backend=sim",
        stages().join("onnx-export-verify").display()
    );
    run(Command::new("sh").args(["-c", &script]).current_dir(project.root()).env("NO_COLOR", "1"))
        .with_exit(4);
    assert!(!project.root().join("r/verify.parquet").exists());
}

#[test]
fn a_small_disk_that_fills_up() {
    let project = Project::real();
    let disk = project.root().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&disk).output();
    if !mount.is_ok_and(|output| output.status.success()) {
        anstream::eprintln!("LEFT OUT: a small tmpfs cannot be mounted here");
        return;
    }
    let ended = run(&mut project.smoke("disk/run", &["--set", "runner.duration=2s"]));
    let umount = Command::new("umount").arg(&disk).status();
    assert!(umount.is_ok_and(|status| status.success()));
    ended.with_exit(4).saying(&["failed (exit 4"]);
}
