//! Values of inputs that are not drawn: `sr = 16000`, `state = "zeros"`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// The value of an input that is not drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fixed {
    /// This value in every element.
    Value(f64),
    /// Zeros: an empty state.
    Zeros,
}

impl Fixed {
    /// The value of each element.
    pub fn value(self) -> f64 {
        match self {
            Self::Value(value) => value,
            Self::Zeros => 0.0,
        }
    }
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value}"),
            Self::Zeros => f.write_str("zeros"),
        }
    }
}

impl FromStr for Fixed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "zeros" => Ok(Self::Zeros),
            "true" => Ok(Self::Value(1.0)),
            "false" => Ok(Self::Value(0.0)),
            number => number
                .parse()
                .ok()
                .filter(|value: &f64| value.is_finite())
                .map(Self::Value)
                .ok_or_else(|| format!("`{text}` is neither a number nor \"zeros\"")),
        }
    }
}

impl<'de> Deserialize<'de> for Fixed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl serde::de::Visitor<'_> for Any {
            type Value = Fixed;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or \"zeros\"")
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Fixed, E> {
                value.to_string().parse().map_err(E::custom)
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Fixed, E> {
                value.to_string().parse().map_err(E::custom)
            }
            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Fixed, E> {
                Ok(Fixed::Value(f64::from(u8::from(value))))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Fixed, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Reads the `NAME=VALUE` of a command line or an artifact.
///
/// # Errors
/// What is wrong with the text, for the user.
pub fn parse_input(text: &str) -> Result<(String, Fixed), String> {
    let usage = || format!("`{text}` is not NAME=VALUE, such as sr=16000 or state=zeros");
    let (name, value) = text.rsplit_once('=').ok_or_else(usage)?;
    if name.trim().is_empty() {
        return Err(usage());
    }
    let value = value.parse().map_err(|reason| format!("{}: {reason}", usage()))?;
    Ok((name.trim().to_owned(), value))
}
