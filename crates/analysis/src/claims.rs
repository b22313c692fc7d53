//! Claims: statements in the pipeline file that every run is asked about.
//!
//! ```text
//! cuda-graph enqueue/p50 < base enqueue/p50            a metric of one case against one of another
//! streams-4 throughput > 1.02 * base throughput        either side may carry a factor
//! base compute/p99 < 3ms                               a side may be a figure with its unit
//! { claim = "base compute/p99 < 3ms", when = "jetson" }   asked only where the condition holds
//! ```
//!
//! [`parse`] reads them, [`condition`] says where one is asked, [`mod@judge`] answers from the intervals,
//! [`words`] says the answer in a sentence.

pub mod condition;
pub mod judge;
pub mod parse;
pub mod words;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub use condition::Condition;
pub use judge::{Ground, judge};

use crate::metric::Metric;

/// The claim was shown, as it stands in the `verdict` column.
pub const HOLDS: &str = "HOLDS";
/// The opposite was shown.
pub const FAILS: &str = "FAILS";
/// Neither was shown.
pub const UNDECIDED: &str = "UNDECIDED";
/// A side was skipped or is missing, or the claim's condition does not hold here.
pub const NOT_APPLICABLE: &str = "NOT-APPLICABLE";

/// A parsed claim: `left ÷ right` is below (or above) `factor`.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The claim as it was written, blanks apart.
    pub text: String,
    /// Left side.
    pub left: Term,
    /// Comparison.
    pub op: Op,
    /// Right side.
    pub right: Right,
    /// What left ÷ right is compared with: the factors of both sides as one.
    pub factor: f64,
    /// Where it is asked; everywhere when it names none.
    pub condition: Option<Condition>,
}

/// A metric of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Name of the mode.
    pub case: String,
    /// Its metric.
    pub metric: Metric,
}

/// What the left side is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Right {
    /// A metric of a case.
    Term(Term),
    /// A figure in the unit of the left side's metric: ns, 1/s or 1.
    Figure(f64),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `<` and `<=`: intervals do not tell them apart.
    Less,
    /// `>` and `>=`.
    Greater,
}

impl Claim {
    /// The metrics of cases that it names: one or two.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        let right = match &self.right {
            Right::Term(term) => Some(term),
            Right::Figure(_) => None,
        };
        std::iter::once(&self.left).chain(right)
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.case, self.metric)
    }
}

impl<'de> Deserialize<'de> for Claim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ClaimVisitor)
    }
}

/// A claim with its condition, as a table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    claim: String,
    when: Option<Condition>,
}

struct ClaimVisitor;

impl<'de> Visitor<'de> for ClaimVisitor {
    type Value = Claim;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a claim such as \"base compute/p99 < 3ms\", or { claim = \"…\", when = \"cuda\" }",
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Claim, E> {
        text.parse().map_err(de::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Claim, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        let claim: Claim = table.claim.parse().map_err(de::Error::custom)?;
        Ok(Claim { condition: table.when, ..claim })
    }
}
