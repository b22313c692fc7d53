//! A Python with PyTorch, torchvision and their exporters, for comparisons: the only large thing that is ever fetched.

use std::path::PathBuf;

use super::venv::{self, Venv};
use crate::fault::Fault;
use crate::project::Project;
use crate::ui;

const REQUIREMENTS: &str = include_str!("../../torch-requirements.txt");
/// A Python that has the packages already.
const OWN: &str = "TAILMARK_TORCH_PYTHON";

/// The user's own environment, or ours, made on the first call; returns its Python.
///
/// # Errors
/// Exit 2 when the user's own does not exist; exit 4 with what the package clients said.
pub(crate) fn install(project: &Project) -> anyhow::Result<PathBuf> {
    if let Some(python) = std::env::var_os(OWN).filter(|value| !value.is_empty()) {
        let python = PathBuf::from(python);
        if python.is_file() {
            ui::note(&format!("{OWN}: {}", python.display()));
            return Ok(python);
        }
        let message = format!("{OWN} is no file: {}", python.display());
        return Err(Fault::config(message).into());
    }
    let venv = Venv {
        folder: "torch-venv",
        title: "environment with PyTorch",
        megabytes: 3000,
        requirements: REQUIREMENTS,
    };
    if !project.runtime().join(venv.folder).is_dir() {
        ui::warn(&format!(
            "PyTorch is fetched now: about 3 GB, 6 GB on disk, into data/runtime/{}; if you have a Python with the packages of xtask/torch-requirements.txt, stop this and set {OWN}",
            venv.folder
        ));
    }
    venv::install(project, &venv)
}
