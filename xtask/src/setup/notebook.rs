//! `setup notebook`: a Python environment of its own that runs `results/explore.ipynb`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::venv::{self, Venv};
use crate::project::Project;
use crate::ui;

const REQUIREMENTS: &str = include_str!("../../notebook-requirements.txt");
/// Runs a notebook as a user would and counts the plots it drew.
const EXECUTE: &str = r#"
import sys, nbformat
from nbclient import NotebookClient
source, target, folder = sys.argv[1:4]
notebook = nbformat.read(source, as_version=4)
NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
nbformat.write(notebook, target)
outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
print(sum("image/png" in o.get("data", {}) for o in outputs))
"#;

/// Makes the environment, unless it is there with the same requirements; returns its Python.
pub(crate) fn install(project: &Project) -> anyhow::Result<PathBuf> {
    venv::install(
        project,
        &Venv {
            folder: "notebook-venv",
            title: "notebook environment",
            megabytes: 80,
            requirements: REQUIREMENTS,
        },
    )
}

/// Executes a notebook on one run and returns the number of plots that it drew.
///
/// # Errors
/// A cell that raises is a failure of the notebook, with Python's own words on stderr.
pub(crate) fn execute(project: &Project, notebook: &Path, run: &Path) -> anyhow::Result<usize> {
    let python = install(project)?;
    let scratch = tempfile::tempdir()?;
    let run = std::path::absolute(run)?;
    let output = Command::new(python)
        .args(["-c", EXECUTE])
        .arg(notebook)
        .arg(scratch.path().join("executed.ipynb"))
        .arg(notebook.parent().unwrap_or(Path::new(".")))
        .env("TAILMARK_RUN", run)
        .env("MPLCONFIGDIR", scratch.path())
        .output()?;
    if !output.status.success() {
        ui::note(String::from_utf8_lossy(&output.stderr).trim_end());
        anyhow::bail!("{} failed", notebook.display());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let plots = said.lines().last().and_then(|line| line.trim().parse().ok());
    plots.context("the notebook ended without a count of its plots")
}
