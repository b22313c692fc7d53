//! Which backend works here, and which one `auto` takes.

use crate::device;
use crate::error::{Error, Result};
use crate::onnxruntime::{self, OnnxRuntime};
use crate::rten::Rten;
use crate::sim::Sim;
use crate::traits::{Backend, Environment};
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
        BackendId::Tensorrt
        | BackendId::TensorrtRtx
        | BackendId::Trtexec
        | BackendId::OnnxruntimeCuda => Err(not_in_this_version(id)),
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
            let mut missing = None;
            for id in BackendId::ALL.into_iter().filter(|&id| tried_by_auto(id)) {
                match open_backend(id, environment) {
                    Ok(backend) => {
                        let title = title(id, &backend.version());
                        let why = reason(id, missing.as_ref());
                        let explanation = format!("backend: {title} (auto: {why})");
                        return Ok(Chosen { backend, explanation });
                    }
                    Err(error) => missing = Some(error),
                }
            }
            Err(missing.unwrap_or_else(|| not_in_this_version(BackendId::Tensorrt)))
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
            let mut missing = None;
            for id in BackendId::ALL.into_iter().filter(|&id| tried_by_auto(id)) {
                match cheap(id, environment) {
                    Ok(found) => {
                        let why = reason(id, missing.as_ref());
                        return Ok(format!("backend: {id}{found} (auto: {why})"));
                    }
                    Err(error) => missing = Some(error),
                }
            }
            Err(missing.unwrap_or_else(|| not_in_this_version(BackendId::Tensorrt)))
        }
    }
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
        BackendId::Rten => Ok(works(&Rten, "part of this program".to_owned())),
        BackendId::Sim => {
            Ok(works(&Sim, "a simulator, for tests; never chosen by auto".to_owned()))
        }
        _ => Err(not_in_this_version(id)),
    };
    opened.unwrap_or_else(|error| {
        let detail = match &error {
            Error::Unavailable { reason, .. } => reason.clone(),
            other => other.to_string(),
        };
        let hint = error.hint().map(str::to_owned);
        Survey { backend: id, works: false, version: None, device: None, detail, hint }
    })
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
        BackendId::Rten | BackendId::Sim => Ok(String::new()),
        _ => Err(not_in_this_version(id)),
    }
}

/// Why `auto` took `id`; `missing` is the error of the backend that stands before it.
fn reason(id: BackendId, missing: Option<&Error>) -> String {
    match (id, missing) {
        (
            BackendId::Rten,
            Some(Error::Unavailable { backend: BackendId::OnnxruntimeCpu, reason, .. }),
        ) => {
            let what = if reason.contains("was not found") {
                "ONNX Runtime not found".to_owned()
            } else {
                format!("ONNX Runtime does not load: {reason}")
            };
            format!("{what}; `cargo xtask setup cpu` would get it, about 1.5 times faster")
        }
        _ => format!("{}; rten would be slower", gpu_state()),
    }
}

fn gpu_state() -> &'static str {
    if device::has_nvidia_gpu() {
        "a CUDA device is here, but its backends are not in this version"
    } else {
        "no CUDA device"
    }
}

fn not_in_this_version(id: BackendId) -> Error {
    let found = match id {
        BackendId::Tensorrt => library_note(tensorrt::find(tensorrt::Product::TensorRt)),
        BackendId::TensorrtRtx => library_note(tensorrt::find(tensorrt::Product::TensorRtRtx)),
        _ => String::new(),
    };
    Error::Unavailable {
        backend: id,
        reason: format!("support for it is not in this version of Tailmark{found}"),
        hint: "use backend = \"auto\", \"onnxruntime-cpu\" or \"rten\"".to_owned(),
    }
}

fn library_note(found: tensorrt::Result<std::path::PathBuf>) -> String {
    match found {
        Ok(path) => format!(" (its library is there: {})", path.display()),
        Err(_) => " (its library is not there either)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere() -> Environment {
        Environment { data: "/nonexistent".into() }
    }

    #[test]
    fn auto_always_finds_a_backend_and_says_why() {
        let chosen = choose(Choice::Auto, &nowhere()).unwrap();
        assert!(chosen.explanation.starts_with("backend: "), "{}", chosen.explanation);
        assert!(chosen.explanation.contains("(auto: "), "{}", chosen.explanation);
        if chosen.backend.id() == BackendId::Rten {
            assert!(chosen.explanation.contains("cargo xtask setup cpu"), "{}", chosen.explanation);
        }
        preview(Choice::Auto, &nowhere()).unwrap();
    }

    #[test]
    fn a_named_backend_that_is_not_there_is_an_error_with_a_hint() {
        for id in [BackendId::Tensorrt, BackendId::TensorrtRtx, BackendId::OnnxruntimeCuda] {
            for error in [
                choose(Choice::Named(id), &nowhere()).err().unwrap(),
                preview(Choice::Named(id), &nowhere()).err().unwrap(),
            ] {
                assert_eq!(error.exit_code(), 4);
                assert!(error.to_string().contains("not in this version"), "{error}");
                assert!(error.hint().is_some());
            }
        }
    }

    #[test]
    fn the_survey_names_every_backend_once() {
        let found = survey(&nowhere());
        let ids: Vec<BackendId> = found.iter().map(|row| row.backend).collect();
        assert_eq!(ids, BackendId::ALL);
        assert!(found.iter().all(|row| row.works || row.hint.is_some()));
        assert!(found.iter().any(|row| row.backend == BackendId::Rten && row.works));
    }
}
