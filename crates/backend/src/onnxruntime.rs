//! ONNX Runtime on the CPU, from a shared library that is loaded at run time.
//!
//! The engine is the model after ONNX Runtime's own optimisation for this processor; a session loads
//! it without optimising again, so that what was built is what runs.

mod library;
mod session;

use std::path::{Path, PathBuf};

use ::ort::session::builder::GraphOptimizationLevel;

use crate::device;
use crate::error::{Error, Result};
use crate::layers::Layers;
use crate::onnx;
use crate::traits::{Backend, BuildRequest, Built, Environment, OpenOptions, Session};
use crate::types::{BackendId, Capabilities};

use library::Library;
use session::{OrtSession, explain, loaded};

const ID: BackendId = BackendId::OnnxruntimeCpu;

/// Finds the shared library without loading it.
///
/// # Errors
/// [`Error::Unavailable`] with the places that were looked at.
pub(crate) fn find_library(environment: &Environment) -> Result<PathBuf> {
    library::find(environment)
}

/// The backend; the library stays loaded until the process ends.
pub(crate) struct OnnxRuntime {
    library: Library,
}

impl OnnxRuntime {
    /// Loads the library.
    pub(crate) fn load(environment: &Environment) -> Result<Self> {
        Ok(Self { library: Library::load(&library::find(environment)?)? })
    }

    /// Where the library is.
    pub(crate) fn path(&self) -> &Path {
        &self.library.path
    }
}

impl Backend for OnnxRuntime {
    fn id(&self) -> BackendId {
        ID
    }

    fn version(&self) -> String {
        self.library.version.clone()
    }

    fn device(&self) -> String {
        device::cpu()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::cpu()
    }

    fn build_flags(&self, request: &BuildRequest<'_>) -> Vec<String> {
        vec![
            format!("graph-optimization={}", optimization(request.optimization_level).1),
            "provider=cpu".to_owned(),
        ]
    }

    fn build(&self, request: &BuildRequest<'_>, out: &Path) -> Result<Built> {
        request.refuse_gpu_options(ID)?;
        let level = optimization(request.optimization_level).0;
        let options = OpenOptions { shapes: request.shapes.to_vec(), ..OpenOptions::default() };
        let mut builder = session::builder(&self.library, &options, level)?
            .with_optimized_model_path(out)
            .map_err(|error| session::setting(&error))?;
        for (symbol, size) in session::symbols(request)? {
            builder = builder
                .with_dimension_override(symbol, size)
                .map_err(|error| session::setting(&error))?;
        }
        let built = builder
            .commit_from_file(request.model)
            .map_err(|error| explain_build(request.model, out, &error))?;
        session::check_shapes(&built, request.shapes)?;
        drop(built);
        let mut engine = onnx::load(out).or_else(|_| load_beside(request.model, out))?;
        if onnx::file::external_files(out, &engine).is_ok_and(|files| !files.is_empty()) {
            // an engine is one file: its weights come in from the files beside the model
            onnx::file::inline_external(request.model, &mut engine)?;
            onnx::save(out, &engine)?;
        }
        let layers = Layers::of(&engine.graph.unwrap_or_default());
        Ok(layers.into_built(request.precision, "graph", self.build_flags(request)))
    }

    fn open(&self, engine: &Path, options: &OpenOptions) -> Result<Box<dyn Session>> {
        let session = loaded(&self.library, engine, options, GraphOptimizationLevel::Disable)?;
        Ok(Box::new(OrtSession::new(session, engine, options)?))
    }

    /// Basic optimisation: constants are folded, but nothing is fused and no layout changes, so that
    /// the reference shares few kernels with the engine. Without any, ONNX Runtime would convert
    /// float16 weights again in every inference; [`OpenOptions::optimise`] can ask for that.
    fn open_model(&self, model: &Path, options: &OpenOptions) -> Result<Box<dyn Session>> {
        let level = if options.optimise {
            GraphOptimizationLevel::Level1
        } else {
            GraphOptimizationLevel::Disable
        };
        let session = loaded(&self.library, model, options, level)?;
        Ok(Box::new(OrtSession::new(session, model, options)?))
    }
}

/// As [`explain`], but tells an engine that could not be written from a model that is wrong.
fn explain_build(model: &Path, out: &Path, error: &::ort::Error) -> Error {
    let message = error.message().trim();
    let place = out.display().to_string();
    if message.contains("serialization failed") || message.contains(&place) {
        // half an engine must not look like one
        let _ = std::fs::remove_file(out);
        let reason = format!("{message} ({place}: is the disk full, or the folder not writable?)");
        return Error::Engine { backend: ID, what: "writing the engine", reason };
    }
    explain(model, error)
}

/// ONNX Runtime's level for ours, and its name.
fn optimization(level: u8) -> (GraphOptimizationLevel, &'static str) {
    match level {
        0 => (GraphOptimizationLevel::Disable, "none"),
        1 => (GraphOptimizationLevel::Level1, "basic"),
        2 | 3 => (GraphOptimizationLevel::Level2, "extended"),
        _ => (GraphOptimizationLevel::All, "all"),
    }
}

/// Reads an engine whose external data still lies beside the model it was built from.
fn load_beside(model: &Path, engine: &Path) -> Result<onnx::proto::ModelProto> {
    use prost::Message as _;
    let bytes =
        std::fs::read(engine).map_err(|source| Error::Io { path: engine.to_owned(), source })?;
    let mut read = onnx::proto::ModelProto::decode(bytes.as_slice()).map_err(|error| {
        let reason = format!("ONNX Runtime wrote an unreadable engine: {error}");
        Error::Engine { backend: ID, what: "build", reason }
    })?;
    onnx::file::inline_external(model, &mut read)?;
    onnx::save(engine, &read)?;
    Ok(read)
}
