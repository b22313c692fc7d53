//! The command line of `analysis`: everything beside the stage itself.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use pipeline::fault::Exit;
use pipeline::stage::{RunArgs, run};
use pipeline::{Fault, PipelineFile, RunDir};
use stats::compare::holm;
use stats::{Direction, Judgement, Share};

use crate::analyse::Analysis;
use crate::compare::{Rules, Side, differences, metrics, pairs, ratio};
use crate::config::{Config, Margin};
use crate::format::{change, change_range, count, percent};
use crate::load::load;
use crate::metric::{Metric, Quantity, Statistic};
use crate::quantiles::{Query, quantiles};
use crate::report::model::{Cell, Table, Tone};
use crate::report::terminal;
use crate::stage::AnalysisStage;
use crate::verify::verify;

/// Sums up, compares and reports what a run measured
#[derive(Debug, Parser)]
#[command(name = "analysis", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Samples of a run folder → summary, comparison, claims, report, plots, manifest
    Run(RunArgs),
    /// Derive every number of a run folder again and compare bit for bit
    Verify(VerifyArgs),
    /// Compare two cases of one run: exit 0 same or faster, 6 slower, 7 undecided
    Compare(CompareArgs),
    /// Exact quantiles of a column of Parquet files
    Quantiles(QuantileArgs),
}

#[derive(Args, Debug)]
struct VerifyArgs {
    /// Run folder
    run: PathBuf,
    /// Print a machine-readable last line on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct CompareArgs {
    /// Run folder
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Two cases of the run: the first is the reference, the second is judged
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    cases: Vec<String>,
    /// Differences within it are SAME; left out, that of the pipeline file
    #[arg(long, value_name = "PERCENT")]
    margin: Option<Margin>,
    /// Metric that decides; may be given several times. Left out: throughput and response/p50
    #[arg(long = "metric", value_name = "METRIC")]
    metrics: Vec<Metric>,
    /// Print a machine-readable last line on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct QuantileArgs {
    /// Parquet file, or folder that is searched for them
    dataset: PathBuf,
    /// Column of numbers
    #[arg(long)]
    column: String,
    /// Column whose values make groups; may be given several times
    #[arg(long)]
    by: Vec<String>,
    /// Only rows with this value: phase=steady
    #[arg(long = "where", value_name = "COLUMN=VALUE", value_parser = filter)]
    filters: Vec<(String, String)>,
    /// Percentiles
    #[arg(long, value_delimiter = ',', default_value = "50,90,95,99,99.9", value_parser = share)]
    percentiles: Vec<Share>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn filter(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("expected COLUMN=VALUE, such as phase=steady")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

fn share(text: &str) -> Result<Share, String> {
    let percent = text.parse::<f64>().ok().and_then(Share::from_percent);
    percent.ok_or_else(|| {
        format!(
            "{text} is not a percentile: a number above 0 and below 100 with at most 4 decimals"
        )
    })
}

/// Runs a command line.
pub fn execute(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Run(args) => run::<AnalysisStage>(&args),
        Command::Verify(args) => verify_command(&args),
        Command::Compare(args) => compare_command(&args),
        Command::Quantiles(args) => quantiles_command(&args),
    }
}

fn verify_command(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let verified = verify(&RunDir::new(&args.run))?;
    anstream::println!(
        "{} files have their digests, {} numbers follow from the samples bit for bit, {} bytes of reports and plots follow from them",
        count(verified.digests as u64),
        count(verified.numbers as u64),
        count(verified.bytes as u64)
    );
    if args.json {
        let line = serde_json::json!({
            "exit": 0,
            "digests": verified.digests,
            "numbers": verified.numbers,
            "bytes": verified.bytes,
        });
        anstream::println!("{line}");
    }
    Ok(Exit::Ok)
}

fn compare_command(args: &CompareArgs) -> anyhow::Result<Exit> {
    let [run] = args.runs.as_slice() else {
        return Err(Fault::config("comparing two runs is not there yet: rounds inside a run do not see what changes between runs")
            .hint("measure both in one run (several modes or engines), then: analysis compare RUN --cases X,Y")
            .into());
    };
    let [reference, judged] = args.cases.as_slice() else {
        return Err(Fault::config(format!(
            "--cases names {} cases, expected two",
            args.cases.len()
        ))
        .hint(
            "for example --cases base,streams-2: the first is the reference, the second is judged",
        )
        .into());
    };
    let dir = RunDir::new(run);
    let pipeline = PipelineFile::load(&dir.pipeline_toml(), &[])?;
    let config: Config = pipeline.section("analysis")?;
    let loaded = load(&dir, reference)?;
    let analysis = Analysis::new(pipeline.header()?.name.to_string(), loaded, config);
    let (base, side) = (side_of(&analysis, reference)?, side_of(&analysis, judged)?);
    let unlike = differences(side.case.setup(), base.case.setup());
    if !unlike.is_empty() {
        return Err(Fault::config(format!(
            "{judged} and {reference} are unlike: {}",
            unlike.join("; ")
        ))
        .hint("compare cases of the same model, achieved precision, batch, transfers and depth")
        .into());
    }
    let margin = args.margin.unwrap_or(analysis.config.margin);
    let confidence = analysis.config.confidence.0;
    let rules = Rules {
        percentiles: analysis.config.percentiles.0.clone(),
        margin: margin.get(),
        confidence,
    };
    let chosen = chosen_metrics(args, side, base, &rules)?;
    let found: Vec<Compared> =
        chosen.iter().map(|&metric| Compared::of(side, base, metric, &rules)).collect();
    let exit = print_comparison(args, reference, judged, &found, &rules)?;
    Ok(exit)
}

fn side_of<'a>(analysis: &'a Analysis, name: &str) -> anyhow::Result<Side<'a>> {
    let place = analysis.run.cases.iter().position(|case| case.name == name);
    let Some(place) = place else {
        let names: Vec<&str> = analysis.run.cases.iter().map(|case| case.name.as_str()).collect();
        return Err(Fault::config(format!(
            "the run has no case {name}{}",
            pipeline::config::did_you_mean(name, &names)
        ))
        .hint(format!("its cases are: {}", names.join(", ")))
        .into());
    };
    let case = &analysis.run.cases[place];
    if let Some(reason) = case.skipped() {
        return Err(Fault::config(format!("{name} was skipped: {reason}")).into());
    }
    Ok(Side { case, summary: &analysis.summaries[place] })
}

fn chosen_metrics(
    args: &CompareArgs,
    side: Side<'_>,
    base: Side<'_>,
    rules: &Rules,
) -> anyhow::Result<Vec<Metric>> {
    let possible = metrics(side, base, rules);
    if args.metrics.is_empty() {
        let middle = Metric::Time(Quantity::Response, Statistic::Percentile(Share::MEDIAN));
        return Ok(possible
            .into_iter()
            .filter(|&metric| metric == Metric::Throughput || metric == middle)
            .collect());
    }
    for metric in &args.metrics {
        if !possible.contains(metric) {
            let words: Vec<String> = possible.iter().map(ToString::to_string).collect();
            let why = if !metric.compares_across_streams()
                && side.case.streams() != base.case.streams()
            {
                ": with different numbers of streams only throughput and response say the same of both"
            } else {
                ""
            };
            return Err(Fault::config(format!("{metric} cannot be compared here{why}"))
                .hint(format!("metrics that can: {}", words.join(", ")))
                .into());
        }
    }
    Ok(args.metrics.clone())
}

/// One metric on its way to a word.
struct Compared {
    metric: Metric,
    ratio: Option<stats::Ratio>,
    resolved: bool,
    rounds: usize,
}

impl Compared {
    fn of(side: Side<'_>, base: Side<'_>, metric: Metric, rules: &Rules) -> Self {
        let short = |side: Side<'_>| {
            side.summary.row(metric).is_none_or(|row| row.verdict == pipeline::Verdict::TooShort)
        };
        Self {
            metric,
            ratio: ratio(side.summary, base.summary, metric, rules.confidence),
            resolved: !short(side) && !short(base),
            rounds: pairs(side.summary, base.summary, metric).0.len(),
        }
    }
}

/// Words for all metrics that gate together, p-values adjusted after Holm.
fn judge_all(found: &[Compared], rules: &Rules) -> Vec<Judgement> {
    let usable = |compared: &Compared| compared.ratio.filter(|_| compared.resolved);
    let tests = |compared: &Compared| {
        let direction: Direction = compared.metric.direction();
        usable(compared).map(|ratio| ratio.tests(rules.margin, direction))
    };
    let all: Vec<_> = found.iter().map(tests).collect();
    let adjust = |pick: &dyn Fn(&stats::compare::Tests) -> f64| {
        let values: Vec<f64> = all.iter().map(|tests| tests.as_ref().map_or(1.0, pick)).collect();
        holm(&values)
    };
    let (faster, slower) = (adjust(&|tests| tests.faster), adjust(&|tests| tests.slower));
    let same = adjust(&|tests| tests.same);
    (0..found.len())
        .map(|k| {
            let tests =
                stats::compare::Tests { faster: faster[k], slower: slower[k], same: same[k] };
            tests.judge(1.0 - rules.confidence.get())
        })
        .collect()
}

fn print_comparison(
    args: &CompareArgs,
    reference: &str,
    judged: &str,
    found: &[Compared],
    rules: &Rules,
) -> anyhow::Result<Exit> {
    let words = judge_all(found, rules);
    let mut table = Table::new("", &["Metric", "Change#", "Interval#", "Rounds#", "Answer"]);
    let mut lines = Vec::new();
    for (compared, word) in found.iter().zip(&words) {
        let ratio = compared.ratio;
        let bounds = ratio.map_or_else(String::new, |ratio| change_range(ratio.lower, ratio.upper));
        let note = if compared.resolved { "" } else { "TOO-SHORT: measure longer" };
        table.rows.push(vec![
            Cell::plain(compared.metric.to_string()),
            ratio.map_or_else(Cell::none, |ratio| Cell::plain(change(ratio.ratio))),
            Cell::plain(bounds),
            Cell::plain(compared.rounds.to_string()),
            Cell::tag(word.as_str(), Tone::of_word(word.as_str())).with_detail(note),
        ]);
        lines.push(serde_json::json!({
            "metric": compared.metric.to_string(),
            "ratio": ratio.map(|ratio| ratio.ratio),
            "lower": ratio.map(|ratio| ratio.lower),
            "upper": ratio.map(|ratio| ratio.upper),
            "rounds": compared.rounds,
            "verdict": word.as_str(),
        }));
    }
    let exit = if words.contains(&Judgement::Slower) {
        Exit::Slower
    } else if words.is_empty() || words.contains(&Judgement::Undecided) {
        Exit::Undecided
    } else {
        Exit::Ok
    };
    anstream::println!(
        "{judged} against {reference}, margin {}, confidence {}",
        percent(rules.margin),
        percent(rules.confidence.get())
    );
    anstream::print!("{}", terminal::table(&table));
    if args.json {
        let line = serde_json::json!({
            "reference": reference,
            "case": judged,
            "margin": rules.margin,
            "confidence": rules.confidence.get(),
            "exit": exit as u8,
            "metrics": lines,
        });
        anstream::println!("{line}");
    }
    Ok(exit)
}

fn quantiles_command(args: &QuantileArgs) -> anyhow::Result<Exit> {
    let query = Query {
        dataset: args.dataset.clone(),
        column: args.column.clone(),
        by: args.by.clone(),
        filters: args.filters.clone(),
    };
    let groups = quantiles(&query, &args.percentiles)?;
    if args.json {
        let rows: Vec<serde_json::Value> = groups
            .iter()
            .map(|group| {
                let mut row = serde_json::Map::new();
                for (name, value) in args.by.iter().zip(&group.key) {
                    row.insert(name.clone(), value.as_str().into());
                }
                row.insert("n".to_owned(), group.n.into());
                row.insert("nulls".to_owned(), group.nulls.into());
                for (share, value) in args.percentiles.iter().zip(&group.values) {
                    let value = match value {
                        crate::quantiles::Number::Int(value) => (*value).into(),
                        crate::quantiles::Number::Real(value) => (*value).into(),
                    };
                    row.insert(share.to_string(), value);
                }
                row.into()
            })
            .collect();
        anstream::println!("{}", serde_json::Value::from(rows));
        return Ok(Exit::Ok);
    }
    let mut titles: Vec<String> = args.by.clone();
    titles.push("n#".to_owned());
    titles.push("nulls#".to_owned());
    titles.extend(args.percentiles.iter().map(|share| format!("{share}#")));
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let mut table = Table::new("", &titles);
    for group in groups {
        let mut row: Vec<Cell> = group.key.iter().map(Cell::plain).collect();
        row.push(Cell::plain(group.n.to_string()));
        row.push(Cell::plain(group.nulls.to_string()));
        row.extend(group.values.iter().map(|value| Cell::plain(value.to_string())));
        table.rows.push(row);
    }
    anstream::print!("{}", terminal::table(&table));
    Ok(Exit::Ok)
}
