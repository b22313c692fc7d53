//! The parent's side: starts the child, follows it, keeps its limits, and collects what it made.
//!
//! The kernel kills the child when the *thread* that started it ends, so the thread that calls [`build`]
//! starts the child, and stays until it is gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use backend::{Backend, BuildRequest};
use pipeline::Fault;

use super::Finished;
use super::builder::Builder;
use super::display::Display;
use super::interrupt::Listening;
use super::judge::judge;
use super::limits::Settings;
use super::scratch::Scratch;
use super::wire::Request;

/// Builds in a child process.
///
/// # Errors
/// As [`super::build`].
pub(super) fn build(
    settings: &Settings,
    backend: &dyn Backend,
    request: &BuildRequest<'_>,
    out: &Path,
    display: &Display,
) -> anyhow::Result<Finished> {
    let scratch = Scratch::new(&settings.data)?;
    let cache_in = match request.timing_cache {
        Some(blob) => Some(hand_over(&scratch, blob)?),
        None => None,
    };
    let cache_out = scratch.path("cache.out");
    let wire = Request {
        parent: std::process::id(),
        backend: backend.id(),
        version: backend.version(),
        data: settings.data.clone(),
        model: request.model.to_owned(),
        out: out.to_owned(),
        precision: request.precision,
        optimization_level: request.optimization_level,
        shapes: request.shapes.to_vec(),
        workspace: request.options.workspace,
        fp16_route: request.options.fp16_route,
        require_cached: request.options.require_cached,
        time_limit: request.options.time_limit,
        cache_in,
        cache_out: cache_out.clone(),
    };
    let listening = Listening::start();
    let builder = Builder::start(&settings.program, &wire, display)?;
    let life = builder.follow(&settings.limits, out, display)?;
    drop(listening);
    let clean = life.ended_well();
    let done = judge(life)?;
    if !clean {
        crate::make::warn("the builder crashed after it had delivered its engine, which is used");
    }
    let mut built = done.built;
    if done.cache {
        let blob = fs::read(&cache_out)
            .with_context(|| format!("the builder's timing cache {}", cache_out.display()))?;
        built.timing_cache = Some(blob);
    }
    let took = Duration::from_nanos(done.build_ns);
    Ok(Finished { built, took, peak_memory: done.peak_memory })
}

fn hand_over(scratch: &Scratch, blob: &[u8]) -> anyhow::Result<PathBuf> {
    let path = scratch.path("cache.in");
    fs::write(&path, blob).with_context(|| {
        Fault::environment(format!(
            "cannot hand the timing cache to the builder: {}",
            path.display()
        ))
    })?;
    Ok(path)
}
