//! Values of the table that are checked while they are read.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use backend::Precision;
use backend::onnx::shape::Dim;
use pipeline::config::Bounded;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer};

/// Where the weights of an architecture come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WeightsChoice {
    /// torchvision's checkpoint when it is in `data/models`, else synthetic ones.
    #[default]
    Auto,
    /// Seeded ones.
    Synthetic,
    /// A checkpoint: `.pth`, `.pt` or `.safetensors`.
    File(PathBuf),
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
