//! Two engines disagree about a model: the arbiter's word on who is wrong, in the rows that failed.

use pipeline::Verdict;
use pipeline::artifact::VerifyRow;

use super::arbiter;
use super::engines::{Answers, Engine, Subject};
use super::inputs::Inputs;
use super::judge::Request;
use super::per_layer::Fed;
use crate::say;

/// Adds to every failed row what the arbiter says of the engine that it blames, on the first input that failed.
///
/// A disagreement that cannot be arbitrated is still a failure; the row then says why.
pub(super) fn settle(
    rows: &mut [VerifyRow],
    request: &Request<'_>,
    subject: &Subject,
    (reference, others): (&Engine, &[(&Engine, Answers)]),
) {
    for (engine, _) in others {
        let apart = |row: &&VerifyRow| row.engine == engine.name && disagrees(row);
        let Some(label) = rows.iter().find(apart).map(|row| row.input_set.clone()) else {
            continue;
        };
        let list = request.inputs.list.iter().filter(|set| set.label == label).cloned().collect();
        let inputs = Inputs { list, feeds: request.inputs.feeds.clone() };
        let Request { shapes, as_written, .. } = *request;
        let fed = Fed { shapes, inputs: &inputs, as_written };
        let text = format!("finding out whether {} or {} is wrong", reference.name, engine.name);
        let engines = [reference, *engine];
        let word = say::while_working(text, || arbiter::sentence(&subject.path, engines, &fed));
        for row in rows.iter_mut().filter(|row| row.engine == engine.name && disagrees(row)) {
            row.reasons.push(word.clone());
        }
    }
}

/// Whether a row failed since its two sides differ, not since both are the same nonsense.
fn disagrees(row: &VerifyRow) -> bool {
    let beyond = row.minimum_tolerance.is_none_or(|least| least > row.relative_tolerance);
    row.verdict == Verdict::Failed && beyond && row.reference != "none"
}
