//! `cargo xtask setup`: optional runtime libraries, through the platform's own package client.
//!
//! Nothing here is needed to build or to run the chain in pure Rust. Everything is fetched once, checked
//! against a committed digest or version, and put under `data/runtime/`.

mod client;
mod cpu;
mod notebook;

use std::path::PathBuf;

use crate::project::Project;

pub(crate) use notebook::execute as execute_notebook;

/// Arguments of `setup`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to fetch
    #[arg(value_enum, default_value = "cpu")]
    what: What,
}

/// What can be fetched.
#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// ONNX Runtime for the CPU
    Cpu,
    /// A Python environment that runs results/explore.ipynb
    Notebook,
}

/// Fetches what was asked for.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    match args.what {
        What::Cpu => cpu(&project)?,
        What::Notebook => {
            notebook(&project)?;
        }
    }
    Ok(0)
}

/// ONNX Runtime for the CPU.
pub(crate) fn cpu(project: &Project) -> anyhow::Result<()> {
    cpu::install(project, &cpu::Pin::of_this_machine()?)
}

/// The notebook's environment with the pinned ONNX Runtime in it, for comparisons; returns its Python.
pub(crate) fn peer(project: &Project) -> anyhow::Result<PathBuf> {
    notebook::with_package(project, &cpu::Pin::of_this_machine()?.package())
}

/// The environment of the notebook; returns its Python.
pub(crate) fn notebook(project: &Project) -> anyhow::Result<PathBuf> {
    notebook::install(project)
}
