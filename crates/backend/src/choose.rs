//! Which backend works here, and which one `auto` takes.

use crate::device;
use crate::error::{Error, Result};
use crate::onnxruntime::{self, OnnxRuntime};
use crate::rten::Rten;
use crate::sim::Sim;
use crate::tensorrt::{self, CANNOT_RUN, TensorRt};
use crate::traits::{Backend, Environment};
use crate::trtexec::{self, Trtexec};
use crate::types::{BackendId, Choice};

/// A backend and why it was taken.
pub struct Chosen {
    /// The backend.
    pub backend: Box<dyn Backend>,
    /// One line for the terminal.
    pub explanation: String,
}

/// Whether one backend works here.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Survey {
    /// The backend.
    pub backend: BackendId,
    /// Whether it works.
    pub works: bool,
    /// Version of its library, when it works.
    pub version: Option<String>,
    /// Its device, when it works.
    pub device: Option<String>,
    /// What was found, or why it does not work.
    pub detail: String,
    /// The one line that would make it work.
    pub hint: Option<String>,
}

/// Opens one backend by name; loads its library.
///
/// # Errors
/// [`Error::Unavailable`] with the reason and a hint.
pub fn open_backend(id: BackendId, environment: &Environment) -> Result<Box<dyn Backend>> {
    match id {
        BackendId::OnnxruntimeCpu => Ok(Box::new(OnnxRuntime::load(environment)?)),
        BackendId::Rten => Ok(Box::new(Rten)),
        BackendId::Sim => Ok(Box::new(Sim)),
        BackendId::Tensorrt | BackendId::TensorrtRtx => {
            Ok(Box::new(TensorRt::load(id, environment)?))
        }
        BackendId::Trtexec => Ok(Box::new(Trtexec::open()?)),
        BackendId::OnnxruntimeCuda => Err(not_in_this_version(id)),
    }
}

/// Turns a pipeline's choice into a backend.
///
/// # Errors
/// [`Error::Unavailable`] for a named backend that does not work here. `auto` always finds one.
pub fn choose(choice: Choice, environment: &Environment) -> Result<Chosen> {
    match choice {
        Choice::Named(id) => {
            let backend = open_backend(id, environment)?;
            let explanation = format!("backend: {}", title(id, &backend.version()));
            Ok(Chosen { backend, explanation })
        }
        Choice::Auto => {
            let (id, backend, why) = first(environment, |id| open_backend(id, environment))?;
            let explanation = format!("backend: {} (auto: {why})", title(id, &backend.version()));
            Ok(Chosen { backend, explanation })
        }
    }
}

/// What [`choose`] would take, without loading any library: cheap enough for a check.
///
/// # Errors
/// As [`choose`], except for a library that is there but cannot be loaded.
pub fn preview(choice: Choice, environment: &Environment) -> Result<String> {
    match choice {
        Choice::Named(id) => cheap(id, environment).map(|found| format!("backend: {id}{found}")),
        Choice::Auto => {
            let (id, found, why) = first(environment, |id| cheap(id, environment))?;
            Ok(format!("backend: {id}{found} (auto: {why})"))
        }
    }
}

/// The best backend that opens and can run engines, what opening it gave, and why it is this one.
fn first<T>(
    environment: &Environment,
    open: impl Fn(BackendId) -> Result<T>,
) -> Result<(BackendId, T, String)> {
    let mut passed = Passed::default();
    for id in BackendId::ALL.into_iter().filter(|&id| tried_by_auto(id)) {
        if passed.over(id, environment) {
            continue;
        }
        match open(id) {
            Ok(found) => return Ok((id, found, passed.why(id))),
            Err(error) => passed.missing = Some(error),
        }
    }
    Err(passed.missing.unwrap_or_else(|| not_in_this_version(BackendId::Tensorrt)))
}

/// Asks every backend.
pub fn survey(environment: &Environment) -> Vec<Survey> {
    BackendId::ALL.into_iter().map(|id| survey_one(id, environment)).collect()
}

fn survey_one(id: BackendId, environment: &Environment) -> Survey {
    let works = |backend: &dyn Backend, detail: String| Survey {
        backend: id,
        works: true,
        version: Some(backend.version()),
        device: Some(backend.device()),
        detail,
        hint: None,
    };
    let opened = match id {
        BackendId::OnnxruntimeCpu => OnnxRuntime::load(environment)
            .map(|backend| works(&backend, backend.path().display().to_string())),
        BackendId::Tensorrt | BackendId::TensorrtRtx => {
            TensorRt::load(id, environment).map(|backend| survey_tensorrt(&backend))
        }
        BackendId::Rten => Ok(works(&Rten, "part of this program".to_owned())),
        BackendId::Sim => {
            Ok(works(&Sim, "a simulator, for tests; never chosen by auto".to_owned()))
        }
        BackendId::Trtexec => {
            Trtexec::open().map(|tool| works(&tool, tool.program().display().to_string()))
        }
        BackendId::OnnxruntimeCuda => Err(not_in_this_version(id)),
    };
    opened.unwrap_or_else(|error| {
        let missing = match id {
            BackendId::Tensorrt | BackendId::TensorrtRtx => tensorrt::not_found(id, environment),
            _ => None,
        };
        let detail = missing.unwrap_or_else(|| match &error {
            Error::Unavailable { reason, .. } => reason.clone(),
            other => other.to_string(),
        });
        let hint = error.hint().map(str::to_owned);
        Survey { backend: id, works: false, version: None, device: None, detail, hint }
    })
}

fn survey_tensorrt(backend: &TensorRt) -> Survey {
    let can_build = backend.can_build();
    let works = can_build.is_ok();
    Survey {
        backend: backend.id(),
        works,
        version: Some(backend.version()),
        device: Some(backend.device()).filter(|_| works),
        detail: backend.detail(),
        hint: can_build.err().map(|(_, hint)| hint.to_owned()),
    }
}

fn tried_by_auto(id: BackendId) -> bool {
    !matches!(id, BackendId::Trtexec | BackendId::Sim)
}

fn title(id: BackendId, version: &str) -> String {
    if id == BackendId::Sim { version.to_owned() } else { format!("{id} {version}") }
}

/// Finds a backend without loading it: where its library is, as text to append.
fn cheap(id: BackendId, environment: &Environment) -> Result<String> {
    match id {
        BackendId::OnnxruntimeCpu => {
            onnxruntime::find_library(environment).map(|path| format!(" at {}", path.display()))
        }
        BackendId::Tensorrt | BackendId::TensorrtRtx => {
            tensorrt::find_library(id, environment).map(|path| format!(" at {}", path.display()))
        }
        BackendId::Rten | BackendId::Sim => Ok(String::new()),
        BackendId::Trtexec => trtexec::find().map(|path| format!(" at {}", path.display())),
        BackendId::OnnxruntimeCuda => Err(not_in_this_version(id)),
    }
}

/// What `auto` passed over before it took a backend.
#[derive(Default)]
struct Passed {
    /// Backends whose library is here, but that run nothing in this version.
    only_build: Vec<BackendId>,
    /// The last one that does not work, and why.
    missing: Option<Error>,
}

impl Passed {
    /// Whether `id` cannot run an engine in this version; remembers it when its library is here.
    fn over(&mut self, id: BackendId, environment: &Environment) -> bool {
        let passed = matches!(id, BackendId::Tensorrt | BackendId::TensorrtRtx);
        if passed && tensorrt::find_library(id, environment).is_ok() {
            self.only_build.push(id);
        }
        passed
    }

    /// Why `auto` took `id`.
    fn why(&self, id: BackendId) -> String {
        let before = match self.only_build.as_slice() {
            [] => gpu_state().to_owned(),
            some => {
                let names: Vec<&str> = some.iter().map(|id| id.as_str()).collect();
                let only = if names.len() == 1 { "only builds" } else { "only build" };
                format!("{} {only}: {CANNOT_RUN}", names.join(" and "))
            }
        };
        match (id, &self.missing) {
            (
                BackendId::Rten,
                Some(Error::Unavailable { backend: BackendId::OnnxruntimeCpu, reason, .. }),
            ) => {
                let what = if reason.contains("was not found") {
                    "ONNX Runtime not found".to_owned()
                } else {
                    format!("ONNX Runtime does not load: {reason}")
                };
                let hint = "`cargo xtask setup cpu` would get it, about 1.5 times faster";
                format!("{before}; {what}; {hint}")
            }
            _ => format!("{before}; rten would be slower"),
        }
    }
}

fn gpu_state() -> &'static str {
    if device::has_nvidia_gpu() {
        "a CUDA device is here, but running on it is not in this version"
    } else {
        "no CUDA device"
    }
}

fn not_in_this_version(id: BackendId) -> Error {
    Error::Unavailable {
        backend: id,
        reason: "support for it is not in this version of Tailmark".to_owned(),
        hint: "use backend = \"auto\", \"onnxruntime-cpu\" or \"rten\"".to_owned(),
    }
}

#[cfg(test)]
mod tests;
