//! Where weights come from. A source is asked for each tensor by its name in torchvision's state dictionary.
//!
//! [`synthetic`] draws them from a seed, [`checkpoint`] reads trained ones; [`choice`] says which of the two.

pub mod calibrate;
pub mod checkpoint;
pub mod choice;
pub mod synthetic;

use anyhow::Result;

/// A tensor that a graph needs.
#[derive(Clone, Copy, Debug)]
pub struct Parameter<'a> {
    /// Name in the state dictionary, such as `layer1.0.bn2.running_var`.
    pub name: &'a str,
    /// Dimensions.
    pub shape: &'a [usize],
    /// What it is for.
    pub role: Role,
}

/// What a tensor is for; decides how it is drawn when it is synthetic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// Filters of a convolution: outputs, inputs of a group, height, width.
    Conv {
        /// Groups of channels that do not see each other.
        groups: usize,
    },
    /// Scale of a normalisation.
    Scale {
        /// About how large it should be.
        mean: f32,
    },
    /// Shift of a normalisation, or bias of a layer inside the network.
    Shift {
        /// About how large it should be.
        mean: f32,
    },
    /// Running mean of a normalisation.
    RunningMean,
    /// Running variance of a normalisation.
    RunningVariance,
    /// Weights of a layer inside the network that no normalisation follows: outputs, inputs.
    Hidden {
        /// Inputs of one output.
        inputs: usize,
        /// How large they should be, where 1 keeps the scale of what goes through.
        gain: f32,
    },
    /// Weights of the classifier: outputs, inputs.
    Linear {
        /// Number of inputs.
        inputs: usize,
    },
    /// Bias of the classifier.
    Bias {
        /// Number of inputs of the layer.
        inputs: usize,
    },
}

/// A [`Parameter`] that stands alone.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedParameter {
    /// Name in the state dictionary.
    pub name: String,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
}

impl From<&Parameter<'_>> for OwnedParameter {
    fn from(of: &Parameter<'_>) -> Self {
        Self { name: of.name.to_owned(), shape: of.shape.to_vec(), role: of.role }
    }
}

/// A source of weights.
pub trait Weights {
    /// The elements of a tensor, row-major.
    ///
    /// # Errors
    /// A tensor that is not there or has another shape.
    fn tensor(&self, parameter: &Parameter<'_>) -> Result<Vec<f32>>;
}
