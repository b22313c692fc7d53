//! rten: a pure-Rust engine that is always there, since it is a cargo dependency.
//!
//! It has no engine file of its own: a build loads and checks the model and copies it, and every
//! session optimises it again while it loads (`optimized=at-load`). It computes float16 as float32.
//! It is right from operator set 13 on (before, the default axis of Softmax was another), and leaves out
//! a few operators and defaults: what it loads is a view of the model in words that it knows (`view.rs`).

mod outline;
mod session;
mod view;

use std::path::Path;

use crate::device;
use crate::error::Result;
use crate::layers::Layers;
use crate::onnx;
use crate::traits::{Backend, BuildRequest, Built, OpenOptions, Session};
use crate::types::{BackendId, Capabilities};

use session::{Plan, RtenSession};

const ID: BackendId = BackendId::Rten;
/// The version in the workspace manifest, which pins it; a test compares the two.
const VERSION: &str = "0.27.0";

/// The backend.
pub(crate) struct Rten;

impl Backend for Rten {
    fn id(&self) -> BackendId {
        ID
    }

    fn version(&self) -> String {
        VERSION.to_owned()
    }

    fn device(&self) -> String {
        device::cpu()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::cpu()
    }

    fn build_flags(&self, _request: &BuildRequest<'_>) -> Vec<String> {
        ["optimized=at-load", "prepacked-weights=true", "layers=onnx-graph"]
            .map(str::to_owned)
            .to_vec()
    }

    fn build(&self, request: &BuildRequest<'_>, out: &Path) -> Result<Built> {
        request.refuse_gpu_options(ID)?;
        let model = onnx::load(request.model)?;
        RtenSession::check(request.model, &options_of(request))?;
        let mut copy = model.clone();
        onnx::file::inline_external(request.model, &mut copy)?;
        onnx::save(out, &copy)?;
        let layers = Layers::of(&model.graph.unwrap_or_default()).computed_in_fp32();
        Ok(layers.into_built(request.precision, "graph", self.build_flags(request)))
    }

    fn open(&self, engine: &Path, options: &OpenOptions) -> Result<Box<dyn Session>> {
        Ok(Box::new(RtenSession::open(engine, options, Plan::Engine)?))
    }

    /// The graph as it was written, without rten's own fusions: as a second opinion it should share
    /// as little as possible with what is measured. So [`OpenOptions::optimise`] changes nothing here.
    fn open_model(&self, model: &Path, options: &OpenOptions) -> Result<Box<dyn Session>> {
        Ok(Box::new(RtenSession::open(model, options, Plan::Plain)?))
    }
}

/// Opens a model as its file is written, with the defaults and omissions that rten has for old operator sets:
/// answers may be wrong. It is there to prove that a wrong answer is found.
///
/// # Errors
/// The model cannot be loaded.
pub fn open_as_written(model: &Path, options: &OpenOptions) -> Result<Box<dyn Session>> {
    Ok(Box::new(RtenSession::open(model, options, Plan::AsWritten)?))
}

fn options_of(request: &BuildRequest<'_>) -> OpenOptions {
    OpenOptions { shapes: request.shapes.to_vec(), ..OpenOptions::default() }
}
