//! Finds the machine's `trtexec`.
//!
//! `TRTEXEC` names the file, or the folder that it is in, and then nothing else is looked at. Without it:
//! the folders of `PATH`, then where JetPack and Debian (`/usr/src/tensorrt/bin`), NVIDIA's containers
//! (`/opt/tensorrt/bin`, `/workspace/tensorrt/bin`) and the archives put it.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

use super::ID;

/// The variable that names the program.
pub(crate) const VARIABLE: &str = "TRTEXEC";
const NAME: &str = "trtexec";
const PLACES: [&str; 6] = [
    "/usr/src/tensorrt/bin",
    "/opt/tensorrt/bin",
    "/usr/local/tensorrt/bin",
    "/workspace/tensorrt/bin",
    "/usr/local/TensorRT/bin",
    "/opt/TensorRT/bin",
];
const HINT: &str = "install TensorRT's own tools (JetPack and Debian: package libnvinfer-bin), or set \
                    TRTEXEC to the program's path";

/// The program's path.
///
/// # Errors
/// [`Error::Unavailable`] with every place that was looked at.
pub(crate) fn find() -> Result<PathBuf> {
    let places: Vec<PathBuf> = PLACES.iter().map(PathBuf::from).collect();
    let (variable, path) = (std::env::var_os(VARIABLE), std::env::var_os("PATH"));
    find_in(variable.as_deref(), path.as_deref(), &places)
}

fn find_in(variable: Option<&OsStr>, path: Option<&OsStr>, places: &[PathBuf]) -> Result<PathBuf> {
    if let Some(value) = variable.filter(|value| !value.is_empty()) {
        let named = PathBuf::from(value);
        let inside = named.join(NAME);
        return [&named, &inside].into_iter().find(|file| is_program(file)).cloned().ok_or_else(
            || {
                let reason = format!(
                    "{VARIABLE} is {}, which is neither a program nor a folder with one called {NAME}",
                    named.display()
                );
                missing(reason)
            },
        );
    }
    let searched = path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let folders: Vec<PathBuf> = [searched, places.to_vec()].concat();
    // an empty entry of PATH is the current folder, where nobody keeps a trtexec on purpose
    let mut files = folders.iter().filter(|folder| folder.is_absolute()).map(|f| f.join(NAME));
    files.find(|file| is_program(file)).ok_or_else(|| {
        let looked: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        missing(format!(
            "no program called {NAME} was found: {VARIABLE} is not set, PATH has none, nor have {}",
            looked.join(", ")
        ))
    })
}

fn missing(reason: String) -> Error {
    Error::Unavailable { backend: ID, reason, hint: HINT.to_owned() }
}

fn is_program(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(folder: &Path, mode: u32) -> PathBuf {
        let file = folder.join(NAME);
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn the_variable_comes_first_and_alone() {
        let (named, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = program(named.path(), 0o755);
        program(other.path(), 0o755);
        let places = [other.path().to_owned()];
        for value in [named.path().as_os_str(), file.as_os_str()] {
            assert_eq!(find_in(Some(value), None, &places).unwrap(), file);
        }
        let error = find_in(Some(OsStr::new("/nowhere/at/all")), None, &places).unwrap_err();
        assert!(error.to_string().contains("TRTEXEC is /nowhere/at/all"), "{error}");
        assert_eq!(error.exit_code(), 4);
    }

    #[test]
    fn the_path_comes_before_the_usual_places() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let place = [second.path().to_owned()];
        let in_place = program(second.path(), 0o755);
        let path = std::env::join_paths([Path::new(""), first.path()]).unwrap();
        assert_eq!(find_in(None, Some(&path), &place).unwrap(), in_place);
        let on_path = program(first.path(), 0o755);
        assert_eq!(find_in(None, Some(&path), &place).unwrap(), on_path);
    }

    #[test]
    fn the_error_lists_the_places() {
        let folder = tempfile::tempdir().unwrap();
        program(folder.path(), 0o644);
        let error = find_in(None, None, &[folder.path().to_owned()]).unwrap_err();
        let place = folder.path().display().to_string();
        assert!(error.to_string().contains(&place), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("TRTEXEC")));
    }
}
