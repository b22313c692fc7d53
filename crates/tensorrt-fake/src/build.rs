//! The build: layers, times from the cache or "measured", progress, and the plan.

use std::collections::BTreeMap;
use std::time::Duration;

use tensorrt::abi::Table;
use tensorrt::abi::enums::{BuilderFlag, DataType, ProfilingVerbosity};

use crate::builder::Profile;
use crate::callback::{Log, Monitor};
use crate::faults;
use crate::inspect;
use crate::layers::{self, Typing};
use crate::network::Network;
use crate::onnx::Graph;
use crate::options::Options;
use crate::plan::{Io, Layer, Plan, Tensor};
use crate::settings::{self, fault};

/// The build failed; the log says why.
#[derive(Debug)]
pub(crate) struct Failed;

/// Builds a plan.
pub(crate) fn build(
    log: Log,
    network: &Network,
    config: &crate::config::Config,
) -> Result<Vec<u8>, Failed> {
    let (graph, options) = (network.content().graph.clone(), config.options());
    let fail = |why: &str| {
        log.error(&format!("Error Code 4: Internal Error ({why})"));
        Failed
    };
    let lower = options.flag(BuilderFlag::Fp16) || options.flag(BuilderFlag::Bf16);
    if network.strongly_typed && lower {
        return Err(fail("precision flags are not allowed in a strongly typed network"));
    }
    if graph.outputs.is_empty() {
        return Err(fail("Network must have at least one output"));
    }
    let io = io(&graph, &options.profiles).map_err(|why| fail(&why))?;
    let layers = layers::layers(&graph, typing(&options));
    let root = "Building engine";
    let progress = Progress { monitor: options.monitor };
    progress.start(root, None, 2);
    let timed = time(log, &layers, &options, progress, root);
    let timed = timed.and_then(|()| faults::in_build(log).map_err(str::to_owned));
    let timed = timed.and_then(|()| progress.step(root, 1));
    progress.finish(root);
    timed.map_err(|why| fail(&why))?;
    let plan = Plan {
        note: Plan::NOTE.into(),
        version: settings::version().to_string(),
        device: settings::device(),
        name: graph.name.clone(),
        verbosity: options.verbosity().value(),
        options: options.summary(),
        profiles: options.profiles.len().max(1),
        layers,
        io,
    };
    if plan.verbosity() == ProfilingVerbosity::Detailed {
        log.verbose(&inspect::in_log(&plan, settings::table()));
    }
    log.info("Engine generation completed in 0.001 seconds. (fake library, for tests)");
    Ok(plan.to_bytes())
}

fn typing(options: &Options) -> Typing {
    if fault("no-fp16") {
        Typing::Single
    } else if options.flag(BuilderFlag::Fp16) {
        Typing::Lower(DataType::HALF)
    } else if options.flag(BuilderFlag::Bf16) {
        Typing::Lower(DataType::BF16)
    } else {
        Typing::Model
    }
}

/// Inputs and outputs with the shapes of every profile.
fn io(graph: &Graph, profiles: &[std::sync::Arc<Profile>]) -> Result<Vec<Io>, String> {
    let mut io = Vec::new();
    for (values, input) in [(&graph.inputs, true), (&graph.outputs, false)] {
        for value in values {
            let tensor = Tensor {
                name: value.name.clone(),
                dims: value.dims.clone(),
                data_type: value.data_type.0,
            };
            let shapes = if input { shapes(&tensor, profiles)? } else { Vec::new() };
            io.push(Io { tensor, input, shapes });
        }
    }
    Ok(io)
}

fn shapes(
    input: &Tensor,
    profiles: &[std::sync::Arc<Profile>],
) -> Result<Vec<[Vec<i64>; 3]>, String> {
    let fixed = || [input.dims.clone(), input.dims.clone(), input.dims.clone()];
    if !input.dims.contains(&-1) {
        return Ok(vec![fixed(); profiles.len().max(1)]);
    }
    if profiles.is_empty() {
        return Err("Network has dynamic or shape inputs, but no optimization profile has been \
                    defined."
            .into());
    }
    let one = |profile: &std::sync::Arc<Profile>| {
        let three = profile.shapes().remove(&input.name);
        let three = three.and_then(|three| three.into_iter().collect::<Option<Vec<_>>>());
        let three: Vec<Vec<i64>> = three
            .into_iter()
            .flatten()
            .filter_map(|dims| dims.as_slice().map(<[i64]>::to_vec))
            .filter(|dims| fits(dims, &input.dims))
            .collect();
        <[Vec<i64>; 3]>::try_from(three)
            .ok()
            .ok_or_else(|| format!("{}: the profile has no shape that fits", input.name))
    };
    profiles.iter().map(one).collect()
}

/// Whether a shape is one of those that the model allows.
pub(crate) fn fits(shape: &[i64], model: &[i64]) -> bool {
    shape.len() == model.len()
        && shape.iter().zip(model).all(|(size, allowed)| *allowed == -1 || size == allowed)
}

/// Looks every layer up in the timing cache, or takes its time.
fn time(
    log: Log,
    layers: &[Layer],
    options: &Options,
    progress: Progress,
    root: &str,
) -> Result<(), String> {
    let prefix = settings::get(settings::KEY).unwrap_or_default();
    let keys: BTreeMap<String, &Layer> =
        layers.iter().map(|layer| (format!("{prefix}{}", layers::key(layer)), layer)).collect();
    let cache = options.cache().filter(|_| {
        settings::table() != Table::Rtx && !options.flag(BuilderFlag::DisableTimingCache)
    });
    log.info(if cache.is_some() {
        "Global timing cache in use. Profiling results in this builder pass will be stored."
    } else {
        "Local timing cache in use. Profiling results in this builder pass will not be stored."
    });
    let phase = "Timing tactics";
    progress.start(phase, Some(root), keys.len() as i32);
    let (mut hits, mut misses) = (0, 0);
    let mut timed = Ok(());
    for (step, (key, layer)) in keys.iter().enumerate() {
        let known = cache.as_ref().and_then(|cache| cache.entries().times.get(key).copied());
        if let Some(time) = known {
            hits += 1;
            log.verbose(&format!("timing cache hit: {key} {time}"));
        } else {
            misses += 1;
            if cache.is_some() && options.flag(BuilderFlag::ErrorOnTimingCacheMiss) {
                timed = Err(format!("timing cache miss: {} ({key})", layer.name));
                break;
            }
            let time = measure(key);
            log.verbose(&format!("timing cache miss: {key}, timed: {time} ns"));
            if let Some(cache) = &cache {
                cache.entries().times.insert(key.clone(), time);
            }
        }
        timed = progress.step(phase, step as i32);
        if timed.is_err() {
            break;
        }
    }
    progress.finish(phase);
    if cache.is_some() {
        log.verbose(&format!("timing cache: {hits} hits, {misses} misses"));
    }
    timed.and_then(|()| progress.step(root, 0))
}

/// The time of a layer, a number that only depends on its key; takes as long as was asked for.
fn measure(key: &str) -> u64 {
    std::thread::sleep(Duration::from_millis(settings::number(settings::BUILD_MS).unwrap_or(0)));
    1000 + layers::hash(key) % 1_000_000
}

/// A progress monitor that may be missing.
#[derive(Clone, Copy)]
struct Progress {
    monitor: Option<Monitor>,
}

impl Progress {
    fn start(self, phase: &str, parent: Option<&str>, steps: i32) {
        if let Some(monitor) = self.monitor {
            monitor.start(phase, parent, steps);
        }
    }

    fn step(self, phase: &str, step: i32) -> Result<(), String> {
        let goes_on = self.monitor.is_none_or(|monitor| monitor.step(phase, step));
        if goes_on { Ok(()) } else { Err("the progress monitor cancelled the build".into()) }
    }

    fn finish(self, phase: &str) {
        if let Some(monitor) = self.monitor {
            monitor.finish(phase);
        }
    }
}
