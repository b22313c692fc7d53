//! Atomic file replacement: a reader sees the old file or the new one, never half of it.
//!
//! The temporary file stands beside its target and ends in `.part`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The name under which a file is written before it is complete.
pub fn part_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Writes `bytes` to `path`: temporary file, fsync, rename.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// Lets `fill` write the temporary file, then syncs and renames it; on an error it is removed.
pub fn write_atomic_with<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let part = part_path(path);
    let mut file = File::create(&part)?;
    let written = fill(&mut file).and_then(|()| file.sync_all().map_err(E::from));
    drop(file);
    match written {
        Ok(()) => Ok(fs::rename(&part, path)?),
        Err(error) => {
            // the first error is the one that matters
            let _ = fs::remove_file(&part);
            Err(error)
        }
    }
}

/// Makes renames in a folder survive a loss of power; nothing to do where folders cannot be opened.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
