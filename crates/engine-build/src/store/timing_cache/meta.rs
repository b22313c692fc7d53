//! What stands beside a blob: what made it, how large it is, how often it helped.

use std::fs;
use std::path::Path;

use pipeline::Digest;
use serde::{Deserialize, Serialize};

use super::{Addition, Scope};
use crate::text;

/// Version of `meta.json`; others are set aside.
const FORMAT: u32 = 1;

/// No meta is larger: it names each engine once, in some 70 bytes.
const LARGEST: u64 = 4 << 20;

/// `<key>.meta.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Meta {
    /// Version of this form.
    pub format: u32,
    /// The key, which is also the beginning of the file's name.
    pub key: String,
    /// What must agree for the blob to be offered to a build.
    pub scope: Scope,
    /// Name of the blob's file, beside this one.
    pub blob: String,
    /// SHA-256 of the blob.
    pub sha256: String,
    /// Size of the blob.
    pub bytes: u64,
    /// When the first build was merged, UTC.
    pub created: String,
    /// When the last build was merged, UTC.
    pub updated: String,
    /// Version of Tailmark that wrote this.
    pub tailmark: String,
    /// Builds that were merged.
    pub builds: u64,
    /// Keys of the engines that they built, each once, sorted.
    pub engines: Vec<String>,
    /// Timings that builds found here, in all; null when no library told.
    pub hits: Option<u64>,
    /// Timings that builds had to take, in all; null when no library told.
    pub misses: Option<u64>,
}

impl Meta {
    /// The meta of a cache that does not exist yet.
    pub(super) fn new(scope: &Scope) -> Self {
        Self {
            format: FORMAT,
            key: scope.key().to_string(),
            scope: scope.clone(),
            blob: String::new(),
            sha256: String::new(),
            bytes: 0,
            created: text::now(),
            updated: String::new(),
            tailmark: String::new(),
            builds: 0,
            engines: Vec::new(),
            hits: None,
            misses: None,
        }
    }

    /// Counts a build whose cache was merged into `blob`.
    pub(super) fn add(&mut self, new: &Addition<'_>, blob: &[u8]) {
        let digest = Digest::of_bytes(blob);
        self.blob = format!("{}.{}.cache", self.key, &digest.as_str()[..16]);
        self.sha256 = digest.to_string();
        self.bytes = blob.len() as u64;
        self.updated = text::now();
        env!("CARGO_PKG_VERSION").clone_into(&mut self.tailmark);
        self.builds += 1;
        if let Err(place) = self.engines.binary_search_by(|key| key.as_str().cmp(new.engine)) {
            self.engines.insert(place, new.engine.to_owned());
        }
        if let Some((hits, misses)) = new.counts {
            self.hits = Some(self.hits.unwrap_or(0).saturating_add(hits));
            self.misses = Some(self.misses.unwrap_or(0).saturating_add(misses));
        }
    }

    /// Whether an engine with this key was among the builds.
    pub fn knows(&self, engine: &str) -> bool {
        self.engines.binary_search_by(|key| key.as_str().cmp(engine)).is_ok()
    }
}

/// Reads a meta and refuses what cannot be one.
pub(super) fn read(path: &Path) -> Result<Meta, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > LARGEST {
        return Err(format!("its meta.json has {size} bytes"));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let meta: Meta =
        serde_json::from_slice(&bytes).map_err(|error| format!("its meta.json: {error}"))?;
    if meta.format != FORMAT {
        return Err(format!("format {}, this Tailmark reads format {FORMAT}", meta.format));
    }
    if super::key_of_blob(Path::new(&meta.blob)).as_deref() != Some(meta.key.as_str())
        || Path::new(&meta.blob).components().count() != 1
    {
        return Err(format!("`{}` is not the name of its blob", meta.blob));
    }
    Ok(meta)
}
