//! Python environments of our own under `data/runtime/`, each with a fixed list of packages.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;

use super::client::attempt;
use super::lock;
use crate::fault::Fault;
use crate::project::Project;
use crate::ui;

/// One environment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Venv<'a> {
    /// Its folder.
    pub(crate) folder: &'a str,
    /// What it is called in messages.
    pub(crate) title: &'a str,
    /// Size of what is fetched.
    pub(crate) megabytes: u32,
    /// One package a line, `name==version`; lines with `#` are comments.
    pub(crate) requirements: &'a str,
}

/// Makes an environment, unless it is there with the same requirements; returns its Python.
///
/// # Errors
/// Exit 4, with what the package clients said.
pub(crate) fn install(project: &Project, venv: &Venv<'_>) -> anyhow::Result<PathBuf> {
    let started = Instant::now();
    let folder = project.runtime().join(venv.folder);
    let python = folder.join("bin").join("python");
    let stamp = folder.join("requirements.txt");
    let is_there = || {
        python.exists() && fs::read_to_string(&stamp).is_ok_and(|text| text == venv.requirements)
    };
    if is_there() {
        ui::done(&format!("{}: already there", venv.title), started.elapsed());
        return Ok(python);
    }
    let cannot = || format!("cannot write into {}", project.runtime().display());
    fs::create_dir_all(project.runtime()).with_context(cannot)?;
    // making it clears the folder: another command that does the same would lose its packages
    let runtime = File::open(project.runtime()).with_context(cannot)?;
    lock::hold(&runtime, "setup", || false);
    if is_there() {
        ui::done(&format!("{}: another command made it", venv.title), started.elapsed());
        return Ok(python);
    }
    let spinner = ui::spinner(&format!("{}: fetching about {} MB", venv.title, venv.megabytes));
    let made = make(&folder, &python, venv.requirements);
    spinner.finish_and_clear();
    made.map_err(|reason| {
        Fault::environment(format!("the {} could not be made: {reason}", venv.title))
            .hint("it needs Python 3.11 or newer with venv and pip, and a network")
    })?;
    fs::write(&stamp, venv.requirements)?;
    let shown = Project::shown(&folder);
    ui::done(&format!("{}: {}", venv.title, shown.display()), started.elapsed());
    Ok(python)
}

fn make(folder: &Path, python: &Path, requirements: &str) -> Result<(), String> {
    first_that_works(
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder),
        Command::new("uv").args(["venv", "--quiet", "--clear"]).arg(folder),
    )?;
    let packages: Vec<&str> =
        requirements.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    add(python, &packages)
}

/// Installs packages, `name==version`, into an environment.
pub(crate) fn add(python: &Path, packages: &[&str]) -> Result<(), String> {
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
