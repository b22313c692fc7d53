//! Text → claim: `[factor *] case metric [* factor]` or a figure with its unit on either side of `<` or `>`. Pure.

use std::str::FromStr;

use super::{Claim, Op, Right, Term};
use crate::metric::Metric;

impl FromStr for Claim {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).map_err(|what| {
            format!(
                "\"{text}\" is not a claim: {what}; write for example \"streams-2 throughput > 1.1 * base throughput\" or \"base compute/p99 < 3ms\""
            )
        })
    }
}

/// One side of a claim as it is written.
#[derive(Debug, PartialEq)]
enum Side {
    /// A metric of a case, times a factor.
    Term(Term, f64),
    /// A number and its unit, which may be empty.
    Figure(f64, String),
}

fn parse(text: &str) -> Result<Claim, String> {
    let words = words(text);
    let at = words.iter().position(|word| word.starts_with(['<', '>', '=', '!']));
    let Some(at) = at else {
        return Err("there is no comparison, expected <, <=, > or >=".to_owned());
    };
    let op = match words[at].as_str() {
        "<" | "<=" => Op::Less,
        ">" | ">=" => Op::Greater,
        op => return Err(format!("unknown comparison `{op}`, expected <, <=, > or >=")),
    };
    let (left, right) = (side(&words[..at], "left")?, side(&words[at + 1..], "right")?);
    let flipped = match op {
        Op::Less => Op::Greater,
        Op::Greater => Op::Less,
    };
    let (term, own, op, other) = match (left, right) {
        (Side::Term(term, own), other) => (term, own, op, other),
        (figure, Side::Term(term, own)) => (term, own, flipped, figure),
        _ => return Err("both sides are figures: one must be a metric of a case".to_owned()),
    };
    let (right, factor) = match other {
        Side::Term(right, factor) => {
            let (unit, foreign) = (term.metric.unit(), right.metric.unit());
            if unit != foreign {
                return Err(format!(
                    "{} is in {unit} and {} in {foreign}",
                    term.metric, right.metric
                ));
            }
            (Right::Term(right), factor / own)
        }
        Side::Figure(value, unit) => (Right::Figure(figure(value, &unit, &term)?), 1.0 / own),
    };
    Ok(Claim { text: words.join(" "), left: term, op, right, factor, condition: None })
}

/// Words apart by blanks, with `*` and comparisons as words of their own.
fn words(text: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(text.len() + 8);
    let is_op = |c: char| "<>=!".contains(c);
    let mut before = ' ';
    for c in text.chars() {
        if c == '*' || is_op(c) != is_op(before) || before == '*' {
            spaced.push(' ');
        }
        spaced.push(c);
        before = c;
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

fn side(words: &[String], which: &str) -> Result<Side, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Err(format!("there is nothing on the {which} side")),
        [one] => match split_number(one) {
            Some((value, unit)) => Ok(Side::Figure(value, unit.to_owned())),
            None => Err(expected(which, one)),
        },
        [case, unit] => match split_number(case) {
            // a case may be called 2, but no unit is called throughput
            Some((value, "")) if unit.parse::<Metric>().is_err() => {
                Ok(Side::Figure(value, (*unit).to_owned()))
            }
            _ => term(case, unit, 1.0),
        },
        [factor, "*", case, metric] | [case, metric, "*", factor] => {
            term(case, metric, factor_of(factor)?)
        }
        _ => Err(expected(which, &words.join(" "))),
    }
}

fn expected(which: &str, found: &str) -> String {
    format!(
        "the {which} side is `{found}`, expected [factor *] <case> <metric>, or a figure with its unit"
    )
}

fn term(case: &str, metric: &str, factor: f64) -> Result<Side, String> {
    Ok(Side::Term(Term { case: case.to_owned(), metric: metric.parse()? }, factor))
}

fn factor_of(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|factor| factor.is_finite() && *factor > 0.0)
        .ok_or_else(|| format!("the factor `{text}` is not a number above 0"))
}

/// `3ms` into 3 and `ms`; `None` when it does not begin with a number.
fn split_number(text: &str) -> Option<(f64, &str)> {
    // the longest beginning that is a number, so that the `e` of an exponent is no unit
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let end = ends.rev().find(|&end| text[..end].parse::<f64>().is_ok())?;
    let begins_well = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    begins_well.then(|| (text[..end].parse().unwrap_or_default(), &text[end..]))
}

/// A figure in the unit of the metric that it is compared with.
fn figure(value: f64, unit: &str, term: &Term) -> Result<f64, String> {
    let metric = term.metric;
    let scale = match (metric.unit(), unit) {
        ("ns", "ns") | ("1/s", "/s" | "1/s" | "Hz") | ("1", "") => 1.0,
        ("ns", "us" | "µs" | "μs") => 1e3,
        ("ns", "ms") => 1e6,
        ("ns", "s") => 1e9,
        ("1", "%") => 0.01,
        ("ns", _) => {
            return Err(wrong_unit(unit, metric, "a time in ns, us, ms or s, such as 3ms"));
        }
        ("1/s", _) => return Err(wrong_unit(unit, metric, "a rate, such as 400/s")),
        _ => return Err(wrong_unit(unit, metric, "a share, such as 0.02 or 2%")),
    };
    let value = value * scale;
    if !(value.is_finite() && value > 0.0) {
        return Err(format!("the figure for {metric} is not above 0"));
    }
    Ok(value)
}

fn wrong_unit(unit: &str, metric: Metric, expected: &str) -> String {
    let found = if unit.is_empty() { "no unit".to_owned() } else { format!("the unit `{unit}`") };
    format!("the figure for {metric} has {found}, expected {expected}")
}
