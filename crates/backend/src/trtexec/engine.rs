//! Builds an engine file with `trtexec`.

use std::path::{Path, PathBuf};

use trtexec_format::Version;

use crate::border;
use crate::error::{Error, Result};
use crate::layers::Layers;
use crate::onnx;
use crate::onnx::proto::GraphProto;
use crate::tensorrt::{cuda, layer_info};
use crate::traits::{BuildRequest, Built, Fp16Route};

use super::command::{self, BuildSpec, Command, TimingCache};
use super::flags;
use super::run::{Limits, Ran, run};
use super::{ID, Trtexec};

/// `key=value` options that shape an engine, beside the request, the device and the version.
pub(crate) fn build_flags(version: Version, request: &BuildRequest<'_>) -> Vec<String> {
    let mut found = typing(version, request);
    found.extend(request.options.workspace.map(|bytes| format!("workspace={bytes}")));
    found.push(format!("cuda={}", cuda()));
    let fixed = ["tf32=allowed", "sparsity=disable", "avg-timing=8"];
    found.extend(fixed.map(str::to_owned));
    if flags::PROFILING_VERBOSITY.known_to(version) {
        found.push("profiling-verbosity=detailed".to_owned());
    }
    if !flags::BUILDER_OPTIMIZATION_LEVEL.known_to(version) {
        found.push("optimization-levels=none".to_owned());
    }
    found
}

/// Who decides the types of an engine, as `key=value`.
pub(crate) fn typing(version: Version, request: &BuildRequest<'_>) -> Vec<String> {
    let flag = request.options.fp16_route == Fp16Route::Flag;
    let strong = !flag && flags::STRONGLY_TYPED.known_to(version);
    crate::tensorrt::typing(strong, request.precision)
}

/// Builds `request` into the file `out`.
pub(crate) fn build(tool: &Trtexec, request: &BuildRequest<'_>, out: &Path) -> Result<Built> {
    let folder = tempfile::Builder::new()
        .prefix("trtexec-")
        .tempdir()
        .map_err(|source| Error::Io { path: std::env::temp_dir(), source })?;
    let files = Files::of(folder.path(), request.model, out)?;
    let mut graph = onnx::load(request.model)?.graph.unwrap_or_default();
    let shapes = open_shapes(&graph, request.shapes)?;
    graph.initializer = Vec::new();
    let spec = spec(tool, request, &files, &shapes);
    let command = command::build(tool.version, &spec)?;
    // what cannot be written is found before the minutes of a build
    write(&files.part, &[])?;
    let built = attempt(tool, request, &files, &command).and_then(|(ran, start)| {
        finish(tool, request, &files, &Done { ran, start, command, graph })
    });
    if built.is_err() {
        // half an engine must not look like one
        let _ = std::fs::remove_file(&files.part);
    }
    built
}

fn spec<'a>(
    tool: &Trtexec,
    request: &BuildRequest<'_>,
    files: &'a Files,
    shapes: &'a [(String, Vec<usize>)],
) -> BuildSpec<'a> {
    BuildSpec {
        model: &files.model,
        engine: &files.part,
        layers: &files.layers,
        timing_cache: match request.timing_cache {
            None => TimingCache::Off,
            Some(_) => TimingCache::File(&files.cache),
        },
        require_cached: request.options.require_cached,
        precision: request.precision,
        fp16_route: request.options.fp16_route,
        optimization_level: request.optimization_level,
        workspace: request.options.workspace,
        device_memory: tool.device.memory_mib,
        shapes,
        device: 0,
    }
}

/// Runs the build, and once more without the cache when only the cache was refused: trtexec ends then,
/// but a cache that cannot be used should cost time and no engine. Also gives the cache it began with.
fn attempt<'a>(
    tool: &Trtexec,
    request: &BuildRequest<'a>,
    files: &Files,
    command: &Command,
) -> Result<(Ran, &'a [u8])> {
    let limits = Limits { time_limit: request.options.time_limit, progress: request.progress };
    let once = || run(&tool.program, command, &files.folder, limits);
    let judge = |ran: &Ran| ran.check("build", request.model, &files.log);
    let blob = request.timing_cache.unwrap_or_default();
    if !blob.is_empty() {
        write(&files.cache, blob)?;
    }
    let first = once()?;
    let outcome = judge(&first);
    let refused = first.log.cache.refused.clone();
    match (outcome, refused) {
        (Err(Error::Engine { .. }), Some(words))
            if !blob.is_empty() && !request.options.require_cached =>
        {
            std::fs::remove_file(&files.cache)
                .map_err(|source| Error::Io { path: files.cache.clone(), source })?;
            let mut second = once()?;
            judge(&second)?;
            let _ = std::fs::remove_file(&files.log);
            second.log.cache.refused = Some(words);
            Ok((second, &[]))
        }
        (outcome, _) => outcome.map(|()| (first, blob)),
    }
}

/// Where everything lies; absolute, since the program runs in a folder of its own.
struct Files {
    folder: PathBuf,
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
            folder: folder.to_owned(),
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
fn open_shapes(
    graph: &GraphProto,
    shapes: &[(String, Vec<usize>)],
) -> Result<Vec<(String, Vec<usize>)>> {
    let values = onnx::inputs(graph).into_iter();
    let inputs = values.map(|value| border::open_spec(ID, value)).collect::<Result<Vec<_>>>()?;
    let settled = border::settle(&inputs, shapes)?;
    let open = settled.into_iter().zip(&inputs).filter(|(_, input)| input.closed().is_none());
    Ok(open.map(|(spec, _)| (spec.name, spec.dims)).collect())
}

/// A build that passed.
struct Done<'a> {
    ran: Ran,
    /// The cache that it began with.
    start: &'a [u8],
    command: Command,
    /// The model's nodes.
    graph: GraphProto,
}

fn finish(
    tool: &Trtexec,
    request: &BuildRequest<'_>,
    files: &Files,
    done: &Done<'_>,
) -> Result<Built> {
    let Done { ran, start, command, graph } = done;
    if !std::fs::metadata(&files.part).is_ok_and(|metadata| metadata.len() > 0) {
        let reason = format!("it said PASSED but wrote no engine; its command: {}", ran.line);
        return Err(Error::Engine { backend: ID, what: "build", reason });
    }
    let mut warnings = ran.log.warnings.clone();
    warnings.extend(command.notes.iter().cloned());
    let cache = request.timing_cache.and_then(|_| std::fs::read(&files.cache).ok());
    let timing_cache = cache.filter(|blob| !blob.is_empty());
    if let Some(words) = &ran.log.cache.refused {
        warnings.push(format!("the timing cache was not used: {words}"));
    } else if request.timing_cache.is_some() && timing_cache.is_none() {
        warnings.push("trtexec wrote no timing cache".to_owned());
    }
    if let Some(blob) = &timing_cache {
        tool.lineage.remember(start, blob);
    }
    let layers = layers(tool.version, &files.layers, graph, &mut warnings);
    let from = if layers.is_some() { "layer export" } else { "" };
    let mut flags = build_flags(tool.version, request);
    flags.push(format!("command={}", ran.line));
    std::fs::rename(&files.part, &files.out)
        .map_err(|source| Error::Io { path: files.out.clone(), source })?;
    let built = layers.unwrap_or_default().into_built(request.precision, from, flags);
    Ok(Built { timing_cache, warnings, ..built })
}

/// The layers that trtexec exported.
fn layers(
    version: Version,
    file: &Path,
    graph: &GraphProto,
    warnings: &mut Vec<String>,
) -> Option<Layers> {
    if !flags::EXPORT_LAYER_INFO.known_to(version) {
        return None;
    }
    let bytes = std::fs::read(file).map_err(|error| error.to_string());
    let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    match text.and_then(|text| layer_info::of_json(&text, Some(graph))) {
        Ok(layers) => Some(layers),
        Err(reason) => {
            warnings.push(format!("the exported layers cannot be read: {reason}"));
            None
        }
    }
}
