//! Simulated data under `data/scale/`, made once by the example `simulate` of the crate analysis; and what a
//! process that reads them costs.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::paired::must;
use super::process::{self, Cost};
use crate::binaries::{self, Binaries};
use crate::fault::Fault;
use crate::project::Project;
use crate::ui;

/// Makes `data/scale/<name>` unless it is there; `words` tell the example what and how much.
pub(super) fn data(
    project: &Project,
    binaries: &Binaries,
    name: &str,
    kind: &str,
    words: &[String],
) -> anyhow::Result<PathBuf> {
    let target = project.data().join("scale").join(name);
    if target.exists() {
        ui::note(&format!("{}: already there", Project::shown(&target).display()));
        return Ok(target);
    }
    let program = example(project, binaries)?;
    let spinner = ui::spinner(&format!("making {}", Project::shown(&target).display()));
    let part = target.with_extension("making");
    fs::create_dir_all(project.data().join("scale"))?;
    let made = must(Command::new(program).arg(kind).arg(&part).args(words));
    spinner.finish_and_clear();
    made?;
    fs::rename(&part, &target)?;
    ui::note(&format!("{}: made; it can be deleted", Project::shown(&target).display()));
    Ok(target)
}

fn example(project: &Project, binaries: &Binaries) -> anyhow::Result<PathBuf> {
    let status = binaries::cargo(project)
        .args(["build", "--release", "--quiet", "--workspace", "--example", "simulate"])
        .status()?;
    let example = binaries.folder().join("examples").join("simulate");
    if status.success() && example.is_file() {
        return Ok(example);
    }
    Err(Fault::environment("the example `simulate` of the crate analysis could not be built")
        .hint("this measurement needs cargo and the sources: run it as `cargo xtask measure …`")
        .into())
}

/// Runs a command on two processors; `python` watches it.
pub(super) fn cost<S: AsRef<OsStr>>(python: &Path, command: &[S]) -> anyhow::Result<Cost> {
    process::run(python, command, |watched| {
        watched.env("TAILMARK_CORES", "2");
    })
}
