//! TensorRT and TensorRT for RTX through our own bindings: one implementation for both.
//!
//! | | TensorRT 10.x, 11.x | TensorRT for RTX |
//! |---|---|---|
//! | building needs a GPU | yes, the one that will run the engine | no |
//! | an engine is for | that GPU | any GPU that TensorRT for RTX runs on |
//! | cache | timing cache, at build | runtime cache, when an engine is opened |
//! | float16 by builder flag | 10.x | no |
//!
//! Engines are built and inspected here; running them on a GPU is not in this version.

mod build;
mod device;
mod inspect;
pub(crate) mod layer_info;
mod log;
mod progress;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use ::tensorrt::{DeviceMismatch, Library, Product, Table};

pub(crate) use inspect::inspect;

use crate::error::{Error, Result};
use crate::traits::{
    Backend, BuildRequest, Built, CacheKind, Environment, Fp16Route, OpenOptions, Session,
};
use crate::types::{BackendId, Capabilities, Precision};

/// What cannot be done yet, in the words of every answer that says so.
pub(crate) const CANNOT_RUN: &str = "running engines on a GPU is not in this version";
/// Where an engine of TensorRT for RTX runs when no compute capability is chosen.
const PORTABLE: &str = "any GPU that TensorRT for RTX runs on";

/// The backend; the library stays loaded until the process ends.
pub(crate) struct TensorRt {
    id: BackendId,
    library: Library,
}

/// The product behind a backend.
fn product(id: BackendId) -> Product {
    if id == BackendId::TensorrtRtx { Product::TensorRtRtx } else { Product::TensorRt }
}

/// Finds the library of a backend without loading it.
///
/// # Errors
/// [`Error::Unavailable`] with the places that were looked at.
pub(crate) fn find_library(id: BackendId, environment: &Environment) -> Result<PathBuf> {
    search(id, environment).map_err(|error| explain(id, None, error))
}

/// [`find_library`]'s answer in a few words where there is no library: the places may be many.
pub(crate) fn not_found(id: BackendId, environment: &Environment) -> Option<String> {
    match search(id, environment) {
        Err(::tensorrt::Error::NotAvailable { product, looked_in }) => {
            Some(format!("{product} was not found in any of {} places", looked_in.len()))
        }
        _ => None,
    }
}

fn search(id: BackendId, environment: &Environment) -> ::tensorrt::Result<PathBuf> {
    ::tensorrt::find_in(product(id), &own_folders(id, &environment.data))
}

/// Who decides the types of an engine, as `key=value`.
pub(crate) fn typing(strong: bool, precision: Precision) -> Vec<String> {
    let mut found = vec![format!("typing={}", if strong { "strong" } else { "weak" })];
    if !strong && precision == Precision::Fp16 {
        found.push("builder-flag=fp16".to_owned());
    }
    found
}

/// Folders below `data/runtime` that `cargo xtask setup` or the user filled, newest version first.
fn own_folders(id: BackendId, data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("runtime")).into_iter().flatten().flatten();
    let mut found: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(id.as_str())?.strip_prefix('-')?;
            let numbers: Result<Vec<u32>, _> = version.split('.').map(str::parse).collect();
            Some((numbers.ok()?, entry.path()))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

impl TensorRt {
    /// Finds and loads the library.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the reason and a hint.
    pub(crate) fn load(id: BackendId, environment: &Environment) -> Result<Self> {
        let path = find_library(id, environment)?;
        let library = Library::load(&path).map_err(|error| explain(id, None, error))?;
        if library.product() != product(id) {
            let reason =
                format!("{} is {} {}", path.display(), library.product(), library.version());
            let hint = format!("name the library of {} there", product(id));
            return Err(Error::Unavailable { backend: id, reason, hint });
        }
        Ok(Self { id, library })
    }

    /// Whether it builds engines on this machine; else why not, and what would change that.
    pub(crate) fn can_build(&self) -> Result<(), (String, &'static str)> {
        if !self.library.can_build() {
            let why = "it is a runtime alone and builds no engines".to_owned();
            return Err((why, "install all of TensorRT: its builder and its ONNX parser"));
        }
        match (self.library.product(), device::gpu()) {
            (Product::TensorRt, Err(reason)) if self.library.note().is_none() => {
                let why = format!("it builds only on a GPU, and here is {reason}");
                Err((why, "use it on a machine with an NVIDIA GPU and its driver"))
            }
            _ => Ok(()),
        }
    }

    /// What was found, for people: where it is, what it can do here, what to know about it.
    pub(crate) fn detail(&self) -> String {
        let mut parts = vec![self.library.path().display().to_string()];
        parts.extend(self.library.note());
        parts.push(self.can_build().map_or_else(|(why, _)| why, |()| "builds engines".to_owned()));
        parts.push(CANNOT_RUN.to_owned());
        parts.extend(self.library.warning().map(str::to_owned));
        parts.join("; ")
    }

    /// The GPU here, or why there is none; with what a stand-in says of itself.
    fn gpu_here(&self) -> String {
        let gpu = device::gpu().map_or_else(str::to_owned, ToString::to_string);
        match self.library.note() {
            Some(note) => format!("{gpu}; {note}"),
            None => gpu,
        }
    }

    fn cannot_run(&self) -> Error {
        Error::Unsupported { backend: self.id, what: CANNOT_RUN.to_owned() }
    }

    fn explain(&self, error: ::tensorrt::Error) -> Error {
        explain(self.id, None, error)
    }
}

impl Backend for TensorRt {
    fn id(&self) -> BackendId {
        self.id
    }

    fn version(&self) -> String {
        let version = self.library.version();
        if version.build == 0 {
            version.to_string()
        } else {
            format!("{version}.{}", version.build)
        }
    }

    fn device(&self) -> String {
        match self.library.product() {
            Product::TensorRt => self.gpu_here(),
            Product::TensorRtRtx => PORTABLE.to_owned(),
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::gpu()
    }

    fn build_flags(&self, request: &BuildRequest<'_>) -> Vec<String> {
        let mut flags = typing(request.options.fp16_route != Fp16Route::Flag, request.precision);
        if let Some(bytes) = request.options.workspace {
            flags.push(format!("workspace={bytes}"));
        }
        if self.library.product() == Product::TensorRt {
            flags.push(format!("cuda={}", cuda()));
        }
        flags.push("profiling-verbosity=detailed".to_owned());
        flags
    }

    fn cache_kind(&self) -> CacheKind {
        match self.library.product() {
            Product::TensorRt => CacheKind::Timing,
            Product::TensorRtRtx => CacheKind::Runtime,
        }
    }

    /// A cache holds for one device, version and CUDA, and for settings that change how a layer may be
    /// computed: typing and the flag for float16. Model, shapes and optimisation level may differ.
    fn cache_scope(&self, request: &BuildRequest<'_>) -> Vec<String> {
        let mut scope = vec![
            format!("device={}", self.gpu_here()),
            format!("version={}", self.version()),
            format!("cuda={}", cuda()),
        ];
        scope.extend(typing(request.options.fp16_route != Fp16Route::Flag, request.precision));
        scope
    }

    fn combine_caches(&self, ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>> {
        let cannot = |what: &str| Error::Unsupported { backend: self.id, what: what.to_owned() };
        if self.cache_kind() != CacheKind::Timing {
            return Err(cannot("combine runtime caches: the library has no such call"));
        }
        let failed = |reason: String| Error::Engine {
            backend: self.id,
            what: "combining timing caches",
            reason,
        };
        let builder = ::tensorrt::Builder::new(&self.library).map_err(|e| self.explain(e))?;
        let config = builder.create_config().map_err(|e| self.explain(e))?;
        let read = |bytes: &[u8]| {
            let cache = config.create_timing_cache(bytes).map_err(|e| self.explain(e))?;
            let refused = cache.warning().map(str::to_owned).filter(|_| !bytes.is_empty());
            refused.map_or(Ok(cache), |warning| Err(failed(warning)))
        };
        let (ours, theirs) = (read(ours)?, read(theirs)?);
        let combined = ours.combine(&theirs, DeviceMismatch::Refuse);
        if !combined.map_err(|e| self.explain(e))? {
            return Err(failed("the library refuses: another device or version".to_owned()));
        }
        Ok(ours.serialize().map_err(|e| self.explain(e))?.to_vec())
    }

    fn build(&self, request: &BuildRequest<'_>, out: &Path) -> Result<Built> {
        build::build(self, request, out)
    }

    fn open(&self, _engine: &Path, _options: &OpenOptions) -> Result<Box<dyn Session>> {
        Err(self.cannot_run())
    }

    fn open_model(&self, _model: &Path, _options: &OpenOptions) -> Result<Box<dyn Session>> {
        Err(self.cannot_run())
    }
}

/// Newest CUDA of the driver, `none` without one.
pub(crate) fn cuda() -> &'static str {
    device::gpu().map_or("none", |gpu| gpu.cuda.as_str())
}

/// An error of the bindings as ours. `model` is the file that was read, where one was.
fn explain(backend: BackendId, model: Option<&Path>, error: ::tensorrt::Error) -> Error {
    use ::tensorrt::Error as Inner;
    let reason = error.to_string();
    let hint = match (&error, backend) {
        (Inner::NotAvailable { .. }, BackendId::TensorrtRtx) => {
            "run `cargo xtask setup rtx`, or name the library in TENSORRT_RTX_LIB".to_owned()
        }
        _ => {
            error.hint().unwrap_or_else(|| "`cargo xtask doctor` tells what works here".to_owned())
        }
    };
    match (error, model) {
        (Inner::NotAvailable { .. } | Inner::Load { .. } | Inner::UnsupportedVersion { .. }, _) => {
            Error::Unavailable { backend, reason, hint }
        }
        (Inner::Unsupported { .. }, _) => Error::Unsupported { backend, what: reason },
        (Inner::Parse(_) | Inner::EmptyModel { .. }, Some(model)) => {
            Error::Model { path: model.to_owned(), reason }
        }
        (Inner::Cancelled, _) => Error::Cancelled { backend, why: "as asked".to_owned() },
        (Inner::Call { call, reason }, _) => Error::Engine { backend, what: call, reason },
        _ => Error::Engine { backend, what: "a call of TensorRT", reason },
    }
}

/// Whether a network may leave types to the builder.
fn has_weak_typing(library: &Library) -> bool {
    library.table() == Table::V10
}
