//! Which backend works here, and which one `auto` takes.

use crate::error::{Error, Result};
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

/// Opens one backend by name.
pub fn open_backend(id: BackendId, _environment: &Environment) -> Result<Box<dyn Backend>> {
    Err(Error::Unavailable { backend: id, reason: "not written yet".into(), hint: String::new() })
}

/// Turns a pipeline's choice into a backend.
pub fn choose(choice: Choice, environment: &Environment) -> Result<Chosen> {
    let id = match choice {
        Choice::Auto => BackendId::Rten,
        Choice::Named(id) => id,
    };
    open_backend(id, environment).map(|backend| Chosen { backend, explanation: String::new() })
}

/// Asks every backend.
pub fn survey(_environment: &Environment) -> Vec<Survey> {
    Vec::new()
}
