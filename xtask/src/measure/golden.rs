//! Golden answers: torchvision's own models, in float64, with weights and an input that a hash gives.
//!
//! Made once for each architecture and committed; the tests of `onnx-export-verify` compare our graphs with them and
//! need no torch. The digests in the files say whether both sides had the same tensors.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::fault::Fault;
use crate::project::{Project, files_of, has_extension};
use crate::{setup, ui};

const SCRIPT: &str = include_str!("golden.py");
const FOLDER: &str = "crates/onnx-export-verify/tests/data/golden";

/// Arguments of `measure golden`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Architectures by torchvision's names; left out: those that have answers already
    names: Vec<String>,
}

/// Writes the answers anew and says which changed.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    let folder = project.root().join(FOLDER);
    if !folder.is_dir() {
        let message = format!("{FOLDER} is not here: golden answers belong to the sources");
        return Err(Fault::environment(message).into());
    }
    let files = || files_of(&folder, |name| has_extension(name, "json"));
    let known: Vec<String> = files().iter().filter_map(|path| stem(path)).collect();
    let names = if args.names.is_empty() { &known } else { &args.names };
    let before: Vec<_> = names.iter().map(|name| read(&folder.join(name))).collect();
    let python = setup::torch(&project)?;
    let status = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(&folder)
        .args(names)
        .env("CUDA_VISIBLE_DEVICES", "") // answers are the processor's
        .status()
        .context("Python could not be started")?;
    if !status.success() {
        return Err(Fault::environment(format!("torchvision gave no answers: {status}"))
            .hint("its own words are above")
            .into());
    }
    for (name, before) in names.iter().zip(before) {
        let now = read(&folder.join(name));
        let how = if now == before { "as before" } else { "new" };
        ui::data(&format!("{name}: {how}"));
    }
    ui::hint("compare: cargo test --release -p onnx-export-verify --lib golden -- --nocapture");
    Ok(0)
}

fn stem(path: &Path) -> Option<String> {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned())
}

fn read(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path.with_extension("json")).ok()
}
