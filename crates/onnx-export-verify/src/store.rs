//! The store of models: blobs by digest, and an index from "what made it" to the blob.
//!
//! ```text
//! data/models/<sha256>.onnx            a model; its name is its digest
//! data/caches/v1/models/<key>.json     what made it, the file's size and time, its rows for the artifacts
//! ```
//!
//! An entry is trusted when the file still has the size and the time that were noted after it was hashed;
//! else the file is hashed again. An entry that cannot be read, or whose file is not what it was, is set
//! aside (`….aside`) and the model is made anew.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use std::{fs, io};

use anyhow::{Context as _, Result};
use backend::onnx::proto::ModelProto;
use backend::onnx::stream::{copy_by_digest, save_by_digest};
use pipeline::artifact::{ModelRow, OperatorRow};
use pipeline::{Digest, files};
use serde::{Deserialize, Serialize};

use crate::fault;
use crate::inspect;
use crate::say;
use crate::verify::tolerance::Depth;

const FORMAT: u32 = 2;

/// The store below a project root.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// One model in the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    format: u32,
    /// What made it: the fields of the key.
    made_by: Vec<(String, String)>,
    bytes: u64,
    modified_ns: u64,
    /// How many roundings lie between its input and its output.
    pub depth: Depth,
    /// Its row for `models.parquet`.
    pub model: ModelRow,
    /// Its rows for `operators.parquet`.
    pub operators: Vec<OperatorRow>,
    /// Whether it was there already.
    #[serde(skip)]
    pub served: bool,
}

/// What of a model's row the file does not tell.
#[derive(Clone, Debug)]
pub struct About {
    /// Architecture or file stem.
    pub name: String,
    /// `synthetic`, the path that was given, or path and digest of a checkpoint.
    pub source: String,
    /// Seed of synthetic weights.
    pub seed: Option<i64>,
    /// Trained parameters when they are known apart from the file.
    pub parameters: Option<u64>,
}

impl Store {
    /// The store of a project.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The file of an entry.
    pub fn path(&self, entry: &Entry) -> PathBuf {
        self.root.join(&entry.model.path)
    }

    /// The folder of one kind of cache.
    pub fn cache(&self, kind: &str) -> PathBuf {
        self.root.join("data").join("caches").join("v1").join(kind)
    }

    /// Whether a model with these fields is probably there; reads no model.
    pub fn seems_to_have(&self, fields: &[(&'static str, String)]) -> bool {
        self.index(fields).is_file()
    }

    /// The model that these fields made, when it is there and whole.
    pub fn get(&self, fields: &[(&'static str, String)]) -> Option<Entry> {
        let index = self.index(fields);
        let text = fs::read_to_string(&index).ok()?;
        match self.checked(&text, fields) {
            Ok(entry) => Some(entry),
            Err(why) => {
                set_aside(&index);
                say::warning(&format!("{}: {why:#}; set aside, making it again", index.display()));
                None
            }
        }
    }

    fn checked(&self, text: &str, fields: &[(&'static str, String)]) -> Result<Entry> {
        let mut entry: Entry = serde_json::from_str(text).context("a torn entry")?;
        anyhow::ensure!(
            entry.format == FORMAT && entry.made_by == owned(fields),
            "an entry of something else"
        );
        let path = self.path(&entry);
        let (bytes, modified_ns) = stamp(&path)?;
        if (bytes, modified_ns) != (entry.bytes, entry.modified_ns) {
            let same = bytes == entry.bytes
                && Digest::of_file(&path)?.as_str() == entry.model.model_digest.as_str();
            if !same {
                set_aside(&path);
                anyhow::bail!("{} is not what it was", path.display());
            }
        }
        entry.served = true;
        Ok(entry)
    }

    /// Stores a model under the fields that made it, without a second copy of its weights in memory; the
    /// model is as it was afterwards.
    pub fn put(
        &self,
        fields: &[(&'static str, String)],
        model: &mut ModelProto,
        about: &About,
    ) -> Result<Entry> {
        let folder = self.root.join("data").join("models");
        let (digest, path) =
            save_by_digest(&folder, model, |digest| format!("{digest}.onnx")).map_err(fault)?;
        self.index_model(fields, &digest, &path, model, about)
    }

    /// Stores the file of a model as it is.
    pub fn put_file(
        &self,
        fields: &[(&'static str, String)],
        file: &Path,
        model: &ModelProto,
        about: &About,
    ) -> Result<Entry> {
        let folder = self.root.join("data").join("models");
        let (digest, path) =
            copy_by_digest(&folder, file, |digest| format!("{digest}.onnx")).map_err(fault)?;
        self.index_model(fields, &digest, &path, model, about)
    }

    /// Notes what a stored file is and what made it.
    fn index_model(
        &self,
        fields: &[(&'static str, String)],
        digest: &str,
        path: &Path,
        model: &ModelProto,
        about: &About,
    ) -> Result<Entry> {
        let relative = format!("data/models/{digest}.onnx");
        let (bytes, modified_ns) = stamp(path)?;
        let depth = Depth::of(model);
        let (model, operators) = inspect::rows(model, about, digest, &relative, bytes);
        let (format, made_by, served) = (FORMAT, owned(fields), false);
        let entry = Entry { format, made_by, bytes, modified_ns, depth, model, operators, served };
        let index = self.index(fields);
        let text = serde_json::to_vec_pretty(&entry).context("an entry is always JSON")?;
        // without its entry the model is good and is made again next time
        if let Err(why) = files::write_atomic(&index, &text) {
            say::warning(&format!("cannot write {}: {why}", index.display()));
        }
        Ok(entry)
    }

    /// Copies the file of an entry to `path`, atomically.
    pub fn copy(&self, entry: &Entry, path: &Path) -> Result<()> {
        let from = self.path(entry);
        let mut source =
            fs::File::open(&from).with_context(|| format!("cannot read {}", from.display()))?;
        files::write_atomic_with(path, |target| io::copy(&mut source, target).map(drop))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn index(&self, fields: &[(&'static str, String)]) -> PathBuf {
        let key = Digest::of_fields(fields.iter().map(|(name, value)| (*name, value.clone())));
        self.cache("models").join(format!("{key}.json"))
    }
}

fn owned(fields: &[(&'static str, String)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn stamp(path: &Path) -> Result<(u64, u64)> {
    let metadata = fs::metadata(path).with_context(|| format!("{} is gone", path.display()))?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((metadata.len(), modified.as_nanos().try_into().unwrap_or(u64::MAX)))
}

/// Renames a file, so that it can be looked at but is not used.
pub fn set_aside(path: &Path) {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".aside");
    // what cannot be renamed is overwritten by what is made next
    let _ = fs::rename(path, aside);
}

#[cfg(test)]
mod tests {
    use super::*;
    use backend::onnx::node::{node, value_info};
    use backend::onnx::proto::{GraphProto, OperatorSetIdProto};
    use backend::onnx::shape::Dim;

    fn tiny() -> ModelProto {
        let dims = [Dim::Fixed(1), Dim::Fixed(4)];
        let graph = GraphProto {
            node: vec![node("Relu", "r", &["x"], &["y"], vec![])],
            input: vec![value_info("x", 1, Some(&dims))],
            output: vec![value_info("y", 1, Some(&dims))],
            ..GraphProto::default()
        };
        ModelProto {
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
            ..ModelProto::default()
        }
    }

    fn about() -> About {
        About { name: "tiny".into(), source: "test".into(), seed: None, parameters: None }
    }

    #[test]
    fn what_was_put_is_served_and_what_was_changed_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let fields = [("architecture", "tiny".to_owned())];
        assert!(store.get(&fields).is_none());
        let put = store.put(&fields, &mut tiny(), &about()).unwrap();
        let got = store.get(&fields).unwrap();
        assert!(got.served && !put.served);
        assert_eq!(got.model, put.model);
        assert_eq!(Digest::of_file(&store.path(&got)).unwrap().as_str(), put.model.model_digest);

        let path = store.path(&got);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(store.get(&fields).is_none(), "a changed blob is not served");
        assert!(!path.exists() && path.with_extension("onnx.aside").exists());

        store.put(&fields, &mut tiny(), &about()).unwrap();
        fs::write(store.index(&fields), "{").unwrap();
        assert!(store.get(&fields).is_none(), "a torn entry is not served");
        store.put(&fields, &mut tiny(), &about()).unwrap();
        assert!(store.get(&fields).is_some());
    }

    #[test]
    fn a_foreign_entry_is_not_served() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let (own, other) = ([("seed", "1".to_owned())], [("seed", "2".to_owned())]);
        store.put(&own, &mut tiny(), &about()).unwrap();
        fs::copy(store.index(&own), store.index(&other)).unwrap();
        assert!(store.get(&other).is_none());
        assert!(store.get(&own).is_some());
    }
}
