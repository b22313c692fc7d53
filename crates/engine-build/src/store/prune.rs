//! Removing what cannot be served any more.
//!
//! | what | removed |
//! |---|---|
//! | what killed processes left unfinished | always |
//! | entries without their engine, torn entries | always |
//! | engines and entries that were set aside: they can be built again | always |
//! | blobs of timing caches that no `meta.json` names | always |
//! | timing caches that were set aside: they may hold hours of timings | with `aside` only |
//! | engines and caches that were neither made nor used for a while | with `older_than` only |
//!
//! What a running build has locked stays.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::aside::{BUILDING, Removed, is_aside, is_unfinished, list, name_of};
use super::{Store, entry, lock, timing_cache};

/// What `cache prune` may remove beside what it always does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Engines and caches that were not used for this long.
    pub older_than: Option<Duration>,
    /// Timing caches that were set aside.
    pub aside: bool,
}

impl Options {
    /// Whether a file was last used too long ago.
    fn is_old(self, path: &Path) -> bool {
        let Some(limit) = self.older_than else { return false };
        let used = fs::metadata(path).and_then(|metadata| metadata.modified());
        used.is_ok_and(|used| SystemTime::now().duration_since(used).is_ok_and(|age| age > limit))
    }
}

impl Store {
    /// Removes what cannot be served, and what the options name.
    ///
    /// # Errors
    /// Exit 4 when a file cannot be removed.
    pub fn prune(&self, options: Options) -> anyhow::Result<Removed> {
        let mut removed = Removed::default();
        for folder in self.folders("engine-") {
            for path in list(&folder) {
                self.prune_entry(&path, options, &mut removed)?;
            }
        }
        let named: BTreeSet<String> =
            self.entries().into_iter().map(|(_, entry)| entry.file).collect();
        for path in list(&self.engines()) {
            self.prune_engine(&path, &named, options, &mut removed)?;
        }
        for folder in ["timing-", "runtime-"].into_iter().flat_map(|kind| self.folders(kind)) {
            removed.add(prune_caches(&folder, options)?);
        }
        Ok(removed)
    }

    /// One file of the index of engines.
    fn prune_entry(
        &self,
        path: &Path,
        options: Options,
        removed: &mut Removed,
    ) -> anyhow::Result<()> {
        let is_json = path.extension().is_some_and(|ending| ending == "json");
        let useless = |path: &Path| {
            let missing =
                || entry::read(path).map_or(true, |e| !self.engines().join(e.file).exists());
            is_aside(path)
                || is_unfinished(path)
                || (is_json && (options.is_old(path) || missing()))
        };
        if !useless(path) {
            return Ok(());
        }
        let Ok(_held) = self.hold(leading_key(&name_of(path)))? else {
            removed.in_use += 1;
            return Ok(());
        };
        // it may have changed until the lock was there
        if path.exists() && useless(path) { removed.remove(path) } else { Ok(()) }
    }

    /// One file of the folder of engines; `named` are those that entries tell of.
    fn prune_engine(
        &self,
        path: &Path,
        named: &BTreeSet<String>,
        options: Options,
        removed: &mut Removed,
    ) -> anyhow::Result<()> {
        let name = name_of(path);
        let is_lock = path.extension().is_some_and(|ending| ending == "lock");
        let forgotten = !is_lock && !named.contains(&name) && options.is_old(path);
        if !is_aside(path) && !is_unfinished(path) && !forgotten {
            return Ok(());
        }
        let building = name.strip_prefix(BUILDING).and_then(|rest| rest.split_once('-'));
        match self.hold(building.and_then(|(_, rest)| leading_key(rest)))? {
            Ok(_held) if path.exists() => removed.remove(path)?,
            Ok(_) => {}
            Err(InUse) => removed.in_use += 1,
        }
        Ok(())
    }

    /// The lock of the engine with this key, when nobody has it; nothing to lock without a key.
    fn hold(&self, key: Option<&str>) -> anyhow::Result<Result<Option<lock::Held>, InUse>> {
        let Some(key) = key else { return Ok(Ok(None)) };
        Ok(lock::attempt(&self.lock_file(key))?.map(Some).ok_or(InUse))
    }
}

/// A build has locked it.
struct InUse;

/// The key with which a name begins.
fn leading_key(name: &str) -> Option<&str> {
    let key = name.split('.').next()?;
    (key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(key)
}

/// One folder of caches, under its lock.
fn prune_caches(folder: &Path, options: Options) -> anyhow::Result<Removed> {
    let mut removed = Removed::default();
    let _held = lock::wait(&folder.join(".lock"), || {})?;
    let is_meta = |path: &PathBuf| name_of(path).ends_with(".meta.json");
    let (metas, others): (Vec<PathBuf>, Vec<PathBuf>) =
        list(folder).into_iter().partition(|path| is_meta(path));
    let mut named = BTreeSet::new();
    let mut unreadable = BTreeSet::new();
    for path in metas {
        if options.is_old(&path) {
            // the meta goes first: without it the blob is never offered
            removed.remove(&path)?;
        } else if let Some(blob) = timing_cache::blob_named_by(&path) {
            named.insert(blob);
        } else {
            // the next build sets it aside and says so, its blobs with it
            unreadable.extend(leading_key(&name_of(&path)).map(str::to_owned));
        }
    }
    for path in others {
        let kept = |key: String| named.contains(&name_of(&path)) || unreadable.contains(&key);
        let unnamed = timing_cache::key_of_blob(&path).is_some_and(|key| !kept(key));
        if unnamed || is_unfinished(&path) || (options.aside && is_aside(&path)) {
            removed.remove(&path)?;
        }
    }
    Ok(removed)
}
