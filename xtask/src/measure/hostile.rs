//! Damaged and malicious files into every reader of stage 1: nothing may panic, hang, take more memory than a small
//! file can need, or read outside the model's folder. Goal: 100,000 cases a reader without a failure.
//!
//! The cases are those of `crates/onnx-export-verify/tests/hostile.rs`, of which CI runs a few hundred.

use crate::binaries;
use crate::fault::{Fault, VERIFICATION};
use crate::project::Project;
use crate::ui;

/// Arguments of `measure hostile`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Cases of each reader
    #[arg(long, default_value_t = 100_000)]
    cases: u64,
    /// Seed; the same seed gives the same cases
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One reader alone: onnx, pth, safetensors, …
    #[arg(long)]
    reader: Option<String>,
}

/// Runs the cases; exit 3 when a reader failed, with the inputs and the command that repeats each.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    if !project.has_sources() {
        return Err(Fault::environment("the sources are not here: this is a test of them").into());
    }
    ui::note(&format!("{} cases of each reader, seed {}", args.cases, args.seed));
    let mut command = binaries::cargo(&project);
    command.args(["test", "--release", "--quiet", "-p", "onnx-export-verify", "--test", "hostile"]);
    command.args(["--", "--nocapture", "--test-threads=1"]);
    command.args(args.reader.as_deref().map(|reader| format!("{reader}_")));
    command.env("TAILMARK_HOSTILE_CASES", args.cases.to_string());
    command.env("TAILMARK_HOSTILE_SEED", args.seed.to_string());
    command.env_remove("TAILMARK_HOSTILE_FIRST");
    let status = command.status()?;
    Ok(if status.success() { 0 } else { VERIFICATION })
}
