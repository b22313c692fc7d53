//! One build: model → network → plan, and what the plan turned out to be.

use std::path::Path;

use ::tensorrt::{
    Builder, BuilderConfig, BuilderFlag, DeviceMismatch, MemoryPool, Network, OnnxParser, Product,
    ProfilingVerbosity, TimingCache, Typing,
};

use super::log::{BuildLog, Told};
use super::progress::{Monitor, Shared};
use super::{TensorRt, device, explain, has_weak_typing, layer_info};
use crate::border::{OpenSpec, settle};
use crate::error::{Error, Result};
use crate::layers::Layers;
use crate::onnx;
use crate::onnx::proto::GraphProto;
use crate::traits::{Backend as _, BuildRequest, Built, Fp16Route};
use crate::types::{ElementType, Precision, TensorSpec};

/// Builds the engine of `request` into the file `out`.
pub(super) fn build(backend: &TensorRt, request: &BuildRequest<'_>, out: &Path) -> Result<Built> {
    let typing = typing(backend, request)?;
    let graph = graph_without_weights(request.model)?;
    let wrong = |error| explain(backend.id, Some(request.model), error);
    let monitor = Monitor::new(request.progress, request.options.time_limit);
    let log = BuildLog::default();
    let builder = Builder::with_log(&backend.library, log.options()).map_err(wrong)?;
    let mut network = builder.create_network(typing).map_err(wrong)?;
    let parsed = OnnxParser::new(&mut network).and_then(|mut p| p.parse_from_file(request.model));
    parsed.map_err(wrong)?;
    let mut config = builder.create_config().map_err(wrong)?;
    let shapes = shapes(&network, request)?;
    add_profile(&builder, &mut config, &network, &shapes).map_err(wrong)?;
    configure(&mut config, request).map_err(wrong)?;
    let (cache, mut warnings) = attach_cache(backend, &mut config, request)?;
    if monitor.is_needed() {
        config.set_progress_monitor(Box::new(Shared(&monitor))).map_err(wrong)?;
    }
    let plan = builder.build_serialized_network(&mut network, &mut config);
    let plan = plan.map_err(|error| match (wrong(error), monitor.why()) {
        (Error::Cancelled { backend, .. }, Some(why)) => Error::Cancelled { backend, why },
        (error, _) => error,
    })?;
    write(out, &plan)?;
    let told = log.told();
    warnings.extend(told.warnings.iter().cloned());
    let (layers, layers_from) = layers(backend, &plan, &told, &graph, &mut warnings);
    Ok(Built {
        cache: told.cache.filter(|_| cache.is_some()),
        timing_cache: cache
            .map(|cache| cache.serialize().map(|blob| blob.to_vec()))
            .transpose()
            .map_err(wrong)?,
        warnings,
        ..layers.into_built(request.precision, layers_from, backend.build_flags(request))
    })
}

/// Who decides the types; an error where the loaded version cannot do it.
fn typing(backend: &TensorRt, request: &BuildRequest<'_>) -> Result<Typing> {
    let unsupported = |what: String| Err(Error::Unsupported { backend: backend.id, what });
    if !backend.library.can_build() {
        let (product, version) = (backend.library.product(), backend.library.version());
        return unsupported(format!("build: this {product} {version} is a runtime alone"));
    }
    if backend.library.product() == Product::TensorRtRtx && request.options.require_cached {
        return unsupported("build from cached timings alone: it keeps none".to_owned());
    }
    match request.options.fp16_route {
        Fp16Route::Typed => Ok(Typing::Strong),
        Fp16Route::Flag if has_weak_typing(&backend.library) => Ok(Typing::Weak),
        Fp16Route::Flag => unsupported(format!(
            "lower a float32 model by a builder flag: {} {} has none (10.x has); take a float16 model",
            backend.library.product(),
            backend.library.version()
        )),
    }
}

/// The model's nodes: they tell which layers have weights.
fn graph_without_weights(model: &Path) -> Result<GraphProto> {
    let mut graph = onnx::load(model)?.graph.unwrap_or_default();
    graph.initializer = Vec::new();
    Ok(graph)
}

/// Sizes of all inputs; the names of all that stay open are in the error.
fn shapes(network: &Network<'_>, request: &BuildRequest<'_>) -> Result<Vec<TensorSpec>> {
    let open = |tensor: ::tensorrt::TensorInfo| OpenSpec {
        name: tensor.name,
        element: ElementType::F32, // sizes alone matter here
        dims: Some(tensor.dims.iter().map(|&size| usize::try_from(size).ok()).collect()),
    };
    let inputs: Vec<OpenSpec> = network.inputs().into_iter().map(open).collect();
    settle(&inputs, request.shapes)
}

/// One optimisation profile for one size each, where the model leaves sizes open.
fn add_profile<'b>(
    builder: &'b Builder,
    config: &mut BuilderConfig<'b>,
    network: &Network<'_>,
    shapes: &[TensorSpec],
) -> ::tensorrt::Result<()> {
    let inputs = network.inputs();
    let is_open = |name: &str| {
        inputs.iter().any(|input| input.name == name && input.dims.iter().any(|&size| size < 0))
    };
    let open: Vec<&TensorSpec> = shapes.iter().filter(|spec| is_open(&spec.name)).collect();
    if open.is_empty() {
        return Ok(());
    }
    let mut profile = builder.create_optimization_profile()?;
    for spec in open {
        let dims: Vec<i64> = spec.dims.iter().map(|&size| size as i64).collect();
        profile.set_shapes(&spec.name, &dims, &dims, &dims)?;
    }
    config.add_optimization_profile(profile).map(drop)
}

fn configure(config: &mut BuilderConfig<'_>, request: &BuildRequest<'_>) -> ::tensorrt::Result<()> {
    if let Some(bytes) = request.options.workspace {
        config.set_memory_pool_limit(MemoryPool::Workspace, bytes)?;
    }
    config.set_builder_optimization_level(request.optimization_level)?;
    config.set_profiling_verbosity(ProfilingVerbosity::Detailed)?;
    if request.options.fp16_route == Fp16Route::Flag && request.precision == Precision::Fp16 {
        config.set_flag(BuilderFlag::Fp16)?;
    }
    Ok(())
}

/// Lets the build use the caller's cache, and warns where the library does not want it.
fn attach_cache(
    backend: &TensorRt,
    config: &mut BuilderConfig<'_>,
    request: &BuildRequest<'_>,
) -> Result<(Option<TimingCache>, Vec<String>)> {
    let wrong = |error| backend.explain(error);
    if backend.library.product() == Product::TensorRtRtx {
        let ignored = request.timing_cache.is_some();
        let warning = "TensorRT for RTX ignores timing caches: it times nothing when it builds";
        return Ok((None, if ignored { vec![warning.to_owned()] } else { Vec::new() }));
    }
    let Some(blob) = request.timing_cache else {
        if request.options.require_cached {
            let what = "build from cached timings alone without a timing cache".to_owned();
            return Err(Error::Unsupported { backend: backend.id, what });
        }
        config.set_flag(BuilderFlag::DisableTimingCache).map_err(wrong)?;
        return Ok((None, Vec::new()));
    };
    // a cache that the library cannot read costs time and no build
    let mut warnings = Vec::new();
    let cache = match config.create_timing_cache(blob) {
        Err(error) if !blob.is_empty() => {
            warnings.push(format!("the timing cache is not used: {error}"));
            config.create_timing_cache(&[])
        }
        made => made,
    };
    let cache = cache.map_err(wrong)?;
    warnings.extend(cache.warning().map(str::to_owned));
    if !config.set_timing_cache(&cache, DeviceMismatch::Refuse).map_err(wrong)? {
        warnings.push("the timing cache was refused: it is another device's".to_owned());
        return Ok((None, warnings));
    }
    if request.options.require_cached {
        config.set_flag(BuilderFlag::ErrorOnTimingCacheMiss).map_err(wrong)?;
    }
    Ok((Some(cache), warnings))
}

fn write(out: &Path, plan: &[u8]) -> Result<()> {
    std::fs::write(out, plan).map_err(|source| {
        // half an engine must not look like one
        let _ = std::fs::remove_file(out);
        Error::Io { path: out.to_owned(), source }
    })
}

/// The layers, from the engine itself where it can be opened here, else from the builder's report.
fn layers(
    backend: &TensorRt,
    plan: &[u8],
    told: &Told,
    graph: &GraphProto,
    warnings: &mut Vec<String>,
) -> (Layers, &'static str) {
    let report = || {
        let text = told.report.as_deref()?;
        layer_info::of_report(text, Some(graph)).map(|layers| (layers, "build log"))
    };
    // without a driver TensorRT for RTX builds, but opens nothing
    let can_open = backend.library.product() == Product::TensorRt || device::gpu().is_ok();
    let inspected =
        if can_open { Some(super::inspect::layers(backend, plan, graph)) } else { None };
    match (inspected, report()) {
        (Some(Ok(layers)), _) => (layers, "inspector"),
        (None, Some(found)) => found,
        (Some(Err(reason)), Some(found)) => {
            warnings.push(format!("the new engine was not opened: {reason}"));
            found
        }
        (inspected, None) => {
            let reason = inspected.and_then(Result::err).unwrap_or_else(|| "no report".to_owned());
            warnings.push(format!("nothing is known about the engine's layers: {reason}"));
            (Layers::default(), "")
        }
    }
}
