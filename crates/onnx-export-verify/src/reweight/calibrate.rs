//! One run of a graph in which every product and normalisation scales itself by what it sees.
//!
//! The graph stands there once for each seeded input, so that models of a fixed batch can be measured too;
//! statistics are taken over all copies. Every layer sees the distribution that it will see later, so a
//! single pass is enough. Runs on rten, on ONNX Runtime where rten cannot.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use backend::input::{Feeds, fill};
use backend::onnx::proto::ModelProto;
use backend::{BackendId, Environment, OpenOptions, Session};
use pipeline::Fault;

use super::draw::{Means, coarse, draw};
use super::residual::Gains;
use super::roles::Plan;
use copies::Copies;

mod copies;
mod emit;

/// Copies of the graph, each with an input of its own.
const INPUTS: usize = 4;

/// Standard deviation of the logits over classes. The best of a thousand then has three times its share: not
/// uniform, and far from where the exponential magnifies the rounding errors of unusual inputs.
const LOGIT_DEVIATION: f32 = 0.35;

/// Added to the seed, so that no input of the calibration is one of the verification.
const SEED_OFFSET: u64 = 1 << 41;

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// What filters are multiplied by, by name.
    pub(super) factors: HashMap<String, f32>,
    /// Biases and running statistics, by name.
    pub(super) values: HashMap<String, Vec<f32>>,
    /// Products and normalisations that were measured.
    pub(super) sites: usize,
}

/// Measures a model whose weights have been drawn.
pub(super) fn calibrate(
    model: &ModelProto,
    plan: &Plan,
    gains: &Gains,
    seed: u64,
    shapes: &[(String, Vec<usize>)],
    environment: &Environment,
) -> Result<Measured> {
    let beta = |name: &str| {
        plan.weights
            .iter()
            .find(|w| w.name == name)
            .map(|w| draw(w, seed, Means { scale: 1.0, shift: 0.0 }))
            .unwrap_or_default()
    };
    let graph = model.graph.as_ref().context("a model without graph")?;
    let copies = Copies::of(graph, backend::onnx::opset(model), plan, gains, &beta);
    if copies.wanted.is_empty() {
        return Ok(Measured::default());
    }
    let Copies { graph: copied, wanted, names, sites } = copies;
    let calibrating = ModelProto { graph: Some(copied), ..model.clone() };
    let folder = tempfile::tempdir().context("no folder for temporary files")?;
    let path = folder.path().join("calibration.onnx");
    backend::onnx::save(&path, &calibrating).map_err(crate::fault)?;
    drop(calibrating);
    let shapes = names.shapes(shapes);
    let mut session = open(&path, &shapes, environment)?;
    for index in 0..session.inputs().len() {
        let spec = session.inputs()[index].clone();
        let values = fill(&Feeds::default(), seed.wrapping_add(SEED_OFFSET), index, &spec);
        session.set_input(index, &values).map_err(crate::fault)?;
    }
    session.infer().map_err(crate::fault)?;
    Ok(Measured { sites, ..read(session.as_ref(), &wanted)? })
}

fn open(
    path: &std::path::Path,
    shapes: &[(String, Vec<usize>)],
    environment: &Environment,
) -> Result<Box<dyn Session>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let options = OpenOptions {
        threads,
        spinning: false,
        shapes: shapes.to_vec(),
        optimise: false,
        feeds: Feeds::default(),
    };
    let mut reasons = Vec::new();
    for id in [BackendId::Rten, BackendId::OnnxruntimeCpu] {
        let session = backend::open_backend(id, environment)
            .and_then(|engine| engine.open_model(path, &options));
        match session {
            Ok(session) => return Ok(session),
            Err(error @ backend::Error::Shape { .. }) => return Err(crate::fault(error).into()),
            Err(error) => reasons.push(format!("{id}: {error}")),
        }
    }
    let message =
        format!("no engine here can run the model to calibrate it: {}", reasons.join("; "));
    Err(Fault::config(message).hint("cargo xtask setup cpu fetches ONNX Runtime").into())
}

/// An output of the calibrating graph and what it is for.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// The factor of a product's filters.
    Factor { output: String, filters: String },
    /// The values of a weight.
    Values { output: String, weight: String },
    /// The spread of what a Softmax reads; the product before it is scaled so that it becomes usual.
    Spread { output: String, filters: String, bias: Option<String> },
}

impl Wanted {
    fn output(&self) -> &str {
        match self {
            Self::Factor { output, .. }
            | Self::Values { output, .. }
            | Self::Spread { output, .. } => output,
        }
    }
}

fn read(session: &dyn Session, wanted: &[Wanted]) -> Result<Measured> {
    let mut measured = Measured::default();
    for item in wanted {
        let name = item.output();
        let index = session.outputs().iter().position(|output| output.name == name);
        let values = session.output(index.with_context(|| format!("no output {name}"))?);
        let values: Vec<f32> = values.map_err(crate::fault)?.into_iter().map(coarse).collect();
        if !values.iter().all(|v| v.is_finite()) {
            let message = format!("calibration gave numbers that are not finite at {name}");
            return Err(Fault::config(message).hint("another --seed may do").into());
        }
        match item {
            Wanted::Factor { filters, .. } => {
                measured.factors.insert(filters.clone(), values.first().copied().unwrap_or(1.0));
            }
            Wanted::Values { weight, .. } => {
                measured.values.insert(weight.clone(), values);
            }
            Wanted::Spread { filters, bias, .. } => {
                let spread = values.first().copied().unwrap_or(1.0).max(1e-6);
                let more = coarse((LOGIT_DEVIATION / spread).clamp(0.05, 50.0));
                if let Some(factor) = measured.factors.get_mut(filters) {
                    *factor *= more;
                }
                let bias = bias.as_ref().and_then(|bias| measured.values.get_mut(bias));
                bias.into_iter().flatten().for_each(|value| *value *= more);
            }
        }
    }
    Ok(measured)
}
