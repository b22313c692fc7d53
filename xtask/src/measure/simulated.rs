//! Simulated data under `data/scale/`, made once by the example `simulate` of the crate analysis; and what a
//! process that reads them costs.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::paired::{asked, must, number};
use crate::binaries::{self, Binaries};
use crate::fault::Fault;
use crate::project::Project;
use crate::ui;

const PROCESS: &str = include_str!("process.py");

/// What one process cost, and its last line.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    /// Start to end, s.
    pub(super) wall: f64,
    /// Processor time, s.
    pub(super) processor: f64,
    /// Peak resident memory, MB.
    pub(super) memory: f64,
    /// What it said last.
    pub(super) said: String,
}

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
    let mut watched = Command::new(python);
    watched.args(["-c", PROCESS]).args(command).env("TAILMARK_CORES", "2");
    let found: Value = asked(&mut watched)?;
    Ok(Cost {
        wall: number(&found, "wall_ns")? / 1e9,
        processor: number(&found, "cpu_ns")? / 1e9,
        memory: number(&found, "rss_bytes")? / 1e6,
        said: found["said"].as_str().unwrap_or_default().to_owned(),
    })
}

/// The middle value; of an even number the lower of both.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}
