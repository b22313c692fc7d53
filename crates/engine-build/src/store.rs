//! The engine store: engines that were built stay, and the same request is served from here.
//!
//! ```text
//! data/engines/<sha256>.<ext>                            the engines themselves
//! data/caches/v1/engine-<backend>-<device>-<version>/    one folder for what may be shared
//!   <key>.json                                           an entry: what made the engine, and what it is
//!   .lock                                                held over look-up, build and insertion
//! ```
//!
//! Nothing in here is trusted: an entry that is torn, foreign or does not fit its recipe, and an engine
//! whose bytes do not have its digest, are set aside (renamed to `….aside`) with a warning, and the
//! build goes on as if nothing were stored.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use backend::{BackendId, Layer};
use pipeline::{Digest, Fault, files};
use serde::{Deserialize, Serialize};

use crate::key::Recipe;

/// Version of the entries; others are set aside.
const FORMAT: u32 = 1;

/// One entry of the index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    /// Version of this form.
    pub format: u32,
    /// The key, which is also the name of the file.
    pub key: String,
    /// What made the engine.
    pub recipe: Recipe,
    /// SHA-256 of the engine.
    pub engine: String,
    /// Name of the engine's file under `data/engines`.
    pub file: String,
    /// Size of the engine.
    pub bytes: i64,
    /// Time that the build took, in ns.
    pub build_ns: i64,
    /// When it was built, UTC.
    pub built: String,
    /// Precision found in the engine.
    pub precision_achieved: String,
    /// Share of weighted layers at the precision that was asked for.
    pub precision_share: Option<f64>,
    /// Timing-cache hits and misses of the build, where the backend tells.
    pub timing_cache: Option<(u64, u64)>,
    /// The engine's layers.
    pub layers: Vec<Layer>,
}

/// The store of a project.
#[derive(Clone, Debug)]
pub struct Store {
    data: PathBuf,
}

/// One folder of the index, locked.
pub struct Shelf {
    folder: PathBuf,
    engines: PathBuf,
    _lock: File,
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

    /// The folder of the index.
    pub fn index(&self) -> PathBuf {
        self.data.join("caches").join("v1")
    }

    /// Opens the folder for a recipe and waits for its lock; `waiting` is called when another process holds it.
    ///
    /// # Errors
    /// Exit 4 when the folder cannot be written.
    pub fn lock(&self, recipe: &Recipe, waiting: impl FnOnce()) -> anyhow::Result<Shelf> {
        self.lock_folder(self.index().join(recipe.folder()), waiting)
    }

    /// As [`Store::lock`], for a folder of the index by its path.
    pub fn lock_folder(&self, folder: PathBuf, waiting: impl FnOnce()) -> anyhow::Result<Shelf> {
        let what = || {
            Fault::environment(format!("cannot write into the engine store {}", folder.display()))
                .hint("TAILMARK_ROOT names the folder that holds data/")
        };
        fs::create_dir_all(&folder).with_context(what)?;
        fs::create_dir_all(self.engines()).with_context(what)?;
        let lock = File::create(folder.join(".lock")).with_context(what)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                lock.lock().with_context(what)?;
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(what),
        }
        Ok(Shelf { engines: self.engines(), folder, _lock: lock })
    }

    /// The folders of the index, sorted.
    pub fn folders(&self) -> Vec<PathBuf> {
        let listed = fs::read_dir(self.index()).into_iter().flatten().filter_map(Result::ok);
        let mut folders: Vec<PathBuf> =
            listed.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        folders.sort();
        folders
    }

    /// The entries that can be read, with the folder that holds each, sorted by folder and key.
    pub fn entries(&self) -> Vec<(PathBuf, Entry)> {
        let mut entries = Vec::new();
        for folder in self.folders() {
            for path in entry_files(&folder) {
                if let Ok(entry) = read_entry(&path) {
                    entries.push((folder.clone(), entry));
                }
            }
        }
        entries
    }
}

impl Shelf {
    /// The engine for a recipe, checked, or `None`; what is wrong is set aside and told to `warn`.
    pub fn find(&self, recipe: &Recipe, warn: &mut dyn FnMut(String)) -> Option<Entry> {
        let key = recipe.key();
        let path = self.folder.join(format!("{key}.json"));
        if !path.exists() {
            return None;
        }
        let entry = read_entry(&path).and_then(|entry| {
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
        match check_engine(&engine, &entry) {
            Ok(()) => Some(entry),
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

    /// Removes what cannot be served: entries without their engine, torn entries, what was set aside.
    /// Returns the number of files and their bytes.
    pub fn prune(&self) -> anyhow::Result<(usize, u64)> {
        let mut removed = Vec::new();
        for path in entry_files(&self.folder) {
            let usable =
                read_entry(&path).is_ok_and(|entry| self.engines.join(&entry.file).exists());
            if !usable {
                removed.push(remove(&path)?);
            }
        }
        for path in list(&self.folder) {
            if is_leftover(&path) {
                removed.push(remove(&path)?);
            }
        }
        Ok((removed.len(), removed.iter().sum()))
    }
}

impl Entry {
    /// An entry for an engine that was just built.
    pub fn new(recipe: Recipe, engine: &Digest, file: String) -> Self {
        Self {
            format: FORMAT,
            key: recipe.key().to_string(),
            recipe,
            engine: engine.to_string(),
            file,
            bytes: 0,
            build_ns: 0,
            built: crate::text::now(),
            precision_achieved: String::new(),
            precision_share: None,
            timing_cache: None,
            layers: Vec::new(),
        }
    }
}

/// The ending of an engine's file.
pub fn extension(backend: BackendId) -> &'static str {
    match backend {
        BackendId::Rten => "rten.onnx",
        BackendId::Sim => "sim.json",
        BackendId::OnnxruntimeCpu | BackendId::OnnxruntimeCuda => "onnx",
        BackendId::Tensorrt | BackendId::TensorrtRtx | BackendId::Trtexec => "engine",
    }
}

/// Removes what unfinished builds and set-aside engines left in the folder of the engines.
pub fn prune_engines(engines: &Path) -> anyhow::Result<(usize, u64)> {
    let leftovers: Vec<PathBuf> = list(engines).into_iter().filter(|p| is_leftover(p)).collect();
    let bytes = leftovers.iter().map(|path| remove(path)).sum::<anyhow::Result<u64>>()?;
    Ok((leftovers.len(), bytes))
}

/// The prefix of a file that a build is writing.
pub const BUILDING: &str = ".building-";

fn is_leftover(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.contains(".aside") || name.ends_with(".part") || name.starts_with(BUILDING)
}

fn remove(path: &Path) -> anyhow::Result<u64> {
    let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
    fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    Ok(bytes)
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn entry_files(folder: &Path) -> Vec<PathBuf> {
    let json = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json");
    list(folder).into_iter().filter(json).collect()
}

fn read_entry(path: &Path) -> Result<Entry, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let entry: Entry = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let plain = Path::new(&entry.file).components().count() == 1 && !entry.file.starts_with('.');
    match (entry.format, plain) {
        (FORMAT, true) => Ok(entry),
        (FORMAT, false) => Err(format!("`{}` is not the name of an engine", entry.file)),
        (other, _) => Err(format!("format {other}, this Tailmark reads format {FORMAT}")),
    }
}

fn check_engine(path: &Path, entry: &Entry) -> Result<(), String> {
    let found = Digest::of_file(path).map_err(|error| error.to_string())?;
    if found.as_str() == entry.engine {
        return Ok(());
    }
    Err(format!(
        "its digest is {}, expected {}",
        found.short(),
        &entry.engine[..12.min(entry.engine.len())]
    ))
}

/// Renames a file so that nobody takes it for usable, and says so.
fn set_aside(path: &Path, reason: &str, warn: &mut dyn FnMut(String)) {
    if !path.exists() {
        warn(format!("{reason} ({})", path.display()));
        return;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".aside");
    let moved = match fs::rename(path, &name) {
        Ok(()) => format!("set aside as {}", Path::new(&name).display()),
        Err(error) => format!("it could not be set aside: {error}"),
    };
    warn(format!("{reason}; {moved}"));
}

#[cfg(test)]
mod tests;
