//! Opening a plan to ask the engine about itself. That needs the GPU it was built for.

use std::io::Read as _;
use std::path::Path;

use ::tensorrt::{LayerInformationFormat, LogOptions, Runtime, TensorIoMode};

use super::{TensorRt, device, layer_info};
use crate::error::{Error, Result};
use crate::layers::{Inspection, Layers};
use crate::onnx::proto::GraphProto;
use crate::traits::Environment;
use crate::types::BackendId;

/// How a plan begins, and whose it is.
const MAGIC: [(&[u8; 4], BackendId); 2] =
    [(b"ftrt", BackendId::Tensorrt), (b"vtrt", BackendId::TensorrtRtx)];

/// The layers of a new plan; else why the library does not open it.
pub(super) fn layers(
    backend: &TensorRt,
    plan: &[u8],
    graph: &GraphProto,
) -> Result<Layers, String> {
    let json = information(backend, plan).map_err(|error| error.to_string())?.json;
    layer_info::of_json(&json, Some(graph)).map_err(|error| format!("inspector: {error}"))
}

/// A plan for people; `None` when the file is something else.
///
/// # Errors
/// [`Error::Unavailable`] where there is no GPU or no library; [`Error::Engine`] where the library
/// refuses the plan: it was built by another version or for another device.
pub(crate) fn inspect(path: &Path, environment: &Environment) -> Result<Option<Inspection>> {
    let mut head = [0_u8; 4];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    let owner = MAGIC.iter().find(|(magic, _)| read.is_ok() && **magic == head);
    let Some(&(_, id)) = owner else { return Ok(None) };
    if let Err(reason) = device::gpu() {
        return Err(Error::Unavailable {
            backend: id,
            reason: format!(
                "a plan can only be read on the GPU that it is for, and here is {reason}"
            ),
            hint: "layers.parquet of the run that built it has its layers".to_owned(),
        });
    }
    let backend = TensorRt::load(id, environment)?;
    let plan = std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    describe(&backend, &plan).map(Some)
}

/// What a plan holds.
pub(super) fn describe(backend: &TensorRt, plan: &[u8]) -> Result<Inspection> {
    let told = information(backend, plan).map_err(|error| backend.explain(error))?;
    let layers = layer_info::of_json(&told.json, None).map_err(|reason| Error::Engine {
        backend: backend.id,
        what: "reading the inspector's JSON",
        reason,
    })?;
    let (product, version) = (backend.library.product(), backend.library.version());
    Ok(Inspection {
        kind: format!("plan of {product}, read with {version}"),
        inputs: told.inputs,
        outputs: told.outputs,
        precision: layers.precision(),
        layers: layers.layers,
    })
}

/// What an opened engine tells.
struct Information {
    json: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

fn information(backend: &TensorRt, plan: &[u8]) -> ::tensorrt::Result<Information> {
    let runtime = Runtime::with_log(&backend.library, LogOptions::default())?;
    let engine = runtime.deserialize(plan)?;
    let json = engine.create_inspector()?.engine_information(LayerInformationFormat::Json)?;
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for tensor in engine.io_tensors()? {
        let dims: Vec<String> = tensor.dims.iter().map(i64::to_string).collect();
        let element = layer_info::precision_of(&tensor.data_type.to_string()).replace("fp", "f");
        let text = format!("{}: {element}[{}]", tensor.name, dims.join(","));
        if tensor.mode == TensorIoMode::INPUT { inputs.push(text) } else { outputs.push(text) }
    }
    Ok(Information { json, inputs, outputs })
}
