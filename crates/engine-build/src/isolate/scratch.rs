//! The private folder of one build under `data/tmp`: the timing cache goes in and out through files in it.
//!
//! ```text
//! data/tmp/build-XXXXXX/     readable by this user alone
//!   .lock                    held as long as its build lives
//!   cache.in, cache.out      blobs of the timing cache
//! ```
//!
//! A build that is killed leaves its folder; the next build sweeps up folders whose lock is free.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use pipeline::Fault;

/// The beginning of the folders' names.
const PREFIX: &str = "build-";
/// A younger folder may belong to a build that has not locked it yet.
const YOUNG: Duration = Duration::from_mins(1);

/// A folder that is removed with its value.
pub(super) struct Scratch {
    folder: tempfile::TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes a folder below the project's `data` folder, after sweeping up what dead builds left.
    ///
    /// # Errors
    /// Exit 4 when the folder cannot be made.
    pub(super) fn new(data: &Path) -> anyhow::Result<Self> {
        let place = data.join("tmp");
        let what = || {
            Fault::environment(format!(
                "cannot make a folder for the builder in {}",
                place.display()
            ))
            .hint("TAILMARK_ROOT names the folder that holds data/")
        };
        fs::create_dir_all(&place).with_context(what)?;
        sweep(&place, YOUNG);
        let folder =
            tempfile::Builder::new().prefix(PREFIX).tempdir_in(&place).with_context(what)?;
        let lock = File::create(folder.path().join(".lock")).with_context(what)?;
        lock.lock().with_context(what)?;
        Ok(Self { folder, _lock: lock })
    }

    /// The path of a file in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Removes folders that nobody holds; what cannot be removed now is removed another time.
fn sweep(place: &Path, young: Duration) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let age = entry.metadata().and_then(|data| data.modified()).ok();
        let age = age.and_then(|time| SystemTime::now().duration_since(time).ok());
        if !ours || age.is_none_or(|age| age < young) {
            continue;
        }
        let path = entry.path();
        let held = File::open(path.join(".lock")).is_ok_and(|lock| lock.try_lock().is_err());
        if !held {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_build_left_is_swept_up_and_nothing_else() {
        let data = tempfile::tempdir().unwrap();
        let alive = Scratch::new(data.path()).unwrap();
        fs::write(alive.path("cache.in"), "blob").unwrap();
        let place = data.path().join("tmp");
        let (dead, other) = (place.join("build-dead"), place.join("other"));
        for folder in [&dead, &other] {
            fs::create_dir(folder).unwrap();
        }
        File::create(dead.join(".lock")).unwrap();
        sweep(&place, YOUNG);
        assert!(dead.exists(), "it may be starting");
        sweep(&place, Duration::ZERO);
        assert!(!dead.exists() && other.exists() && alive.path("cache.in").exists());
        let path = alive.path("");
        drop(alive);
        assert!(!path.exists());
    }
}
