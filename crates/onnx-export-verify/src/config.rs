//! The table `[onnx-export-verify]` of a pipeline file, and the same choices on a command line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Result;
use backend::Precision;
use backend::onnx::shape::Dim;
use pipeline::Fault;
use pipeline::config::Bounded;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer};

use crate::architecture::Architecture;

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
    /// Seeded inputs per verification.
    #[serde(default = "default_input_sets")]
    pub input_sets: InputSets,
}

/// Number of seeded inputs per verification.
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
}

impl Config {
    /// The request behind the table.
    ///
    /// # Errors
    /// Neither or both of `architecture` and `onnx`, a key that does not go with them, a checkpoint.
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
        self.weights.check()?;
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
        })
    }
}

fn wrong(message: &str) -> Fault {
    Fault::config(format!("[onnx-export-verify]: {message}"))
}

/// Where the weights of an architecture come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WeightsChoice {
    /// A checkpoint when there is one that can be read, else synthetic ones.
    #[default]
    Auto,
    /// Seeded ones.
    Synthetic,
    /// A checkpoint.
    File(PathBuf),
}

impl WeightsChoice {
    /// Refuses checkpoints, which cannot be read yet.
    pub fn check(&self) -> Result<()> {
        let Self::File(path) = self else { return Ok(()) };
        let path = path.display();
        let message =
            format!("weights {path}: reading checkpoints (.pth, .safetensors) is not there yet");
        Err(Fault::config(message)
            .hint("use weights = \"synthetic\", or export the model elsewhere and give it as onnx = \"model.onnx\"")
            .into())
    }
}

impl FromStr for WeightsChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            "synthetic" => Self::Synthetic,
            path => Self::File(path.into()),
        })
    }
}

impl<'de> Deserialize<'de> for WeightsChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Err(D::Error::custom(
                "expected \"auto\", \"synthetic\" or a path, found nothing",
            ));
        }
        Ok(text.parse().unwrap_or_default())
    }
}

/// Precisions without repetition, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precisions(pub Vec<Precision>);

impl<'de> Deserialize<'de> for Precisions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<Precision>::deserialize(deserializer)?;
        if list.is_empty() {
            return Err(D::Error::custom("the list is empty: expected \"fp32\", \"fp16\" or both"));
        }
        let mut once = Vec::new();
        for precision in list {
            if once.contains(&precision) {
                return Err(D::Error::custom(format!("\"{precision}\" stands there twice")));
            }
            once.push(precision);
        }
        Ok(Self(once))
    }
}

/// Size of the first axis of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// A size.
    Fixed(Bounded<1, 1024>),
    /// Open: chosen when an engine is built or run.
    Dynamic,
}

impl Batch {
    /// One.
    pub const ONE: Self = match Bounded::new(1) {
        Some(one) => Self::Fixed(one),
        None => Self::Dynamic,
    };

    /// The axis in a model; the open one has the name that PyTorch users give it.
    pub fn dim(self) -> Dim {
        match self {
            Self::Fixed(size) => Dim::Fixed(size.get() as usize),
            Self::Dynamic => Dim::Symbol("batch_size".to_owned()),
        }
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{}", size.get()),
            Self::Dynamic => f.write_str("dynamic"),
        }
    }
}

impl FromStr for Batch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "dynamic" {
            return Ok(Self::Dynamic);
        }
        let size = text.parse::<u32>().ok().and_then(Bounded::new).map(Self::Fixed);
        size.ok_or_else(|| {
            format!("\"{text}\" is no batch size: expected 1 to 1024 or \"dynamic\"")
        })
    }
}

impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BatchVisitor;
        impl Visitor<'_> for BatchVisitor {
            type Value = Batch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a batch size from 1 to 1024, or \"dynamic\"")
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Batch, E> {
                value.to_string().parse().map_err(E::custom)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Batch, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(BatchVisitor)
    }
}
