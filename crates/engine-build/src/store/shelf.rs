//! One engine's place in the store, locked: look-up, insertion.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Context as _;
use pipeline::files;

use super::aside::set_aside;
use super::entry::{self, Entry};
use super::lock::Held;
use crate::key::Recipe;

/// The place of one engine by its key; the lock is held until this is dropped.
#[derive(Debug)]
pub struct Shelf {
    pub(super) folder: PathBuf,
    pub(super) engines: PathBuf,
    pub(super) _lock: Held,
}

impl Shelf {
    /// The engine for a recipe, checked, or `None`; what is wrong is set aside and told to `warn`.
    pub fn find(&self, recipe: &Recipe, warn: &mut dyn FnMut(String)) -> Option<Entry> {
        let key = recipe.key();
        let path = self.folder.join(format!("{key}.json"));
        if !path.exists() {
            return None;
        }
        let entry = entry::read(&path).and_then(|entry| {
            let fits = entry.key == key.as_str() && entry.recipe == *recipe;
            if fits { Ok(entry) } else { Err("it was made by another recipe".to_owned()) }
        });
        let entry = match entry {
            Ok(entry) => entry,
            Err(reason) => {
                set_aside(&path, &format!("the store's entry is unusable: {reason}"), warn);
                return None;
            }
        };
        let engine = self.engines.join(&entry.file);
        match entry::check_engine(&engine, &entry) {
            Ok(()) => {
                // the time of the last use, for `cache list` and `cache prune --older-than`; only a convenience
                let _ = touch(&path);
                Some(entry)
            }
            Err(reason) => {
                set_aside(&engine, &format!("the stored engine is unusable: {reason}"), warn);
                set_aside(&path, "its entry goes with it", &mut |_| {});
                None
            }
        }
    }

    /// Puts an entry into the index, replacing an older one.
    pub fn insert(&self, entry: &Entry) -> anyhow::Result<()> {
        let path = self.folder.join(format!("{}.json", entry.key));
        let text = serde_json::to_vec_pretty(entry).context("an entry of the store has no JSON")?;
        files::write_atomic(&path, &text)
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Marks a file as used now.
pub(super) fn touch(path: &std::path::Path) -> std::io::Result<()> {
    fs::File::options().write(true).open(path)?.set_modified(SystemTime::now())
}
