//! The commands beside `run`: one model at a time, without a pipeline file or a run folder.

mod convert;
mod export;
mod inspect;
mod per_layer;
mod reweight;
mod verify;

use std::path::{Path, PathBuf};

use anyhow::Result;
use backend::Environment;
use clap::Subcommand;
use pipeline::Exit;
use pipeline::stage::{RunArgs, project_root};

pub use convert::ConvertArgs;
pub use export::ExportArgs;
pub use inspect::InspectArgs;
pub use reweight::ReweightArgs;
pub use verify::VerifyArgs;

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The stage: models into the store, verified, rows into the run folder.
    Run(RunArgs),
    /// Write an architecture as one ONNX file.
    Export(ExportArgs),
    /// Write a model in another precision.
    Convert(ConvertArgs),
    /// Write a model's graph with seeded weights in place of its own, for comparing engines.
    Reweight(ReweightArgs),
    /// Run a model on every engine there is and compare (exit 3 when they disagree).
    Verify(VerifyArgs),
    /// Say what a model file holds.
    Inspect(InspectArgs),
}

/// Runs one command.
pub fn run(command: &Command) -> Result<Exit> {
    match command {
        Command::Run(args) => pipeline::stage::run::<crate::stage::ExportVerify>(args),
        Command::Export(args) => export::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Reweight(args) => reweight::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Inspect(args) => inspect::run(args),
    }
}

pub(crate) fn environment() -> (PathBuf, Environment) {
    let root = project_root(Path::new("."));
    let environment = Environment { data: root.join("data") };
    (root, environment)
}
