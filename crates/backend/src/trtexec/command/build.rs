//! The command line of a build.

use std::path::Path;

use crate::error::Result;
use crate::traits::Fp16Route;
use crate::trtexec::flags::{self, Flag};
use crate::trtexec::unsupported;
use crate::types::Precision;
use trtexec_format::Version;

use super::{Command, join_shapes};

/// Bytes of the unit of `--workspace` and `--memPoolSize`.
const MIB: u64 = 1 << 20;

/// Which cache of timings a build uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimingCache<'a> {
    /// None, not even within one build.
    Off,
    /// This file: read when it is there, written at the end.
    File(&'a Path),
}

/// A build.
#[derive(Clone, Debug)]
pub struct BuildSpec<'a> {
    /// The ONNX file.
    pub model: &'a Path,
    /// The file that the engine goes into.
    pub engine: &'a Path,
    /// The file that the layers go into, where the version can tell them.
    pub layers: &'a Path,
    /// Cache of timings.
    pub timing_cache: TimingCache<'a>,
    /// A timing that the cache lacks is an error.
    pub require_cached: bool,
    /// Precision of the engine.
    pub precision: Precision,
    /// How float16 is asked for.
    pub fp16_route: Fp16Route,
    /// 0 (fast build) to 5 (fast engine).
    pub optimization_level: u8,
    /// Most scratch memory, in bytes; `None`: all of the device's.
    pub workspace: Option<u64>,
    /// The device's memory in MiB, which old versions must be told; `None` when it is not known.
    pub device_memory: Option<u64>,
    /// Sizes of inputs with open dimensions, by name: the only sizes that the engine then takes.
    pub shapes: &'a [(String, Vec<usize>)],
    /// The device's number.
    pub device: u32,
}

/// The command line of a build.
///
/// # Errors
/// [`crate::Error::Unsupported`] for what this version cannot do; [`crate::Error::Shape`] for a name that its command
/// line cannot carry.
pub fn build(version: Version, spec: &BuildSpec<'_>) -> Result<Command> {
    let mut line = Command::default();
    line.value("--onnx", spec.model);
    line.value("--saveEngine", spec.engine);
    let skip = pick(version, flags::SKIP_INFERENCE, flags::BUILD_ONLY);
    line.flag(skip.name);
    line.number("--device", spec.device);
    precision(version, spec, &mut line)?;
    workspace(version, spec, &mut line);
    if flags::BUILDER_OPTIMIZATION_LEVEL.known_to(version) {
        line.number(flags::BUILDER_OPTIMIZATION_LEVEL.name, spec.optimization_level);
    } else {
        line.notes.push(format!(
            "trtexec {version} has no optimisation levels: level {} was not asked of it",
            spec.optimization_level
        ));
    }
    line.flag("--sparsity=disable");
    line.flag("--avgTiming=8");
    timing_cache(version, spec, &mut line)?;
    if !spec.shapes.is_empty() {
        let shapes = join_shapes(spec.shapes)?;
        for name in ["--minShapes", "--optShapes", "--maxShapes"] {
            line.value(name, &shapes);
        }
    }
    if flags::PROFILING_VERBOSITY.known_to(version) {
        line.value(flags::PROFILING_VERBOSITY.name, "detailed");
    }
    if flags::EXPORT_LAYER_INFO.known_to(version) {
        line.value(flags::EXPORT_LAYER_INFO.name, spec.layers);
    } else {
        line.notes.push(format!("trtexec {version} cannot tell the layers of an engine"));
    }
    Ok(line)
}

/// The first flag where the version knows it, else the second.
fn pick(version: Version, new: Flag, old: Flag) -> Flag {
    if new.known_to(version) { new } else { old }
}

fn precision(version: Version, spec: &BuildSpec<'_>, line: &mut Command) -> Result<()> {
    match (spec.precision, spec.fp16_route) {
        (_, Fp16Route::Flag) if !flags::FP16.known_to(version) => {
            return Err(unsupported(format!(
                "lower a float32 model by a builder flag: trtexec {version} has none (8.x to 10.x have); \
                 take a float16 model"
            )));
        }
        (Precision::Fp16, Fp16Route::Flag) => line.flag(flags::FP16.name),
        (Precision::Fp32, Fp16Route::Flag) => {}
        (_, _) if flags::STRONGLY_TYPED.known_to(version) => line.flag(flags::STRONGLY_TYPED.name),
        (Precision::Fp16, Fp16Route::Typed) => {
            // a weakly typed network drops to float32 what no flag allows to be float16
            line.flag(flags::FP16.name);
            line.notes.push(format!(
                "trtexec {version} has no strongly typed networks: the float16 model is built with \
                 the builder's float16 flag"
            ));
        }
        (Precision::Fp32, Fp16Route::Typed) => {}
    }
    Ok(())
}

fn workspace(version: Version, spec: &BuildSpec<'_>, line: &mut Command) {
    if flags::MEM_POOL_SIZE.known_to(version) {
        // without the flag it is all of the device's memory, in every version that has it
        if let Some(bytes) = spec.workspace {
            let size = format!("workspace:{}", mebibytes(bytes, line));
            line.value(flags::MEM_POOL_SIZE.name, size);
        }
    } else {
        let size = match (spec.workspace, spec.device_memory) {
            (Some(bytes), _) => mebibytes(bytes, line),
            (None, Some(memory)) => memory,
            (None, None) => {
                let note = "the device's memory is not known: the workspace is limited to 1024 MiB";
                line.notes.push(note.to_owned());
                1024
            }
        };
        line.number(flags::WORKSPACE.name, size);
    }
}

/// Whole MiB, at most what was asked but at least one.
fn mebibytes(bytes: u64, line: &mut Command) -> u64 {
    let whole = (bytes / MIB).max(1);
    if whole * MIB != bytes {
        let note =
            format!("trtexec takes whole MiB: a workspace of {bytes} bytes became {whole} MiB");
        line.notes.push(note);
    }
    whole
}

fn timing_cache(version: Version, spec: &BuildSpec<'_>, line: &mut Command) -> Result<()> {
    match spec.timing_cache {
        TimingCache::Off => line.flag("--noBuilderCache"),
        TimingCache::File(file) => line.value("--timingCacheFile", file),
    }
    match (spec.require_cached, spec.timing_cache) {
        (false, _) => Ok(()),
        (true, TimingCache::Off) => {
            Err(unsupported("build from cached timings alone without a timing cache".to_owned()))
        }
        (true, TimingCache::File(_)) if flags::ERROR_ON_TIMING_CACHE_MISS.known_to(version) => {
            line.flag(flags::ERROR_ON_TIMING_CACHE_MISS.name);
            Ok(())
        }
        (true, TimingCache::File(_)) => Err(unsupported(format!(
            "build from cached timings alone: trtexec {version} does not tell a miss (9.0 and later do)"
        ))),
    }
}
