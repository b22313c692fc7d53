//! What a user may choose about a conversion.

use std::fmt;

use clap::ValueEnum;
use serde::Deserialize;

/// How to convert; also the table `fp16` of a pipeline file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// Type of inputs and outputs that were float32.
    pub io: Io,
    /// Operator types and names of nodes that stay in float32.
    pub block: Vec<String>,
    /// What becomes of weights beyond 65504.
    pub on_overflow: OnOverflow,
}

/// Type of inputs and outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Io {
    /// They stay float32.
    #[default]
    Fp32,
    /// They become float16.
    Fp16,
}

/// What becomes of weights beyond the range of float16.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OnOverflow {
    /// The conversion fails and names them all.
    #[default]
    Fail,
    /// They become 65504 or −65504.
    Saturate,
}

/// Everything that shapes the converted model, in one line.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
