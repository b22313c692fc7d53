//! Builds an engine file with `trtexec`.

use std::path::{Path, PathBuf};

use crate::border;
use crate::error::{Error, Result};
use crate::onnx;
use crate::traits::{BuildRequest, Built, Fp16Route};
use crate::types::Precision;

use super::command::{self, BuildSpec, TimingCache};
use super::flags;
use super::run::{Limits, Ran, run};
use super::version::Version;
use super::{ID, Trtexec};

/// `key=value` options that shape an engine, beside the request, the device and the version.
pub(crate) fn build_flags(version: Version, request: &BuildRequest<'_>) -> Vec<String> {
    let typed = flags::STRONGLY_TYPED.known_to(version);
    let route = match (request.precision, request.options.fp16_route) {
        (Precision::Fp16, Fp16Route::Flag) => "fp16-flag",
        (_, _) if typed => "strongly-typed",
        (Precision::Fp16, Fp16Route::Typed) => "typed-model-with-fp16-flag",
        (Precision::Fp32, _) => "weakly-typed",
    };
    let workspace = match request.options.workspace {
        Some(bytes) => bytes.to_string(),
        None => "all".to_owned(),
    };
    let mut found = vec![
        format!("typing={route}"),
        format!("workspace={workspace}"),
        "tf32=allowed".to_owned(),
        "sparsity=disable".to_owned(),
        "avg-timing=8".to_owned(),
    ];
    if !flags::BUILDER_OPTIMIZATION_LEVEL.known_to(version) {
        found.push("optimization-levels=none".to_owned());
    }
    found
}

/// Builds `request` into the file `out`.
pub(crate) fn build(tool: &Trtexec, request: &BuildRequest<'_>, out: &Path) -> Result<Built> {
    let folder = tempfile::Builder::new()
        .prefix("trtexec-")
        .tempdir()
        .map_err(|source| Error::Io { path: std::env::temp_dir(), source })?;
    let files = Files::of(folder.path(), request.model, out)?;
    let shapes = open_shapes(request)?;
    let cache = match request.timing_cache {
        None => TimingCache::Off,
        Some(blob) => {
            if !blob.is_empty() {
                write(&files.cache, blob)?;
            }
            TimingCache::File(&files.cache)
        }
    };
    let spec = BuildSpec {
        model: &files.model,
        engine: &files.part,
        layers: &files.layers,
        timing_cache: cache,
        require_cached: request.options.require_cached,
        precision: request.precision,
        fp16_route: request.options.fp16_route,
        optimization_level: request.optimization_level,
        workspace: request.options.workspace,
        device_memory: tool.device.memory_mib,
        shapes: &shapes,
        device: 0,
    };
    let command = command::build(tool.version, &spec)?;
    // what cannot be written is found before the minutes of a build
    write(&files.part, &[])?;
    let limits = Limits { time_limit: request.options.time_limit, progress: request.progress };
    let ran = run(&tool.program, &command, folder.path(), limits)
        .and_then(|ran| ran.check("build", request.model, &files.log).map(|()| ran));
    let built = ran.and_then(|ran| finish(tool, request, &files, &ran, command.notes));
    if built.is_err() {
        // half an engine must not look like one
        let _ = std::fs::remove_file(&files.part);
    }
    built
}

/// Where everything lies; absolute, since the program runs in a folder of its own.
struct Files {
    model: PathBuf,
    out: PathBuf,
    /// What trtexec writes, beside `out`.
    part: PathBuf,
    /// The log of a build that failed, beside `out`.
    log: PathBuf,
    layers: PathBuf,
    cache: PathBuf,
}

impl Files {
    fn of(folder: &Path, model: &Path, out: &Path) -> Result<Self> {
        let absolute = |path: &Path| {
            std::path::absolute(path).map_err(|source| Error::Io { path: path.to_owned(), source })
        };
        let out = absolute(out)?;
        let beside = |ending: &str| {
            let mut name = out.file_name().unwrap_or_default().to_owned();
            name.push(ending);
            out.with_file_name(name)
        };
        Ok(Self {
            model: absolute(model)?,
            part: beside(".part"),
            log: beside(".log"),
            layers: folder.join("layers.json"),
            cache: folder.join("timing.cache"),
            out,
        })
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|source| Error::Io { path: path.to_owned(), source })
}

/// The sizes of inputs with open dimensions: the caller's, and 1 for an open batch.
fn open_shapes(request: &BuildRequest<'_>) -> Result<Vec<(String, Vec<usize>)>> {
    let graph = onnx::load(request.model)?.graph.unwrap_or_default();
    let values = onnx::inputs(&graph);
    let inputs =
        values.into_iter().map(|value| border::open_spec(ID, value)).collect::<Result<Vec<_>>>()?;
    let settled = border::settle(&inputs, request.shapes)?;
    let open = settled.into_iter().zip(&inputs).filter(|(_, input)| input.closed().is_none());
    Ok(open.map(|(spec, _)| (spec.name, spec.dims)).collect())
}

fn finish(
    tool: &Trtexec,
    request: &BuildRequest<'_>,
    files: &Files,
    ran: &Ran,
    notes: Vec<String>,
) -> Result<Built> {
    let broken = |reason: String| Error::Engine { backend: ID, what: "build", reason };
    if !std::fs::metadata(&files.part).is_ok_and(|metadata| metadata.len() > 0) {
        return Err(broken(format!(
            "it said PASSED but wrote no engine; its command: {}",
            ran.line
        )));
    }
    let timing_cache = match request.timing_cache {
        None => None,
        Some(_) => std::fs::read(&files.cache).ok().filter(|blob| !blob.is_empty()),
    };
    let mut built = Built {
        timing_cache,
        flags: build_flags(tool.version, request),
        warnings: ran.log.warnings.clone(),
        ..Built::default()
    };
    built.flags.push(format!("command={}", ran.line));
    built.warnings.extend(notes);
    if let Some(words) = &ran.log.cache.refused {
        built.warnings.push(format!("the timing cache was not used: {words}"));
    } else if request.timing_cache.is_some() && built.timing_cache.is_none() {
        built.warnings.push("trtexec wrote no timing cache".to_owned());
    }
    std::fs::rename(&files.part, &files.out)
        .map_err(|source| Error::Io { path: files.out.clone(), source })?;
    Ok(built)
}
