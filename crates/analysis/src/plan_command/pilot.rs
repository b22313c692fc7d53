//! What a pilot run, or the user, says of a machine.

use pipeline::{Fault, PipelineFile, RunDir};
use stats::correlation::effective_n_above;
use stats::plan::{Noise, exceedance_time, normal_sparsity, sparsity};
use stats::{Estimator, Share, batch};

use super::Arguments;
use crate::config::Config;
use crate::format::percent;
use crate::load::{Case, load};
use crate::metric::{Metric, Quantity, Statistic};
use crate::series::{Completions, Series, throughput};

/// Standard deviation of rounds where nobody knows it.
const UNKNOWN_ROUND_SD: f64 = 0.003;

/// The noise of a metric and the rate of a machine.
#[derive(Clone, Debug)]
pub(crate) struct Pilot {
    /// Noise of the metric.
    pub(crate) noise: Noise,
    /// Autocorrelation time of what the metric counts.
    pub(crate) time: f64,
    /// The percentile, if it is one.
    pub(crate) share: Option<Share>,
    /// Inferences a second.
    pub(crate) rate: f64,
    /// Where all this is from, in words.
    pub(crate) source: Vec<String>,
}

impl Pilot {
    /// Reads the pilot run, or takes what is given.
    pub(super) fn of(args: &Arguments) -> anyhow::Result<Self> {
        match (&args.run, args.cv, args.latency) {
            (Some(run), ..) => Self::of_run(args, &RunDir::new(run)),
            (None, Some(cv), Some(latency)) => Self::given(args, cv.get(), latency),
            _ => Err(Fault::config("neither a pilot run nor --cv and --latency are given").into()),
        }
    }

    /// Normal and autoregressive samples.
    fn given(args: &Arguments, cv: f64, latency: f64) -> anyhow::Result<Self> {
        let phi = args.autocorrelation;
        let between = args.round_sd.map_or(UNKNOWN_ROUND_SD, crate::config::Margin::get);
        let share = statistic(args)?;
        let (time, noise) = if let Some(share) = share {
            let time = exceedance_time(phi, share);
            (time, Noise::of_quantile(share, time, normal_sparsity(share, cv), between))
        } else {
            let time = (1.0 + phi) / (1.0 - phi);
            (time, Noise::of_mean(cv, time, between))
        };
        let mut source = vec![format!(
            "normal samples with a cv of {} and an autocorrelation of {phi}, as given",
            percent(cv)
        )];
        source.push(format!("rounds differ by {}", percent(between)));
        Ok(Self { noise, time, share, rate: 1e9 / latency, source })
    }

    fn of_run(args: &Arguments, run: &RunDir) -> anyhow::Result<Self> {
        let pipeline = PipelineFile::load(&run.pipeline_toml(), &[])?;
        let config: Config = pipeline.section("analysis")?;
        let loaded = load(run, config.baseline.as_str())?;
        let case = loaded.cases.iter().find(|case| case.name == args.case).ok_or_else(|| {
            let names: Vec<&str> = loaded.cases.iter().map(|case| case.name.as_str()).collect();
            Fault::config(format!("{} has no case `{}`", run.path().display(), args.case))
                .hint(format!("it has: {}", names.join(", ")))
        })?;
        let completions: Vec<Completions> =
            case.rounds.iter().filter_map(Completions::of).collect();
        let all: Vec<&Completions> = completions.iter().collect();
        let (rate, n) = throughput(&all)
            .ok_or_else(|| Fault::config(format!("the case `{}` completed nothing", case.name)))?;
        let (figures, time, within) = figures(args.metric, case, &completions)?;
        let share = statistic(args)?;
        let per_round = n as f64 / figures.len().max(1) as f64;
        let (between, from) = between(args, &figures, within / per_round);
        let source = vec![
            format!("{n} inferences of `{}` in {} rounds", case.name, case.rounds.len()),
            format!("autocorrelation time {time:.1} inferences"),
            format!("rounds differ by {} ({from})", percent(between)),
        ];
        Ok(Self { noise: Noise { within, between }, time, share, rate, source })
    }
}

/// The percentile that is asked for; `None` for a mean or a throughput.
fn statistic(args: &Arguments) -> anyhow::Result<Option<Share>> {
    match args.metric {
        Metric::Throughput | Metric::Time(_, Statistic::Mean) => Ok(None),
        Metric::Time(_, Statistic::Percentile(share)) => Ok(Some(share)),
        other => Err(Fault::config(format!("no plan can be made for `{other}`"))
            .hint("ask for throughput, a mean or a percentile")
            .into()),
    }
}

/// A metric's values by round, its autocorrelation time, and its variance within a round times samples.
fn figures(
    metric: Metric,
    case: &Case,
    completions: &[Completions],
) -> anyhow::Result<(Vec<f64>, f64, f64)> {
    let too_few = || Fault::config(format!("the case `{}` is too short for a plan", case.name));
    let relative = |segments: &[&[f64]]| {
        let n: usize = segments.iter().map(|segment| segment.len()).sum();
        let mean = segments.concat().iter().sum::<f64>() / n as f64;
        let found = batch::overlapping(segments)?;
        Some((n as f64 / found.n_effective, found.variance * n as f64 / (mean * mean)))
    };
    if metric == Metric::Throughput {
        let gaps: Vec<&[f64]> = completions.iter().map(|round| round.gaps.as_slice()).collect();
        let (time, within) = relative(&gaps).ok_or_else(too_few)?;
        let rates = completions.iter().filter_map(|round| Some(throughput(&[round])?.0));
        return Ok((rates.collect(), time, within));
    }
    let Metric::Time(quantity, statistic) = metric else { return Err(too_few().into()) };
    let series = Series::of(case, quantity).ok_or_else(|| no_such(case, quantity))?;
    let segments = series.segments();
    if let Statistic::Percentile(share) = statistic {
        let of = |sorted: &[i64]| Estimator::InverseCdf.of_sorted(sorted, share);
        let value = of(&series.sorted).ok_or_else(too_few)?;
        let found = effective_n_above(&segments, value);
        let slope = sparsity(&series.sorted, share, found.n_effective).ok_or_else(too_few)?;
        let values = segments.iter().filter_map(|segment| {
            let mut sorted = segment.to_vec();
            sorted.sort_unstable();
            Some(of(&sorted)? as f64)
        });
        let within = Noise::of_quantile(share, found.time, slope, 0.0).within;
        return Ok((values.collect(), found.time, within));
    }
    let floats: Vec<Vec<f64>> = segments
        .iter()
        .map(|segment| segment.iter().map(|&value| value as f64).collect())
        .collect();
    let floats: Vec<&[f64]> = floats.iter().map(Vec::as_slice).collect();
    let (time, within) = relative(&floats).ok_or_else(too_few)?;
    let means = floats.iter().map(|segment| segment.iter().sum::<f64>() / segment.len() as f64);
    Ok((means.collect(), time, within))
}

fn no_such(case: &Case, quantity: Quantity) -> Fault {
    Fault::config(format!("the case `{}` has no {} times", case.name, quantity.name()))
}

/// Standard deviation of rounds beyond their noise, and where it is from.
fn between(args: &Arguments, figures: &[f64], noise: f64) -> (f64, &'static str) {
    if let Some(given) = args.round_sd {
        return (given.get(), "as given");
    }
    if figures.len() < 3 {
        return (UNKNOWN_ROUND_SD, "assumed: the pilot run has fewer than three rounds");
    }
    let n = figures.len() as f64;
    let mean = figures.iter().sum::<f64>() / n;
    let squares: f64 =
        figures.iter().map(|value| (value / mean - 1.0) * (value / mean - 1.0)).sum();
    (
        (squares / (n - 1.0) - noise).max(0.0).sqrt(),
        "seen in the pilot run, beyond the noise within rounds",
    )
}
