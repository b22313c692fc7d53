//! `analysis compare`: several metrics of several cases, judged together, with one exit code. Pure.
//!
//! | design | ratio | what it rests on |
//! |---|---|---|
//! | cases of one run | paired over rounds | rounds of one interleave |
//! | one run a side | from the intervals of both runs | an assumed spread between runs |
//! | several runs a side | difference of the means of runs | the measured scatter of runs |

use pipeline::{Exit, Verdict};
use stats::compare::{Tests, holm};
use stats::runs::{ratio_of_figures, ratio_of_runs};
use stats::{Confidence, Figure, Interval, Judgement, Ratio};

use super::alike::{Alike, Difference};
use super::environment::{self, Place};
use super::floor::{self, Floor};
use super::{Side, TOO_FEW_ROUNDS, judge, ratio};
use crate::analyse::Analysis;
use crate::format::percent;
use crate::metric::Metric;

/// How the sides were measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Design {
    /// Interleaved in one run.
    OneRun,
    /// One run on each side, which may differ by this share for reasons that neither shows.
    OneRunASide(f64),
    /// Several runs on at least one side.
    SeveralRuns,
}

/// What is compared with what: one entry a run on each side.
#[derive(Debug)]
pub struct Pair<'a> {
    /// The side that stands for "as it was".
    pub reference: Vec<Measured<'a>>,
    /// The side that is judged.
    pub judged: Vec<Measured<'a>>,
}

/// A case of an analysed run.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// The run.
    pub analysis: &'a Analysis,
    /// Its case, summed up and judged.
    pub side: Side<'a>,
}

/// What the gate is set to.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How the sides were measured.
    pub design: Design,
    /// Differences within it are SAME.
    pub margin: f64,
    /// Confidence of intervals.
    pub confidence: Confidence,
    /// Any verdict of a case that is not VALID ends with exit 5.
    pub strict: bool,
}

/// One metric of one pair on its way to a word.
#[derive(Debug)]
pub struct Row {
    /// Name of the reference's case.
    pub reference: String,
    /// Name of the judged case.
    pub case: String,
    /// The metric of both.
    pub metric: Metric,
    /// The reference's figure; of several runs their geometric mean.
    pub reference_estimate: Option<f64>,
    /// The judged figure.
    pub estimate: Option<f64>,
    /// judged ÷ reference.
    pub ratio: Option<Ratio>,
    /// What the ratio rests on: `5 rounds`, `one run a side`, `3 and 4 runs`.
    pub basis: String,
    /// A/A in the same run.
    pub floor: Option<Floor>,
    /// The answer.
    pub verdict: Judgement,
    /// Why, and what to do next.
    pub reasons: Vec<String>,
    obstacle: Option<String>,
}

/// The answer of a gate.
#[derive(Debug)]
pub struct Gate {
    /// What it was set to.
    pub terms: Terms,
    /// Run folders of the reference, as they were given.
    pub reference: Vec<String>,
    /// Run folders of the judged side.
    pub judged: Vec<String>,
    /// One row a pair and metric.
    pub rows: Vec<Row>,
    /// What differs beside the verdict, by pair: names of reference and case, and the differences.
    pub differences: Vec<(String, String, Vec<Difference>)>,
    /// What lowers the trust in the answer.
    pub warnings: Vec<String>,
    /// The exit code.
    pub exit: Exit,
}

/// Judges pairs by metrics; `metrics` belongs to the pairs by position.
pub fn gate(pairs: &[Pair<'_>], metrics: &[Vec<Metric>], terms: Terms) -> Gate {
    let mut rows: Vec<Row> = pairs
        .iter()
        .zip(metrics)
        .flat_map(|(pair, metrics)| metrics.iter().map(|&metric| row(pair, metric, terms)))
        .collect();
    answer(&mut rows, terms);
    let differences = pairs.iter().map(|pair| {
        let found = environment::differences(&places(&pair.reference), &places(&pair.judged));
        (name(&pair.reference), name(&pair.judged), found)
    });
    let differences = differences.collect();
    let sides = || pairs.iter().flat_map(|pair| pair.reference.iter().chain(&pair.judged));
    let exit = exit(&rows, sides().map(|measured| measured.side.verdict.verdict), terms.strict);
    let folders = |pick: fn(&Pair<'_>) -> Vec<String>| pairs.first().map_or_else(Vec::new, pick);
    Gate {
        terms,
        reference: folders(|pair| pair.reference.iter().map(Measured::folder).collect()),
        judged: folders(|pair| pair.judged.iter().map(Measured::folder).collect()),
        warnings: warnings(pairs, terms),
        rows,
        differences,
        exit,
    }
}

fn places<'a>(side: &[Measured<'a>]) -> Vec<Place<'a>> {
    side.iter().map(|m| Place { run: &m.analysis.run, case: m.side.case }).collect()
}

impl Measured<'_> {
    /// The run folder as it was given.
    fn folder(&self) -> String {
        self.analysis.run.dir.path().display().to_string()
    }
}

fn name(side: &[Measured<'_>]) -> String {
    side.first().map_or_else(String::new, |measured| measured.side.case.name.clone())
}

fn row(pair: &Pair<'_>, metric: Metric, terms: Terms) -> Row {
    let sides = || pair.reference.iter().chain(&pair.judged);
    let estimates = |side: &[Measured<'_>]| -> Vec<f64> {
        let rows = side.iter().filter_map(|measured| measured.side.summary.row(metric));
        rows.filter_map(|row| row.estimate).collect()
    };
    let (before, after) = (estimates(&pair.reference), estimates(&pair.judged));
    let (ratio, basis, floor) = match terms.design {
        Design::OneRun => in_one_run(pair, metric, terms.confidence),
        Design::OneRunASide(spread) => {
            let found = of_two_runs(pair, metric, terms.confidence);
            let found = found.map(|found| found.allowing(spread, terms.confidence));
            (found, "one run a side".to_owned(), None)
        }
        Design::SeveralRuns => (
            ratio_of_runs(&after, &before, terms.confidence),
            format!("{} and {} runs", before.len(), after.len()),
            None,
        ),
    };
    Row {
        reference: name(&pair.reference),
        case: name(&pair.judged),
        metric,
        reference_estimate: middle(&before),
        estimate: middle(&after),
        ratio,
        basis,
        floor,
        verdict: Judgement::Undecided,
        reasons: Vec::new(),
        obstacle: sides().find_map(|measured| measured.side.obstacle(metric)),
    }
}

/// The geometric mean; `None` without a usable value.
fn middle(values: &[f64]) -> Option<f64> {
    if let [one] = values {
        return Some(*one);
    }
    let logs = values.iter().map(|value| libm::log(*value)).sum::<f64>() / values.len() as f64;
    Some(libm::exp(logs)).filter(|value| value.is_finite())
}

fn in_one_run(
    pair: &Pair<'_>,
    metric: Metric,
    confidence: Confidence,
) -> (Option<Ratio>, String, Option<Floor>) {
    let ([reference], [judged]) = (pair.reference.as_slice(), pair.judged.as_slice()) else {
        return (None, String::new(), None);
    };
    let found = ratio(judged.side.summary, reference.side.summary, metric, confidence);
    let rounds = super::pairs(judged.side.summary, reference.side.summary, metric).0.len();
    let all = judged.analysis.sides();
    let compared = [reference, judged].map(|measured| measured.side.case.name.as_str());
    let floor = floor::of(&floor::twins(&all, compared), metric, confidence);
    (found, format!("{rounds} {}", if rounds == 1 { "round" } else { "rounds" }), floor)
}

/// The ratio from the intervals that the summaries of both runs have.
fn of_two_runs(pair: &Pair<'_>, metric: Metric, confidence: Confidence) -> Option<Ratio> {
    let figure = |side: &[Measured<'_>]| -> Option<Figure> {
        let summary = side.first()?.side.summary;
        let row = summary.row(metric)?;
        let rounds = summary.rounds_of(metric).len() as f64;
        let samples = row.n_effective.unwrap_or(row.n as f64);
        Some(Figure {
            estimate: row.estimate?,
            interval: Interval { lower: row.lower, upper: row.upper },
            df: if row.scope == "rounds" { rounds } else { samples } - 1.0,
        })
    };
    ratio_of_figures(figure(&pair.judged)?, figure(&pair.reference)?, confidence)
}

/// Puts a word on every row, p-values adjusted after Holm for all rows that gate together.
fn answer(rows: &mut [Row], terms: Terms) {
    let tests: Vec<Option<Tests>> = rows
        .iter()
        .map(|row| {
            let ratio = row.ratio.filter(|_| row.obstacle.is_none())?;
            Some(ratio.tests(terms.margin, row.metric.direction()))
        })
        .collect();
    let adjust = |pick: &dyn Fn(&Tests) -> f64| {
        let values: Vec<f64> = tests.iter().map(|tests| tests.as_ref().map_or(1.0, pick)).collect();
        holm(&values)
    };
    let (faster, slower) = (adjust(&|tests| tests.faster), adjust(&|tests| tests.slower));
    let same = adjust(&|tests| tests.same);
    for (k, row) in rows.iter_mut().enumerate() {
        let tests = Tests { faster: faster[k], slower: slower[k], same: same[k] };
        if let Some(obstacle) = row.obstacle.take() {
            row.reasons.push(obstacle);
        } else if let Some(found) = &row.ratio {
            let (verdict, why) = judge(tests, found, row.floor.as_ref(), terms.confidence);
            row.verdict = verdict;
            row.reasons.extend(why.map(|why| advice(why, terms)));
        } else {
            row.reasons.push(no_ratio(terms.design).to_owned());
        }
    }
}

/// The reason of an open answer, with what to do in this design.
fn advice(why: String, terms: Terms) -> String {
    match terms.design {
        Design::OneRunASide(spread) if spread >= terms.margin => format!(
            "runs may differ by {}, so with one run a side nothing can be shown to be within {}: interleave both in one run, measure several runs a side, or take a margin above the spread",
            percent(spread),
            percent(terms.margin)
        ),
        Design::OneRunASide(_) => {
            "the interval reaches across the margin: interleave both in one run, or measure several runs a side".to_owned()
        }
        Design::SeveralRuns => "the interval reaches across the margin: measure more runs a side".to_owned(),
        Design::OneRun => why,
    }
}

fn no_ratio(design: Design) -> &'static str {
    match design {
        Design::OneRun => TOO_FEW_ROUNDS,
        Design::OneRunASide(_) => "a side has no interval: measure longer, or in 3 rounds or more",
        Design::SeveralRuns => {
            "too few runs have a figure for it: measure 2 runs or more on one side"
        }
    }
}

fn exit(rows: &[Row], verdicts: impl Iterator<Item = Verdict>, strict: bool) -> Exit {
    let worst = verdicts.max().unwrap_or(Verdict::Valid);
    let has = |verdict| rows.iter().any(|row| row.verdict == verdict);
    if worst == Verdict::Failed || (strict && worst != Verdict::Valid) {
        Exit::Incomplete
    } else if has(Judgement::Slower) {
        Exit::Slower
    } else if rows.is_empty() || has(Judgement::Undecided) {
        Exit::Undecided
    } else {
        Exit::Ok
    }
}

/// What a reader must know beside the verdicts: cases that are not VALID, what is unknown or differs on purpose.
fn warnings(pairs: &[Pair<'_>], terms: Terms) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    if let Design::OneRunASide(spread) = terms.design {
        said.push(format!(
            "one run a side: what changes between runs was not measured, a spread of {} is assumed",
            percent(spread)
        ));
    }
    for pair in pairs {
        for measured in pair.reference.iter().chain(&pair.judged) {
            let judged = measured.side.verdict;
            if judged.verdict != Verdict::Valid {
                let at = run_name(measured, terms.design);
                let why = judged.reasons.join("; ");
                said.push(format!("{}{at} is {}: {why}", judged.case, judged.verdict));
            }
            let at = run_name(measured, terms.design);
            let cut = measured.analysis.run.interrupted.iter();
            said.extend(
                cut.map(|why| format!("the run{at} was interrupted: {}", why.replace('`', ""))),
            );
        }
        let (before, after) = (pair.reference.first(), pair.judged.first());
        let setup = |side: Option<&Measured<'_>>| side.and_then(|m| m.side.case.setup().cloned());
        let alike = Alike::of(setup(before).as_ref(), setup(after).as_ref());
        let names = format!("{} and {}", name(&pair.reference), name(&pair.judged));
        if !alike.unlike.is_empty() {
            said.push(format!("{names} are unlike, as allowed: {}", alike.words()));
        }
        if !alike.unknown.is_empty() {
            let unknown: Vec<&str> = alike.unknown.iter().map(|known| known.name()).collect();
            said.push(format!("{names} may be unlike: {} not known of a side", unknown.join(", ")));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    said.retain(|line| seen.insert(line.clone()));
    said
}

/// ` of FOLDER` where there are several runs.
fn run_name(measured: &Measured<'_>, design: Design) -> String {
    if design == Design::OneRun {
        return String::new();
    }
    format!(" of {}", measured.folder())
}
