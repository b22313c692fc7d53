//! A seeded model of an engine, for tests of the chain: it says that it is one wherever it is named.
//!
//! Its engine is a JSON file: borders taken from the ONNX model, and a [`Spec`] of how it behaves.
//! Its answers are a cheap function of the model's digest and the input, so that a second input has
//! another answer; they are its own and must never be compared with those of a real engine: the
//! reference for the simulator is [`Backend::open_model`] of the simulator.

mod session;
mod spec;

use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::border::{OpenSpec, open_spec, settle};
use crate::error::{Error, Result};
use crate::layers::{Inspection, Layers};
use crate::onnx;
use crate::onnx::proto::{ModelProto, ValueInfoProto};
use crate::traits::{Backend, BuildRequest, Built, OpenOptions, Session};
use crate::types::{BackendId, Capabilities, ElementType, TensorSpec};

use session::SimSession;
pub use spec::{Fault, Spec};

const ID: BackendId = BackendId::Sim;
const VERSION: &str = "simulator 1";

/// The backend.
pub(crate) struct Sim;

/// What the engine file holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Engine {
    /// Names what wrote it; other files are refused.
    simulator: String,
    /// Digest of the model, which decides the answers.
    model: String,
    inputs: Vec<Border>,
    outputs: Vec<Border>,
    behaviour: Spec,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Border {
    name: String,
    element: String,
    dims: Vec<usize>,
}

impl Engine {
    fn read(path: &Path) -> Result<Self> {
        let bytes =
            std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let wrong = |reason: String| Error::Model { path: path.to_owned(), reason };
        let parsed: Self = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("not an engine of the simulator: {error}")))?;
        if parsed.simulator != VERSION {
            return Err(wrong(format!("made by `{}`, this is `{VERSION}`", parsed.simulator)));
        }
        Ok(parsed)
    }
}

impl Backend for Sim {
    fn id(&self) -> BackendId {
        ID
    }

    fn version(&self) -> String {
        VERSION.to_owned()
    }

    fn device(&self) -> String {
        "simulated device".to_owned()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            graph: true,
            max_streams: 32,
            max_depth: 1,
            transfers: false,
            host_threads: false,
            native_fp16: true,
        }
    }

    fn build_flags(&self, _request: &BuildRequest<'_>) -> Vec<String> {
        let text = Spec::from_environment().map(|spec| spec.to_json());
        vec![format!("behaviour={}", text.unwrap_or_else(|_| "invalid".to_owned()))]
    }

    fn build(&self, request: &BuildRequest<'_>, out: &Path) -> Result<Built> {
        request.refuse_gpu_options(ID)?;
        let behaviour = Spec::from_environment()?;
        let model = onnx::load(request.model)?;
        let engine = describe(request.model, &model, request.shapes, behaviour)?;
        let text = serde_json::to_vec_pretty(&engine).map_err(|error| Error::Engine {
            backend: ID,
            what: "build",
            reason: error.to_string(),
        })?;
        std::fs::write(out, text).map_err(|source| Error::Io { path: out.to_owned(), source })?;
        let layers = Layers::of(&model.graph.unwrap_or_default());
        Ok(layers.into_built(request.precision, "graph", self.build_flags(request)))
    }

    fn open(&self, engine: &Path, _options: &OpenOptions) -> Result<Box<dyn Session>> {
        let parsed = Engine::read(engine)?;
        let wrong = |reason: String| Error::Model { path: engine.to_owned(), reason };
        let specs = |borders: &[Border]| {
            let found: Option<Vec<TensorSpec>> = borders.iter().map(Border::spec).collect();
            found
                .ok_or_else(|| wrong("an element type that the simulator does not have".to_owned()))
        };
        let (inputs, outputs) = (specs(&parsed.inputs)?, specs(&parsed.outputs)?);
        Ok(Box::new(SimSession::new(&parsed.model, inputs, outputs, parsed.behaviour)))
    }

    /// Answers at once and without any fault.
    fn open_model(&self, path: &Path, options: &OpenOptions) -> Result<Box<dyn Session>> {
        let model = onnx::load(path)?;
        let engine = describe(path, &model, &options.shapes, Spec::silent())?;
        let specs = |borders: &[Border]| borders.iter().filter_map(Border::spec).collect();
        let (inputs, outputs) = (specs(&engine.inputs), specs(&engine.outputs));
        Ok(Box::new(SimSession::new(&engine.model, inputs, outputs, engine.behaviour)))
    }
}

/// An engine of the simulator for people; `None` when the file is something else.
pub(crate) fn inspect(path: &Path) -> Result<Option<Inspection>> {
    let mut head = [0_u8; 1];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    if read.is_err() || head[0] != b'{' {
        return Ok(None); // whoever reads the file next says what is wrong with it
    }
    let engine = Engine::read(path)?;
    let text = |border: &Border| {
        let dims: Vec<String> = border.dims.iter().map(usize::to_string).collect();
        format!("{}: {}[{}]", border.name, border.element, dims.join(","))
    };
    Ok(Some(Inspection {
        kind: VERSION.to_owned(),
        inputs: engine.inputs.iter().map(text).collect(),
        outputs: engine.outputs.iter().map(text).collect(),
        precision: String::new(),
        layers: Vec::new(),
    }))
}

fn describe(
    path: &Path,
    model: &ModelProto,
    shapes: &[(String, Vec<usize>)],
    behaviour: Spec,
) -> Result<Engine> {
    let graph = model.graph.clone().unwrap_or_default();
    let open = |values: Vec<&ValueInfoProto>| {
        values.into_iter().map(|value| open_spec(ID, value)).collect::<Result<Vec<OpenSpec>>>()
    };
    let inputs = settle(&open(onnx::inputs(&graph))?, shapes)?;
    let batch = inputs.first().and_then(|spec| spec.dims.first().copied()).unwrap_or(1);
    let outputs = open(graph.output.iter().collect())?
        .into_iter()
        .map(|output| {
            // what the model leaves open is the batch, or 1
            let dims = output.dims.unwrap_or_default().into_iter().enumerate();
            let settled = |(index, dim): (usize, Option<usize>)| {
                dim.unwrap_or(if index == 0 { batch } else { 1 })
            };
            let dims = dims.map(settled).collect();
            TensorSpec { name: output.name, element: output.element, dims }
        })
        .collect::<Vec<_>>();
    Ok(Engine {
        simulator: VERSION.to_owned(),
        model: onnx::digest(path)?,
        inputs: inputs.iter().map(Border::of).collect(),
        outputs: outputs.iter().map(Border::of).collect(),
        behaviour,
    })
}

impl Border {
    fn of(spec: &TensorSpec) -> Self {
        let element = match spec.element {
            ElementType::F32 => "f32",
            ElementType::F16 => "f16",
            ElementType::I64 => "i64",
            ElementType::I32 => "i32",
            ElementType::F64 => "f64",
            ElementType::I8 => "i8",
            ElementType::U8 => "u8",
            ElementType::Bool => "bool",
        };
        Self { name: spec.name.clone(), element: element.to_owned(), dims: spec.dims.clone() }
    }

    fn spec(&self) -> Option<TensorSpec> {
        let element = match self.element.as_str() {
            "f32" => ElementType::F32,
            "f16" => ElementType::F16,
            "i64" => ElementType::I64,
            "i32" => ElementType::I32,
            "f64" => ElementType::F64,
            "i8" => ElementType::I8,
            "u8" => ElementType::U8,
            "bool" => ElementType::Bool,
            _ => return None,
        };
        Some(TensorSpec { name: self.name.clone(), element, dims: self.dims.clone() })
    }
}

#[cfg(test)]
#[path = "sim/tests.rs"]
mod tests;
