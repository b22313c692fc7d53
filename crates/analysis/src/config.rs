//! The `[analysis]` table.

use std::fmt;

use pipeline::config::Name;
use serde::{Deserialize, Deserializer, de};
use stats::{Confidence, Share};

use crate::claims::Claim;
use crate::metric::{Metric, Statistic};

/// What to sum up, against what to compare, and what to claim.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// Percentiles of every time, ascending.
    pub percentiles: Percentiles,
    /// The case that the others are compared with.
    pub baseline: Name,
    /// Statements that are judged on every run.
    pub claims: Vec<Claim>,
    /// Differences within it are SAME.
    pub margin: Margin,
    /// Confidence of all intervals.
    pub confidence: Level,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            percentiles: Percentiles::default(),
            baseline: base(),
            claims: Vec::new(),
            margin: Margin(0.01),
            confidence: Level(Confidence::default()),
        }
    }
}

fn base() -> Name {
    Name::new("base").expect("`base` is a name")
}

impl Config {
    /// What cannot be seen key by key: claims about percentiles that are not asked for.
    ///
    /// # Errors
    /// The claim and the percentile that is missing.
    pub fn check(&self) -> Result<(), String> {
        for claim in &self.claims {
            for side in claim.terms() {
                if let Metric::Time(_, Statistic::Percentile(share)) = side.metric
                    && !self.percentiles.0.contains(&share)
                {
                    return Err(format!(
                        "the claim \"{claim}\" is about {share}, which `percentiles` does not list"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Percentiles in ascending order, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Percentiles(pub Vec<Share>);

impl Default for Percentiles {
    fn default() -> Self {
        let shares = [500_000, 900_000, 950_000, 990_000, 999_000];
        Self(shares.into_iter().filter_map(Share::from_ppm).collect())
    }
}

impl<'de> Deserialize<'de> for Percentiles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut shares: Vec<Share> = Vec::<Percent>::deserialize(deserializer)?
            .into_iter()
            .map(|percent| percent.0)
            .collect();
        shares.sort_unstable();
        shares.dedup();
        if shares.is_empty() {
            return Err(de::Error::custom("`percentiles` is empty: list at least one, such as 50"));
        }
        Ok(Self(shares))
    }
}

/// One percentile, written as an integer or a float.
struct Percent(Share);

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor).and_then(|value| {
            Share::from_percent(value).map(Self).ok_or_else(|| {
                de::Error::custom(format!(
                    "{value} is not a percentile: expected a number above 0 and below 100 with at most 4 decimals"
                ))
            })
        })
    }
}

/// Confidence of intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level(pub Confidence);

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(NumberVisitor)?;
        Confidence::new(value).map(Self).ok_or_else(|| {
            de::Error::custom(format!(
                "{value} is not a confidence: expected a share above 0.5 and below 1, such as 0.95"
            ))
        })
    }
}

struct NumberVisitor;

impl de::Visitor<'_> for NumberVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_i64<E>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_u64<E>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_f64<E>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }
}

/// A relative difference that does not matter, written as "1%".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin(f64);

impl Margin {
    /// The margin as a share: 0.01 for "1%".
    pub fn get(self) -> f64 {
        self.0
    }
}

impl std::str::FromStr for Margin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percent =
            text.trim().strip_suffix('%').and_then(|text| text.trim().parse::<f64>().ok());
        match percent {
            Some(percent) if (0.0..100.0).contains(&percent) => Ok(Self(percent / 100.0)),
            _ => Err(format!(
                "\"{text}\" is not a margin: write a percentage from 0% to below 100%, such as \"1%\""
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Margin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::PipelineFile;

    fn read(table: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.toml");
        std::fs::write(&path, format!("[analysis]\n{table}\n")).unwrap();
        let file = PipelineFile::load(&path, &[]).unwrap();
        file.section::<Config>("analysis").map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn an_empty_table_has_the_defaults() {
        let config = read("").unwrap();
        let names: Vec<String> = config.percentiles.0.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["p50", "p90", "p95", "p99", "p99.9"]);
        assert_eq!(config.baseline.as_str(), "base");
        assert!((config.margin.get() - 0.01).abs() < 1e-15);
        assert_eq!(config.confidence, Level(Confidence::default()));
    }

    #[test]
    fn values_are_read() {
        let config =
            read("percentiles = [99.9, 50, 50.0]\nmargin = \"0.5%\"\nconfidence = 0.9").unwrap();
        assert_eq!(config.percentiles.0.len(), 2);
        assert!((config.margin.get() - 0.005).abs() < 1e-15);
    }

    #[test]
    fn bad_values_show_the_line() {
        for (table, what) in [
            ("percentiles = []", "is empty"),
            ("percentiles = [0]", "not a percentile"),
            ("percentiles = [100]", "not a percentile"),
            ("percentiles = [\"p50\"]", "expected a number"),
            ("margin = \"5\"", "not a margin"),
            ("confidence = 95", "not a confidence"),
            ("claims = [\"base\"]", "not a claim"),
            ("percentile = [50]", "did you mean \"percentiles\""),
        ] {
            let error = read(table).unwrap_err();
            assert!(error.contains(what) && error.contains("p.toml:2:"), "{error}");
        }
    }

    #[test]
    fn a_claim_needs_its_percentile() {
        let config =
            read("percentiles = [50]\nclaims = [\"a compute/p99 < b compute/p99\"]").unwrap();
        assert!(config.check().unwrap_err().contains("p99"));
    }
}
