//! The timing-cache store: what one build timed, the next one need not time again.
//!
//! ```text
//! data/caches/v1/<kind>-<backend>-<device>-<version>/    kind: timing or runtime, see `backend::CacheKind`
//!   <key>.meta.json                                      what made the cache; names the blob by its digest
//!   <key>.<first 16 digits of its sha256>.cache          the blob, opaque
//!   .lock                                                held over reading, and over each merge
//! ```
//!
//! The key is a digest over the [`Scope`]: kind, backend, exact version, device, and whatever the backend says
//! must agree (CUDA, TF32, …). A blob is offered to a build only when its own scope is that of the build.
//!
//! After a build, its cache is merged into the stored one under the lock, so builders that run at the same
//! time lose nothing to each other. A blob never changes: a merge writes a new one and then replaces the
//! `meta.json`, which is the commit. A process may be killed at any moment:
//!
//! | killed | left behind | what the next one does |
//! |---|---|---|
//! | while the blob is written | `….part` | removes it |
//! | between blob and meta | a blob that no meta names | removes it; the old meta and its blob are untouched |
//! | while the meta is written | `….part`, and the same | the same |
//! | after the meta | the old blob | removes it |
//!
//! What is torn, foreign, empty, oversized or refused by the library is set aside (renamed to `….aside`),
//! never deleted, with a warning, and the build goes on cold.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pipeline::{Digest, files};

use super::Store;
use super::aside::{list, name_of, set_aside};
use super::{lock, shelf};

mod meta;
mod scope;
#[cfg(test)]
mod tests;

pub use meta::Meta;
pub use scope::Scope;

/// The largest blob that is kept or offered: 256 MiB. Those of TensorRT have some hundred KiB.
pub const LIMIT: u64 = 256 << 20;

/// Combines two blobs, ours first, or tells why the library will not.
pub type Combine<'a> = &'a dyn Fn(&[u8], &[u8]) -> Result<Vec<u8>, String>;

/// A blob with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// What it is.
    pub meta: Meta,
    /// The cache itself.
    pub blob: Vec<u8>,
}

/// What a build adds to the cache.
#[derive(Clone, Copy, Debug)]
pub struct Addition<'a> {
    /// The cache after the build.
    pub blob: &'a [u8],
    /// Key of the engine that was built.
    pub engine: &'a str,
    /// Hits and misses of the build, where the library tells.
    pub counts: Option<(u64, u64)>,
}

/// The place of one cache in the store.
#[derive(Clone, Debug)]
pub struct Slot {
    folder: PathBuf,
    scope: Scope,
    key: String,
    limit: u64,
}

impl Slot {
    /// The place for a scope; touches nothing.
    pub fn new(store: &Store, scope: Scope) -> Self {
        let folder = store.index().join(scope.folder());
        Self { folder, key: scope.key().to_string(), scope, limit: LIMIT }
    }

    /// The cache for a build, or `None`: nothing is stored, or what is stored is unusable and was set aside.
    /// `combine` is asked whether the library takes the blob.
    pub fn read(
        &self,
        combine: Combine<'_>,
        warn: &mut dyn FnMut(String),
    ) -> anyhow::Result<Option<Stored>> {
        if !self.folder.is_dir() {
            return Ok(None);
        }
        let _held = self.lock()?;
        let Some(stored) = self.load(warn) else { return Ok(None) };
        if let Err(reason) = combine(&stored.blob, &[]) {
            self.set_aside_all(&format!("the library refuses it: {reason}"), warn);
            return Ok(None);
        }
        // the time of the last use, for `cache list` and `cache prune --older-than`; only a convenience
        let _ = shelf::touch(&self.meta_path());
        Ok(Some(stored))
    }

    /// Merges what a build timed into the store, and returns what is stored now.
    ///
    /// # Errors
    /// When the folder cannot be written, or the library refuses the new blob; the stored one is then as before.
    pub fn merge(
        &self,
        new: Addition<'_>,
        combine: Combine<'_>,
        warn: &mut dyn FnMut(String),
    ) -> anyhow::Result<Meta> {
        anyhow::ensure!(!new.blob.is_empty(), "the build gave an empty cache");
        let _held = self.lock()?;
        let current = self.load(warn);
        let (mut meta, blob) = match current {
            None => (Meta::new(&self.scope), self.checked(new.blob, combine)?),
            Some(stored) => match combine(&stored.blob, new.blob) {
                Ok(merged) => (stored.meta, merged),
                Err(reason) => {
                    let blob = self.checked(new.blob, combine)?;
                    if combine(&stored.blob, &[]).is_ok() {
                        anyhow::bail!("the library merges it with no stored one: {reason}");
                    }
                    self.set_aside_all(&format!("the library refuses it: {reason}"), warn);
                    (Meta::new(&self.scope), blob)
                }
            },
        };
        let size = blob.len() as u64;
        anyhow::ensure!(
            size <= self.limit,
            "it would grow to {size} bytes, above the limit of {}",
            self.limit
        );
        meta.add(&new, &blob);
        self.commit(&meta, &blob)?;
        Ok(meta)
    }

    /// The new blob as the library writes it, when it takes it.
    fn checked(&self, blob: &[u8], combine: Combine<'_>) -> anyhow::Result<Vec<u8>> {
        let size = blob.len() as u64;
        anyhow::ensure!(
            size <= self.limit,
            "it has {size} bytes, above the limit of {}",
            self.limit
        );
        combine(blob, &[]).map_err(|reason| anyhow::anyhow!("the library refuses it: {reason}"))
    }

    fn lock(&self) -> anyhow::Result<lock::Held> {
        lock::wait(&self.folder.join(".lock"), || {})
            .with_context(|| super::cannot_write(&self.folder))
    }

    fn meta_path(&self) -> PathBuf {
        self.folder.join(format!("{}.meta.json", self.key))
    }

    /// What is stored, checked; what is unusable is set aside. Called under the lock.
    fn load(&self, warn: &mut dyn FnMut(String)) -> Option<Stored> {
        if !self.meta_path().exists() {
            return None;
        }
        match self.try_load() {
            Ok(stored) => Some(stored),
            Err(reason) => {
                self.set_aside_all(&reason, warn);
                None
            }
        }
    }

    fn try_load(&self) -> Result<Stored, String> {
        let meta = meta::read(&self.meta_path())?;
        if meta.key != self.key || meta.scope != self.scope {
            return Err("it was made by another device, version or configuration".to_owned());
        }
        let path = self.folder.join(&meta.blob);
        let size = fs::metadata(&path).map_err(|error| format!("{}: {error}", meta.blob))?.len();
        if size > self.limit {
            return Err(format!("it has {size} bytes, above the limit of {}", self.limit));
        }
        let blob = fs::read(&path).map_err(|error| format!("{}: {error}", meta.blob))?;
        if blob.is_empty() {
            return Err("it is empty".to_owned());
        }
        if Digest::of_bytes(&blob).as_str() != meta.sha256 {
            return Err("its bytes do not have the digest that was written down".to_owned());
        }
        Ok(Stored { meta, blob })
    }

    /// Sets meta and blobs of this key aside.
    fn set_aside_all(&self, reason: &str, warn: &mut dyn FnMut(String)) {
        let what = format!("the stored {} cache is unusable: {reason}", self.scope.kind.as_str());
        set_aside(&self.meta_path(), &what, warn);
        for blob in self.blobs() {
            set_aside(&blob, &what, &mut |_| {});
        }
    }

    /// The blobs of this key.
    fn blobs(&self) -> Vec<PathBuf> {
        let own = |path: &PathBuf| key_of_blob(path).as_deref() == Some(self.key.as_str());
        list(&self.folder).into_iter().filter(own).collect()
    }

    /// Writes the blob, then the meta, which commits; then removes older blobs. Called under the lock.
    fn commit(&self, meta: &Meta, blob: &[u8]) -> anyhow::Result<()> {
        let place = self.folder.join(&meta.blob);
        let what = || format!("cannot write {}", place.display());
        // the same bytes as before are the same file
        if !place.exists() {
            files::write_atomic(&place, blob).with_context(what)?;
            files::sync_folder(&self.folder).with_context(what)?;
        }
        let text = serde_json::to_vec_pretty(meta).context("a cache's meta has no JSON")?;
        files::write_atomic(&self.meta_path(), &text).with_context(what)?;
        files::sync_folder(&self.folder).with_context(what)?;
        for old in self.blobs().into_iter().filter(|path| *path != place) {
            fs::remove_file(&old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
        Ok(())
    }
}

/// The key in the name of a blob, `<key>.<digits>.cache`; `None` for every other file.
pub(super) fn key_of_blob(path: &Path) -> Option<String> {
    let name = name_of(path);
    let (key, digits) = name.strip_suffix(".cache")?.split_once('.')?;
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (key.len() == 64 && digits.len() == 16 && hex(key) && hex(digits)).then(|| key.to_owned())
}

/// A stored cache for the lists: its meta and when it was used last.
pub fn listed(store: &Store) -> Vec<(PathBuf, Meta)> {
    let files = ["timing-", "runtime-"].into_iter().flat_map(|kind| store.folders(kind));
    files
        .flat_map(|folder| list(&folder))
        .filter(|path| name_of(path).ends_with(".meta.json"))
        .filter_map(|path| meta::read(&path).ok().map(|meta| (path, meta)))
        .collect()
}

/// The file name of the blob that a meta names; `None` when the meta cannot be read.
pub(super) fn blob_named_by(path: &Path) -> Option<String> {
    meta::read(path).ok().map(|meta| meta.blob)
}
