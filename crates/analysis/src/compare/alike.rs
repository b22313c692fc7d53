//! May two cases be compared at all? What must agree, and what is not known. Pure.

use std::fmt;
use std::str::FromStr;

use pipeline::artifact::CaseRow;
use pipeline::config::did_you_mean;

/// What must agree before two cases are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trait {
    /// The model, by digest.
    Model,
    /// The precision that was achieved.
    Precision,
    /// Inferences in one call.
    Batch,
    /// Whether copies are inside the measured path.
    Transfers,
    /// Inferences in flight a stream.
    Depth,
}

impl Trait {
    /// All of them, in the order of messages.
    pub const ALL: [Self; 5] =
        [Self::Model, Self::Precision, Self::Batch, Self::Transfers, Self::Depth];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Precision => "precision",
            Self::Batch => "batch",
            Self::Transfers => "transfers",
            Self::Depth => "depth",
        }
    }

    /// Its value for a case; `None` when the run does not know, as imported runs and `runner bench` may not.
    fn of(self, row: &CaseRow) -> Option<String> {
        let known = |text: &str| (!text.is_empty() && text != "unknown").then(|| text.to_owned());
        let counted = |n: i64| (n > 0).then(|| n.to_string());
        match self {
            Self::Model => known(&row.model_digest).map(|digest| digest.chars().take(12).collect()),
            Self::Precision => known(&row.achieved_precision),
            Self::Batch => counted(row.batch),
            Self::Transfers => Some(if row.transfers { "inside" } else { "none" }.to_owned()),
            Self::Depth => counted(row.depth),
        }
    }
}

impl fmt::Display for Trait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Trait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|known| known.name() == text).ok_or_else(|| {
            let guess = did_you_mean(text, &names);
            format!("unknown difference `{text}`{guess}; expected one of: {}", names.join(", "))
        })
    }
}

/// A value that differs between the sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub what: String,
    /// Its value on the side of the reference.
    pub reference: String,
    /// Its value on the side that is judged.
    pub judged: String,
}

impl Difference {
    /// A difference, unless the values are equal.
    pub fn of(what: &str, reference: &str, judged: &str) -> Option<Self> {
        (reference != judged).then(|| Self {
            what: what.to_owned(),
            reference: reference.to_owned(),
            judged: judged.to_owned(),
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
        write!(f, "{} {} and {}", self.what, shown(&self.reference), shown(&self.judged))
    }
}

/// How far two cases are alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alike {
    /// What differs and must not.
    pub unlike: Vec<(Trait, Difference)>,
    /// What a side does not know.
    pub unknown: Vec<Trait>,
}

impl Alike {
    /// Compares two cases; rows that are missing know nothing and so differ in nothing.
    pub fn of(reference: Option<&CaseRow>, judged: Option<&CaseRow>) -> Self {
        let mut alike = Self::default();
        for known in Trait::ALL {
            let values = [reference, judged].map(|row| row.and_then(|row| known.of(row)));
            match values {
                [Some(one), Some(two)] => {
                    let found = Difference::of(known.name(), &one, &two);
                    alike.unlike.extend(found.map(|found| (known, found)));
                }
                _ => alike.unknown.push(known),
            }
        }
        alike
    }

    /// What differs, in words.
    pub fn words(&self) -> String {
        let words: Vec<String> = self.unlike.iter().map(|(_, found)| found.to_string()).collect();
        words.join("; ")
    }
}
