//! `cargo xtask tidy`: proves what ARCHITECTURE.md says, from `cargo metadata` and from the files.
//!
//! Rules that are broken fail; lengths that only ask for a second look are warnings.

mod edges;
mod features;
mod text;

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use cargo_metadata::{Metadata, MetadataCommand};

use crate::project::Project;
use crate::ui;

/// Arguments of `tidy`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also list long files and functions
    #[arg(long)]
    lengths: bool,
}

/// Checks everything; exit 0 or 3.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let started = Instant::now();
    let project = Project::find(None)?;
    let root = project.root();
    let mut problems = edges::check(&metadata(root)?);
    problems.extend(features::check(root)?);
    let files = text::sources(root)?;
    problems.extend(files.iter().flat_map(text::check));
    if args.lengths {
        for line in files.iter().flat_map(text::lengths) {
            ui::warn(&line);
        }
    }
    for problem in &problems {
        ui::error(problem);
    }
    if problems.is_empty() {
        ui::done(
            &format!("tidy: {} files, all edges as they should be", files.len()),
            started.elapsed(),
        );
        return Ok(0);
    }
    ui::hint("the rules and their reasons are in ARCHITECTURE.md");
    Ok(3)
}

/// The dependency graph of the workspace, as cargo sees it.
fn metadata(root: &Path) -> anyhow::Result<Metadata> {
    MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata failed")
}
