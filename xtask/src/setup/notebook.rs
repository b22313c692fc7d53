//! `setup notebook`: a Python environment of its own that runs `results/explore.ipynb`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;

use super::client::attempt;
use crate::fault::Fault;
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

/// Where the environment's Python is; there only after [`install`].
pub(crate) fn python(project: &Project) -> PathBuf {
    folder(project).join("bin").join("python")
}

fn folder(project: &Project) -> PathBuf {
    project.runtime().join("notebook-venv")
}

/// Makes the environment, unless it is there with the same requirements.
pub(crate) fn install(project: &Project) -> anyhow::Result<PathBuf> {
    let started = Instant::now();
    let (folder, python) = (folder(project), python(project));
    let stamp = folder.join("requirements.txt");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|text| text == REQUIREMENTS) {
        ui::done("notebook environment: already there", started.elapsed());
        return Ok(python);
    }
    fs::create_dir_all(project.runtime())
        .with_context(|| format!("cannot write into {}", project.runtime().display()))?;
    let spinner = ui::spinner("notebook environment: fetching about 80 MB");
    let made = make(&folder, &python);
    spinner.finish_and_clear();
    made.map_err(|reason| {
        Fault::environment(format!("the notebook's environment could not be made: {reason}"))
            .hint("it needs Python 3.11 or newer with venv and pip, and a network")
    })?;
    fs::write(&stamp, REQUIREMENTS)?;
    let shown = Project::shown(&folder);
    ui::done(&format!("notebook environment: {}", shown.display()), started.elapsed());
    Ok(python)
}

/// The environment with one more package.
pub(crate) fn with_package(project: &Project, package: &str) -> anyhow::Result<PathBuf> {
    let python = install(project)?;
    add(&python, &[package])
        .map_err(|reason| Fault::environment(format!("{package} could not be added: {reason}")))?;
    Ok(python)
}

fn make(folder: &Path, python: &Path) -> Result<(), String> {
    first_that_works(
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder),
        Command::new("uv").args(["venv", "--quiet", "--clear"]).arg(folder),
    )?;
    let requirements: Vec<&str> =
        REQUIREMENTS.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    add(python, &requirements)
}

/// Installs packages, `name==version`, into an environment.
fn add(python: &Path, packages: &[&str]) -> Result<(), String> {
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    first_that_works(
        Command::new(python).args(install).args(packages),
        Command::new("uv")
            .args(["pip", "install", "--quiet", "--python"])
            .arg(python)
            .args(packages),
    )
}

fn first_that_works(pip: &mut Command, uv: &mut Command) -> Result<(), String> {
    attempt(pip).or_else(|pip| attempt(uv).map_err(|uv| format!("pip: {pip}; uv: {uv}")))
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
