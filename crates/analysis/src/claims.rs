//! Claims: statements in the pipeline file that every run is asked about.
//!
//! `<case> <metric> <op> <case> <metric> [* factor]`, such as
//! `cuda-graph enqueue/p50 < base enqueue/p50` or `base build/warm < base build/cold * 0.5`.

use std::fmt;
use std::str::FromStr;

use pipeline::Verdict;
use pipeline::artifact::{ClaimRow, SummaryRow};
use pipeline::config::did_you_mean;
use serde::{Deserialize, Deserializer, de};
use stats::Confidence;

use crate::compare::paired;
use crate::format::number;
use crate::metric::Metric;
use crate::summarize::CaseSummary;

/// A parsed claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    text: String,
    /// Left side.
    pub left: Term,
    /// Comparison.
    pub op: Op,
    /// Right side.
    pub right: Term,
    /// The right side is multiplied by it.
    pub factor: f64,
}

/// A metric of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Name of the mode.
    pub case: String,
    /// Its metric.
    pub metric: Metric,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `<` and `<=`: intervals do not tell them apart.
    Less,
    /// `>` and `>=`.
    Greater,
}

/// The answers, as they stand in the `verdict` column.
pub const HOLDS: &str = "HOLDS";
/// The opposite was shown.
pub const FAILS: &str = "FAILS";
/// Neither was shown.
pub const UNDECIDED: &str = "UNDECIDED";
/// A side is missing.
pub const NOT_TESTED: &str = "NOT-TESTED";

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Claim {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).map_err(|what| {
            format!(
                "\"{text}\" is not a claim: {what}; write for example \"streams-2 throughput > base throughput * 1.1\""
            )
        })
    }
}

fn parse(text: &str) -> Result<Claim, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [left_case, left, op, right_case, right, rest @ ..] = words.as_slice() else {
        return Err("expected <case> <metric> <op> <case> <metric> [* factor]".to_owned());
    };
    let op = match *op {
        "<" | "<=" => Op::Less,
        ">" | ">=" => Op::Greater,
        _ => return Err(format!("unknown comparison `{op}`, expected <, <=, > or >=")),
    };
    let left = Term { case: (*left_case).to_owned(), metric: left.parse()? };
    let right = Term { case: (*right_case).to_owned(), metric: right.parse()? };
    let (unit, other) = (left.metric.unit(), right.metric.unit());
    if unit != other {
        return Err(format!("{} is in {unit} and {} in {other}", left.metric, right.metric));
    }
    Ok(Claim { text: words.join(" "), left, op, right, factor: factor(rest)? })
}

/// What follows the right side: nothing, or `* number`.
fn factor(rest: &[&str]) -> Result<f64, String> {
    match rest {
        [] => Ok(1.0),
        ["*", factor] => factor
            .parse::<f64>()
            .ok()
            .filter(|factor| factor.is_finite() && *factor > 0.0)
            .ok_or_else(|| format!("the factor `{factor}` is not a number above 0")),
        _ => Err(format!("`{}` after the right side, expected * and a number", rest.join(" "))),
    }
}

impl<'de> Deserialize<'de> for Claim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Judges a claim by the cases of a run; `skipped` says why a case has no numbers.
pub fn judge(
    claim: &Claim,
    cases: &[&CaseSummary],
    skipped: impl Fn(&str) -> Option<String>,
    confidence: Confidence,
) -> ClaimRow {
    let mut row = ClaimRow {
        claim: claim.text.clone(),
        verdict: NOT_TESTED.to_owned(),
        ratio: None,
        lower: None,
        upper: None,
        reasons: Vec::new(),
    };
    let find = |term: &Term| find(term, cases, &skipped);
    let (left, right) = match (find(&claim.left), find(&claim.right)) {
        (Ok(left), Ok(right)) => (left, right),
        (Err(reason), _) | (_, Err(reason)) => {
            row.reasons.push(reason);
            return row;
        }
    };
    bound(claim, left, right, confidence, &mut row);
    let resolved = [left.1, right.1].into_iter().all(|row| row.verdict != Verdict::TooShort);
    let verdict = if resolved { decide(claim, &row) } else { UNDECIDED };
    verdict.clone_into(&mut row.verdict);
    if !resolved {
        row.reasons.push("a side is TOO-SHORT: measure longer".to_owned());
    } else if row.lower.is_none() || row.upper.is_none() {
        row.reasons.push("a side has no interval".to_owned());
    } else if verdict == UNDECIDED {
        row.reasons.push(format!("the interval of the ratio holds {}", number(claim.factor)));
    }
    row
}

/// A side of a claim with its row.
type Found<'a> = (&'a CaseSummary, &'a SummaryRow);

/// Ratio and bounds: paired over rounds where both sides have the same metric, else from the sides' own bounds.
fn bound(
    claim: &Claim,
    left: Found<'_>,
    right: Found<'_>,
    confidence: Confidence,
    row: &mut ClaimRow,
) {
    let same = claim.left.metric == claim.right.metric && claim.left.case != claim.right.case;
    // a cold and a warm build of one round are a pair, too
    let builds = claim.left != claim.right
        && [claim.left.metric, claim.right.metric].iter().all(|m| matches!(m, Metric::Build(_)));
    let rounds = |side: Found<'_>, term: &Term| side.0.rounds_of(term.metric).to_vec();
    let paired = (same || builds)
        .then(|| paired(&rounds(left, &claim.left), &rounds(right, &claim.right), confidence))
        .flatten();
    if let Some(found) = paired {
        row.ratio = Some(found.ratio);
        row.lower = Some(found.lower);
        row.upper = Some(found.upper);
        row.reasons.push(format!("paired over {} rounds", found.rounds));
        return;
    }
    let over =
        |a: Option<f64>, b: Option<f64>| a.zip(b).filter(|(_, b)| *b > 0.0).map(|(a, b)| a / b);
    row.ratio = over(left.1.estimate, right.1.estimate);
    row.lower = over(left.1.lower, right.1.upper);
    row.upper = over(left.1.upper, right.1.lower);
    row.reasons.push("from the bounds of both sides".to_owned());
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

fn find<'a>(
    term: &Term,
    cases: &[&'a CaseSummary],
    skipped: &impl Fn(&str) -> Option<String>,
) -> Result<Found<'a>, String> {
    let Some(&case) = cases.iter().find(|case| case.case == term.case) else {
        let names: Vec<&str> = cases.iter().map(|case| case.case.as_str()).collect();
        return Err(format!(
            "this run has no case `{}`{}",
            term.case,
            did_you_mean(&term.case, &names)
        ));
    };
    if let Some(reason) = skipped(&term.case) {
        return Err(format!("`{}` was skipped: {reason}", term.case));
    }
    let row = case.row(term.metric);
    row.map(|row| (case, row)).ok_or_else(|| format!("`{}` has no {}", term.case, term.metric))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<Claim>().unwrap_err()
    }

    #[test]
    fn claims_are_read() {
        let claim: Claim = "base build/warm <  base build/cold * 0.5".parse().unwrap();
        assert_eq!(claim.to_string(), "base build/warm < base build/cold * 0.5");
        assert!((claim.factor - 0.5).abs() < 1e-15 && claim.op == Op::Less);
        let claim: Claim = "streams-2 throughput >= base throughput".parse().unwrap();
        assert!((claim.factor - 1.0).abs() < 1e-15 && claim.op == Op::Greater);
    }

    #[test]
    fn wrong_claims_say_what_is_wrong() {
        assert!(error("base throughput").contains("expected <case> <metric>"));
        assert!(error("a throughput = b throughput").contains("unknown comparison `=`"));
        assert!(error("a compute/p99 < b throughput").contains("compute/p99 is in ns"));
        assert!(error("a trouput < b throughput").contains("did you mean \"throughput\""));
        assert!(error("a throughput < b throughput * -1").contains("is not a number above 0"));
        assert!(error("a throughput < b throughput and").contains("after the right side"));
    }
}
