//! Which engine is compared with which.
//!
//! | model | compared |
//! |---|---|
//! | the base (float32) | every other engine with the reference engine |
//! | the base, one engine only | with the same network as another graph, when there is one; else UNCERTIFIED |
//! | any other (float16) | every engine with the base on the reference engine |
//! | a float16 model, base or not | its twin with every activation rounded, with the base on the reference engine |
//!
//! `super::rows` turns two answers into rows, [`super::against`] does the same for answers from a file.

use anyhow::Result;
use backend::Precision;
use pipeline::artifact::{ReferenceRow, VerifyRow};
use pipeline::{Fault, Verdict};

use super::dispute;
use super::engines::{Answers, Engine, Engines, Feeding, Subject};
use super::inputs::Inputs;
use super::rows::{Context, uncertify};
use super::tolerance::gated;
use super::twin;
use crate::{fault, load, say};

/// What to verify.
pub struct Request<'a> {
    /// The models.
    pub subjects: &'a [Subject],
    /// The model that the others are compared with; may be one of them.
    pub base: &'a Subject,
    /// The base's network as another graph, made only when it is needed.
    pub alternative: &'a dyn Fn() -> Result<Option<Subject>>,
    /// Sizes for open dimensions.
    pub shapes: &'a [(String, Vec<usize>)],
    /// The inputs.
    pub inputs: &'a Inputs,
    /// What the outputs may be off by, relative to their scale, instead of what the error model says.
    pub tolerance: Option<f64>,
    /// Whether rten reads old operator sets as they stand, which it gets wrong in part: shows that a disagreement is
    /// found.
    pub as_written: bool,
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verification {
    /// Rows of `verify.parquet`.
    pub rows: Vec<VerifyRow>,
    /// Rows of `references.parquet`.
    pub references: Vec<ReferenceRow>,
}

impl Request<'_> {
    pub(super) fn feeding(&self) -> Feeding<'_> {
        Feeding {
            shapes: self.shapes,
            inputs: self.inputs,
            optimise: true,
            as_written: self.as_written,
        }
    }
}

/// Runs and compares.
///
/// # Errors
/// No engine can run a model (exit 2). A wrong answer is no error but a row that says FAILED.
pub fn verify(request: &Request<'_>, engines: &Engines) -> Result<Verification> {
    let is_base = |subject: &Subject| subject.digest == request.base.digest;
    // a base that is not judged itself only has to answer
    let most = if request.subjects.iter().any(is_base) { usize::MAX } else { 1 };
    let base = Runs::of(request.base, &request.feeding(), engines, most)?;
    let Some((reference_engine, reference)) = base.done.first() else {
        return Err(nobody(request.base, &base, engines).into());
    };
    tell_photos(request, reference);
    let name = format!("{}, {}", reference_engine.name, request.base.label);
    let gated = gated(&load(&request.base.path)?);
    let mut out = Verification::default();
    for subject in request.subjects {
        let context = Context::new(request, subject, reference, &gated);
        let mut rows = if is_base(subject) {
            base_rows(&context, &base, engines)?
        } else {
            let runs = Runs::of(subject, &request.feeding(), engines, usize::MAX)?;
            if runs.done.is_empty() {
                return Err(nobody(subject, &runs, engines).into());
            }
            runs.tell_refused(subject);
            context.all(&runs.done, &name, reference)?
        };
        if subject.precision == Precision::Fp16 {
            match twin::answers(subject, &request.feeding(), engines)? {
                Ok((engine, found)) => {
                    rows.extend(context.rows(&engine, &found, &name, reference)?);
                }
                Err(why) => uncertify(&mut rows, &why),
            }
        }
        out.rows.extend(rows);
        out.references.extend(context.references()?);
    }
    Ok(out)
}

/// Says when photographs were there but no input could take them.
fn tell_photos(request: &Request<'_>, answers: &Answers) {
    if answers.len() < request.inputs.list.len() {
        say::line(&format!(
            "photographs are not used: {} has no floating-point input of N x C x H x W with 1 or 3 channels",
            request.base.label
        ));
    }
}

/// The answers of the engines that can run a model, and why others cannot.
pub(super) struct Runs<'a> {
    pub(super) done: Vec<(&'a Engine, Answers)>,
    refused: Vec<(&'a Engine, backend::Error)>,
}

impl<'a> Runs<'a> {
    /// Asks the engines in their order until `most` of them have answered.
    ///
    /// # Errors
    /// Inputs that do not fit the model (exit 2).
    pub(super) fn of(
        subject: &Subject,
        feeding: &Feeding<'_>,
        engines: &'a Engines,
        most: usize,
    ) -> Result<Self> {
        let mut runs = Self { done: Vec::new(), refused: Vec::new() };
        for engine in &engines.list {
            if runs.done.len() == most {
                break;
            }
            let text = format!("running {} on {}", subject.label, engine.name);
            match say::while_working(text, || engine.answers(subject, feeding)) {
                Ok(answers) => runs.done.push((engine, answers)),
                // what does not fit is the caller's to mend, whichever engine says so
                Err(error @ (backend::Error::Shape { .. } | backend::Error::Input { .. })) => {
                    return Err(fault(error).into());
                }
                Err(error) => runs.refused.push((engine, error)),
            }
        }
        Ok(runs)
    }

    pub(super) fn tell_refused(&self, subject: &Subject) {
        for (engine, error) in &self.refused {
            say::warning(&format!("{} cannot run {}: {error}", engine.name, subject.label));
        }
    }
}

pub(super) fn nobody(subject: &Subject, runs: &Runs<'_>, engines: &Engines) -> Fault {
    let reasons: Vec<String> =
        runs.refused.iter().map(|(engine, error)| format!("{}: {error}", engine.name)).collect();
    let path = subject.path.display();
    let fault = Fault::config(format!("no engine here can run {path}: {}", reasons.join("; ")));
    let drawn = |error: &&backend::Error| matches!(error, backend::Error::Drawn { .. });
    let drawn = runs.refused.iter().map(|(_, error)| error).find(drawn);
    match (drawn.and_then(backend::Error::hint), &engines.missing) {
        (Some(hint), _) => fault.hint(hint),
        (None, Some((_, hint))) => fault.hint(hint.clone()),
        (None, None) => {
            fault.hint("the model uses operators or an operator set that no engine here knows")
        }
    }
}

/// The base against itself on another engine, else as another graph, else against nothing.
fn base_rows(context: &Context<'_>, runs: &Runs<'_>, engines: &Engines) -> Result<Vec<VerifyRow>> {
    let request = context.request;
    let (first, reference) = &runs.done[0];
    if runs.done.len() > 1 {
        let (subject, others) = (context.subject, &runs.done[1..]);
        let name = format!("{}, {}", first.name, subject.label);
        let mut rows = context.all(others, &name, reference)?;
        dispute::settle(&mut rows, request, subject, (first, others));
        return Ok(rows);
    }
    if let Some(other) = (request.alternative)()? {
        let answers = first.answers(&other, &request.feeding()).map_err(fault)?;
        let name = format!("{}, {}", first.name, other.label);
        return context.rows(&first.name, reference, &name, &answers);
    }
    let mut why = vec!["only one engine answered: no second opinion".to_owned()];
    why.extend(runs.refused.iter().map(|(engine, error)| format!("{}: {error}", engine.name)));
    why.extend(engines.missing.iter().map(|(reason, _)| reason.clone()));
    let mut rows = context.rows(&first.name, reference, "none", reference)?;
    for row in &mut rows {
        (row.max_abs, row.max_rel, row.cosine) = (f64::NAN, f64::NAN, None);
        (row.top1_agree, row.top5_agree) = (None, None);
        (row.ulp, row.minimum_tolerance, row.equal_share) = (None, None, None);
        row.verdict = row.verdict.max(Verdict::Uncertified);
        if row.verdict != Verdict::Failed {
            row.reasons.extend(why.iter().cloned());
        }
    }
    Ok(rows)
}
