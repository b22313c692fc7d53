//! The `[engine-build]` table.

use std::collections::BTreeMap;

use backend::{BuildOptions, Choice, Fp16Route, Precision};
use pipeline::config::{Bounded, Span};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::isolate::{ByteSize, Isolation};

/// The table, checked while it is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// `auto` or a backend by name.
    pub backend: Choice,
    /// Precisions to build; left out, those that the models have.
    pub precision: Option<Precisions>,
    /// 0 (fast build) to 5 (fast engine).
    pub optimization_level: Bounded<0, 5>,
    /// How float16 engines are asked for.
    pub fp16_route: Fp16Route,
    /// Most scratch memory on the device; left out, the library's default.
    pub workspace: Option<ByteSize>,
    /// Sizes for inputs that the models leave open, by name.
    pub shapes: BTreeMap<String, Vec<Bounded<1, 65_536>>>,
    /// What to do with the engine store and the timing caches.
    pub timing_cache: TimingCache,
    /// Rounds of cold against warm builds, with [`TimingCache::Cold`].
    pub rounds: Bounded<1, 50>,
    /// Whether a build that starts from the stored timing cache may take no timing anew.
    pub require_cached: bool,
    /// Whether a build has a process of its own; left out, the backend decides.
    pub isolation: Option<Isolation>,
    /// Most resident memory of that process.
    pub memory_limit: Option<ByteSize>,
    /// Longest time of one build.
    pub time_limit: Option<Span>,
}

impl Config {
    /// Precision that a model must have for an engine of the precision that is asked for.
    pub fn model_precision(&self, asked: Precision) -> Precision {
        match (asked, self.fp16_route) {
            (Precision::Fp16, Fp16Route::Flag) => Precision::Fp32,
            (asked, _) => asked,
        }
    }

    /// The sizes as a build takes them.
    pub fn sizes(&self) -> Vec<(String, Vec<usize>)> {
        let sizes =
            |dims: &Vec<Bounded<1, 65_536>>| dims.iter().map(|d| d.get() as usize).collect();
        self.shapes.iter().map(|(name, dims)| (name.clone(), sizes(dims))).collect()
    }

    /// Options of a build at a precision.
    pub fn options(&self, precision: Precision) -> BuildOptions {
        let lowered = self.model_precision(precision) != precision;
        BuildOptions {
            workspace: self.workspace.map(ByteSize::get),
            fp16_route: if lowered { Fp16Route::Flag } else { Fp16Route::Typed },
            ..BuildOptions::default()
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            backend: Choice::Auto,
            precision: None,
            optimization_level: Bounded::new(5).expect("5 is in range"),
            fp16_route: Fp16Route::Typed,
            workspace: None,
            shapes: BTreeMap::new(),
            timing_cache: TimingCache::Reuse,
            rounds: Bounded::new(1).expect("1 is in range"),
            require_cached: false,
            isolation: None,
            memory_limit: None,
            time_limit: None,
        }
    }
}

/// Use of the engine store and the timing caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimingCache {
    /// Take what is stored, store what is built.
    Reuse,
    /// Build as if nothing were stored, then store; and again with what is stored, to compare.
    Cold,
    /// Neither read nor write.
    Off,
}

/// One precision or more, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precisions(Vec<Precision>);

impl Precisions {
    /// In the order of the file.
    pub fn as_slice(&self) -> &[Precision] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Precisions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<Precision>::deserialize(deserializer)?;
        if list.is_empty() {
            return Err(D::Error::custom("expected at least one precision, such as [\"fp32\"]"));
        }
        let repeated =
            list.iter().enumerate().find(|(index, precision)| list[..*index].contains(precision));
        match repeated {
            Some((_, precision)) => Err(D::Error::custom(format!("\"{precision}\" stands twice"))),
            None => Ok(Self(list)),
        }
    }
}
