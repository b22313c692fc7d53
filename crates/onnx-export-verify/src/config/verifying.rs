//! Values of keys that say how a model is verified.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use backend::input::Distribution;
use serde::de::{Deserialize, Deserializer, Error as _};

use crate::verify::images::{self, Photo};

/// Distributions of the seeded inputs: at least one, none twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distributions(pub Vec<Distribution>);

impl Default for Distributions {
    fn default() -> Self {
        Self(Distribution::ALL.to_vec())
    }
}

impl<'de> Deserialize<'de> for Distributions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<Distribution>::deserialize(deserializer)?;
        let twice = list.iter().enumerate().find(|(place, one)| list[..*place].contains(one));
        match twice {
            Some((_, one)) => Err(D::Error::custom(format!("\"{one}\" stands here twice"))),
            None if list.is_empty() => {
                Err(D::Error::custom("the list is empty: name at least one"))
            }
            None => Ok(Self(list)),
        }
    }
}

/// Which photographs are among the inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Images {
    /// Those that are part of the program.
    #[default]
    Own,
    /// None.
    No,
    /// The PNG and JPEG files of a folder.
    Folder(PathBuf),
}

impl Images {
    /// Reads them. `root` is what the folder is relative to.
    ///
    /// # Errors
    /// See [`images::folder`].
    pub fn read(&self, root: &Path) -> Result<Vec<Photo>> {
        match self {
            Self::Own => images::own(),
            Self::No => Ok(Vec::new()),
            Self::Folder(folder) => images::folder(&root.join(folder)),
        }
    }

    /// Looks whether they are there, without reading them.
    ///
    /// # Errors
    /// See [`images::list`].
    pub fn check(&self, root: &Path) -> Result<()> {
        match self {
            Self::Own | Self::No => Ok(()),
            Self::Folder(folder) => images::list(&root.join(folder)).map(drop),
        }
    }
}

impl FromStr for Images {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "true" => Ok(Self::Own),
            "false" => Ok(Self::No),
            "" => Err("expected true, false or a folder".to_owned()),
            folder => Ok(Self::Folder(folder.into())),
        }
    }
}

impl<'de> Deserialize<'de> for Images {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Images;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("true, false or the name of a folder")
            }

            fn visit_bool<E>(self, on: bool) -> Result<Images, E> {
                Ok(if on { Images::Own } else { Images::No })
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Images, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A tolerance relative to the scale of an output: above 0 and at most 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance(pub f64);

impl Tolerance {
    fn new(value: f64) -> Result<Self, String> {
        if value > 0.0 && value <= 1.0 {
            return Ok(Self(value));
        }
        Err(format!(
            "{value} is no tolerance: expected a number above 0 and at most 1, relative to the scale of an output"
        ))
    }
}

impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::new(text.parse().map_err(|_no_number| format!("\"{text}\" is no number"))?)
    }
}

impl<'de> Deserialize<'de> for Tolerance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_tolerances_are_read_or_refused() {
        assert_eq!("true".parse(), Ok(Images::Own));
        assert_eq!("my/photos".parse(), Ok(Images::Folder("my/photos".into())));
        assert_eq!("1e-3".parse(), Ok(Tolerance(1e-3)));
        for wrong in ["0", "-1", "2", "nan", "inf", "x"] {
            assert!(wrong.parse::<Tolerance>().is_err(), "{wrong}");
        }
    }
}
