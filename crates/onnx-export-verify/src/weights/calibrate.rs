//! Measures what synthetic weights need to know of real activations.
//!
//! One run of a graph in which each BatchNormalization normalises by its own batch: every layer sees
//! the distribution that it will see later, so that all statistics come from a single pass. Runs on rten,
//! which is always there. Engines differ in the last bits, and so may statistics between processor
//! families; on one machine the result repeats.

use anyhow::{Context as _, Result};
use backend::onnx::node::value_info;
use backend::onnx::proto::DataType;
use backend::onnx::shape::{self, Dim};
use backend::{BackendId, Environment, OpenOptions, Session};

use super::synthetic::{Statistics, Synthetic};
use crate::architecture::{Architecture, Net, Norm};
use crate::export;
use crate::fault;

/// Images in the batch whose statistics are taken.
const IMAGES: usize = 8;

/// Operator set of the calibrating graph: the last in which `ReduceMean` has its axes as an attribute.
const OPSET: u32 = 17;

/// Added to the seed, so that no image of the calibration is one of the verification.
const SEED_OFFSET: u64 = 1 << 40;

/// Synthetic weights with statistics measured on seeded images.
pub fn calibrated(
    architecture: Architecture,
    seed: u64,
    environment: &Environment,
) -> Result<Synthetic> {
    let weights = Synthetic::uncalibrated(seed);
    let mut net = Net::new(&weights, Norm::Batch, OPSET);
    architecture.build(&mut net, architecture.classes())?;
    let graph = net.finish();
    let names = graph.statistics.clone();
    let [channels, height, width] = architecture.image();
    let dims = [IMAGES, channels, height, width];
    let mut model = export::assemble(graph, &dims.map(Dim::Fixed), Vec::new(), OPSET);
    let shapes = shape::infer(&model, &[]);
    let output = |name: &String| {
        let dims = shapes.get(name).and_then(|value| value.dims.as_deref());
        value_info(name, DataType::Float as i32, dims)
    };
    let outputs = names.iter().map(output).collect();
    model.graph.get_or_insert_default().output = outputs;

    let folder = tempfile::tempdir().context("no folder for temporary files")?;
    let path = folder.path().join("calibration.onnx");
    backend::onnx::save(&path, &model).map_err(fault)?;
    drop(model);
    let engine = backend::open_backend(BackendId::Rten, environment).map_err(fault)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let options = OpenOptions { threads, ..OpenOptions::default() };
    let mut session = engine.open_model(&path, &options).map_err(fault)?;
    session.set_input(0, &backend::input::image_like(seed + SEED_OFFSET, &dims)).map_err(fault)?;
    session.infer().map_err(fault)?;
    let statistics = read(session.as_ref(), &names)?;
    Ok(weights.with(statistics))
}

/// The last name is that of the features, the others are running statistics.
fn read(session: &dyn Session, names: &[String]) -> Result<Statistics> {
    let value = |name: &String| -> Result<Vec<f32>> {
        let index = session.outputs().iter().position(|output| output.name == *name);
        let values = session.output(index.with_context(|| format!("no output {name}"))?);
        let values = values.map_err(fault)?;
        anyhow::ensure!(values.iter().all(|v| v.is_finite()), "{name} is not finite");
        Ok(values)
    };
    let (features, running) = names.split_last().context("a graph without statistics")?;
    let running =
        running.iter().map(|name| Ok((name.clone(), value(name)?))).collect::<Result<_>>()?;
    let features = value(features)?;
    let count = features.len() / IMAGES;
    anyhow::ensure!(count > 0, "a graph without features");
    let at = |image: usize, feature: usize| f64::from(features[image * count + feature]);
    let feature_mean: Vec<f64> = (0..count)
        .map(|feature| (0..IMAGES).map(|image| at(image, feature)).sum::<f64>() / IMAGES as f64)
        .collect();
    let distance = |image: usize| -> f64 {
        (0..count).map(|feature| (at(image, feature) - feature_mean[feature]).powi(2)).sum()
    };
    let feature_spread = ((0..IMAGES).map(distance).sum::<f64>() / IMAGES as f64).sqrt();
    let common = feature_mean.iter().map(|m| m * m).sum::<f64>().sqrt();
    tracing::debug!(common, feature_spread, "features before the classifier");
    Ok(Statistics { running, feature_mean, feature_spread: feature_spread.max(1e-6) })
}
