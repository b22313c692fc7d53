//! The build path of CI under valgrind: errors and lost memory whose cause is in our own program.
//!
//! The build runs in the process that valgrind watches (`--isolation none`), with TensorRT-RTX, which needs
//! no GPU to build. An error is ours when the first frame of its stack that is no part of the C library or of
//! valgrind is in our program; a use of memory that was never set is ours also when that memory was made by
//! us. What NVIDIA's library does wrong by itself is counted and named, and fails nothing.

mod xml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::binaries::Binaries;
use crate::fault::{Fault, VERIFICATION};
use crate::project::Project;
use crate::{setup, ui};
use xml::{Error, Owner};

/// What is known of the loader and of NVIDIA's library, and is no news.
const SUPPRESSIONS: &str = include_str!("memcheck/known.supp");

/// Arguments of `measure memcheck`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Model to build
    #[arg(long, value_name = "FILE", default_value = "pipelines/models/tiny.onnx")]
    model: PathBuf,
    /// Report errors of NVIDIA's library and of the loader too
    #[arg(long)]
    all: bool,
    /// Keep valgrind's report here
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
}

/// Runs the build; exit 3 when an error or a loss is ours.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let valgrind = version()?;
    let project = Project::find(None)?;
    let program = Binaries::ready(&project)?.program("engine-build");
    let library = setup::rtx_library(&project)?;
    let scratch = tempfile::tempdir()?;
    let report = args.keep.clone().unwrap_or_else(|| scratch.path().join("report.xml"));
    let known = scratch.path().join("known.supp");
    std::fs::write(&known, SUPPRESSIONS)?;
    let mut command = Command::new("valgrind");
    command
        .args(["--leak-check=full", "--show-leak-kinds=definite", "--track-origins=yes"])
        .args(["--num-callers=40", "--xml=yes", "--child-silent-after-fork=yes"])
        .arg(format!("--xml-file={}", report.display()));
    if !args.all {
        command.arg(format!("--suppressions={}", known.display()));
    }
    command
        .arg(&program)
        .args(["build", "--backend", "tensorrt-rtx", "--isolation", "none"])
        .args(["--optimization-level", "0", "--out"])
        .arg(scratch.path().join("e.engine"))
        .arg(&args.model)
        .env("TENSORRT_RTX_LIB", library)
        .stdin(Stdio::null());
    ui::note(&format!("{valgrind}: this takes minutes"));
    let started = Instant::now();
    let status = command.status()?;
    if !status.success() {
        let message = format!("the build under valgrind ended with {status}");
        return Err(Fault::environment(message).hint("its messages are above").into());
    }
    let errors = xml::read(&std::fs::read_to_string(&report)?, &program)?;
    Ok(tell(&errors, started.elapsed()))
}

fn version() -> anyhow::Result<String> {
    let output = Command::new("valgrind").arg("--version").output();
    match output.ok().filter(|output| output.status.success()) {
        Some(output) => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        None => Err(Fault::environment("valgrind is not installed")
            .hint("the system's package `valgrind` has it")
            .into()),
    }
}

/// Prints who did what; the exit code.
fn tell(errors: &[Error], took: std::time::Duration) -> u8 {
    let mut owners: BTreeMap<String, (u64, u64, u64)> = BTreeMap::new();
    for error in errors {
        let counts = owners.entry(error.owner.to_string()).or_default();
        match error.lost {
            None => counts.0 += error.times,
            Some(bytes) => {
                counts.1 += 1;
                counts.2 += bytes;
            }
        }
    }
    ui::data(&format!("valgrind: one build in {}", ui::seconds(took)));
    owners.entry(Owner::Ours.to_string()).or_default();
    for (owner, (times, losses, bytes)) in &owners {
        ui::data(&format!(
            "{owner}: {times} errors, {bytes} bytes definitely lost in {losses} places"
        ));
    }
    let ours: Vec<&Error> = errors.iter().filter(|error| error.owner == Owner::Ours).collect();
    for error in &ours {
        ui::error(&format!("{} ({} times)", error.what, error.times));
        for frame in error.frames.iter().take(12) {
            ui::note(&format!("    {frame}"));
        }
    }
    if ours.is_empty() { 0 } else { VERIFICATION }
}

/// A path without its folders.
fn name(path: &str) -> String {
    Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned()
}
