//! Architectures that can be exported, exact to torchvision: names of the state dictionary, strides, groups,
//! the ε of each normalisation.
//!
//! # Adding one
//!
//! An architecture is one file of this folder: a `TABLE` of [`Entry`] (one for each size of the family) and the
//! function that writes the graph by calling [`Net`]. A family's table stands in `FAMILIES`, one line.
//! Pipeline files, the command line, checkpoints, synthetic weights and the tests below then know it.

mod fold;
mod mobilenet_v2;
mod mobilenet_v3;
mod net;
mod resnet;

use std::cell::RefCell;
use std::fmt;
use std::sync::LazyLock;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::weights::{OwnedParameter, Parameter, Weights};
pub use net::{Affine, Conv, Exported, Net, Norm};

/// The tables of all files here.
const FAMILIES: &[&[Entry]] = &[resnet::TABLE, mobilenet_v2::TABLE, mobilenet_v3::TABLE];

static ALL: LazyLock<Vec<Architecture>> =
    LazyLock::new(|| FAMILIES.iter().copied().flatten().map(Architecture).collect());
static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| ALL.iter().map(|a| a.as_str()).collect());

/// What a file says of one architecture.
#[derive(Debug)]
pub struct Entry {
    /// Name in pipeline files and artifacts; torchvision's name of the function that builds it.
    pub name: &'static str,
    /// Name of torchvision's checkpoint with the first ImageNet weights.
    pub checkpoint: &'static str,
    /// Trained parameters with 1000 classes, as torchvision publishes (`num_params`).
    pub parameters: u64,
    /// Multiplications of one image of 224 × 224 in 10⁹, as torchvision publishes (`_ops`).
    pub giga_multiplications: f64,
    /// Writes the graph, from the input named `input` to the output named `output`, with that many classes.
    pub build: fn(&mut Net<'_>, usize) -> anyhow::Result<()>,
}

/// An architecture by its name.
#[derive(Clone, Copy)]
pub struct Architecture(&'static Entry);

impl Architecture {
    /// All that are known.
    pub fn all() -> &'static [Self] {
        &ALL
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().iter().copied().find(|architecture| architecture.as_str() == name)
    }

    /// The name in pipeline files and artifacts.
    pub fn as_str(self) -> &'static str {
        self.0.name
    }

    /// Name of torchvision's checkpoint with the first ImageNet weights.
    pub fn checkpoint(self) -> &'static str {
        self.0.checkpoint
    }

    /// Channels, height and width of one input.
    pub fn image(self) -> [usize; 3] {
        [3, 224, 224]
    }

    /// Number of classes of the published weights.
    pub fn classes(self) -> usize {
        1000
    }

    /// Writes the graph from the input named `input` to the output named `output`.
    ///
    /// # Errors
    /// Those of the source of weights.
    pub fn build(self, net: &mut Net<'_>, classes: usize) -> anyhow::Result<()> {
        (self.0.build)(net, classes)
    }

    /// All tensors in the order of the state dictionary, running statistics included. Allocates no weights.
    pub fn parameters(self, classes: usize) -> Vec<OwnedParameter> {
        let listing = Listing::default();
        // a source that never fails leaves nothing that could
        let built = self.build(&mut Net::new(&listing, Norm::Kept, 17), classes);
        debug_assert!(built.is_ok(), "{built:?}");
        listing.0.into_inner()
    }
}

/// Notes what is asked for and gives nothing.
#[derive(Default)]
struct Listing(RefCell<Vec<OwnedParameter>>);

impl Weights for Listing {
    fn tensor(&self, parameter: &Parameter<'_>) -> anyhow::Result<Vec<f32>> {
        self.0.borrow_mut().push(parameter.into());
        Ok(Vec::new())
    }
}

impl fmt::Debug for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for Architecture {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Architecture {}

impl Serialize for Architecture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Architecture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| serde::de::Error::unknown_variant(&name, &NAMES))
    }
}

impl ValueEnum for Architecture {
    fn value_variants<'a>() -> &'a [Self] {
        Self::all()
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()))
    }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
