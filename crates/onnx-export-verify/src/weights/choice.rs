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
    /// `FILE#model_ema` is the file, and in it the tensors under that name.
    ///
    /// # Errors
    /// Exit 2: a checkpoint that is not there, cannot be read or does not fit.
    pub fn of(
        choice: &WeightsChoice,
        architecture: Architecture,
        root: &Path,
        base: &Path,
    ) -> Result<Self> {
        let open = |path: &Path, under: Option<&str>, shown: &Path| {
            let trained = Trained::open(path, under, shown, architecture)?;
            Ok(Self::Trained(trained.into()))
        };
        match choice {
            WeightsChoice::Synthetic => Ok(Self::Synthetic { missing: None }),
            WeightsChoice::File(path) => {
                let whole = base.join(path);
                let text = path.to_string_lossy();
                match text.rsplit_once('#').filter(|_| !whole.exists()) {
                    Some((file, under)) => open(&base.join(file), Some(under), path),
                    None => open(&whole, None, path),
                }
            }
            WeightsChoice::Auto => {
                let relative = format!("data/models/{}", architecture.checkpoint());
                let path = root.join(&relative);
                if path.exists() {
                    return open(&path, None, Path::new(&relative));
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
