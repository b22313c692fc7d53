//! Files of the store by name: set aside, listed, removed, told apart.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The prefix of a file that a build is writing.
pub const BUILDING: &str = ".building-";

/// Renames a file so that nobody takes it for usable, and says so. No file of that name is replaced.
pub(super) fn set_aside(path: &Path, reason: &str, warn: &mut dyn FnMut(String)) {
    if !path.exists() {
        warn(format!("{reason} ({})", path.display()));
        return;
    }
    let name = free_name(path);
    let moved = match fs::rename(path, &name) {
        Ok(()) => format!("set aside as {}", name.display()),
        Err(error) => format!("it could not be set aside: {error}"),
    };
    warn(format!("{reason}; {moved}"));
}

/// `<name>.aside`, or `<name>.aside-2` and so on when that is taken. The caller holds the file's lock.
fn free_name(path: &Path) -> PathBuf {
    let named = |ending: String| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let mut name = named(".aside".to_owned());
    let mut n = 2;
    while name.symlink_metadata().is_ok() {
        name = named(format!(".aside-{n}"));
        n += 1;
    }
    name
}

/// Whether a file was set aside.
pub fn is_aside(path: &Path) -> bool {
    name_of(path).contains(".aside")
}

/// Whether a file was never finished.
pub(super) fn is_unfinished(path: &Path) -> bool {
    let name = name_of(path);
    name.starts_with(BUILDING) || path.extension().is_some_and(|ending| ending == "part")
}

/// The last part of a path, as text.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The files of a folder, sorted; none when it cannot be read.
pub fn list(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Files and bytes that were removed, and what could not be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Files.
    pub files: usize,
    /// Their size.
    pub bytes: u64,
    /// Files that stayed because a build uses them.
    pub in_use: usize,
}

impl Removed {
    /// Removes a file and counts it.
    pub fn remove(&mut self, path: &Path) -> anyhow::Result<()> {
        let bytes = fs::symlink_metadata(path).map_or(0, |metadata| metadata.len());
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
        self.files += 1;
        self.bytes += bytes;
        Ok(())
    }

    /// Adds what another part of the store removed.
    pub fn add(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.in_use += other.in_use;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten_by_setting_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.cache");
        for content in ["first", "second", "third"] {
            fs::write(&path, content).unwrap();
            set_aside(&path, "wrong", &mut |text| assert!(text.contains("set aside as"), "{text}"));
        }
        let names: Vec<String> = list(folder.path()).iter().map(|path| name_of(path)).collect();
        assert_eq!(names, ["x.cache.aside", "x.cache.aside-2", "x.cache.aside-3"]);
        let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(
            (text("x.cache.aside"), text("x.cache.aside-3")),
            ("first".into(), "third".into())
        );
        assert!(list(folder.path()).iter().all(|path| is_aside(path) && !is_unfinished(path)));
    }
}
