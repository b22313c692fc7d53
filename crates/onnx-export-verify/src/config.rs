//! The table `[onnx-export-verify]` of a pipeline file, and the same choices on a command line.

mod values;
mod verifying;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use backend::Precision;
use backend::input::Fixed;
use pipeline::Fault;
use pipeline::config::Bounded;
use serde::Deserialize;

use crate::architecture::Architecture;
use crate::fp16;
pub use values::{Batch, Precisions, WeightsChoice};
pub use verifying::{Distributions, Images, Tolerance};

/// The table as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// An architecture to export; exactly one of this and `onnx`.
    #[serde(default)]
    pub architecture: Option<Architecture>,
    /// A model file to take, relative to the project root.
    #[serde(default)]
    pub onnx: Option<PathBuf>,
    /// Where the weights of an architecture come from.
    #[serde(default)]
    pub weights: WeightsChoice,
    /// Precisions to write; left out: both, or the only one that a given model has.
    #[serde(default)]
    pub precision: Option<Precisions>,
    /// Size of the first axis; left out: 1 for an architecture, as it is for a given model.
    #[serde(default)]
    pub batch: Option<Batch>,
    /// Whether BatchNormalization is multiplied into convolutions, as PyTorch's exporter does.
    #[serde(default)]
    pub fold_batch_norm: Option<bool>,
    /// Version of the default operator set.
    #[serde(default)]
    pub opset: Option<Opset>,
    /// Sizes for open dimensions of a given model, by input; the stored model has them fixed.
    #[serde(default)]
    pub shapes: BTreeMap<String, Vec<Bounded<1, 65_536>>>,
    /// How the float16 model is made of the float32 one.
    #[serde(default)]
    pub fp16: fp16::Options,
    /// Values of inputs that are not drawn, by input: a number, or "zeros".
    #[serde(default)]
    pub inputs: BTreeMap<String, Fixed>,
    /// Whether float16 models are compared with the base layer by layer; left out: when that is cheap.
    #[serde(default)]
    pub per_layer: Option<bool>,
    /// Seeded inputs of each distribution per verification.
    #[serde(default = "default_input_sets")]
    pub input_sets: InputSets,
    /// Distributions of the seeded inputs; left out: all of them.
    #[serde(default)]
    pub distributions: Distributions,
    /// Photographs among the inputs of models that take images.
    #[serde(default)]
    pub images: Images,
    /// What outputs may be off by, relative to their scale; left out: what the error model says.
    #[serde(default)]
    pub tolerance: Option<Tolerance>,
}

/// Number of seeded inputs of each distribution.
pub type InputSets = Bounded<1, 100>;

/// Versions of the default operator set that can be written.
pub type Opset = Bounded<13, 21>;

/// Inputs per verification unless another number is asked for.
pub const DEFAULT_INPUT_SETS: InputSets = match InputSets::new(3) {
    Some(sets) => sets,
    None => panic!("3 lies within 1 to 100"),
};

fn default_input_sets() -> InputSets {
    DEFAULT_INPUT_SETS
}

/// The operator set that is written unless another is asked for.
pub const DEFAULT_OPSET: u32 = 17;

/// What the table asks for, with impossible combinations refused.
#[derive(Clone, Debug)]
pub enum Source {
    /// Export an architecture.
    Architecture(Exporting),
    /// Take a file.
    File(Taking),
}

/// An architecture and how to export it.
#[derive(Clone, Debug)]
pub struct Exporting {
    /// Which one.
    pub architecture: Architecture,
    /// Where its weights come from.
    pub weights: WeightsChoice,
    /// Precisions in the order they were asked for.
    pub precisions: Vec<Precision>,
    /// Size of the first axis.
    pub batch: Batch,
    /// Whether BatchNormalization is folded.
    pub fold: bool,
    /// Operator set.
    pub opset: u32,
    /// How to convert to float16.
    pub fp16: fp16::Options,
}

/// A file and what to do with it.
#[derive(Clone, Debug)]
pub struct Taking {
    /// The file, relative to the project root.
    pub path: PathBuf,
    /// Precisions that were asked for; `None` = what the model offers.
    pub precisions: Option<Vec<Precision>>,
    /// Size of the first axis when it is open.
    pub batch: Option<Batch>,
    /// Sizes for open dimensions by input.
    pub shapes: Vec<(String, Vec<usize>)>,
    /// How to convert to float16.
    pub fp16: fp16::Options,
}

impl Config {
    /// The request behind the table.
    ///
    /// # Errors
    /// Neither or both of `architecture` and `onnx`, a key that does not go with them.
    pub fn source(&self) -> Result<Source> {
        match (self.architecture, &self.onnx) {
            (Some(architecture), None) => self.exporting(architecture).map(Source::Architecture),
            (None, Some(path)) => self.taking(path.clone()).map(Source::File),
            (Some(_), Some(_)) => Err(wrong("`architecture` and `onnx` exclude each other")
                .hint("remove one of the two keys")
                .into()),
            (None, None) => Err(wrong("neither `architecture` nor `onnx` is given")
                .hint("for example architecture = \"resnet50\", or onnx = \"path/model.onnx\"")
                .into()),
        }
    }

    fn exporting(&self, architecture: Architecture) -> Result<Exporting> {
        if !self.shapes.is_empty() {
            return Err(wrong("`shapes` goes with `onnx`; an architecture knows its sizes").into());
        }
        let both = || vec![Precision::Fp32, Precision::Fp16];
        Ok(Exporting {
            architecture,
            weights: self.weights.clone(),
            precisions: self.precision.clone().map_or_else(both, |list| list.0),
            batch: self.batch.unwrap_or(Batch::ONE),
            fold: self.fold_batch_norm.unwrap_or(true),
            opset: self.opset.map_or(DEFAULT_OPSET, Bounded::get),
            fp16: self.fp16.clone(),
        })
    }

    fn taking(&self, path: PathBuf) -> Result<Taking> {
        let unfit = [
            ("weights", self.weights != WeightsChoice::Auto),
            ("fold-batch-norm", self.fold_batch_norm.is_some()),
            ("opset", self.opset.is_some()),
        ];
        if let Some((key, _)) = unfit.iter().find(|(_, given)| *given) {
            let message =
                format!("`{key}` goes with `architecture`; a given model is taken as it is");
            return Err(wrong(&message).hint(format!("remove `{key}`")).into());
        }
        let sizes =
            |dims: &Vec<Bounded<1, 65_536>>| dims.iter().map(|d| d.get() as usize).collect();
        Ok(Taking {
            path,
            precisions: self.precision.clone().map(|list| list.0),
            batch: self.batch,
            shapes: self.shapes.iter().map(|(name, dims)| (name.clone(), sizes(dims))).collect(),
            fp16: self.fp16.clone(),
        })
    }
}

fn wrong(message: &str) -> Fault {
    Fault::config(format!("[onnx-export-verify]: {message}"))
}
