//! `analysis compare RUN --cases X,Y`: a gate for scripts, inside one run.

use std::path::PathBuf;

use clap::Args;
use pipeline::fault::Exit;
use pipeline::{Fault, PipelineFile, RunDir, Verdict};
use stats::compare::{Tests, holm};
use stats::{Judgement, Ratio, Share};

use crate::analyse::Analysis;
use crate::compare::{Rules, Side, differences, metrics, pairs, ratio};
use crate::config::{Config, Margin};
use crate::format::{change, change_range, percent};
use crate::load::load;
use crate::metric::{Metric, Quantity, Statistic};
use crate::report::model::{Cell, Table, Tone};
use crate::report::terminal;

/// Arguments of `analysis compare`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Run folder
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// Two cases of the run: the first is the reference, the second is judged
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub cases: Vec<String>,
    /// Differences within it are SAME; left out, that of the pipeline file
    #[arg(long, value_name = "PERCENT")]
    pub margin: Option<Margin>,
    /// Metric that decides; may be given several times. Left out: throughput and response/p50
    #[arg(long = "metric", value_name = "METRIC")]
    pub metrics: Vec<Metric>,
    /// Print a machine-readable last line on stdout
    #[arg(long)]
    pub json: bool,
}

/// Compares two cases of one run.
///
/// # Errors
/// Exit 2 for two runs, unknown, skipped or unlike cases, and metrics that do not say the same of both.
pub fn execute(args: &Arguments) -> anyhow::Result<Exit> {
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
    Ok(print(args, reference, judged, &found, &rules))
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
    args: &Arguments,
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
    ratio: Option<Ratio>,
    resolved: bool,
    rounds: usize,
}

impl Compared {
    fn of(side: Side<'_>, base: Side<'_>, metric: Metric, rules: &Rules) -> Self {
        let short = |side: Side<'_>| {
            side.summary.row(metric).is_none_or(|row| row.verdict == Verdict::TooShort)
        };
        Self {
            metric,
            ratio: ratio(side.summary, base.summary, metric, rules.confidence),
            resolved: !short(side) && !short(base),
            rounds: pairs(side.summary, base.summary, metric).0.len(),
        }
    }

    fn row(&self, word: Judgement) -> Vec<Cell> {
        let ratio = self.ratio;
        let bounds = ratio.map_or_else(String::new, |r| change_range(r.lower, r.upper));
        let note = if self.resolved { "" } else { "TOO-SHORT: measure longer" };
        vec![
            Cell::plain(self.metric.to_string()),
            ratio.map_or_else(Cell::none, |ratio| Cell::plain(change(ratio.ratio))),
            Cell::plain(bounds),
            Cell::plain(self.rounds.to_string()),
            Cell::tag(word.as_str(), Tone::of_word(word.as_str())).with_detail(note),
        ]
    }

    fn json(&self, word: Judgement) -> serde_json::Value {
        serde_json::json!({
            "metric": self.metric.to_string(),
            "ratio": self.ratio.map(|ratio| ratio.ratio),
            "lower": self.ratio.map(|ratio| ratio.lower),
            "upper": self.ratio.map(|ratio| ratio.upper),
            "rounds": self.rounds,
            "verdict": word.as_str(),
        })
    }
}

/// Words for all metrics that gate together, p-values adjusted after Holm.
fn judge_all(found: &[Compared], rules: &Rules) -> Vec<Judgement> {
    let usable = |compared: &Compared| compared.ratio.filter(|_| compared.resolved);
    let tests = |compared: &Compared| {
        let direction = compared.metric.direction();
        usable(compared).map(|ratio| ratio.tests(rules.margin, direction))
    };
    let all: Vec<_> = found.iter().map(tests).collect();
    let adjust = |pick: &dyn Fn(&Tests) -> f64| {
        let values: Vec<f64> = all.iter().map(|tests| tests.as_ref().map_or(1.0, pick)).collect();
        holm(&values)
    };
    let (faster, slower) = (adjust(&|tests| tests.faster), adjust(&|tests| tests.slower));
    let same = adjust(&|tests| tests.same);
    (0..found.len())
        .map(|k| {
            let tests = Tests { faster: faster[k], slower: slower[k], same: same[k] };
            tests.judge(1.0 - rules.confidence.get())
        })
        .collect()
}

/// Prints the table, and with `--json` the same as one line.
fn print(
    args: &Arguments,
    reference: &str,
    judged: &str,
    found: &[Compared],
    rules: &Rules,
) -> Exit {
    let words = judge_all(found, rules);
    let mut table = Table::new("", &["Metric", "Change#", "Interval#", "Rounds#", "Answer"]);
    table.rows.extend(found.iter().zip(&words).map(|(compared, word)| compared.row(*word)));
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
        let metrics: Vec<serde_json::Value> =
            found.iter().zip(&words).map(|(compared, word)| compared.json(*word)).collect();
        let line = serde_json::json!({
            "reference": reference,
            "case": judged,
            "margin": rules.margin,
            "confidence": rules.confidence.get(),
            "exit": exit as u8,
            "metrics": metrics,
        });
        anstream::println!("{line}");
    }
    exit
}
