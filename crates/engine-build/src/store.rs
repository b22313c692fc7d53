//! The stores of stage 2: engines that were built, and the caches that make the next build faster.
//!
//! ```text
//! data/engines/<sha256>.<ext>                            the engines themselves
//! data/engines/.<key>.lock                               one engine's lock: look-up, build and insertion
//! data/caches/v1/engine-<backend>-<device>-<version>/    index of the engines that may be shared
//!   <key>.json                                           an entry: what made the engine, and what it is
//! data/caches/v1/timing-<backend>-<device>-<version>/    timing caches, see [`timing_cache`]
//! ```
//!
//! The lock is one engine's own: two processes never build the same engine twice, and different engines
//! are built at the same time.
//!
//! Nothing in here is trusted: an entry that is torn, foreign or does not fit its recipe, and an engine
//! whose bytes do not have its digest, are set aside (renamed to `….aside`) with a warning, and the
//! build goes on as if nothing were stored.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pipeline::Fault;

mod aside;
mod entry;
mod lock;
pub mod prune;
mod shelf;
pub mod timing_cache;

pub use aside::{BUILDING, Removed, is_aside, list};
pub use entry::{Entry, extension};
pub use shelf::Shelf;

use crate::key::Recipe;

/// The store of a project.
#[derive(Clone, Debug)]
pub struct Store {
    data: PathBuf,
}

impl Store {
    /// The store under a project's `data` folder; touches nothing.
    pub fn new(data: &Path) -> Self {
        Self { data: data.to_owned() }
    }

    /// The folder of the engines.
    pub fn engines(&self) -> PathBuf {
        self.data.join("engines")
    }

    /// The folder of the index and of the caches.
    pub fn index(&self) -> PathBuf {
        self.data.join("caches").join("v1")
    }

    /// Takes the place of a recipe's engine; `waiting` is called when another process builds it.
    ///
    /// # Errors
    /// Exit 4 when the folder cannot be written.
    pub fn lock(&self, recipe: &Recipe, waiting: impl FnOnce()) -> anyhow::Result<Shelf> {
        let folder = self.index().join(recipe.folder());
        let what = || cannot_write(&folder);
        std::fs::create_dir_all(&folder).with_context(what)?;
        let held =
            lock::wait(&self.lock_file(recipe.key().as_str()), waiting).with_context(what)?;
        Ok(Shelf { engines: self.engines(), folder, _lock: held })
    }

    /// The lock of the engine with this key.
    fn lock_file(&self, key: &str) -> PathBuf {
        self.engines().join(format!(".{key}.lock"))
    }

    /// The folders whose name begins like this, sorted.
    fn folders(&self, kind: &str) -> Vec<PathBuf> {
        let begins = |path: &PathBuf| aside::name_of(path).starts_with(kind) && path.is_dir();
        list(&self.index()).into_iter().filter(begins).collect()
    }

    /// The entries of engines that can be read, with the file of each, sorted by folder and key.
    pub fn entries(&self) -> Vec<(PathBuf, Entry)> {
        let files = self.folders("engine-").into_iter().flat_map(|folder| entry_files(&folder));
        files.filter_map(|path| entry::read(&path).ok().map(|entry| (path, entry))).collect()
    }

    /// Files that were set aside, engines and caches, with their size.
    pub fn aside(&self) -> Vec<(PathBuf, u64)> {
        let folders = list(&self.index()).into_iter().chain([self.engines()]);
        folders
            .flat_map(|folder| list(&folder))
            .filter(|path| is_aside(path))
            .map(|path| {
                let bytes = path.symlink_metadata().map_or(0, |metadata| metadata.len());
                (path, bytes)
            })
            .collect()
    }
}

fn cannot_write(folder: &Path) -> Fault {
    Fault::environment(format!("cannot write into the store {}", folder.display()))
        .hint("TAILMARK_ROOT names the folder that holds data/")
}

fn entry_files(folder: &Path) -> Vec<PathBuf> {
    let json = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json");
    list(folder).into_iter().filter(json).collect()
}

#[cfg(test)]
mod tests;
