//! Where the project is: found at run time, never compiled in, so that a bundle can be moved.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fault::Fault;

/// The stages in the order of the chain; each name is a TOML table, a package, a binary and a folder.
pub(crate) const STAGES: [&str; 4] = ["onnx-export-verify", "engine-build", "runner", "analysis"];

/// The folder that holds `pipelines/`, `data/` and `results/`.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    root: PathBuf,
}

impl Project {
    /// `TAILMARK_ROOT`, else the nearest folder above `start`, the current folder or this program
    /// that looks like the project, else the current folder.
    pub(crate) fn find(start: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(root) = env::var_os("TAILMARK_ROOT") {
            let root = PathBuf::from(root);
            if !root.is_dir() {
                let message = format!("TAILMARK_ROOT is no folder: {}", root.display());
                return Err(Fault::config(message).into());
            }
            return Ok(Self { root });
        }
        let current = env::current_dir()?;
        let start = start.and_then(|start| std::path::absolute(start).ok());
        let program = env::current_exe().ok();
        let places = [start.as_deref(), Some(current.as_path()), program.as_deref()];
        let found = places.into_iter().flatten().flat_map(Path::ancestors).find(|p| looks_right(p));
        Ok(Self { root: found.map_or_else(|| current.clone(), Path::to_owned) })
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Blobs, caches and optional libraries.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Optional runtime libraries.
    pub(crate) fn runtime(&self) -> PathBuf {
        self.data().join("runtime")
    }

    /// Pipeline files, sorted.
    pub(crate) fn pipelines(&self) -> Vec<PathBuf> {
        files_of(&self.root.join("pipelines"), |name| has_extension(name, "toml"))
    }

    /// Run folders that are committed, those with a manifest.
    pub(crate) fn curated(&self) -> std::io::Result<Vec<PathBuf>> {
        let mut folders = vec![self.root.join("results").join("curated")];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            if folder.join("manifest.json").is_file() {
                found.push(folder);
                continue;
            }
            let entries = std::fs::read_dir(&folder)?;
            folders
                .extend(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()));
        }
        found.sort();
        Ok(found)
    }

    /// Whether the sources are here, so that cargo can build them.
    pub(crate) fn has_sources(&self) -> bool {
        self.root.join("Cargo.toml").is_file() && self.root.join("crates").is_dir()
    }

    /// The revision of the sources: what a bundle says of itself, else what git says, else `unknown`.
    pub(crate) fn revision(&self) -> String {
        if let Ok(revision) = env::var("TAILMARK_REVISION") {
            return revision;
        }
        if let Ok(text) = std::fs::read_to_string(self.root.join("REVISION")) {
            return text.trim().to_owned();
        }
        Command::new("git")
            .arg("-C")
            .arg(&self.root)
            .args(["describe", "--always", "--dirty", "--abbrev=12"])
            .output()
            .ok()
            .filter(|output| output.status.success())
            .and_then(|output| String::from_utf8(output.stdout).ok())
            .map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
    }

    /// A shared ONNX Runtime library that the stages would find, if there is one.
    pub(crate) fn onnxruntime(&self) -> Option<PathBuf> {
        if let Some(path) = env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
            return Some(PathBuf::from(path));
        }
        let folders = files_of(&self.runtime(), |name| name.starts_with("onnxruntime-"));
        folders
            .into_iter()
            .rev()
            .find_map(|folder| files_of(&folder, |n| n.starts_with("libonnxruntime.so")).pop())
    }

    /// The newest folder of TensorRT-RTX that `setup` has made, if there is one.
    pub(crate) fn tensorrt_rtx(&self) -> Option<PathBuf> {
        let folders = files_of(&self.runtime(), |name| name.starts_with("tensorrt-rtx-"));
        folders.into_iter().rev().find(|folder| folder.join("libtensorrt_rtx.so.1").is_file())
    }

    /// A path as the user would write it from the current folder.
    pub(crate) fn shown(path: &Path) -> PathBuf {
        let current = env::current_dir().unwrap_or_default();
        match path.strip_prefix(&current) {
            Ok(rest) if !rest.as_os_str().is_empty() => rest.to_owned(),
            _ => path.to_owned(),
        }
    }
}

fn looks_right(folder: &Path) -> bool {
    folder.join("pipelines").is_dir()
        && (folder.join("crates").is_dir() || folder.join("data").is_dir())
}

/// The entries of a folder whose name passes, sorted; none when there is no such folder.
pub(crate) fn files_of(folder: &Path, keep: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| keep(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

/// Whether a file name ends in `.extension`.
pub(crate) fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}
