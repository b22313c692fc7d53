//! One engine: from the store, or built and stored.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use backend::{Backend, BuildRequest};
use pipeline::{Digest, Fault};

use crate::isolate::{self, Finished, Place};
use crate::key::Recipe;
use crate::plan::{Keep, StartFrom, Step};
use crate::store::timing_cache::{Addition, Meta, Scope, Slot};
use crate::store::{BUILDING, Entry, Shelf, Store, extension};
use crate::text::fault_of;

/// An engine and how it was come by.
#[derive(Clone, Debug)]
pub struct Made {
    /// What it is.
    pub entry: Entry,
    /// `cold`, `warm`, `engine-store` or `none`; see `engines.parquet`.
    pub cache: &'static str,
    /// Timing-cache hits and misses of this build, where the library tells.
    pub counts: Option<(u64, u64)>,
    /// Time to build it now, or to fetch it from the store, in ns.
    pub took_ns: i64,
    /// The timing cache after the build, where one is kept.
    pub kept: Option<Meta>,
}

/// What every build of a run needs.
#[derive(Clone, Copy)]
pub struct Maker<'a> {
    /// Builds.
    pub backend: &'a dyn Backend,
    /// Keeps.
    pub store: &'a Store,
    /// Where builds run.
    pub place: &'a Place,
}

impl Maker<'_> {
    /// Serves the request from the store or builds it. The engine's own lock is held over look-up, build and
    /// insertion, so that two processes never build the same engine twice; others are built meanwhile.
    ///
    /// # Errors
    /// Errors of the backend as faults; exit 4 when the store cannot be written.
    pub fn make(
        self,
        model_digest: &str,
        request: &BuildRequest<'_>,
        step: Step,
    ) -> anyhow::Result<Made> {
        let recipe = Recipe::new(self.backend, model_digest, request);
        let start = Instant::now();
        let shelf =
            self.store.lock(&recipe, || warn("waiting for another build of this engine"))?;
        if step.look_up
            && let Some(entry) = shelf.find(&recipe, &mut |text| warn(&text))
        {
            let took_ns = nanos(start.elapsed());
            return Ok(Made { entry, cache: "engine-store", counts: None, took_ns, kept: None });
        }
        check_digest(request.model, model_digest)?;
        self.build(&shelf, recipe, request, step)
    }

    /// Builds with the cache that the step names, and keeps what the step keeps.
    fn build(
        self,
        shelf: &Shelf,
        recipe: Recipe,
        request: &BuildRequest<'_>,
        step: Step,
    ) -> anyhow::Result<Made> {
        let key = recipe.key();
        let slot = Scope::new(self.backend, request)
            .filter(|_| step.cache != StartFrom::Nothing)
            .map(|scope| Slot::new(self.store, scope));
        let stored = slot.as_ref().filter(|_| step.cache == StartFrom::Stored);
        let stored = stored.and_then(|slot| self.stored(slot));
        let mut request = request.clone();
        request.timing_cache =
            slot.as_ref().map(|_| stored.as_ref().map_or(&[][..], |stored| &stored.blob));
        request.options.require_cached = step.require_cached;
        let (entry, took_ns, blob) = build(self, recipe, &request, step.keep)?;
        let kept = slot.zip(blob).and_then(|(slot, blob)| {
            let counts = entry.timing_cache;
            self.merge(&slot, Addition { blob: &blob, engine: key.as_str(), counts })
        });
        if step.keep == Keep::Indexed {
            shelf.insert(&entry)?;
        }
        let cache = match (step.cache, entry.timing_cache) {
            (StartFrom::Nothing, _) => "none",
            (StartFrom::Stored, Some((hits, _))) if hits > 0 => "warm",
            // a library that does not count hits has them when this very engine was built before
            (StartFrom::Stored, None) if stored.is_some_and(|s| s.meta.knows(key.as_str())) => {
                "warm"
            }
            _ => "cold",
        };
        Ok(Made { counts: entry.timing_cache, entry, cache, took_ns, kept })
    }

    /// The stored cache; when it cannot be read the build goes on cold.
    fn stored(self, slot: &Slot) -> Option<crate::store::timing_cache::Stored> {
        let combine = |ours: &[u8], theirs: &[u8]| self.combine(ours, theirs);
        slot.read(&combine, &mut |text| warn(&text)).unwrap_or_else(|error| {
            warn(&format!("the stored timing cache cannot be read: {error:#}"));
            None
        })
    }

    /// Keeps what the build timed; the engine is good even when that fails.
    fn merge(self, slot: &Slot, new: Addition<'_>) -> Option<Meta> {
        let combine = |ours: &[u8], theirs: &[u8]| self.combine(ours, theirs);
        match slot.merge(new, &combine, &mut |text| warn(&text)) {
            Ok(meta) => Some(meta),
            Err(error) => {
                warn(&format!("the timing cache of this build is not kept: {error:#}"));
                None
            }
        }
    }

    fn combine(self, ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>, String> {
        self.backend.combine_caches(ours, theirs).map_err(|error| error.to_string())
    }
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
    maker: Maker<'_>,
    recipe: Recipe,
    request: &BuildRequest<'_>,
    keep: Keep,
) -> anyhow::Result<(Entry, i64, Option<Vec<u8>>)> {
    let ending = extension(maker.backend.id());
    let engines = maker.store.engines();
    let key = recipe.key();
    let part = engines.join(format!("{BUILDING}{}-{key}.{ending}", std::process::id()));
    let outcome = isolate::build(maker.place, maker.backend, request, &part).and_then(|finished| {
        let Finished { built, took, .. } = finished;
        let digest = Digest::of_file(&part)
            .with_context(|| format!("cannot read the new engine {}", part.display()))?;
        let mut file = format!("{digest}.{ending}");
        let bytes = std::fs::metadata(&part)?.len();
        if keep != Keep::Time {
            settle(&part, &engines.join(&file))?;
        } else if !engines.join(&file).exists() {
            file.clear();
        }
        for text in &built.warnings {
            warn(text);
        }
        let took_ns = nanos(took);
        let entry = Entry {
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            build_ns: took_ns,
            precision_achieved: built.precision_achieved,
            precision_share: built.precision_share,
            timing_cache: built.cache,
            layers: built.layers,
            layers_from: built.layers_from,
            ..Entry::new(recipe, &digest, file)
        };
        Ok((entry, took_ns, built.timing_cache))
    });
    if outcome.is_err() || keep == Keep::Time {
        // nothing may be left that looks like an engine; the first error is the one that matters
        let _ = std::fs::remove_file(&part);
    }
    outcome
}

/// Makes the new engine permanent under its name.
fn settle(part: &Path, place: &Path) -> anyhow::Result<()> {
    let what = || format!("cannot write the engine {}", place.display());
    let file = std::fs::File::open(part).with_context(what)?;
    file.sync_all().with_context(what)?;
    std::fs::rename(part, place).with_context(what)?;
    place.parent().map_or(Ok(()), pipeline::files::sync_folder).with_context(what)
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
