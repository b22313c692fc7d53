//! Names of metrics: `throughput`, `compute/p99`, `build/cold`. Scripts and claims rely on them.

use std::fmt;
use std::str::FromStr;

use pipeline::config::did_you_mean;
use pipeline::samples::Sample;
use stats::{Direction, Share};

/// A time of one inference (METHODOLOGY.md, "Quantities").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// The inference itself.
    Compute,
    /// What a caller waits: completion − scheduled arrival, or − issue in a closed loop.
    Response,
    /// h2d + compute + d2h, as trtexec adds them.
    Latency,
    /// Host time inside the enqueue call.
    Enqueue,
    /// Copy to the device.
    H2d,
    /// Copy from the device.
    D2h,
}

impl Quantity {
    /// All quantities in the order of the tables.
    pub const ALL: [Self; 6] =
        [Self::Compute, Self::Response, Self::Latency, Self::Enqueue, Self::H2d, Self::D2h];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Response => "response",
            Self::Latency => "latency",
            Self::Enqueue => "enqueue",
            Self::H2d => "h2d",
            Self::D2h => "d2h",
        }
    }

    /// Its value for one sample in ns; `None` where the backend has no such stamp.
    pub fn of(self, sample: &Sample) -> Option<i64> {
        match self {
            Self::Compute => Some(sample.compute_ns),
            Self::Response => Some(sample.done_ns - sample.scheduled_ns.unwrap_or(sample.issue_ns)),
            Self::Latency => Some(sample.h2d_ns? + sample.compute_ns + sample.d2h_ns?),
            Self::Enqueue => sample.enqueue_ns,
            Self::H2d => sample.h2d_ns,
            Self::D2h => sample.d2h_ns,
        }
    }

    /// Whether modes with different numbers of streams may be compared by it.
    pub fn compares_across_streams(self) -> bool {
        self == Self::Response
    }
}

/// A figure that sums up many values of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Coefficient of variation.
    Cv,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// A quantile.
    Percentile(Share),
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => f.write_str("mean"),
            Self::Cv => f.write_str("cv"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Percentile(share) => share.fmt(f),
        }
    }
}

/// How an engine came to be, as far as its time to build is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Build {
    /// Without a timing cache, or with an empty one.
    Cold,
    /// With timings from an earlier build.
    Warm,
    /// Taken from the engine store.
    Store,
}

impl Build {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Cold, Self::Warm, Self::Store];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
            Self::Store => "store",
        }
    }

    /// The kind of a row of `engines.parquet` by its `cache` column.
    pub fn of_cache(cache: &str) -> Self {
        match cache {
            "warm" => Self::Warm,
            "engine-store" => Self::Store,
            _ => Self::Cold,
        }
    }
}

/// A metric by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Inferences a second.
    Throughput,
    /// A statistic of a time.
    Time(Quantity, Statistic),
    /// Time to build the engine.
    Build(Build),
}

impl Metric {
    /// Whether more is better.
    pub fn direction(self) -> Direction {
        match self {
            Self::Throughput => Direction::HigherIsBetter,
            Self::Time(..) | Self::Build(_) => Direction::LowerIsBetter,
        }
    }

    /// The `unit` column.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Throughput => "1/s",
            Self::Time(_, Statistic::Cv) => "1",
            Self::Time(..) | Self::Build(_) => "ns",
        }
    }

    /// Whether modes with different numbers of streams may be compared by it.
    pub fn compares_across_streams(self) -> bool {
        match self {
            Self::Throughput | Self::Build(_) => true,
            Self::Time(quantity, _) => quantity.compares_across_streams(),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throughput => f.write_str("throughput"),
            Self::Time(quantity, statistic) => write!(f, "{}/{statistic}", quantity.name()),
            Self::Build(build) => write!(f, "build/{}", build.name()),
        }
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let families =
            ["throughput", "compute", "response", "latency", "enqueue", "h2d", "d2h", "build"];
        let unknown = |what: &str, word: &str, known: &[&str]| {
            format!(
                "unknown {what} `{word}` in the metric `{text}`{}; expected one of: {}",
                did_you_mean(word, known),
                known.join(", ")
            )
        };
        if text == "throughput" {
            return Ok(Self::Throughput);
        }
        let (family, rest) = text.split_once('/').unwrap_or((text, ""));
        if family == "build" {
            let names = Build::ALL.map(Build::name);
            let build = Build::ALL.into_iter().find(|build| build.name() == rest);
            return build.map(Self::Build).ok_or_else(|| unknown("build", rest, &names));
        }
        let quantity = Quantity::ALL
            .into_iter()
            .find(|quantity| quantity.name() == family)
            .ok_or_else(|| unknown("quantity", family, &families))?;
        let statistic = match rest {
            "mean" => Statistic::Mean,
            "cv" => Statistic::Cv,
            "min" => Statistic::Min,
            "max" => Statistic::Max,
            _ => {
                let percent = rest.strip_prefix('p').and_then(|rest| rest.parse::<f64>().ok());
                percent.and_then(Share::from_percent).map(Statistic::Percentile).ok_or_else(
                    || unknown("statistic", rest, &["mean", "cv", "min", "max", "p50", "p99"]),
                )?
            }
        };
        Ok(Self::Time(quantity, statistic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for name in
            ["throughput", "compute/mean", "response/p99.9", "enqueue/cv", "h2d/min", "build/cold"]
        {
            assert_eq!(name.parse::<Metric>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn wrong_names_are_explained() {
        let error = |name: &str| name.parse::<Metric>().unwrap_err();
        assert!(error("compte/p99").contains("did you mean \"compute\""));
        assert!(error("compute/p100").contains("unknown statistic `p100`"));
        assert!(error("compute").contains("unknown statistic"));
        assert!(error("build/hot").contains("cold, warm, store"));
    }
}
