//! `engine-build cache`: what the stores hold, in words.

use std::path::Path;
use std::time::SystemTime;

use pipeline::Fault;
use serde_json::Value;

use crate::store::prune::Options;
use crate::store::timing_cache::{self, Meta};
use crate::store::{Entry, Store};
use crate::text;

/// One thing that is stored.
enum Stored {
    /// An engine.
    Engine(Entry),
    /// A timing or runtime cache.
    Cache(Meta),
}

impl Stored {
    fn key(&self) -> &str {
        match self {
            Self::Engine(entry) => &entry.key,
            Self::Cache(meta) => &meta.key,
        }
    }

    fn kind(&self) -> &str {
        match self {
            Self::Engine(_) => "engine",
            Self::Cache(meta) => meta.scope.kind.as_str(),
        }
    }

    /// Everything, with its kind first.
    fn json(&self) -> anyhow::Result<Value> {
        let mut all = serde_json::Map::new();
        all.insert("kind".to_owned(), self.kind().into());
        let own = match self {
            Self::Engine(entry) => serde_json::to_value(entry)?,
            Self::Cache(meta) => serde_json::to_value(meta)?,
        };
        all.extend(
            own.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())),
        );
        Ok(Value::Object(all))
    }

    /// The columns of the table after the kind and the key.
    fn columns(&self) -> [String; 9] {
        let none = || "–".to_owned();
        let ratio = |hits: Option<u64>, misses: Option<u64>| {
            hits.zip(misses).map_or_else(none, |(hits, misses)| format!("{hits}/{misses}"))
        };
        match self {
            Self::Engine(entry) => {
                let Entry { recipe, timing_cache, .. } = entry;
                [
                    recipe.backend.clone(),
                    recipe.version.clone(),
                    recipe.precision.clone(),
                    text::bytes(entry.bytes),
                    entry.built.clone(),
                    text::duration(entry.build_ns),
                    ratio(
                        timing_cache.map(|(hits, _)| hits),
                        timing_cache.map(|(_, misses)| misses),
                    ),
                    "1".to_owned(),
                    format!("model {}", short(&recipe.model)),
                ]
            }
            Self::Cache(meta) => [
                meta.scope.backend.clone(),
                meta.scope.version.clone(),
                none(),
                text::bytes(i64::try_from(meta.bytes).unwrap_or(i64::MAX)),
                meta.updated.clone(),
                none(),
                ratio(meta.hits, meta.misses),
                meta.builds.to_string(),
                meta.scope.device.clone(),
            ],
        }
    }
}

/// What the stores hold, each with the time since it was used last.
fn stored(store: &Store) -> Vec<(Stored, String)> {
    let engines = store.entries().into_iter().map(|(path, entry)| (path, Stored::Engine(entry)));
    let caches =
        timing_cache::listed(store).into_iter().map(|(path, meta)| (path, Stored::Cache(meta)));
    engines.chain(caches).map(|(path, stored)| (stored, age(&path))).collect()
}

/// The time since a file was written or used.
fn age(path: &Path) -> String {
    let used = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let age = used.and_then(|used| SystemTime::now().duration_since(used).ok());
    age.map_or_else(String::new, text::age)
}

/// The entries as lines of a table, or as JSON without the layers.
pub fn list(store: &Store, json: bool) -> anyhow::Result<String> {
    let found = stored(store);
    if json {
        let mut values = Vec::new();
        for (stored, _) in &found {
            let mut value = stored.json()?;
            if let (Some(object), Stored::Engine(entry)) = (value.as_object_mut(), stored) {
                object.insert("layers".to_owned(), entry.layers.len().into());
            }
            values.push(value);
        }
        return Ok(serde_json::to_string_pretty(&values)?);
    }
    let titles = [
        "backend",
        "version",
        "precision",
        "size",
        "built",
        "build",
        "hits/misses",
        "builds",
        "of",
    ];
    let mut lines = vec![line("kind", "key", &titles.map(str::to_owned), "used")];
    lines.extend(
        found
            .iter()
            .map(|(stored, age)| line(stored.kind(), short(stored.key()), &stored.columns(), age)),
    );
    if found.is_empty() {
        lines = vec!["the engine store is empty, and there are no timing caches".to_owned()];
    }
    let aside = store.aside();
    if !aside.is_empty() {
        let bytes: u64 = aside.iter().map(|(_, bytes)| bytes).sum();
        lines.push(format!(
            "set aside: {} files, {}; `engine-build cache prune --aside` removes them",
            aside.len(),
            text::bytes(i64::try_from(bytes).unwrap_or(i64::MAX))
        ));
    }
    Ok(lines.join("\n"))
}

fn line(kind: &str, key: &str, columns: &[String; 9], used: &str) -> String {
    let [backend, version, precision, size, built, build, hits, builds, of] = columns;
    format!(
        "{kind:7} {key:12}  {backend:16} {version:12} {precision:9} {size:>10}  {built:20} {used:>9}  {build:>9} {hits:>13} {builds:>6}  {of}"
    )
}

/// One entry as JSON; `key` may be the beginning of a key.
///
/// # Errors
/// Exit 2 when no key, or more than one, begins like this.
pub fn show(store: &Store, key: &str) -> anyhow::Result<String> {
    let mut found = stored(store);
    found.retain(|(stored, _)| !key.is_empty() && stored.key().starts_with(key));
    match found.as_slice() {
        [(one, _)] => Ok(serde_json::to_string_pretty(&one.json()?)?),
        [] => Err(Fault::config(format!("the store has no key that begins with `{key}`"))
            .hint("`engine-build cache list` shows the keys")
            .into()),
        several => {
            Err(Fault::config(format!("{} keys of the store begin with `{key}`", several.len()))
                .hint("give more digits of the key")
                .into())
        }
    }
}

/// Removes what cannot be served any more, and what the options name.
pub fn prune(store: &Store, options: Options) -> anyhow::Result<String> {
    let removed = store.prune(options)?;
    let size = text::bytes(i64::try_from(removed.bytes).unwrap_or(i64::MAX));
    let mut said = vec![format!("removed {} files, {size}", removed.files)];
    if removed.in_use > 0 {
        said.push(format!("{} stay, since a build is using them", removed.in_use));
    }
    let aside = store.aside().len();
    if aside > 0 {
        said.push(format!("{aside} that were set aside stay: --aside removes them"));
    }
    Ok(said.join("; "))
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
