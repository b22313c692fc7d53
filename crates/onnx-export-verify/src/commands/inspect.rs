//! `inspect`: what a model file holds.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use pipeline::Exit;

/// Arguments of `inspect`.
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// The model.
    model: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `inspect`.
pub(super) fn run(args: &InspectArgs) -> Result<Exit> {
    crate::inspect::command(&args.model, args.json).map(|()| Exit::Ok)
}
