//! The answer at the top of the report: which mode is fastest on what, by how much, and how sure that is.

use pipeline::Verdict;
use pipeline::artifact::{ClaimRow, SummaryRow};

use super::builds;
use super::model::{Line, Tone};
use crate::advice;
use crate::analyse::Analysis;
use crate::format::{change, change_range, with_bounds};
use crate::metric::{Metric, Quantity, Statistic};

/// The lines of the answer, most important first.
pub fn answer(analysis: &Analysis) -> Vec<Line> {
    let mut lines = Vec::new();
    lines.extend(broken(analysis));
    let time = |share| Metric::Time(Quantity::Response, Statistic::Percentile(share));
    let (middle, tail) = (analysis.middle(), analysis.tail());
    lines.extend(best(analysis, Metric::Throughput, "completes most"));
    lines.extend(best(analysis, time(middle), &format!("answers soonest at {middle}")));
    if tail != middle {
        lines.extend(best(analysis, time(tail), &format!("has the shortest tail at {tail}")));
    }
    let measured = !analysis.run.cases.is_empty() || !analysis.run.interrupted.is_empty();
    if measured && lines.iter().all(|line| line.tone == Tone::Bad) {
        lines.push(Line {
            tone: Tone::Bad,
            text: "No mode has numbers that can be used.".to_owned(),
        });
    }
    lines.extend(claims(analysis));
    lines.extend(doubts(analysis));
    lines.extend(builds::lines(analysis));
    lines.extend(origin(analysis));
    lines
}

/// The mode that is best in a metric, against the baseline.
fn best(analysis: &Analysis, metric: Metric, does: &str) -> Option<Line> {
    let usable = analysis
        .summaries
        .iter()
        .zip(&analysis.verdicts)
        .filter(|(_, judged)| !matches!(judged.verdict, Verdict::Failed | Verdict::Skipped));
    let mut rows: Vec<(&SummaryRow, Verdict)> = usable
        .filter_map(|(summary, judged)| Some((summary.row(metric)?, judged.verdict)))
        .collect();
    rows.sort_by(|(a, _), (b, _)| {
        let (a, b) = (a.estimate.unwrap_or(0.0), b.estimate.unwrap_or(0.0));
        match metric.direction() {
            stats::Direction::HigherIsBetter => b.total_cmp(&a),
            stats::Direction::LowerIsBetter => a.total_cmp(&b),
        }
    });
    let (row, verdict) = *rows.first()?;
    let short = if row.verdict == Verdict::TooShort { "; TOO-SHORT" } else { "" };
    let doubt = match verdict {
        Verdict::Valid => String::new(),
        _ => format!("; the case is {verdict}"),
    };
    let standing = standing(analysis, row, metric);
    let text = format!("`{}` {does}: {}{standing}{short}{doubt}", row.case, figure(row));
    let sure = verdict == Verdict::Valid && row.verdict == Verdict::Valid;
    Some(Line { tone: if sure { Tone::Good } else { Tone::Warn }, text: format!("{text}.") })
}

/// How the best mode stands to the baseline, or the others to it when it is the baseline.
fn standing(analysis: &Analysis, row: &SummaryRow, metric: Metric) -> String {
    let name = metric.to_string();
    let baseline = analysis.config.baseline.as_str();
    if let Some(found) = analysis.comparison_of(&row.case, &name) {
        let ratio = found.ratio.map_or_else(String::new, |ratio| format!(", {}", change(ratio)));
        let bounds = found.lower.zip(found.upper).map_or_else(String::new, |(lower, upper)| {
            format!(" ({})", change_range(lower, upper))
        });
        return format!("{ratio}{bounds} against `{baseline}`: {}", found.verdict);
    }
    let others: Vec<String> = analysis
        .comparison
        .iter()
        .filter(|found| found.metric == name)
        .filter_map(|found| {
            Some(format!("`{}` {} {}", found.case, change(found.ratio?), found.verdict))
        })
        .collect();
    if others.is_empty() { String::new() } else { format!("; against it {}", others.join(", ")) }
}

/// `25.05 inferences/s (24.91–25.20)` or `39.87 ms (39.80–39.95)`.
fn figure(row: &SummaryRow) -> String {
    let Some(estimate) = row.estimate else { return "no estimate".to_owned() };
    let (scale, unit) = match row.unit.as_str() {
        "1/s" => (1.0, "inferences/s"),
        _ => (1e-6, "ms"),
    };
    let written = with_bounds(estimate, row.lower, row.upper, scale);
    if written.bounds.is_empty() {
        format!("{} {unit}", written.estimate)
    } else {
        format!("{} {unit} ({})", written.estimate, written.bounds)
    }
}

/// What is wrong with the run.
fn broken(analysis: &Analysis) -> Vec<Line> {
    let mut lines = Vec::new();
    if !analysis.run.interrupted.is_empty() {
        let text = format!(
            "The run was interrupted; what was measured until then is below. {}.",
            analysis.run.interrupted.join("; ")
        );
        lines.push(Line { tone: Tone::Bad, text });
    }
    for judged in analysis.verdicts.iter().filter(|judged| judged.verdict == Verdict::Failed) {
        let why = judged.reasons.first().map_or("", String::as_str);
        let next = advice::next(judged.verdict).unwrap_or_default();
        let text = format!("`{}` FAILED: {why}. Next: {next}.", judged.case);
        lines.push(Line { tone: Tone::Bad, text });
    }
    lines
}

/// Modes that were skipped or must be read with care, and a baseline that is not there.
fn doubts(analysis: &Analysis) -> Vec<Line> {
    let baseline = &analysis.config.baseline;
    let measured = analysis.run.cases.iter().filter(|case| !case.rounds.is_empty());
    let alone =
        measured.clone().count() > 1 && measured.clone().all(|case| case.name != baseline.as_str());
    let text = format!(
        "The baseline `{baseline}` has no samples in this run: nothing is compared with it."
    );
    let missing = alone.then_some(Line { tone: Tone::Warn, text });
    let doubts = analysis
        .verdicts
        .iter()
        .filter(|judged| !matches!(judged.verdict, Verdict::Valid | Verdict::Failed))
        .map(|judged| {
            let why = judged.reasons.first().map_or("", String::as_str);
            let tone = if judged.verdict == Verdict::Skipped { Tone::Plain } else { Tone::Warn };
            let next = advice::next(judged.verdict).unwrap_or_default();
            let text = format!("`{}` is {}: {why}. Next: {next}.", judged.case, judged.verdict);
            Line { tone, text }
        });
    missing.into_iter().chain(doubts).collect()
}

/// Every claim of the pipeline file with its answer, in words.
fn claims(analysis: &Analysis) -> Vec<Line> {
    let tone = |row: &ClaimRow| Tone::of_word(&row.verdict);
    let lines = analysis.claims_in_words().into_iter();
    lines.map(|(row, words)| Line { tone: tone(row), text: format!("Claim {words}") }).collect()
}

/// Where weights and times come from, when that limits what they say.
fn origin(analysis: &Analysis) -> Vec<Line> {
    let mut lines = Vec::new();
    let cases = || analysis.run.cases.iter().filter_map(|case| case.setup());
    if cases().any(|row| row.backend == "sim") {
        lines.push(Line {
            tone: Tone::Warn,
            text: "The times come from the simulator: they test Tailmark and say nothing of a machine.".to_owned(),
        });
    }
    if analysis.run.models.iter().any(|model| model.source == "synthetic") {
        lines.push(Line {
            tone: Tone::Plain,
            text: "The weights are synthetic: the speed is that of the real network, its answers are not.".to_owned(),
        });
    }
    lines
}
