//! Is the steady part steady? Settling, steps, levels and drift, each with its figure and what to do next. Pure.

use pipeline::Verdict;
use stats::drift::{Drift, Level, Segment, drift};
use stats::{Confidence, Estimator, Share};

use crate::format::{change, change_range, count, duration, number, percent};
use crate::judge::CaseVerdict;
use crate::load::Case;
use crate::phases::{Phases, VISITS_NEEDED};
use crate::summarize::CaseSummary;

/// Change over the steady part above which a case is UNSTABLE, when its sign is beyond doubt; also by how much
/// a slow start must move a figure.
const DRIFT: f64 = 0.005;
/// Confidence of that doubt within rounds: a clean run is called drifting in one of a thousand.
const WITHIN: f64 = 0.999;
/// The same over rounds, whose few degrees of freedom make up for it.
const OVER: f64 = 0.995;
/// Step of the level above which a case is UNSTABLE: as much as rounds may differ.
const STEP: f64 = 0.01;
/// Shortest share of a round on both sides of such a step; a shorter stretch is a visit or an outlier.
const LASTING: f64 = 0.1;

/// Judges the steadiness of a case.
pub(crate) fn judge(case: &Case, phases: &Phases, judged: &mut CaseVerdict) {
    settling(case, phases, judged);
    let single = phases.levels.levels.len() < 2;
    if single {
        stepping(phases, judged);
    } else {
        visiting(phases, judged);
    }
    drifting(case, phases, judged);
    if phases.severe > 0 {
        judged.notes.push(format!(
            "{} of {} inferences lie beyond Tukey's outer fences (labelled, not removed); the slowest took {} × the median",
            count(phases.severe as u64),
            count(case.samples().count() as u64),
            number(phases.slowest)
        ));
    }
}

/// A slow or fast start that the configured warm-up left over.
fn settling(case: &Case, phases: &Phases, judged: &mut CaseVerdict) {
    let late: Vec<_> = phases.rounds.iter().filter(|round| round.settled > 0).collect();
    let Some(longest) = late.iter().map(|round| round.time_to_steady_ns).max() else { return };
    let rounds: Vec<String> = late.iter().map(|round| (round.index + 1).to_string()).collect();
    let start =
        format!("steady only after {} in round {}", duration(longest as f64), rounds.join(", "));
    match largest_effect(case, phases) {
        Some((name, all, rest)) if (all / rest - 1.0).abs() > DRIFT => judged.lower(
            Verdict::Unstable,
            format!(
                "{start}: without what came before, compute/{name} would be {} instead of {}; warm up for {} longer",
                duration(rest),
                duration(all),
                duration(longest as f64)
            ),
        ),
        _ => judged.notes.push(format!("{start}; leaving that out moves no figure by {}", percent(DRIFT))),
    }
}

/// The figure that changes most when settling samples are left out: name, with them, without them.
fn largest_effect(case: &Case, phases: &Phases) -> Option<(String, f64, f64)> {
    let mut all: Vec<i64> = case.samples().map(|sample| sample.compute_ns).collect();
    let mut rest: Vec<i64> = Vec::new();
    for round in &case.rounds {
        let phases = phases.rounds.iter().find(|phases| phases.index == round.index);
        let settled = phases.map_or(0, |phases| phases.settled);
        rest.extend(round.steady[settled..].iter().map(|sample| sample.compute_ns));
    }
    all.sort_unstable();
    rest.sort_unstable();
    let mean = |values: &[i64]| {
        values.iter().map(|&value| value as f64).sum::<f64>() / values.len().max(1) as f64
    };
    let mut found = vec![("mean".to_owned(), mean(&all), mean(&rest))];
    for ppm in [500_000, 900_000, 990_000] {
        let share = Share::from_ppm(ppm)?;
        let of = |values: &[i64]| Estimator::InverseCdf.of_sorted(values, share);
        // a percentile of fewer than ten samples above it moves with any of them
        if rest.len() as f64 * share.above() >= 10.0 {
            found.push((share.to_string(), of(&all)? as f64, of(&rest)? as f64));
        }
    }
    let size = |(_, all, rest): &(String, f64, f64)| (all / rest - 1.0).abs();
    found.into_iter().filter(|(_, _, rest)| *rest > 0.0).max_by(|a, b| size(a).total_cmp(&size(b)))
}

fn stepping(phases: &Phases, judged: &mut CaseVerdict) {
    let mut largest: Option<(f64, f64, i64)> = None;
    for round in &phases.rounds {
        for step in &round.steps {
            let size = step.after / step.before - 1.0;
            let lasts = step.lasts.0.min(step.lasts.1) >= LASTING;
            if lasts
                && size.abs() > STEP
                && largest.is_none_or(|(known, ..)| size.abs() > known.abs())
            {
                largest = Some((size, step.errors, round.index));
            }
        }
    }
    if let Some((size, errors, round)) = largest {
        judged.lower(
            Verdict::Unstable,
            format!(
                "compute steps by {} in round {} ({} standard errors), above {}; look at the clocks and at other programs at that time",
                change(1.0 + size),
                round + 1,
                number(errors),
                percent(STEP)
            ),
        );
    }
}

/// Two clocks or more, of which one was seen too rarely to say how often it comes.
fn visiting(phases: &Phases, judged: &mut CaseVerdict) {
    let Some(rarest) = phases.levels.fewest_visits() else { return };
    let levels: Vec<String> = phases
        .levels
        .levels
        .iter()
        .map(|level| format!("{} ({})", duration(level.value), percent(level.share)))
        .collect();
    let words = format!("compute has {} levels: {}", levels.len(), levels.join(", "));
    if rarest.visits < VISITS_NEEDED {
        let reason = format!(
            "{words}; {} was visited {}, an interval needs {VISITS_NEEDED} visits; lock the clocks, or measure {} times as long",
            duration(rarest.value),
            times(rarest.visits),
            VISITS_NEEDED.div_ceil(rarest.visits.max(1))
        );
        judged.withheld = Some(reason.clone());
        judged.lower(Verdict::Unstable, reason);
    } else {
        judged.notes.push(format!("{words}; each was visited {} times or more", rarest.visits));
    }
}

fn times(n: usize) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}

fn drifting(case: &Case, phases: &Phases, judged: &mut CaseVerdict) {
    let columns: Vec<(Vec<f64>, Vec<f64>)> = case
        .rounds
        .iter()
        .map(|round| {
            let known = phases.rounds.iter().find(|phases| phases.index == round.index);
            let steady = &round.steady[known.map_or(0, |phases| phases.settled)..];
            let times = steady.iter().map(|sample| sample.done_ns as f64 / 1e9);
            let values = steady.iter().map(|sample| sample.compute_ns as f64);
            (times.collect(), values.collect())
        })
        .collect();
    let segments: Vec<Segment<'_>> =
        columns.iter().map(|(times, values)| Segment { times, values }).collect();
    let found = |level, confidence| {
        drift(&segments, level, Confidence::new(confidence)?).filter(|drift| drift.exceeds(DRIFT))
    };
    let over = if segments.len() > 1 { found(Level::Common, OVER) } else { None };
    let words = |drift: Drift, over: &str, advice: &str| {
        format!(
            "compute drifts by {} over {over} ({}), above {}; {advice}",
            change(1.0 + drift.change),
            change_range(1.0 + drift.lower, 1.0 + drift.upper),
            percent(DRIFT)
        )
    };
    if let Some(drift) = found(Level::Own, WITHIN) {
        judged.lower(Verdict::Unstable, words(drift, "each round", "give it a longer warm-up"));
    }
    if let Some(drift) = over {
        let advice = "let the machine reach its temperature first, or fix the clocks";
        judged.lower(Verdict::Unstable, words(drift, "the run", advice));
    }
}

/// Takes the bounds of everything that depends on compute; the estimates stay.
pub(crate) fn withhold(summary: &mut CaseSummary, reason: &str) {
    for row in &mut summary.rows {
        let family = row.metric.split('/').next().unwrap_or_default();
        if matches!(family, "throughput" | "compute" | "latency" | "response") {
            row.lower = None;
            row.upper = None;
            row.verdict = Verdict::Unstable;
            row.reasons = vec![reason.to_owned()];
        }
    }
}
