//! A run and its questions → every row that stage 4 writes. Pure.

use pipeline::Verdict;
use pipeline::artifact::{ClaimRow, ComparisonRow, PhaseRow, SummaryRow, VerdictRow};
use stats::Share;

use crate::advice;
use crate::builds;
use crate::claims::{self, Ground};
use crate::compare::{self, Rules, Side};
use crate::config::Config;
use crate::judge::{self, CaseVerdict};
use crate::load::Run;
use crate::phases::Phases;
use crate::steadiness;
use crate::summarize::{Asked, CaseSummary, summarize};
use crate::workers;

/// A run, summed up and judged.
#[derive(Debug)]
pub struct Analysis {
    /// Name of the pipeline.
    pub name: String,
    /// What was asked.
    pub config: Config,
    /// What was measured.
    pub run: Run,
    /// One a case, in the order of `run.cases`.
    pub summaries: Vec<CaseSummary>,
    /// Engines that no case runs, with their times to build alone.
    pub builds: Vec<CaseSummary>,
    /// One a case, in the order of `run.cases`.
    pub phases: Vec<Phases>,
    /// One a case, in the order of `run.cases`.
    pub verdicts: Vec<CaseVerdict>,
    /// Every case against the baseline.
    pub comparison: Vec<ComparisonRow>,
    /// Every claim.
    pub claims: Vec<ClaimRow>,
}

impl Analysis {
    /// Sums up and judges a run.
    pub fn new(name: String, run: Run, config: Config) -> Self {
        let asked =
            Asked { percentiles: config.percentiles.0.clone(), confidence: config.confidence.0 };
        let mut summaries = workers::map(&run.cases, |case| summarize(case, &run.engines, &asked));
        let phases: Vec<Phases> = workers::map(&run.cases, Phases::of);
        let places: Vec<usize> = (0..run.cases.len()).collect();
        let judge = |&k: &usize| judge::judge(&run, &run.cases[k], &summaries[k], &phases[k]);
        let verdicts: Vec<CaseVerdict> = workers::map(&places, judge);
        for (summary, judged) in summaries.iter_mut().zip(&verdicts) {
            if let Some(reason) = &judged.withheld {
                steadiness::withhold(summary, reason);
            }
        }
        let builds = builds::alone(&run.cases, &run.engines, &asked);
        let ground = Ground {
            run: &run,
            summaries: summaries.iter().chain(&builds).collect(),
            verdicts: &verdicts,
            confidence: asked.confidence,
        };
        let claims = config.claims.iter().map(|claim| claims::judge(claim, &ground)).collect();
        let comparison = against_baseline(&run, &summaries, &verdicts, &config);
        Self { name, config, run, summaries, builds, phases, verdicts, comparison, claims }
    }

    /// Rows of `summary.parquet`.
    pub fn summary_rows(&self) -> Vec<SummaryRow> {
        let all = self.summaries.iter().chain(&self.builds);
        all.flat_map(|summary| summary.rows.iter().cloned()).collect()
    }

    /// Rows of `phases.parquet`.
    pub fn phase_rows(&self) -> Vec<PhaseRow> {
        let pairs = self.run.cases.iter().zip(&self.phases);
        pairs.flat_map(|(case, phases)| phases.rows(case)).collect()
    }

    /// Rows of `verdicts.parquet`.
    pub fn verdict_rows(&self) -> Vec<VerdictRow> {
        let row = |judged: &CaseVerdict| VerdictRow {
            case: judged.case.clone(),
            verdict: judged.verdict,
            reasons: judged.reasons.clone(),
            next: advice::next(judged.verdict).map(str::to_owned),
            notes: judged.notes.clone(),
        };
        self.verdicts.iter().map(row).collect()
    }

    /// The row of a case, a comparison and a metric against the baseline.
    pub fn comparison_of(&self, case: &str, metric: &str) -> Option<&ComparisonRow> {
        self.comparison.iter().find(|row| row.case == case && row.metric == metric)
    }

    /// Every case that has samples, for comparisons.
    pub fn sides(&self) -> Vec<Side<'_>> {
        sides(&self.run, &self.summaries, &self.verdicts)
    }

    /// The percentile that stands for the tail: p99 when it was asked for, else the highest.
    pub fn tail(&self) -> Share {
        let shares = &self.config.percentiles.0;
        let p99 = shares.iter().copied().find(|share| share.ppm() == 990_000);
        p99.or(shares.last().copied()).unwrap_or(Share::MEDIAN)
    }

    /// The percentile that stands for the middle: the median when it was asked for, else the lowest.
    pub fn middle(&self) -> Share {
        let shares = &self.config.percentiles.0;
        let median = shares.iter().copied().find(|&share| share == Share::MEDIAN);
        median.or(shares.first().copied()).unwrap_or(Share::MEDIAN)
    }

    /// Whether a case FAILED or the run was cut off.
    pub fn is_incomplete(&self) -> bool {
        !self.run.interrupted.is_empty()
            || self.verdicts.iter().any(|judged| judged.verdict == Verdict::Failed)
    }

    /// Every claim with its answer, as a sentence.
    pub fn claims_in_words(&self) -> Vec<(&ClaimRow, String)> {
        let pairs = self.config.claims.iter().zip(&self.claims);
        pairs.map(|(claim, row)| (row, claims::words::sentence(claim, row))).collect()
    }

    /// Whether `--strict` ends with exit 5.
    pub fn fails_strictly(&self) -> bool {
        let fine = |verdict| matches!(verdict, Verdict::Valid | Verdict::Skipped);
        self.is_incomplete()
            || self.verdicts.iter().any(|judged| !fine(judged.verdict))
            || self.claims.iter().any(|claim| claim.verdict == claims::FAILS)
    }
}

fn sides<'a>(
    run: &'a Run,
    summaries: &'a [CaseSummary],
    verdicts: &'a [CaseVerdict],
) -> Vec<Side<'a>> {
    let all = run.cases.iter().zip(summaries).zip(verdicts);
    all.filter(|((case, _), _)| !case.rounds.is_empty())
        .map(|((case, summary), verdict)| Side { case, summary, verdict })
        .collect()
}

fn against_baseline(
    run: &Run,
    summaries: &[CaseSummary],
    verdicts: &[CaseVerdict],
    config: &Config,
) -> Vec<ComparisonRow> {
    let rules = Rules {
        percentiles: config.percentiles.0.clone(),
        margin: config.margin.get(),
        confidence: config.confidence.0,
    };
    let sides = sides(run, summaries, verdicts);
    let baseline = config.baseline.as_str();
    let Some(&base) = sides.iter().find(|side| side.case.name == baseline) else {
        return Vec::new();
    };
    sides
        .iter()
        .filter(|side| side.case.name != baseline)
        .flat_map(|&side| compare::compare(side, base, &sides, &rules))
        .collect()
}
