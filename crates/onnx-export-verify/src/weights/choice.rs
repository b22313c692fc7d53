//! From the choice of a user (`auto`, `synthetic`, a path) to a source of weights.

use std::path::Path;

use anyhow::Result;

use super::checkpoint::Trained;
use crate::architecture::Architecture;
use crate::config::WeightsChoice;
use crate::say;

/// Where weights will come from.
#[derive(Debug)]
pub enum Chosen {
    /// A seed; with the file that `auto` did not find.
    Synthetic {
        /// Relative to the project root.
        missing: Option<String>,
    },
    /// A checkpoint.
    Trained(Box<Trained>),
}

impl Chosen {
    /// Follows a choice: paths are relative to `base`, and `auto` looks for torchvision's file below `root`.
    ///
    /// # Errors
    /// Exit 2: a checkpoint that is not there, cannot be read or does not fit.
    pub fn of(
        choice: &WeightsChoice,
        architecture: Architecture,
        root: &Path,
        base: &Path,
    ) -> Result<Self> {
        let open = |path: &Path, shown: &Path| {
            Trained::open(path, shown, architecture).map(|trained| Self::Trained(trained.into()))
        };
        match choice {
            WeightsChoice::Synthetic => Ok(Self::Synthetic { missing: None }),
            WeightsChoice::File(path) => open(&base.join(path), path),
            WeightsChoice::Auto => {
                let relative = format!("data/models/{}", architecture.checkpoint());
                let path = root.join(&relative);
                if path.exists() {
                    return open(&path, Path::new(&relative));
                }
                Ok(Self::Synthetic { missing: Some(relative) })
            }
        }
    }

    /// Says which weights are used: loudly, when they mean nothing although nobody asked for such.
    pub fn tell(&self, seed: u32) {
        match self {
            Self::Trained(trained) => say::line(&trained.describe()),
            Self::Synthetic { missing: Some(path) } => say::warning(&format!(
                "synthetic weights (seed {seed}): {path} is not there; speed is that of trained weights, the classes mean nothing"
            )),
            Self::Synthetic { missing: None } => {}
        }
    }
}
