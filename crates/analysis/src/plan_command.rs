//! `analysis plan`: how long must I measure to resolve this percentile, or to find this difference?
//!
//! From a pilot run, or from a coefficient of variation and an autocorrelation. `analysis validate` measures on
//! simulated runs whether what is planned is enough.

mod pilot;
mod words;

use std::path::PathBuf;

use clap::Args;
use pipeline::{Exit, Fault};
use stats::{Confidence, order, plan};

use crate::config::Margin;
use crate::metric::Metric;
use pilot::Pilot;

/// Rounds among which a plan chooses; fewer than three say nothing of the machine.
const ROUNDS: [usize; 9] = [1, 3, 5, 7, 10, 12, 15, 20, 40];
/// Lengths of a round among which a plan chooses, in seconds.
const LENGTHS: [f64; 8] = [0.5, 1.0, 2.0, 4.0, 6.0, 10.0, 20.0, 60.0];

/// Arguments of `analysis plan`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Run folder of a pilot run; left out, --cv and --latency describe the machine
    pub run: Option<PathBuf>,
    /// Case of the pilot run
    #[arg(long, default_value = "base")]
    pub case: String,
    /// What shall be known: throughput, compute/mean or a percentile such as response/p99
    #[arg(long, default_value = "compute/p99")]
    pub metric: Metric,
    /// Half width of the interval, relative to the figure
    #[arg(long, default_value = "1%", value_name = "X%")]
    pub resolve: Margin,
    /// Regression to find
    #[arg(long, default_value = "2%", value_name = "X%")]
    pub find: Margin,
    /// Margin of the comparison that shall find it
    #[arg(long, default_value = "1%", value_name = "X%")]
    pub margin: Margin,
    /// Chance of finding it
    #[arg(long, default_value_t = 0.9, value_parser = power)]
    pub power: f64,
    /// Coefficient of variation, when there is no pilot run
    #[arg(long, value_name = "X%", conflicts_with = "run", required_unless_present = "run")]
    pub cv: Option<Margin>,
    /// Correlation of neighbours: 0 is none, 0.9 much
    #[arg(long, default_value_t = 0.0, conflicts_with = "run", value_parser = correlation)]
    pub autocorrelation: f64,
    /// Time of one inference
    #[arg(long, conflicts_with = "run", required_unless_present = "run", value_parser = latency)]
    pub latency: Option<f64>,
    /// Standard deviation of rounds; left out, that of the pilot run's three or more rounds, else 0.3 %
    #[arg(long, value_name = "X%")]
    pub round_sd: Option<Margin>,
    /// Warm-up before every round, in seconds
    #[arg(long, default_value_t = 0.5, value_parser = seconds)]
    pub warm_up: f64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

fn power(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.5..0.9999).contains(value));
    value.ok_or_else(|| format!("{text} is not a power: a share from 0.5 to below 1, such as 0.9"))
}

fn correlation(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.0..=0.999).contains(value));
    value.ok_or_else(|| format!("{text} is not an autocorrelation: a number from 0 to 0.999"))
}

fn seconds(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.0..=3600.0).contains(value));
    value.ok_or_else(|| format!("{text} is not a number of seconds from 0 to 3600"))
}

/// A time such as `2.3ms`, in ns.
fn latency(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text} is not a time: write a number with its unit, such as 2.3ms");
    let split = text.find(|c: char| c.is_ascii_alphabetic() || c == 'µ').ok_or_else(wrong)?;
    let scale = match &text[split..] {
        "ns" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return Err(wrong()),
    };
    let value = text[..split].trim().parse::<f64>().ok().map(|value| value * scale);
    value.filter(|value| (1.0..=3600e9).contains(value)).ok_or_else(wrong)
}

/// One way to measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Way {
    /// Rounds.
    pub(crate) rounds: usize,
    /// Measured seconds of one round.
    pub(crate) seconds: f64,
    /// Seconds of everything, warm-ups and both sides included.
    pub(crate) total: f64,
}

/// What it takes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// Ways to resolve the figure.
    pub(crate) resolve: Vec<Way>,
    /// Ways to find the regression; seconds of both sides.
    pub(crate) find: Vec<Way>,
}

/// Prints a plan.
///
/// # Errors
/// Exit 2 when the pilot run, its case or its metric is not there.
pub fn execute(args: &Arguments) -> anyhow::Result<Exit> {
    if args.find.get() <= args.margin.get() {
        return Err(Fault::config(format!(
            "a regression of {} is never beyond a margin of {}",
            crate::format::percent(args.find.get()),
            crate::format::percent(args.margin.get())
        ))
        .hint("let --find be larger than --margin")
        .into());
    }
    let pilot = Pilot::of(args)?;
    let plan = plan(args, &pilot);
    if args.json {
        anstream::println!("{}", words::json(args, &pilot, &plan));
    } else {
        anstream::print!("{}", words::text(args, &pilot, &plan));
    }
    Ok(Exit::Ok)
}

/// Finds the ways to measure.
pub(crate) fn plan(args: &Arguments, pilot: &Pilot) -> Plan {
    let confidence = Confidence::default();
    let total = |rounds: usize, seconds: f64| rounds as f64 * (seconds + args.warm_up);
    let resolve = ROUNDS
        .into_iter()
        .filter_map(|rounds| {
            let wanted = args.resolve.get();
            let samples = plan::samples_to_resolve(pilot.noise, rounds, wanted, confidence)?;
            // a percentile needs its samples, however wide its interval may be
            let least = (pilot.needed(confidence) / rounds as f64).max(pilot.least());
            let seconds = samples.max(least).ceil() / pilot.rate;
            Some(Way { rounds, seconds, total: total(rounds, seconds) })
        })
        .collect();
    let find = LENGTHS
        .into_iter()
        .filter(|seconds| seconds * pilot.rate >= pilot.least())
        .filter_map(|seconds| {
            let sd = pilot.noise.of_round(seconds * pilot.rate) * std::f64::consts::SQRT_2;
            let [effect, margin] = [args.find, args.margin].map(|size| size.get().ln_1p());
            let rounds = plan::rounds_to_find(effect, margin, sd, confidence, args.power)?;
            let least = (pilot.needed(confidence) / (seconds * pilot.rate)).ceil() as usize;
            let rounds = rounds.max(least);
            Some(Way { rounds, seconds, total: 2.0 * total(rounds, seconds) })
        })
        .collect();
    Plan { resolve, find }
}

impl Pilot {
    /// Samples without which the metric has no interval.
    fn needed(&self, confidence: Confidence) -> f64 {
        self.share.map_or(0.0, |share| order::needed(share, confidence) as f64 * self.time)
    }

    /// Samples a round without which the metric has no figure.
    fn least(&self) -> f64 {
        self.share.map_or(2.0, plan::least_samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(latency("2.3ms"), Ok(2.3e6));
        assert_eq!(latency("500 us"), Ok(500e3));
        for text in ["", "2.3", "ms", "2.3 parsecs", "-1ms", "NaNms", "1e300s"] {
            assert!(latency(text).is_err(), "{text}");
        }
    }
}
