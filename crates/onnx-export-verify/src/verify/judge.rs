//! From outputs to rows: which engine is compared with which, and whether it passes.
//!
//! | model | compared |
//! |---|---|
//! | the base (float32) | every other engine with the reference engine |
//! | the base, one engine only | with the same network as another graph, when there is one; else UNCERTIFIED |
//! | any other (float16) | every engine with the base on the reference engine |

use anyhow::Result;
use backend::Precision;
use backend::input::Feeds;
use pipeline::artifact::{ReferenceRow, VerifyRow};
use pipeline::{Fault, Verdict};

use super::compare::{Comparison, Content, compare};
use super::engines::{Answers, Engine, Engines, Output, Subject};
use crate::{fault, say};

/// Input seeds whose outputs are written down for the runner.
pub const REFERENCES: usize = 2;

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
    /// How the inputs are filled.
    pub feeds: &'a Feeds,
    /// Seed of the first input; the others follow.
    pub seed: u64,
    /// Inputs per verification.
    pub input_sets: usize,
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
    /// Seeds of the inputs that are run: at least as many as references are written.
    pub fn seeds(&self) -> Vec<u64> {
        (0..self.input_sets.max(REFERENCES) as u64).map(|k| self.seed + k).collect()
    }
}

/// Runs and compares.
///
/// # Errors
/// No engine can run a model (exit 2). A wrong answer is no error but a row that says FAILED.
pub fn verify(request: &Request<'_>, engines: &Engines) -> Result<Verification> {
    let base = Runs::of(request, request.base, engines)?;
    let Some((reference_engine, reference)) = base.done.first() else {
        return Err(nobody(request.base, &base, engines).into());
    };
    let mut out = Verification::default();
    for subject in request.subjects {
        let context = Context { request, subject, reference };
        if subject.digest == request.base.digest {
            context.base(&base, reference_engine, engines, &mut out)?;
        } else {
            let runs = Runs::of(request, subject, engines)?;
            if runs.done.is_empty() {
                return Err(nobody(subject, &runs, engines).into());
            }
            for (engine, error) in &runs.refused {
                say::warning(&format!("{} cannot run {}: {error}", engine.name, subject.label));
            }
            let name = format!("{}, {}", reference_engine.name, request.base.label);
            for (engine, answers) in &runs.done {
                out.rows.extend(context.rows(&engine.name, answers, &name, reference)?);
            }
        }
        out.references.extend(context.references()?);
    }
    Ok(out)
}

/// The answers of every engine that can run a model, and why the others cannot.
struct Runs<'a> {
    done: Vec<(&'a Engine, Answers)>,
    refused: Vec<(&'a Engine, backend::Error)>,
}

impl<'a> Runs<'a> {
    fn of(request: &Request<'_>, subject: &Subject, engines: &'a Engines) -> Result<Self> {
        let mut runs = Self { done: Vec::new(), refused: Vec::new() };
        for engine in &engines.list {
            let text = format!("running {} on {}", subject.label, engine.name);
            let run = || engine.answers(subject, request.shapes, request.feeds, &request.seeds());
            match say::while_working(text, run) {
                Ok(answers) => runs.done.push((engine, answers)),
                // sizes that do not fit are the caller's to mend, whichever engine says so
                Err(error @ (backend::Error::Shape { .. } | backend::Error::Input { .. })) => {
                    return Err(fault(error).into());
                }
                Err(error) => runs.refused.push((engine, error)),
            }
        }
        Ok(runs)
    }
}

fn nobody(subject: &Subject, runs: &Runs<'_>, engines: &Engines) -> Fault {
    let reasons: Vec<String> =
        runs.refused.iter().map(|(engine, error)| format!("{}: {error}", engine.name)).collect();
    let path = subject.path.display();
    let fault = Fault::config(format!("no engine here can run {path}: {}", reasons.join("; ")));
    match &engines.missing {
        Some((_, hint)) => fault.hint(hint.clone()),
        None => fault.hint("the model uses operators or an operator set that no engine here knows"),
    }
}

struct Context<'a> {
    request: &'a Request<'a>,
    subject: &'a Subject,
    reference: &'a Answers,
}

impl Context<'_> {
    /// The base against itself on another engine, else as another graph, else against nothing.
    fn base(
        &self,
        runs: &Runs<'_>,
        first: &Engine,
        engines: &Engines,
        out: &mut Verification,
    ) -> Result<()> {
        let name = format!("{}, {}", first.name, self.subject.label);
        for (engine, answers) in &runs.done[1..] {
            out.rows.extend(self.rows(&engine.name, answers, &name, self.reference)?);
        }
        if runs.done.len() > 1 {
            return Ok(());
        }
        if let Some(other) = (self.request.alternative)()? {
            let Request { shapes, feeds, .. } = *self.request;
            let answers =
                first.answers(&other, shapes, feeds, &self.request.seeds()).map_err(fault)?;
            let name = format!("{}, {}", first.name, other.label);
            out.rows.extend(self.rows(&first.name, self.reference, &name, &answers)?);
            return Ok(());
        }
        let mut why = vec!["only one engine answered: no second opinion".to_owned()];
        why.extend(runs.refused.iter().map(|(engine, error)| format!("{}: {error}", engine.name)));
        why.extend(engines.missing.iter().map(|(reason, _)| reason.clone()));
        let mut rows = self.rows(&first.name, self.reference, "none", self.reference)?;
        for row in &mut rows {
            (row.max_abs, row.max_rel, row.cosine) = (f64::NAN, f64::NAN, None);
            (row.top1_agree, row.top5_agree) = (None, None);
            row.verdict = row.verdict.max(Verdict::Uncertified);
            if row.verdict != Verdict::Failed {
                row.reasons.extend(why.iter().cloned());
            }
        }
        out.rows.extend(rows);
        Ok(())
    }

    fn rows(
        &self,
        engine: &str,
        found: &Answers,
        reference_name: &str,
        reference: &Answers,
    ) -> Result<Vec<VerifyRow>> {
        let mut rows = Vec::new();
        let sets = found.iter().zip(reference).zip(self.request.seeds());
        for ((found, reference), seed) in sets.take(self.request.input_sets) {
            for output in found {
                let expected = partner(output, reference)?;
                let comparison = compare(&output.values, &expected.values, &output.dims);
                rows.push(self.row(engine, reference_name, output, seed, &comparison));
            }
        }
        Ok(rows)
    }

    fn row(
        &self,
        engine: &str,
        reference: &str,
        output: &Output,
        seed: u64,
        c: &Comparison,
    ) -> VerifyRow {
        let tolerance = self.tolerance(c.reference.scale);
        let failures = failures(output, engine, c, tolerance);
        let alike = self.alike(&output.name);
        let verdict = match (&failures[..], &alike) {
            ([], None) => Verdict::Valid,
            ([], Some(_)) => Verdict::Uncertified,
            _ => Verdict::Failed,
        };
        VerifyRow {
            model_digest: self.subject.digest.clone(),
            precision: self.subject.precision.to_string(),
            engine: engine.to_owned(),
            reference: reference.to_owned(),
            output: output.name.clone(),
            input_set: format!("{}, seed {seed}", self.request.feeds.distribution),
            max_abs: c.max_abs,
            max_rel: c.max_rel,
            cosine: c.cosine,
            top1_agree: c.top1,
            top5_agree: c.top5,
            nan_count: c.found.nan as i64,
            inf_count: c.found.inf as i64,
            reference_nan_count: c.reference.nan as i64,
            scale: c.reference.scale,
            tolerance,
            verdict,
            reasons: failures.into_iter().chain(alike).collect(),
        }
    }

    /// Of two models of unlike precision the coarser one sets the tolerance.
    fn tolerance(&self, scale: f64) -> f64 {
        let precision: Precision = self.subject.precision.max(self.request.base.precision);
        self.request.base.depth.relative(precision) * scale
    }

    /// When two different inputs give answers within the tolerance of each other, the check proves little.
    fn alike(&self, name: &str) -> Option<String> {
        let of = |answers: &[Output]| answers.iter().find(|o| o.name == name).cloned();
        let (first, second) = (of(self.reference.first()?)?, of(self.reference.get(1)?)?);
        let c = compare(&second.values, &first.values, &first.dims);
        let tolerance = self.tolerance(c.reference.scale);
        let finite = c.found.nan + c.found.inf + c.reference.nan + c.reference.inf == 0;
        (finite && !c.reference.constant && c.max_abs <= tolerance).then(|| {
            let apart = c.max_abs;
            format!("different inputs give answers only {apart:.1e} apart, within the tolerance of {tolerance:.1e}")
        })
    }

    fn references(&self) -> Result<Vec<ReferenceRow>> {
        let inputs = backend::model_inputs(&self.subject.path, self.request.shapes);
        let sizes: Vec<String> = inputs.map_err(fault)?.iter().map(backend::shape_text).collect();
        let seeds = self.request.seeds();
        let sets = self.reference.iter().zip(seeds).take(REFERENCES);
        let row = |output: &Output, seed: u64| ReferenceRow {
            model_digest: self.subject.digest.clone(),
            input_seed: seed as i64,
            distribution: self.request.feeds.distribution.to_string(),
            fixed_inputs: self.request.feeds.fixed_texts(),
            input_sizes: sizes.clone(),
            output: output.name.clone(),
            dims: output.dims.iter().map(|&dim| dim as i64).collect(),
            values: output.values.clone(),
            tolerance: self.tolerance(Content::of(&output.values).scale),
        };
        let row = &row;
        Ok(sets
            .flat_map(|(outputs, seed)| outputs.iter().map(move |output| row(output, seed)))
            .collect())
    }
}

/// The output of the same name in the reference; both must have the same shape.
fn partner<'a>(output: &Output, reference: &'a [Output]) -> Result<&'a Output> {
    let name = &output.name;
    let Some(expected) = reference.iter().find(|other| other.name == *name) else {
        return Err(Fault::verification(format!("the reference has no output `{name}`")).into());
    };
    if expected.dims != output.dims {
        let (found, wanted) = (&output.dims, &expected.dims);
        let message = format!("output `{name}` has shape {found:?}, the reference has {wanted:?}");
        return Err(Fault::verification(message).into());
    }
    Ok(expected)
}

fn failures(output: &Output, engine: &str, c: &Comparison, tolerance: f64) -> Vec<String> {
    let at = format!("output `{}` on {engine}", output.name);
    let mut reasons = Vec::new();
    let Content { nan, inf, .. } = c.found;
    if nan + inf > 0 {
        let all = output.values.len();
        reasons.push(format!("{at}: {nan} NaN and {inf} infinite of {all} values"));
    }
    if c.reference.nan + c.reference.inf > 0 {
        let Content { nan, inf, .. } = c.reference;
        reasons.push(format!("{at}: the reference has {nan} NaN and {inf} infinite values"));
    }
    if c.found.constant && c.found.nan == 0 {
        let all = output.values.len();
        reasons.push(format!("{at}: all {all} values are {:e}", output.values[0]));
    }
    if c.max_abs > tolerance {
        let (error, scale) = (c.max_abs, c.reference.scale);
        reasons.push(format!(
            "{at}: largest error {error:.3e} is beyond the tolerance {tolerance:.3e} (scale {scale:.3e})"
        ));
    }
    reasons
}
