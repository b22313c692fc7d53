//! The engines that give answers: ONNX Runtime when its library is there, and rten, which always is.

use std::path::{Path, PathBuf};

use anyhow::Result;
use backend::{
    Backend, BackendId, ElementType, Environment, OpenOptions, Precision, Session, TensorSpec,
};

use super::inputs::Inputs;
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
    /// Element type.
    pub element: ElementType,
    /// Dimensions.
    pub dims: Vec<usize>,
    /// Elements.
    pub values: Vec<f32>,
}

/// The outputs of a model for each input set; shorter than the sets when those at the end do not fit the model.
pub type Answers = Vec<Vec<Output>>;

/// Whether elements are floating-point numbers; others are compared exactly.
pub fn is_float(element: ElementType) -> bool {
    matches!(element, ElementType::F32 | ElementType::F16 | ElementType::F64)
}

/// What to run a model on, and how.
#[derive(Clone, Copy, Debug)]
pub struct Feeding<'a> {
    /// Sizes for open dimensions, by input.
    pub shapes: &'a [(String, Vec<usize>)],
    /// The inputs.
    pub inputs: &'a Inputs,
    /// Whether the engine may rewrite the graph.
    pub optimise: bool,
    /// Whether rten reads the file as it stands, not a view in its own words: see
    /// [`backend::open_as_written_on_rten`].
    pub as_written: bool,
}

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

    /// Whether it is ONNX Runtime.
    pub fn is_onnxruntime(&self) -> bool {
        self.backend.id() == BackendId::OnnxruntimeCpu
    }

    /// Opens a model whose graph is run as it stands in the file, for comparing inner values.
    pub fn open_plain(
        &self,
        path: &Path,
        feeding: &Feeding<'_>,
    ) -> backend::Result<Box<dyn Session>> {
        let options = options(&Feeding { optimise: false, ..*feeding });
        if feeding.as_written && self.backend.id() == BackendId::Rten {
            backend::open_as_written_on_rten(path, &options)
        } else {
            self.backend.open_model(path, &options)
        }
    }

    /// Runs a model on every input set that fits it.
    pub fn answers(&self, subject: &Subject, feeding: &Feeding<'_>) -> backend::Result<Answers> {
        let options = options(feeding);
        let mut session = if feeding.as_written && self.backend.id() == BackendId::Rten {
            backend::open_as_written_on_rten(&subject.path, &options)?
        } else {
            self.backend.open_model(&subject.path, &options)?
        };
        let specs: Vec<TensorSpec> = session.inputs().to_vec();
        let Inputs { list, feeds } = feeding.inputs;
        feeds.check(&specs)?;
        let mut answers = Vec::with_capacity(list.len());
        for set in list.iter().take_while(|set| set.fits(&specs, feeds)) {
            for (index, spec) in specs.iter().enumerate() {
                session.set_input(index, &set.values(index, spec, feeds)?)?;
            }
            // an engine that does not answer must not be taken for one that repeats itself
            session.poison_outputs()?;
            session.infer()?;
            let outputs = session.outputs().to_vec();
            let read = |(index, spec): (usize, TensorSpec)| {
                let TensorSpec { name, element, dims } = spec;
                Ok(Output { name, element, dims, values: session.output(index)? })
            };
            answers
                .push(outputs.into_iter().enumerate().map(read).collect::<backend::Result<_>>()?);
        }
        Ok(answers)
    }
}

fn options(feeding: &Feeding<'_>) -> OpenOptions {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (shapes, optimise) = (feeding.shapes.to_vec(), feeding.optimise);
    let feeds = feeding.inputs.feeds.clone();
    OpenOptions { threads, spinning: false, shapes, optimise, feeds }
}
