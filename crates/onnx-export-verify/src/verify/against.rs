//! A model against expected answers from a file: every engine, and the twin of a float16 model.

use std::collections::BTreeSet;

use anyhow::Result;
use backend::Precision;
use backend::input::Feeds;
use pipeline::Fault;
use pipeline::artifact::VerifyRow;

use super::engines::{Answers, Engines, Output, Subject};
use super::expected::{Expected, ExpectedSet};
use super::inputs::Inputs;
use super::judge::{Request, Runs, nobody};
use super::rows::{Context, uncertify};
use super::tolerance::gated;
use super::twin;
use crate::{load, say};

/// What a model must agree with.
pub struct AgainstExpected<'a> {
    /// The model.
    pub subject: &'a Subject,
    /// The answers.
    pub expected: &'a Expected,
    /// Sizes for open dimensions that the file's inputs leave open.
    pub shapes: &'a [(String, Vec<usize>)],
    /// Fixed inputs, for a first run that shows the sizes of open outputs.
    pub feeds: Feeds,
    /// See [`Request::tolerance`].
    pub tolerance: Option<f64>,
    /// See [`Request::as_written`].
    pub as_written: bool,
}

/// Runs every set of the file on every engine.
///
/// # Errors
/// No engine can run the model, or the file's inputs do not fit it (exit 2); outputs of another shape (exit 3).
pub fn against(request: &AgainstExpected<'_>, engines: &Engines) -> Result<Vec<VerifyRow>> {
    let model = load(&request.subject.path)?;
    let graph = model.graph.as_ref();
    let inputs = graph.map(backend::onnx::inputs).unwrap_or_default();
    let names: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
    let gated = gated(&model);
    let mut rows = Vec::new();
    for set in &request.expected.sets {
        let mut shapes = set.shapes(&names);
        shapes.retain(|(name, _)| request.shapes.iter().all(|(given, _)| given != name));
        shapes.extend(request.shapes.iter().cloned());
        rows.extend(one_set(request, set, (&shapes, &gated), engines)?);
    }
    Ok(rows)
}

fn one_set(
    request: &AgainstExpected<'_>,
    set: &ExpectedSet,
    (shapes, gated): (&[(String, Vec<usize>)], &BTreeSet<String>),
    engines: &Engines,
) -> Result<Vec<VerifyRow>> {
    let subject = request.subject;
    let inputs = Inputs::given(std::slice::from_ref(set), request.feeds.clone());
    let request = Request {
        subjects: std::slice::from_ref(subject),
        base: subject,
        alternative: &|| Ok(None),
        shapes,
        inputs: &inputs,
        tolerance: request.tolerance,
        as_written: request.as_written,
    };
    let mut runs = Runs::of(subject, &request.feeding(), engines, usize::MAX)?;
    let Some((_, first)) = runs.done.first() else {
        return Err(nobody(subject, &runs, engines).into());
    };
    runs.tell_refused(subject);
    let expected = vec![outputs(set, first.first().map_or(&[], Vec::as_slice))?];
    let kept: Vec<&str> = expected[0].iter().map(|output| output.name.as_str()).collect();
    let keep = |answers: &mut Answers| {
        for list in answers {
            list.retain(|output| kept.contains(&output.name.as_str()));
        }
    };
    runs.done.iter_mut().for_each(|(_, answers)| keep(answers));
    let name = format!("expected {}", set.label);
    let mut context = Context::new(&request, subject, &expected, gated);
    context.constants_fail = false;
    let mut rows = context.all(&runs.done, &name, &expected)?;
    if subject.precision == Precision::Fp16 {
        match twin::answers(subject, &request.feeding(), engines)? {
            Ok((engine, mut found)) => {
                keep(&mut found);
                rows.extend(context.rows(&engine, &found, &name, &expected)?);
            }
            Err(why) => uncertify(&mut rows, &why),
        }
    }
    Ok(rows)
}

/// The expected outputs in the words of the model's own; those that the file lacks are said.
fn outputs(set: &ExpectedSet, found: &[Output]) -> Result<Vec<Output>> {
    let expected: Vec<Output> = found
        .iter()
        .enumerate()
        .filter_map(|(index, own)| {
            let named = set.output(index, &own.name)?;
            let (dims, values) = (named.dims.clone(), named.values.clone());
            Some(Output { name: own.name.clone(), element: own.element, dims, values })
        })
        .collect();
    let missing: Vec<&str> = found
        .iter()
        .filter(|own| expected.iter().all(|output| output.name != own.name))
        .map(|own| own.name.as_str())
        .collect();
    if expected.is_empty() {
        let message = format!("{}: no expected values for `{}`", set.label, missing.join("`, `"));
        return Err(Fault::config(message)
            .hint("name the arrays of an .npz file like the inputs and outputs of the model")
            .into());
    }
    if !missing.is_empty() {
        let missing = missing.join("`, `");
        say::warning(&format!("{}: no expected values for output `{missing}`", set.label));
    }
    Ok(expected)
}
