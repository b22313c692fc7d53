//! The stage: models into the store, verified, and their rows into the run folder.

use anyhow::{Context as _, Result};
use backend::Environment;
use backend::input::Feeds;
use pipeline::artifact::{self, ModelRow, OperatorRow, VerifyRow};
use pipeline::stage::{Context, Outcome, Stage};
use pipeline::{Exit, Fault, Provenance, Verdict};

use crate::config::{Config, Exporting, Source, Taking};
use crate::inspect::grouped;
use crate::prepare::{Exporter, Models, subject, take};
use crate::report::{self, tolerance_line};
use crate::say;
use crate::store::{Entry, Store};
use crate::verify::inputs::Plan;
use crate::verify::per_layer::InRun;
use crate::verify::{Engines, Request, Subject, Verification, kept, verify};
use crate::weights::choice::Chosen;

/// `onnx-export-verify run`.
pub struct ExportVerify;

impl Stage for ExportVerify {
    const NAME: &'static str = "onnx-export-verify";
    type Config = Config;

    fn check(context: &Context, config: &Config) -> Result<Vec<String>> {
        let environment = Environment { data: context.data() };
        config.images.check(&context.root)?;
        match config.source()? {
            Source::Architecture(request) => check_export(context, &environment, &request),
            Source::File(request) => check_file(context, &request),
        }
    }

    fn run(context: &Context, config: &Config) -> Result<Outcome> {
        let environment = Environment { data: context.data() };
        let store = Store::new(&context.root);
        match config.source()? {
            Source::Architecture(request) => {
                let chosen = chosen(context, &request)?;
                let seed = context.header.seed;
                chosen.tell(seed);
                let exporter = Exporter::new(&store, &environment, &request, seed, chosen)?;
                let models = exporter.models()?;
                let alternative = || exporter.alternative().map(Some);
                finish(context, config, &store, &models, &alternative)
            }
            Source::File(request) => {
                let models = take(&store, &context.root, &request)?;
                finish(context, config, &store, &models, &|| Ok(None))
            }
        }
    }
}

fn chosen(context: &Context, request: &Exporting) -> Result<Chosen> {
    Chosen::of(&request.weights, request.architecture, &context.root, &context.root)
}

/// Looks at a checkpoint's list of tensors, not at the tensors: those would take longer than a check may.
fn check_export(
    context: &Context,
    environment: &Environment,
    request: &Exporting,
) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let chosen = chosen(context, request)?;
    let ready = match &chosen {
        Chosen::Trained(trained) => {
            lines.push(trained.describe());
            false
        }
        Chosen::Synthetic { .. } => {
            let store = Store::new(&context.root);
            let seed = context.header.seed;
            Exporter::new(&store, environment, request, seed, chosen)?.seems_ready()
        }
    };
    let what = if ready { "in the store" } else { "to be exported, unless the store has it" };
    let names: Vec<&str> = request.precisions.iter().map(|p| p.as_str()).collect();
    let (name, batch) = (request.architecture.as_str(), request.batch);
    lines.push(format!("{name} {}, batch {batch}: {what}", names.join(" and ")));
    Ok(lines)
}

/// Looks at a given model without reading it: that would take longer than a check may.
fn check_file(context: &Context, request: &Taking) -> Result<Vec<String>> {
    let path = context.root.join(&request.path);
    let metadata = std::fs::metadata(&path).map_err(|error| {
        let fetched = request.path.starts_with("data/runtime");
        let hint = if fetched {
            "`cargo xtask setup models` fetches it"
        } else {
            "onnx = \"…\" is relative to the project root"
        };
        Fault::config(format!("{}: there is no such model file", path.display()))
            .hint(hint)
            .because(error)
    })?;
    if !metadata.is_file() || metadata.len() == 0 {
        let what = if metadata.is_file() { "is empty" } else { "is not a file" };
        return Err(Fault::config(format!("{} {what}", path.display())).into());
    }
    Ok(vec![format!("{}: {} bytes", request.path.display(), grouped(metadata.len()))])
}

fn finish(
    context: &Context,
    config: &Config,
    store: &Store,
    models: &Models,
    alternative: &dyn Fn() -> Result<Option<Subject>>,
) -> Result<Outcome> {
    models.asked.iter().for_each(|entry| say::line(&model_line(entry)));
    let subject_of = |entry: &Entry| subject(store, entry, &entry.model.precision);
    let subjects: Vec<Subject> = models.asked.iter().map(subject_of).collect();
    let plan = Plan {
        distributions: config.distributions.0.clone(),
        sets: config.input_sets.get() as usize,
        seed: context.header.seed.into(),
        photos: config.images.read(&context.root)?,
        feeds: Feeds { fixed: config.inputs.clone(), ..Feeds::default() },
    };
    let request = Request {
        subjects: &subjects,
        base: &subject_of(&models.base),
        alternative,
        shapes: &[],
        inputs: &plan.inputs(),
        tolerance: config.tolerance.map(|tolerance| tolerance.0),
        as_written: false,
    };
    let engines = Engines::open(&Environment { data: context.data() })?;
    let (verification, provenance) = verified(context, store, &request, &engines)
        .with_context(|| format!("cannot verify {}", models.base.model.name))?;
    let rows: Vec<ModelRow> = models.asked.iter().map(|entry| entry.model.clone()).collect();
    let operators: Vec<OperatorRow> =
        models.asked.iter().flat_map(|entry| entry.operators.clone()).collect();
    artifact::write(&context.run, &rows, &provenance)?;
    artifact::write(&context.run, &operators, &provenance)?;
    artifact::write(&context.run, &verification.references, &provenance)?;
    artifact::write(&context.run, &verification.rows, &provenance)?;
    let layers = InRun {
        subjects: &subjects,
        base: request.base,
        asked: config.per_layer,
        seed: plan.seed,
        feeds: &plan.feeds,
    };
    // also when there are none: a run that is made again must not keep those of before
    artifact::write(&context.run, &layers.rows(store, &engines, &provenance)?, &provenance)?;
    Ok(outcome(context, models, &verification))
}

/// Verifies, or takes what was verified before, and says what came out.
fn verified(
    context: &Context,
    store: &Store,
    request: &Request<'_>,
    engines: &Engines,
) -> Result<(Verification, Provenance)> {
    if let Some((reason, hint)) = &engines.missing {
        say::warning(&format!("only one engine verifies: {reason}; {hint}"));
    }
    let mut provenance = context.provenance();
    for engine in &engines.list {
        let (name, version) = engine.name.split_once(' ').unwrap_or((&engine.name, ""));
        provenance = provenance.with(&format!("engine.{name}"), version);
    }
    let key = kept::key(request, engines);
    let before = kept::get(store, &key);
    let note = if before.is_some() { " (verified before, taken from the store)" } else { "" };
    let verification = if let Some(verification) = before {
        verification
    } else {
        let verification = verify(request, engines)?;
        kept::put(store, &key, &verification, &provenance);
        verification
    };
    for line in report::lines(&verification.rows) {
        say::line(&format!("{line}{note}"));
    }
    for subject in request.subjects {
        say::line(&tolerance_line(request.base, request.tolerance, subject.precision));
    }
    Ok((verification, provenance))
}

fn model_line(entry: &Entry) -> String {
    let m = &entry.model;
    let flops = m.flops.map_or_else(String::new, |n| format!(", {:.3} GFLOP", n as f64 / 1e9));
    let from = if entry.served { "served from the store" } else { "stored" };
    format!(
        "{} {}: {} → {}, {} parameters{flops}, {:.1} MB, {from} as {}",
        m.name,
        m.precision,
        m.inputs.join(", "),
        m.outputs.join(", "),
        grouped(m.parameters.unsigned_abs()),
        m.bytes as f64 / 1e6,
        m.path
    )
}

fn outcome(context: &Context, models: &Models, verification: &Verification) -> Outcome {
    let count = |verdict| {
        let is = |row: &&VerifyRow| row.verdict == verdict;
        verification.rows.iter().filter(is).count()
    };
    let (failed, all) = (count(Verdict::Failed), verification.rows.len());
    let valid = count(Verdict::Valid);
    let plural = if models.asked.len() == 1 { "model" } else { "models" };
    let summary = format!("{} {plural}, {valid} of {all} comparisons pass", models.asked.len());
    if failed > 0 {
        for line in report::failures(&verification.rows) {
            say::error(&line);
        }
        let summary = format!("{summary}, {failed} FAILED: the models must not be used");
        return Outcome::new(Exit::Verification, summary);
    }
    if context.strict && valid < all {
        let summary = format!("{summary}, {} are not certain (--strict)", all - valid);
        return Outcome::new(Exit::Incomplete, summary);
    }
    Outcome::ok(summary)
}
