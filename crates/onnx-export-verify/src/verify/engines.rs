//! The engines that give answers: ONNX Runtime when its library is there, and rten, which always is.

use std::path::PathBuf;

use anyhow::Result;
use backend::input::{Feeds, fill};
use backend::{Backend, BackendId, Environment, OpenOptions, Precision, TensorSpec};

use super::tolerance::Depth;
use crate::fault;

/// A model to be run.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its digest.
    pub digest: String,
    /// Its precision.
    pub precision: Precision,
    /// What distinguishes its graph in the name of a reference: `fp32`, `fp32 with BatchNormalization kept`.
    pub label: String,
    /// The file.
    pub path: PathBuf,
    /// Roundings between input and output.
    pub depth: Depth,
}

/// One output of one inference.
#[derive(Clone, Debug)]
pub struct Output {
    /// Name.
    pub name: String,
    /// Dimensions.
    pub dims: Vec<usize>,
    /// Elements.
    pub values: Vec<f32>,
}

/// The outputs of a model for each seed.
pub type Answers = Vec<Vec<Output>>;

/// One engine.
pub struct Engine {
    /// Name and version.
    pub name: String,
    /// Name, version and device: part of the key under which verifications are kept.
    pub identity: String,
    backend: Box<dyn Backend>,
}

/// The engines that work here, the reference first.
pub struct Engines {
    /// The engines.
    pub list: Vec<Engine>,
    /// Why ONNX Runtime is not among them, and what would change that.
    pub missing: Option<(String, String)>,
}

impl Engines {
    /// Opens the libraries.
    pub fn open(environment: &Environment) -> Result<Self> {
        let mut engines = Self { list: Vec::new(), missing: None };
        match backend::open_backend(BackendId::OnnxruntimeCpu, environment) {
            Ok(backend) => engines.list.push(Engine::new(backend)),
            Err(error) => {
                let hint = error.hint().unwrap_or_default().to_owned();
                engines.missing = Some((error.to_string(), hint));
            }
        }
        let rten = backend::open_backend(BackendId::Rten, environment).map_err(fault)?;
        engines.list.push(Engine::new(rten));
        Ok(engines)
    }
}

impl Engine {
    fn new(backend: Box<dyn Backend>) -> Self {
        let name = format!("{} {}", backend.id(), backend.version());
        let identity = format!("{name} on {}", backend.device());
        Self { name, identity, backend }
    }

    /// Runs a model on the inputs that `feeds` makes of the seeds; `shapes` gives open dimensions a size.
    pub fn answers(
        &self,
        subject: &Subject,
        shapes: &[(String, Vec<usize>)],
        feeds: &Feeds,
        seeds: &[u64],
    ) -> backend::Result<Answers> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let options = OpenOptions {
            threads,
            shapes: shapes.to_vec(),
            feeds: feeds.clone(),
            ..OpenOptions::default()
        };
        let mut session = self.backend.open_model(&subject.path, &options)?;
        let specs: Vec<TensorSpec> = session.inputs().to_vec();
        feeds.check(&specs)?;
        let mut answers = Vec::with_capacity(seeds.len());
        for &seed in seeds {
            for (index, spec) in specs.iter().enumerate() {
                session.set_input(index, &fill(feeds, seed, index, spec))?;
            }
            // an engine that does not answer must not be taken for one that repeats itself
            session.poison_outputs()?;
            session.infer()?;
            let outputs = session.outputs().to_vec();
            let read = |(index, spec): (usize, TensorSpec)| {
                Ok(Output { values: session.output(index)?, name: spec.name, dims: spec.dims })
            };
            answers
                .push(outputs.into_iter().enumerate().map(read).collect::<backend::Result<_>>()?);
        }
        Ok(answers)
    }
}
