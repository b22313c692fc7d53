//! Trained weights out of a checkpoint: checked as a whole when it is opened, read tensor by tensor.

mod fit;
mod identity;

use std::path::{Path, PathBuf};

use anyhow::Result;
use pipeline::{Digest, Fault};

use super::{Parameter, Role, Weights};
use crate::architecture::Architecture;
use crate::checkpoint::{Checkpoint, Error};
use fit::{Fit, fit};

/// A checkpoint that holds all weights of an architecture.
#[derive(Debug)]
pub struct Trained {
    checkpoint: Checkpoint,
    shown: PathBuf,
    fit: Fit,
}

impl Trained {
    /// Opens a checkpoint for an architecture; `shown` is its path as the user gave it. Where several parts of the
    /// file fit, `under` tells which is meant. Reads no weights.
    ///
    /// # Errors
    /// Exit 2: a file that is no checkpoint or is refused, or one with missing, unexpected or wrongly shaped
    /// tensors, all of which are listed.
    pub fn open(
        path: &Path,
        under: Option<&str>,
        shown: &Path,
        architecture: Architecture,
    ) -> Result<Self> {
        let checkpoint = Checkpoint::open(path).map_err(|error| of(&error))?;
        let fit = fit(&checkpoint, architecture, under);
        if !fit.is_exact() {
            return Err(misfit(&checkpoint, shown, architecture, under, &fit).into());
        }
        Ok(Self { checkpoint, shown: shown.to_owned(), fit })
    }

    /// The SHA-256 of the file, compared with the one in its name. Reads the whole file.
    ///
    /// # Errors
    /// Exit 2 when they differ.
    pub fn digest(&self) -> Result<Digest> {
        identity::digest(self.checkpoint.path(), &self.shown)
    }

    /// Number of classes, by the shape of the classifier.
    pub fn classes(&self) -> usize {
        self.fit.classes
    }

    /// What stands before torchvision's names in the file.
    pub fn prefix(&self) -> &str {
        &self.fit.prefix
    }

    /// The path that was given.
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// What was found, and what of it was taken.
    pub fn describe(&self) -> String {
        let Fit { prefix, also, classes, others, .. } = &self.fit;
        let under = match prefix.trim_end_matches('.') {
            "" => String::new(),
            prefix => format!(", tensors under `{prefix}`"),
        };
        let also: Vec<&str> = also.iter().map(|prefix| prefix.trim_end_matches('.')).collect();
        let also = match also.as_slice() {
            [] => String::new(),
            also @ [first, ..] => format!(
                "; not taken, though they fit: `{}` (FILE#{first} would be)",
                also.join("`, `")
            ),
        };
        let others = match others {
            0 => String::new(),
            others => format!("; {others} tensors beside them are not used"),
        };
        let (file, form) = (self.shown.display(), self.checkpoint.form());
        format!("weights of {file} ({form}{under}), {classes} classes{also}{others}")
    }
}

impl Weights for Trained {
    fn tensor(&self, parameter: &Parameter<'_>) -> Result<Vec<f32>> {
        let name = format!("{}{}", self.fit.prefix, parameter.name);
        let shape = self.checkpoint.entry(&name).map(|entry| entry.shape.as_slice());
        anyhow::ensure!(shape == Some(parameter.shape), "{name} was not checked");
        let values = self.checkpoint.tensor(&name).map_err(|error| of(&error))?;
        let unfit = |value: &&f32| {
            !value.is_finite() || (parameter.role == Role::RunningVariance && **value < 0.0)
        };
        match values.iter().find(unfit) {
            None => Ok(values),
            Some(value) => Err(Fault::config(format!(
                "{}: tensor `{name}` holds {value}: these weights were never right",
                self.shown.display()
            ))
            .hint("training diverged, or the file is damaged: give an earlier checkpoint")
            .into()),
        }
    }
}

fn of(error: &Error) -> Fault {
    Fault::of(error, Error::exit_code, Error::hint)
}

fn misfit(
    checkpoint: &Checkpoint,
    shown: &Path,
    architecture: Architecture,
    part: Option<&str>,
    fit: &Fit,
) -> Fault {
    let name = architecture.as_str();
    let under = match fit.prefix.trim_end_matches('.') {
        "" => String::new(),
        prefix => format!(" (tensors under `{prefix}`)"),
    };
    let message = format!("{} does not fit {name}{under}:{}", shown.display(), fit.differences());
    let fits = |other: &Architecture| self::fit(checkpoint, *other, part).is_exact();
    let other =
        Architecture::all().iter().filter(|other| **other != architecture).find(|a| fits(a));
    let fault = Fault::config(message);
    if let Some(other) = other {
        let other = other.as_str();
        return fault.hint(format!("did you mean {other}? all its tensors are there"));
    }
    if fit.is_strange(architecture.parameters(fit.classes).len()) {
        let names: Vec<&str> =
            checkpoint.entries().take(3).map(|entry| entry.name.as_str()).collect();
        return fault.hint(format!(
            "tensors must have torchvision's names; here they are called `{}`, …",
            names.join("`, `")
        ));
    }
    fault.hint("save model.state_dict() of torchvision's model, or name the architecture that made the file")
}

#[cfg(test)]
#[path = "checkpoint/tests.rs"]
mod tests;
