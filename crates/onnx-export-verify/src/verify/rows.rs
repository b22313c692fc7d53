//! Two answers as rows: metrics, tolerance, verdict and why.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use backend::Precision;
use backend::input::Distribution;
use pipeline::artifact::{ReferenceRow, VerifyRow};
use pipeline::{Fault, Verdict};

use super::compare::{Comparison, Content, compare};
use super::engines::{Answers, Engine, Output, Subject, is_float};
use super::inputs::{InputSet, REFERENCES};
use super::judge::Request;
use super::tolerance::GATE_ERROR;
use crate::fault;

/// One model with the answers that it is compared with.
pub(super) struct Context<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) subject: &'a Subject,
    reference: &'a Answers,
    /// Outputs that are constant in the reference for every input.
    constant: BTreeSet<&'a str>,
    /// Outputs that are probabilities.
    gated: &'a BTreeSet<String>,
    /// Outputs that different inputs hardly change, with a sentence about it.
    alike: BTreeMap<&'a str, String>,
    /// Whether such an output fails, or only proves nothing.
    pub(super) constants_fail: bool,
}

/// Where a row stands.
struct Place<'a> {
    engine: &'a str,
    reference: &'a str,
    set: &'a InputSet,
}

impl<'a> Context<'a> {
    /// `gated` = the outputs of the base that are probabilities: [`super::tolerance::gated`].
    pub(super) fn new(
        request: &'a Request<'a>,
        subject: &'a Subject,
        reference: &'a Answers,
        gated: &'a BTreeSet<String>,
    ) -> Self {
        let names = || reference.first().into_iter().flatten().map(|output| output.name.as_str());
        let everywhere = |name: &&str| {
            reference.iter().all(|outputs| {
                let output = outputs.iter().find(|output| output.name == **name);
                output.is_some_and(|output| Content::of(&output.values).constant)
            })
        };
        let constant = names().filter(everywhere).collect();
        let alike = BTreeMap::new();
        let mut context =
            Self { request, subject, reference, constant, gated, alike, constants_fail: true };
        context.alike = names().filter_map(|name| Some((name, context.alike(name)?))).collect();
        context
    }

    /// The answers of several engines.
    pub(super) fn all(
        &self,
        runs: &[(&Engine, Answers)],
        reference_name: &str,
        reference: &Answers,
    ) -> Result<Vec<VerifyRow>> {
        let mut rows = Vec::new();
        for (engine, found) in runs {
            rows.extend(self.rows(&engine.name, found, reference_name, reference)?);
        }
        Ok(rows)
    }

    /// One row for every judged input set and every output.
    pub(super) fn rows(
        &self,
        engine: &str,
        found: &Answers,
        reference_name: &str,
        reference: &Answers,
    ) -> Result<Vec<VerifyRow>> {
        let mut rows = Vec::new();
        let sets = found.iter().zip(reference).zip(&self.request.inputs.list);
        for ((found, reference), set) in sets.filter(|(_, set)| set.judged) {
            let place = Place { engine, reference: reference_name, set };
            for output in found {
                let expected = partner(output, reference)?;
                rows.push(self.row(&place, output, expected));
            }
        }
        Ok(rows)
    }

    fn row(&self, place: &Place<'_>, output: &Output, expected: &Output) -> VerifyRow {
        let c = compare(&output.values, &expected.values, &output.dims);
        let float = is_float(output.element) && is_float(expected.element);
        let relative = self.relative();
        let (scale, tolerance) = if float {
            (c.reference.scale, self.tolerance(&output.name, c.reference.scale))
        } else {
            (1.0, relative)
        };
        // where a probability is near 0 more is allowed than the error model says
        let gate = float && scale > 0.0 && tolerance > relative * scale;
        let relative = if gate { tolerance / scale } else { relative };
        let mut failures = failures(output, place.engine, &c, (tolerance, float));
        let (wrong, notes) = self.constants(output, place.engine, &c, float);
        failures.extend(wrong);
        let alike = self.alike.get(output.name.as_str()).cloned();
        let notes: Vec<String> = notes.into_iter().chain(alike).collect();
        let verdict = match (&failures[..], &notes[..]) {
            ([], []) => Verdict::Valid,
            ([], _) => Verdict::Uncertified,
            _ => Verdict::Failed,
        };
        VerifyRow {
            model_digest: self.subject.digest.clone(),
            precision: self.subject.precision.to_string(),
            engine: place.engine.to_owned(),
            reference: place.reference.to_owned(),
            output: output.name.clone(),
            input_set: place.set.label.clone(),
            max_abs: c.max_abs,
            max_rel: c.max_rel,
            ulp: float.then(|| c.ulp(self.subject.precision)),
            cosine: c.cosine.filter(|_| float),
            top1_agree: c.top1.filter(|_| float),
            top5_agree: c.top5.filter(|_| float),
            equal_share: (!float).then_some(c.equal),
            nan_count: c.found.nan as i64,
            inf_count: c.found.inf as i64,
            reference_nan_count: c.reference.nan as i64,
            scale,
            minimum_tolerance: if float { c.least_tolerance() } else { Some(1.0 - c.equal) },
            relative_tolerance: relative,
            tolerance,
            tolerance_from: self.tolerance_from().to_owned(),
            verdict,
            reasons: failures.into_iter().chain(notes).collect(),
        }
    }

    fn tolerance_from(&self) -> &'static str {
        if self.request.tolerance.is_some() { "given" } else { "error model" }
    }

    /// Relative to the scale. Of two models of unlike precision the coarser one sets the tolerance.
    fn relative(&self) -> f64 {
        let precision: Precision = self.subject.precision.max(self.request.base.precision);
        self.request.tolerance.unwrap_or_else(|| self.request.base.depth.relative(precision))
    }

    /// Of an output of floating-point numbers.
    fn tolerance(&self, output: &str, scale: f64) -> f64 {
        let tolerance = self.relative() * scale;
        let gate = self.request.tolerance.is_none() && self.gated.contains(output);
        if gate { tolerance.max(GATE_ERROR) } else { tolerance }
    }

    /// What a constant output means: failures, and reasons why it proves nothing.
    fn constants(
        &self,
        output: &Output,
        engine: &str,
        c: &Comparison,
        float: bool,
    ) -> (Vec<String>, Vec<String>) {
        if !c.found.constant || c.found.nan > 0 {
            return (Vec::new(), Vec::new());
        }
        let (all, value) = (output.values.len(), output.values[0]);
        let at = format!("output `{}` on {engine}: all {all} values are {value:e}", output.name);
        if !c.reference.constant {
            return (vec![format!("{at}, those of the reference are not")], Vec::new());
        }
        let everywhere = self.constant.contains(output.name.as_str());
        match (everywhere, float) {
            (true, true) if self.constants_fail => {
                (vec![format!("{at}, for every input")], Vec::new())
            }
            (true, _) => (Vec::new(), vec![format!("{at}, for every input: it proves nothing")]),
            (false, true) => (Vec::new(), vec![format!("{at} for this input: it proves nothing")]),
            (false, false) => (Vec::new(), Vec::new()),
        }
    }

    /// When two different inputs give answers within the tolerance of each other, the check proves little.
    fn alike(&self, name: &str) -> Option<String> {
        let of = |answers: &'a [Output]| answers.iter().find(|o| o.name == name);
        let (first, second) = (of(self.reference.first()?)?, of(self.reference.get(1)?)?);
        if first.dims != second.dims || !is_float(first.element) {
            return None;
        }
        let c = compare(&second.values, &first.values, &first.dims);
        let tolerance = self.tolerance(name, c.reference.scale);
        let finite = c.found.nan + c.found.inf + c.reference.nan + c.reference.inf == 0;
        (finite && !c.reference.constant && c.max_abs <= tolerance).then(|| {
            let apart = c.max_abs;
            format!("different inputs give answers only {apart:.1e} apart, within the tolerance of {tolerance:.1e}")
        })
    }

    /// What engines that are built from the model must answer.
    ///
    /// # Errors
    /// The model's inputs cannot be read.
    pub(super) fn references(&self) -> Result<Vec<ReferenceRow>> {
        let Request { shapes, inputs, .. } = self.request;
        let specs = backend::model_inputs(&self.subject.path, shapes).map_err(fault)?;
        let sizes: Vec<String> =
            specs.iter().map(|spec| backend::shape_text(&spec.name, &spec.dims)).collect();
        let sets = self.reference.iter().zip(&inputs.list).take(REFERENCES);
        let row = |output: &Output, seed: u64| ReferenceRow {
            model_digest: self.subject.digest.clone(),
            input_seed: seed as i64,
            distribution: Distribution::ImageLike.to_string(),
            fixed_inputs: inputs.feeds.fixed_texts(),
            input_sizes: sizes.clone(),
            output: output.name.clone(),
            dims: output.dims.iter().map(|&dim| dim as i64).collect(),
            values: output.values.clone(),
            tolerance: self.tolerance(&output.name, Content::of(&output.values).scale),
        };
        let row = &row;
        Ok(sets
            .filter_map(|(outputs, set)| Some((outputs, set.seed()?)))
            .flat_map(|(outputs, seed)| outputs.iter().map(move |output| row(output, seed)))
            .collect())
    }
}

/// Adds a reason why rows prove less than they seem to.
pub(super) fn uncertify(rows: &mut [VerifyRow], why: &str) {
    for row in rows {
        row.verdict = row.verdict.max(Verdict::Uncertified);
        row.reasons.push(why.to_owned());
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

fn failures(
    output: &Output,
    engine: &str,
    c: &Comparison,
    (tolerance, float): (f64, bool),
) -> Vec<String> {
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
    if !float && 1.0 - c.equal > tolerance {
        let (all, most) = (output.values.len(), c.max_abs);
        let unlike = ((1.0 - c.equal) * all as f64).round();
        reasons.push(format!("{at}: {unlike} of {all} whole numbers differ, by up to {most}"));
    }
    if float && c.max_abs > tolerance {
        let (error, scale) = (c.max_abs, c.reference.scale);
        let least = c.least_tolerance();
        let least = least.map_or_else(String::new, |least| format!(", {least:.1e} would pass"));
        reasons.push(format!(
            "{at}: largest error {error:.3e} is beyond the tolerance {tolerance:.3e} (scale {scale:.3e}{least})"
        ));
    }
    reasons
}
