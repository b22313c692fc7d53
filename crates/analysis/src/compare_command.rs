//! `analysis compare`: a gate for scripts, inside one run or between runs.

use std::path::{Path, PathBuf};

use clap::Args;
use pipeline::fault::Exit;
use pipeline::{Fault, PipelineFile, RunDir, files};
use stats::Share;

use crate::analyse::Analysis;
use crate::compare::alike::{Alike, Trait};
use crate::compare::gate::{Design, Gate, Measured, Pair, Terms, gate};
use crate::compare::{Side, metrics, output};
use crate::config::{Config, Margin};
use crate::load::load;
use crate::metric::{Metric, Quantity, Statistic};

/// Arguments of `analysis compare`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// One run, with --cases; or two runs, the old one first; or the new runs, with --baseline
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The old runs; all others are the new ones
    #[arg(long, value_name = "RUN", num_args = 1..)]
    pub baseline: Vec<PathBuf>,
    /// In one run: the reference, then the cases that are judged. Between runs: the cases to compare, OLD:NEW where
    /// the names differ; left out, all that the runs share
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub cases: Vec<String>,
    /// Differences within it are SAME; left out, that of the pipeline file
    #[arg(long, value_name = "PERCENT")]
    pub margin: Option<Margin>,
    /// Metric that decides; may be given several times. Left out: throughput and response/p50
    #[arg(long = "metric", value_name = "METRIC")]
    pub metrics: Vec<Metric>,
    /// How far two runs of the same thing may differ, where there is one run a side
    #[arg(long, value_name = "PERCENT", default_value = "2%")]
    pub assume_spread: Margin,
    /// Compare in spite of a difference: model, precision, batch, transfers, depth; may be given several times
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub allow: Vec<Trait>,
    /// End with exit 5 when a case that is compared is not VALID
    #[arg(long)]
    pub strict: bool,
    /// Write a comment for a pull request; - is stdout, in the place of the table
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write the answers as test cases for a CI server
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Print a machine-readable last line on stdout
    #[arg(long)]
    pub json: bool,
}

/// Compares and prints.
///
/// # Errors
/// Exit 2 for runs and cases that are not there, were skipped or are unlike, and metrics that do not say the
/// same of both; exit 4 for files that cannot be written.
pub fn execute(args: &Arguments) -> anyhow::Result<Exit> {
    match compare(args) {
        Ok(gate) => print(args, &gate).map(|()| gate.exit),
        Err(error) => {
            // a CI server that looks for the file must not find that of an earlier run
            if let Some(path) = &args.junit {
                write(path, &output::junit_of_error(&error)?)?;
            }
            Err(error)
        }
    }
}

fn print(args: &Arguments, gate: &Gate) -> anyhow::Result<()> {
    let to_stdout = args.markdown.as_deref() == Some(Path::new("-"));
    if let Some(path) = args.markdown.as_deref().filter(|_| !to_stdout) {
        write(path, &output::markdown(gate))?;
    }
    if let Some(path) = &args.junit {
        write(path, &output::junit(gate)?)?;
    }
    if to_stdout {
        anstream::print!("{}", output::markdown(gate));
    } else {
        anstream::print!("{}", output::terminal(gate));
    }
    if args.json {
        anstream::println!("{}", output::json(gate));
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    files::write_atomic(path, text.as_bytes()).map_err(|error| {
        Fault::environment(format!("cannot write {}: {error:#}", path.display()))
            .hint("name a file in a folder that exists and may be written")
            .into()
    })
}

/// Loads, pairs and judges.
fn compare(args: &Arguments) -> anyhow::Result<Gate> {
    let (reference, judged) = sides(args)?;
    let analyse = |paths: &[PathBuf]| -> anyhow::Result<Vec<Analysis>> {
        paths.iter().map(|path| analysis_of(path, args)).collect()
    };
    let before = analyse(&reference)?;
    let after = if judged.is_empty() { Vec::new() } else { analyse(&judged)? };
    let first = before.first().map(|analysis| analysis.config.clone()).unwrap_or_default();
    let design = match (before.len(), after.len()) {
        (_, 0) => Design::OneRun,
        (1, 1) => Design::OneRunASide(args.assume_spread.get()),
        _ => Design::SeveralRuns,
    };
    let pairs = if design == Design::OneRun {
        in_one_run(&before[0], &args.cases)?
    } else {
        between_runs(&before, &after, &args.cases)?
    };
    for pair in &pairs {
        refuse_unlike(pair, &args.allow)?;
    }
    let chosen: Vec<Vec<Metric>> = pairs
        .iter()
        .map(|pair| chosen_metrics(&args.metrics, pair, &first.percentiles.0))
        .collect::<anyhow::Result<_>>()?;
    let terms = Terms {
        design,
        margin: args.margin.unwrap_or(first.margin).get(),
        confidence: first.confidence.0,
        strict: args.strict,
    };
    Ok(gate(&pairs, &chosen, terms))
}

/// The folders of the reference and of the judged side; no judged ones in one run.
fn sides(args: &Arguments) -> anyhow::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (reference, judged) = match (args.runs.as_slice(), args.baseline.as_slice()) {
        ([run], []) => (vec![run.clone()], Vec::new()),
        ([old, new], []) => (vec![old.clone()], vec![new.clone()]),
        (new, []) => {
            return Err(Fault::config(format!(
                "{} runs are named: which are the old ones?",
                new.len()
            ))
            .hint("analysis compare NEW… --baseline OLD…")
            .into());
        }
        (new, old) => (old.to_vec(), new.to_vec()),
    };
    let mut all: Vec<PathBuf> = reference
        .iter()
        .chain(&judged)
        .map(|path| std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()))
        .collect();
    all.sort();
    if let Some([twice, _]) = all.array_windows().find(|[a, b]| a == b) {
        return Err(Fault::config(format!("the run {} is named twice", twice.display()))
            .hint("to compare modes or engines inside one run: analysis compare RUN --cases X,Y")
            .into());
    }
    Ok((reference, judged))
}

fn analysis_of(path: &Path, args: &Arguments) -> anyhow::Result<Analysis> {
    let dir = RunDir::new(path);
    let pipeline = PipelineFile::load(&dir.pipeline_toml(), &[])?;
    let mut config: Config = pipeline.section("analysis")?;
    // a percentile that decides is computed, whether the report has it or not
    let asked = args.metrics.iter().filter_map(|metric| match metric {
        Metric::Time(_, Statistic::Percentile(share)) => Some(*share),
        _ => None,
    });
    config.percentiles.0.extend(asked);
    config.percentiles.0.sort_unstable();
    config.percentiles.0.dedup();
    let loaded = load(&dir, config.baseline.as_str())?;
    Ok(Analysis::new(pipeline.header()?.name.to_string(), loaded, config))
}

fn in_one_run<'a>(analysis: &'a Analysis, cases: &[String]) -> anyhow::Result<Vec<Pair<'a>>> {
    let [reference, judged @ ..] = cases else { return Err(no_cases(analysis)) };
    if judged.is_empty() {
        return Err(no_cases(analysis));
    }
    let reference = measured(analysis, reference)?;
    let pair = |name: &String| {
        Ok(Pair { reference: vec![reference], judged: vec![measured(analysis, name)?] })
    };
    judged.iter().map(pair).collect()
}

fn no_cases(analysis: &Analysis) -> anyhow::Error {
    let names: Vec<&str> = analysis.run.cases.iter().map(|case| case.name.as_str()).collect();
    Fault::config("which cases of the run? --cases needs two or more")
        .hint(format!(
            "--cases X,Y: the first is the reference, the others are judged; the run has: {}",
            names.join(", ")
        ))
        .into()
}

fn between_runs<'a>(
    before: &'a [Analysis],
    after: &'a [Analysis],
    cases: &[String],
) -> anyhow::Result<Vec<Pair<'a>>> {
    let has = |analysis: &Analysis, name: &str| {
        analysis.run.cases.iter().any(|case| case.name == name && case.skipped().is_none())
    };
    let names: Vec<(String, String)> = if cases.is_empty() {
        let own = before[0].run.cases.iter().map(|case| case.name.clone());
        let shared = own.filter(|name| before.iter().chain(after).all(|run| has(run, name)));
        shared.map(|name| (name.clone(), name)).collect()
    } else {
        let split = |text: &String| match text.split_once(':') {
            Some((old, new)) => (old.to_owned(), new.to_owned()),
            None => (text.clone(), text.clone()),
        };
        cases.iter().map(split).collect()
    };
    if names.is_empty() {
        return Err(Fault::config("the runs share no case that was measured in all of them")
            .hint("name cases of both sides: --cases OLD:NEW")
            .into());
    }
    let pair = |(old, new): &(String, String)| {
        let of = |runs: &'a [Analysis], name: &str| -> anyhow::Result<Vec<Measured<'a>>> {
            runs.iter().map(|analysis| measured(analysis, name)).collect()
        };
        Ok(Pair { reference: of(before, old)?, judged: of(after, new)? })
    };
    names.iter().map(pair).collect()
}

fn measured<'a>(analysis: &'a Analysis, name: &str) -> anyhow::Result<Measured<'a>> {
    let at = analysis.run.dir.path().display();
    let Some(place) = analysis.run.cases.iter().position(|case| case.name == name) else {
        let names: Vec<&str> = analysis.run.cases.iter().map(|case| case.name.as_str()).collect();
        return Err(Fault::config(format!(
            "{at} has no case {name}{}",
            pipeline::config::did_you_mean(name, &names)
        ))
        .hint(format!("its cases are: {}", names.join(", ")))
        .into());
    };
    let case = &analysis.run.cases[place];
    if let Some(reason) = case.skipped() {
        return Err(Fault::config(format!("{name} was skipped in {at}: {reason}")).into());
    }
    let (summary, verdict) = (&analysis.summaries[place], &analysis.verdicts[place]);
    Ok(Measured { analysis, side: Side { case, summary, verdict } })
}

/// Every run of a pair must be like the first of its reference.
fn refuse_unlike(pair: &Pair<'_>, allowed: &[Trait]) -> anyhow::Result<()> {
    let Some(first) = pair.reference.first() else { return Ok(()) };
    for other in pair.reference[1..].iter().chain(&pair.judged) {
        let (one, two) = (first.side.case, other.side.case);
        let mut alike = Alike::of(one.setup(), two.setup());
        alike.unlike.retain(|(what, _)| !allowed.contains(what));
        if let Some((what, _)) = alike.unlike.first() {
            let words = alike.words();
            return Err(Fault::config(format!("{} and {} are unlike: {words}", one.name, two.name))
                .hint(format!(
                    "compare cases of the same model, achieved precision, batch, transfers and depth; or say that it is meant: --allow {what}"
                ))
                .into());
        }
    }
    Ok(())
}

/// The metrics that decide for a pair.
fn chosen_metrics(
    asked: &[Metric],
    pair: &Pair<'_>,
    percentiles: &[Share],
) -> anyhow::Result<Vec<Metric>> {
    let (Some(base), Some(side)) = (pair.reference.first(), pair.judged.first()) else {
        return Ok(Vec::new());
    };
    let possible = metrics(side.side, base.side, percentiles);
    // of a case without samples there is nothing to choose; its verdict says why
    if asked.is_empty() || [base, side].iter().any(|m| m.side.case.rounds.is_empty()) {
        let middle = Metric::Time(Quantity::Response, Statistic::Percentile(Share::MEDIAN));
        let usual = |metric: &Metric| *metric == Metric::Throughput || *metric == middle;
        return Ok(possible.into_iter().filter(usual).collect());
    }
    for metric in asked {
        if !possible.contains(metric) {
            let words: Vec<String> = possible.iter().map(ToString::to_string).collect();
            let streams = [side, base].map(|measured| measured.side.case.streams());
            let why = if !metric.compares_across_streams() && streams[0] != streams[1] {
                ": with different numbers of streams only throughput and response say the same of both"
            } else {
                ""
            };
            return Err(Fault::config(format!("{metric} cannot be compared here{why}"))
                .hint(format!("metrics that can: {}", words.join(", ")))
                .into());
        }
    }
    Ok(asked.to_vec())
}
