//! `engine-build cache`: what the store holds, in words.

use std::path::Path;

use pipeline::Fault;

use crate::store::{Entry, Store, prune_engines};
use crate::text;

/// The entries as lines of a table, or as JSON without the layers.
pub fn list(store: &Store, json: bool) -> anyhow::Result<String> {
    let entries: Vec<Entry> = store.entries().into_iter().map(|(_, entry)| entry).collect();
    if json {
        let mut values = Vec::new();
        for entry in entries {
            let mut value = serde_json::to_value(&entry)?;
            if let Some(object) = value.as_object_mut() {
                object.insert("layers".to_owned(), entry.layers.len().into());
            }
            values.push(value);
        }
        return Ok(serde_json::to_string_pretty(&values)?);
    }
    if entries.is_empty() {
        return Ok("the engine store is empty".to_owned());
    }
    let mut lines = vec![format!(
        "{:12}  {:16} {:12} {:9} {:>10} {:>9}  {:20}  model",
        "key", "backend", "version", "precision", "size", "build", "built"
    )];
    lines.extend(entries.iter().map(|entry| {
        let recipe = &entry.recipe;
        format!(
            "{:12}  {:16} {:12} {:9} {:>10} {:>9}  {:20}  {}",
            short(&entry.key),
            recipe.backend,
            recipe.version,
            recipe.precision,
            text::bytes(entry.bytes),
            text::duration(entry.build_ns),
            entry.built,
            short(&recipe.model),
        )
    }));
    Ok(lines.join("\n"))
}

/// One entry as JSON; `key` may be the beginning of a key.
///
/// # Errors
/// Exit 2 when no key, or more than one, begins like this.
pub fn show(store: &Store, key: &str) -> anyhow::Result<String> {
    let matching: Vec<Entry> = store
        .entries()
        .into_iter()
        .map(|(_, entry)| entry)
        .filter(|entry| !key.is_empty() && entry.key.starts_with(key))
        .collect();
    match matching.as_slice() {
        [entry] => Ok(serde_json::to_string_pretty(entry)?),
        [] => Err(Fault::config(format!("the engine store has no key that begins with `{key}`"))
            .hint("`engine-build cache list` shows the keys")
            .into()),
        several => Err(Fault::config(format!(
            "{} keys of the engine store begin with `{key}`",
            several.len()
        ))
        .hint("give more digits of the key")
        .into()),
    }
}

/// Removes what cannot be served any more; engines that runs refer to stay.
pub fn prune(store: &Store) -> anyhow::Result<String> {
    let mut files = 0;
    let mut bytes = 0;
    for folder in store.folders() {
        let shelf = store.lock_folder(folder, || {
            crate::make::warn("waiting for a build that uses the store");
        })?;
        let (n, size) = shelf.prune()?;
        files += n;
        bytes += size;
    }
    let engines = store.engines();
    if Path::new(&engines).is_dir() {
        let (n, size) = prune_engines(&engines)?;
        files += n;
        bytes += size;
    }
    let size = text::bytes(i64::try_from(bytes).unwrap_or(i64::MAX));
    Ok(format!("removed {files} files, {size}"))
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
