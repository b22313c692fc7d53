//! Claim and run → HOLDS, FAILS, UNDECIDED or NOT-APPLICABLE. Pure.
//!
//! A claim speaks of left ÷ right. Where both sides are the same metric of two cases, its interval is that of
//! the paired ratio over rounds, so what disturbs a round disturbs both and cancels. Otherwise its bounds are
//! the bounds of one side over those of the other, which is wider than needed, never narrower.
//! HOLDS and FAILS need the whole interval on one side; claims are judged one by one, without a correction
//! for their number.

use pipeline::Verdict;
use pipeline::artifact::{ClaimRow, SummaryRow};
use pipeline::config::did_you_mean;
use stats::Confidence;

use super::{Claim, FAILS, HOLDS, NOT_APPLICABLE, Op, Right, Term, UNDECIDED};
use crate::compare::paired;
use crate::format::number;
use crate::judge::CaseVerdict;
use crate::load::Run;
use crate::metric::Metric;
use crate::summarize::CaseSummary;

/// What claims are judged by.
#[derive(Debug)]
pub struct Ground<'a> {
    /// The run.
    pub run: &'a Run,
    /// Its cases, and engines that were only built.
    pub summaries: Vec<&'a CaseSummary>,
    /// Verdicts of its cases.
    pub verdicts: &'a [CaseVerdict],
    /// Confidence of intervals.
    pub confidence: Confidence,
}

/// Judges a claim.
pub fn judge(claim: &Claim, ground: &Ground<'_>) -> ClaimRow {
    let mut row = ClaimRow {
        claim: claim.text.clone(),
        condition: claim.condition.as_ref().map(super::Condition::words),
        verdict: NOT_APPLICABLE.to_owned(),
        left: None,
        right: None,
        ratio: None,
        lower: None,
        upper: None,
        reasons: Vec::new(),
    };
    if let Err(reason) = applies(claim, ground) {
        row.reasons.push(reason);
        return row;
    }
    let left = find(&claim.left, ground);
    let right = match &claim.right {
        Right::Term(term) => find(term, ground).map(Some),
        Right::Figure(_) => Ok(None),
    };
    let (left, right) = match (left, right) {
        (Ok(left), Ok(right)) => (left, right),
        (Err(reason), _) | (_, Err(reason)) => {
            row.reasons.push(reason);
            return row;
        }
    };
    row.left = left.row.estimate;
    row.right = match &claim.right {
        Right::Figure(figure) => Some(*figure),
        Right::Term(_) => right.and_then(|right| right.row.estimate),
    };
    bound(claim, left, right, ground.confidence, &mut row);
    let sides: Vec<Found<'_>> = std::iter::once(left).chain(right).collect();
    let obstacle = obstacle(claim, &sides, ground);
    let verdict = if obstacle.is_none() { decide(claim, &row) } else { UNDECIDED };
    verdict.clone_into(&mut row.verdict);
    if let Some(obstacle) = obstacle {
        row.reasons.push(obstacle);
    } else if row.lower.is_none() || row.upper.is_none() {
        row.reasons
            .push("a side has no interval: measure longer, or in 3 rounds or more".to_owned());
    } else if verdict == UNDECIDED {
        let edge = number(claim.factor);
        row.reasons
            .push(format!("the interval of the ratio holds {edge}: take more or longer rounds"));
    }
    row.reasons.extend(doubts(&sides, ground));
    row
}

/// A side of a claim with its row.
#[derive(Clone, Copy)]
struct Found<'a> {
    summary: &'a CaseSummary,
    row: &'a SummaryRow,
}

/// Whether the claim's condition holds for the cases that it names.
fn applies(claim: &Claim, ground: &Ground<'_>) -> Result<(), String> {
    let Some(condition) = &claim.condition else { return Ok(()) };
    for term in claim.terms() {
        let Some((backend, device)) = place_of(&term.case, ground.run) else { continue };
        if !condition.holds(backend, device) {
            return Err(format!(
                "asked when {} only; `{}` ran on {backend}, {device}",
                condition.words(),
                term.case
            ));
        }
    }
    Ok(())
}

/// Backend and device of a case; of an engine that was only built, those of the run's first engine.
fn place_of<'a>(case: &str, run: &'a Run) -> Option<(&'a str, &'a str)> {
    let setup = run.cases.iter().find(|known| known.name == case).and_then(|case| case.setup());
    let setup = setup.map(|row| (row.backend.as_str(), row.device.as_str()));
    setup.or_else(|| run.engines.first().map(|row| (row.backend.as_str(), row.device.as_str())))
}

fn find<'a>(term: &Term, ground: &Ground<'a>) -> Result<Found<'a>, String> {
    let Some(&summary) = ground.summaries.iter().find(|case| case.case == term.case) else {
        let names: Vec<&str> = ground.summaries.iter().map(|case| case.case.as_str()).collect();
        return Err(format!(
            "this run has no case `{}`{}",
            term.case,
            did_you_mean(&term.case, &names)
        ));
    };
    let case = ground.run.cases.iter().find(|case| case.name == term.case);
    if let Some(reason) = case.and_then(crate::load::Case::skipped) {
        return Err(format!("`{}` was skipped: {reason}", term.case));
    }
    let row = summary.row(term.metric);
    let row = row.ok_or_else(|| format!("`{}` has no {} here", term.case, term.metric))?;
    Ok(Found { summary, row })
}

/// Ratio and bounds, and how they were found.
fn bound(
    claim: &Claim,
    left: Found<'_>,
    right: Option<Found<'_>>,
    confidence: Confidence,
    row: &mut ClaimRow,
) {
    let over =
        |a: Option<f64>, b: Option<f64>| a.zip(b).filter(|(_, b)| *b > 0.0).map(|(a, b)| a / b);
    let (Right::Term(term), Some(right)) = (&claim.right, right) else {
        row.ratio = over(row.left, row.right);
        row.lower = over(left.row.lower, row.right);
        row.upper = over(left.row.upper, row.right);
        return;
    };
    if let Some(found) = paired_sides(claim, term, left, right, confidence) {
        row.ratio = Some(found.ratio);
        row.lower = Some(found.lower);
        row.upper = Some(found.upper);
        row.reasons.push(format!("paired over {} rounds", found.rounds));
        return;
    }
    row.ratio = over(left.row.estimate, right.row.estimate);
    row.lower = over(left.row.lower, right.row.upper);
    row.upper = over(left.row.upper, right.row.lower);
    row.reasons.push("from the bounds of both sides".to_owned());
}

fn paired_sides(
    claim: &Claim,
    right_term: &Term,
    left: Found<'_>,
    right: Found<'_>,
    confidence: Confidence,
) -> Option<stats::Ratio> {
    let (a, b) = (&claim.left, right_term);
    let same = a.metric == b.metric && a.case != b.case;
    // a cold and a warm build of one round are a pair, too
    let builds = a != b && [a.metric, b.metric].iter().all(|m| matches!(m, Metric::Build(_)));
    if !same && !builds {
        return None;
    }
    paired(left.summary.rounds_of(a.metric), right.summary.rounds_of(b.metric), confidence)
}

/// Why the numbers cannot decide, whatever they are.
fn obstacle(claim: &Claim, sides: &[Found<'_>], ground: &Ground<'_>) -> Option<String> {
    for side in sides {
        let case = &side.summary.case;
        let judged = ground.verdicts.iter().find(|judged| judged.case == *case);
        if let Some(failed) = judged.filter(|judged| judged.verdict == Verdict::Failed) {
            let why = failed.reasons.first().map_or("", String::as_str);
            return Some(format!("`{case}` FAILED, so its numbers do not count: {why}"));
        }
        if side.row.verdict == Verdict::TooShort {
            let why = side.row.reasons.join("; ");
            return Some(format!("{} of `{case}` is TOO-SHORT: {why}", side.row.metric));
        }
    }
    let streams = |name: &str| {
        ground.run.cases.iter().find(|case| case.name == name).map_or(1, crate::load::Case::streams)
    };
    let mut counts: Vec<i64> = claim.terms().map(|term| streams(&term.case)).collect();
    counts.dedup();
    let blind = claim.terms().find(|term| !term.metric.compares_across_streams());
    blind.filter(|_| counts.len() > 1).map(|term| {
        format!(
            "{} overlaps in time with several streams: across different numbers of them, claim throughput or response",
            term.metric
        )
    })
}

/// What lowers the trust in the answer without standing in its way.
fn doubts(sides: &[Found<'_>], ground: &Ground<'_>) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for side in sides {
        let judged = ground.verdicts.iter().find(|judged| judged.case == side.summary.case);
        let doubtful = judged.filter(|judged| {
            !matches!(judged.verdict, Verdict::Valid | Verdict::Skipped | Verdict::Failed)
        });
        if let Some(judged) = doubtful {
            said.push(format!("`{}` is {}", judged.case, judged.verdict));
        }
    }
    if sides.iter().any(|side| side.row.scope == "this-run") {
        said.push("of this run only: fewer than 3 rounds".to_owned());
    }
    said.dedup();
    said
}

fn decide(claim: &Claim, row: &ClaimRow) -> &'static str {
    let below = row.upper.is_some_and(|upper| upper < claim.factor);
    let above = row.lower.is_some_and(|lower| lower > claim.factor);
    let (holds, fails) = match claim.op {
        Op::Less => (below, above),
        Op::Greater => (above, below),
    };
    match (holds, fails) {
        (true, _) => HOLDS,
        (_, true) => FAILS,
        _ => UNDECIDED,
    }
}
