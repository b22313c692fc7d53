//! The verdict of a case: the worst of its rounds, of its steadiness, and of what the sensors saw. Pure.
//!
//! Reasons carry the figure behind them and what to do next. What starts with `note:` is information
//! and does not lower the verdict.

use pipeline::Verdict;
use pipeline::artifact::TelemetryRow;
use stats::Confidence;
use stats::interval::over_rounds;

use crate::format::{count, duration, percent};
use crate::load::{Case, Run};
use crate::metric::Metric;
use crate::phases::Phases;
use crate::steadiness;
use crate::summarize::{CaseSummary, ROUNDS_FOR_SCOPE};

/// Between-round standard deviation above which a case is UNSTABLE.
const ROUND_SD: f64 = 0.01;
/// Time without a reading after which the sampler counts as dead: below two seconds, so that a sampler which was
/// dead for two is found wherever its last reading lies.
const SILENCE_NS: i64 = 1_500_000_000;
/// A device clock below this share of its median is a drop: half of the five percent that must be found.
const CLOCK_DROP: f64 = 0.975;
/// Bits of NVML's throttle reasons that slow the clock: power cap, slowdowns and power brake, but not
/// idle, application clocks, sync boost or display clocks.
const SLOWING: i64 = 0x04 | 0x08 | 0x20 | 0x40 | 0x80;

/// The verdict of a case with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseVerdict {
    /// Name of the mode.
    pub case: String,
    /// Verdict.
    pub verdict: Verdict,
    /// Why, and what to do next.
    pub reasons: Vec<String>,
    /// Information that does not lower the verdict.
    pub notes: Vec<String>,
    /// Why no interval is printed for what depends on compute; `None` when there are intervals.
    pub withheld: Option<String>,
}

impl CaseVerdict {
    pub(crate) fn lower(&mut self, verdict: Verdict, reason: String) {
        self.verdict = self.verdict.max(verdict);
        self.reasons.push(reason);
    }
}

/// Judges one case of a run.
pub fn judge(run: &Run, case: &Case, summary: &CaseSummary, phases: &Phases) -> CaseVerdict {
    let mut judged = CaseVerdict {
        case: case.name.clone(),
        verdict: Verdict::Valid,
        reasons: Vec::new(),
        notes: Vec::new(),
        withheld: None,
    };
    if let Some(reason) = case.skipped() {
        judged.verdict = Verdict::Skipped;
        judged.reasons.push(reason);
        return judged;
    }
    rounds_said(case, &mut judged);
    counts_agree(case, &mut judged);
    round_spread(summary, &mut judged);
    steadiness::judge(case, phases, &mut judged);
    sensors(run, case, &mut judged);
    if case.streams() > 1 && !case.rounds.is_empty() {
        judged
            .notes
            .push("intervals overlap in time: compare throughput and response only".to_owned());
    }
    judged
}

/// Judges a case by its samples alone and takes the bounds that it must not have.
pub(crate) fn of_case_alone(case: &Case, summary: &mut CaseSummary) -> Verdict {
    let mut judged = CaseVerdict {
        case: case.name.clone(),
        verdict: Verdict::Valid,
        reasons: Vec::new(),
        notes: Vec::new(),
        withheld: None,
    };
    round_spread(summary, &mut judged);
    steadiness::judge(case, &Phases::of(case), &mut judged);
    if let Some(reason) = &judged.withheld {
        steadiness::withhold(summary, reason);
    }
    judged.verdict
}

/// What the runner said of each round; the same words of several rounds once.
fn rounds_said(case: &Case, judged: &mut CaseVerdict) {
    let mut said: Vec<(String, Verdict, Vec<String>)> = Vec::new();
    for row in &case.rows {
        for reason in row.reasons.iter().chain(&row.error) {
            let round = (row.round + 1).to_string();
            match said.iter_mut().find(|(known, ..)| known == reason) {
                Some((_, verdict, rounds)) => {
                    *verdict = (*verdict).max(row.verdict);
                    if !rounds.contains(&round) {
                        rounds.push(round);
                    }
                }
                None => said.push((reason.clone(), row.verdict, vec![round])),
            }
        }
        if row.verdict > Verdict::Skipped {
            judged.verdict = judged.verdict.max(row.verdict);
        }
    }
    for (reason, verdict, rounds) in said {
        if let Some(note) = reason.strip_prefix("note: ") {
            judged.notes.push(note.to_owned());
        } else if verdict > Verdict::Valid {
            judged.reasons.push(format!("round {}: {reason}", rounds.join(", ")));
        } else {
            judged.notes.push(reason);
        }
    }
    for round in case.rounds.iter().filter(|round| !round.complete) {
        if case.rows.iter().all(|row| row.round != round.index) {
            judged.lower(
                Verdict::Failed,
                format!(
                    "round {}: cut off before the runner could check it; run it again",
                    round.index + 1
                ),
            );
        }
    }
}

/// Rows and samples must tell of the same number of inferences.
fn counts_agree(case: &Case, judged: &mut CaseVerdict) {
    for row in case.rows.iter().filter(|row| row.verdict != Verdict::Skipped) {
        let round = case.rounds.iter().find(|round| round.index == row.round);
        let found = round.map_or(0, |round| round.steady.len());
        if found as i64 != row.n {
            judged.lower(
                Verdict::Failed,
                format!(
                    "round {}: cases.parquet tells of {} inferences, the samples hold {}; the run folder is not whole",
                    row.round + 1,
                    count(row.n.max(0) as u64),
                    count(found as u64)
                ),
            );
        }
    }
}

fn round_spread(summary: &CaseSummary, judged: &mut CaseVerdict) {
    let values: Vec<f64> =
        summary.rounds_of(Metric::Throughput).iter().map(|&(_, value)| value).collect();
    let Some(rounds) = over_rounds(&values, Confidence::default()) else { return };
    let spread = rounds.sd / rounds.mean;
    if values.len() >= ROUNDS_FOR_SCOPE && spread > ROUND_SD {
        judged.lower(
            Verdict::Unstable,
            format!(
                "rounds differ: sd {} of the throughput over {} rounds, above {}; close other programs, fix the clocks, or take more rounds",
                percent(spread),
                values.len(),
                percent(ROUND_SD)
            ),
        );
    }
}

fn sensors(run: &Run, case: &Case, judged: &mut CaseVerdict) {
    let on_device =
        case.setup().is_some_and(|row| row.requested_threads.is_none() && row.backend != "sim");
    let Some(rows) = &run.telemetry else {
        if on_device {
            judged.lower(
                Verdict::Uncertified,
                "no telemetry was recorded: clocks and throttling were not observed".to_owned(),
            );
        } else {
            judged.notes.push("clocks not observed: no telemetry was recorded".to_owned());
        }
        return;
    };
    let during = ticks(case, rows);
    throttling(&during, judged);
    if on_device && during.iter().all(|row| row.sm_clock_mhz.is_none()) {
        judged.lower(
            Verdict::Uncertified,
            "the device's clock was not observed; let the runner read its sensors".to_owned(),
        );
    } else if !on_device && during.iter().all(|row| row.cpu_clock_khz.is_none()) {
        judged.notes.push("clocks not observed: this host does not show them".to_owned());
    }
    let gap_ns = case.rounds.iter().map(|round| longest_gap(round_span(round), rows)).max();
    let said = judged.reasons.iter().any(|reason| reason.contains("no sensor was read"));
    if let Some(gap_ns) = gap_ns
        && gap_ns > SILENCE_NS
        && !said
    {
        judged.lower(
            Verdict::Uncertified,
            format!(
                "no sensor was read for {}; the sampler died or was starved",
                duration(gap_ns as f64)
            ),
        );
    }
    let steal: Vec<f64> = during.iter().filter_map(|row| row.cpu_steal).collect();
    let mean_steal = steal.iter().sum::<f64>() / steal.len().max(1) as f64;
    if mean_steal > 0.02 {
        judged.notes.push(format!(
            "the hypervisor gave {} of the processor time to others during the samples",
            percent(mean_steal)
        ));
    }
}

fn throttling(during: &[&TelemetryRow], judged: &mut CaseVerdict) {
    let events: i64 = during.iter().filter_map(|row| row.cpu_throttle_events).sum();
    if events > 0 {
        judged.lower(
            Verdict::Throttled,
            format!("the processor throttled {} times during the samples; cool it or lower its power limit", count(events as u64)),
        );
    }
    let slowed =
        during.iter().filter_map(|row| row.throttle_reasons).fold(0, |all, bits| all | bits);
    if slowed & SLOWING != 0 {
        judged.lower(
            Verdict::Throttled,
            format!("the device gave throttle reasons {:#x} during the samples; cool it, or lock its clocks", slowed & SLOWING),
        );
    }
    let mut clocks: Vec<i64> = during.iter().filter_map(|row| row.sm_clock_mhz).collect();
    clocks.sort_unstable();
    if let (Some(&lowest), Some(&median)) = (clocks.first(), clocks.get(clocks.len() / 2))
        && (lowest as f64) < CLOCK_DROP * median as f64
    {
        judged.lower(
            Verdict::Throttled,
            format!("the device's clock fell to {lowest} MHz from {median} MHz; lock its clocks"),
        );
    }
}

/// The host stamps between which a round's samples lie.
pub fn round_span(round: &crate::load::Round) -> (i64, i64) {
    let start = round.steady.iter().map(|sample| sample.issue_ns).min().unwrap_or(0);
    let end = round.steady.iter().map(|sample| sample.done_ns).max().unwrap_or(start);
    (start, end)
}

/// Readings between the first and the last sample of a case's rounds.
pub fn ticks<'a>(case: &Case, rows: &'a [TelemetryRow]) -> Vec<&'a TelemetryRow> {
    let spans: Vec<(i64, i64)> = case.rounds.iter().map(round_span).collect();
    let inside = |at: i64| spans.iter().any(|&(start, end)| (start..=end).contains(&at));
    rows.iter().filter(|row| inside(row.at_ns)).collect()
}

/// The longest time without a reading that overlaps a span, also where it begins before or ends after it.
fn longest_gap((start, end): (i64, i64), rows: &[TelemetryRow]) -> i64 {
    let mut stamps: Vec<i64> = rows.iter().map(|row| row.at_ns).collect();
    stamps.sort_unstable();
    let before = stamps.iter().copied().rfind(|&at| at <= start).unwrap_or(start);
    let after = stamps.iter().copied().find(|&at| at >= end).unwrap_or(end);
    stamps.retain(|at| (start..=end).contains(at));
    stamps.extend([before, after]);
    stamps.sort_unstable();
    stamps.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
}
