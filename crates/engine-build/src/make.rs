//! One engine: from the store, or built and stored.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use backend::{Backend, BuildRequest};
use indicatif::{ProgressBar, ProgressStyle};
use pipeline::{Digest, Fault};

use crate::config::TimingCache;
use crate::key::Recipe;
use crate::store::{BUILDING, Entry, Store, extension};
use crate::text::fault_of;

/// An engine and how it was come by.
#[derive(Clone, Debug)]
pub struct Made {
    /// What it is.
    pub entry: Entry,
    /// `cold`, `warm`, `engine-store` or `none`; see `engines.parquet`.
    pub cache: &'static str,
    /// Time to build it now, or to fetch it from the store, in ns.
    pub took_ns: i64,
}

/// Serves the request from the store or builds it. The store's lock is held over look-up, build and
/// insertion, so that two processes never build the same engine twice.
///
/// # Errors
/// Errors of the backend as faults; exit 4 when the store cannot be written.
pub fn make(
    backend: &dyn Backend,
    store: &Store,
    model_digest: &str,
    request: &BuildRequest<'_>,
    mode: TimingCache,
) -> anyhow::Result<Made> {
    let recipe = Recipe::new(backend, model_digest, request);
    let start = Instant::now();
    let shelf = store.lock(&recipe, || warn("waiting for another build that uses the store"))?;
    if mode == TimingCache::Reuse
        && let Some(entry) = shelf.find(&recipe, &mut |text| warn(&text))
    {
        return Ok(Made { entry, cache: "engine-store", took_ns: nanos(start.elapsed()) });
    }
    check_digest(request.model, model_digest)?;
    let (entry, took_ns) = build(backend, store, recipe, request)?;
    if mode != TimingCache::Off {
        shelf.insert(&entry)?;
    }
    let cache = match (mode, entry.timing_cache) {
        (TimingCache::Off, _) => "none",
        (_, Some((hits, _))) if hits > 0 => "warm",
        _ => "cold",
    };
    Ok(Made { entry, cache, took_ns })
}

/// A model that is not what its name says would poison the store under a wrong key.
fn check_digest(model: &Path, expected: &str) -> anyhow::Result<()> {
    if !model.exists() {
        return Err(Fault::config(format!("{}: there is no such model file", model.display()))
            .hint("run the stage onnx-export-verify again")
            .into());
    }
    let found = backend::onnx::digest(model).map_err(fault_of)?;
    if found == expected {
        return Ok(());
    }
    Err(Fault::config(format!(
        "{} has changed: its digest is {}, models.parquet says {}",
        model.display(),
        &found[..12],
        expected.get(..12).unwrap_or(expected),
    ))
    .hint("run the stage onnx-export-verify again")
    .into())
}

fn build(
    backend: &dyn Backend,
    store: &Store,
    recipe: Recipe,
    request: &BuildRequest<'_>,
) -> anyhow::Result<(Entry, i64)> {
    let ending = extension(backend.id());
    let engines = store.engines();
    let key = recipe.key();
    let part = engines.join(format!("{BUILDING}{}-{}.{ending}", std::process::id(), key.short()));
    let outcome = build_into(backend, request, &part).and_then(|(built, took)| {
        let digest = Digest::of_file(&part)
            .with_context(|| format!("cannot read the new engine {}", part.display()))?;
        let file = format!("{digest}.{ending}");
        let bytes = settle(&part, &engines.join(&file))?;
        let took_ns = nanos(took);
        let entry = Entry {
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            build_ns: took_ns,
            precision_achieved: built.precision_achieved,
            precision_share: built.precision_share,
            timing_cache: built.cache,
            layers: built.layers,
            ..Entry::new(recipe, &digest, file)
        };
        Ok((entry, took_ns))
    });
    if outcome.is_err() {
        // nothing may be left that looks like an engine; the first error is the one that matters
        let _ = std::fs::remove_file(&part);
    }
    outcome
}

/// Builds with a spinner on a terminal. The time is that of the backend's build alone.
fn build_into(
    backend: &dyn Backend,
    request: &BuildRequest<'_>,
    out: &Path,
) -> anyhow::Result<(backend::Built, Duration)> {
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
    let spinner = ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        .with_message(format!("building with {} ({})", backend.id(), request.precision));
    spinner.enable_steady_tick(Duration::from_millis(120));
    let start = Instant::now();
    let built = backend.build(request, out);
    let took = start.elapsed();
    spinner.finish_and_clear();
    Ok((built.map_err(fault_of)?, took))
}

/// Makes the new engine permanent under its name; returns its size.
fn settle(part: &Path, place: &Path) -> anyhow::Result<u64> {
    let what = || format!("cannot write the engine {}", place.display());
    let file = std::fs::File::open(part).with_context(what)?;
    file.sync_all().with_context(what)?;
    let bytes = file.metadata().with_context(what)?.len();
    std::fs::rename(part, place).with_context(what)?;
    Ok(bytes)
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// A warning on stderr.
pub fn warn(text: &str) {
    const YELLOW: &str = "\x1b[33m";
    const RESET: &str = "\x1b[0m";
    anstream::eprintln!("{YELLOW}warning{RESET}: {text}");
}
