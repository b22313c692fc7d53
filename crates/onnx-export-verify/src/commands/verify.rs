//! `verify`: one model file on every engine there is.

use std::path::{Path, PathBuf};

use anyhow::Result;
use backend::input::{Feeds, Fixed};
use clap::Args;
use pipeline::artifact::VerifyRow;
use pipeline::{Exit, Fault, Verdict};

use super::environment;
use crate::config::DEFAULT_INPUT_SETS;
use crate::fp16::precision_of;
use crate::verify::tolerance::Depth;
use crate::verify::{Engines, Request, Subject, verify};
use crate::{fault, load, report, say};

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// The model.
    model: PathBuf,
    /// What it must agree with: another model. Left out: itself on the other engine.
    #[arg(long, value_name = "MODEL")]
    against: Option<PathBuf>,
    /// Sizes of an input with open dimensions; may be repeated.
    #[arg(long = "shape", value_name = "NAME=1x3x224x224", value_parser = backend::parse_shape)]
    shapes: Vec<(String, Vec<usize>)>,
    /// The value of an input that is not drawn, a number or `zeros`; may be repeated.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = backend::input::parse_input)]
    inputs: Vec<(String, Fixed)>,
    /// Number of seeded inputs.
    #[arg(long, default_value_t = DEFAULT_INPUT_SETS.get(), value_parser = clap::value_parser!(u32).range(1..=100))]
    input_sets: u32,
    /// Seed of the first input.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Compare layer by layer.
    #[arg(long)]
    per_layer: bool,
    /// Print the comparisons as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `verify`.
pub(super) fn run(args: &VerifyArgs) -> Result<Exit> {
    refuse_what_is_missing(args)?;
    let subject = subject(&args.model)?;
    let base = args.against.as_deref().map_or_else(|| Ok(subject.clone()), self::subject)?;
    let engines = Engines::open(&environment().1)?;
    if let Some((reason, hint)) = &engines.missing {
        say::warning(&format!("only one engine verifies: {reason}; {hint}"));
    }
    let request = Request {
        subjects: std::slice::from_ref(&subject),
        base: &base,
        alternative: &|| Ok(None),
        shapes: &args.shapes,
        feeds: &Feeds { fixed: args.inputs.iter().cloned().collect(), ..Feeds::default() },
        seed: args.seed.into(),
        input_sets: args.input_sets as usize,
    };
    let rows = verify(&request, &engines)?.rows;
    if args.json {
        say::data(&serde_json::to_string(&rows)?);
    } else {
        for line in report::lines(&rows) {
            say::data(&line);
        }
        let precision = subject.precision.max(base.precision);
        say::data(&format!("tolerance {precision}: {}", base.depth.reason(precision)));
    }
    let failed = |row: &VerifyRow| row.verdict == Verdict::Failed;
    if !rows.iter().any(failed) {
        return Ok(Exit::Ok);
    }
    Err(Fault::verification(format!(
        "{}: {}",
        args.model.display(),
        report::failures(&rows).join("; ")
    ))
    .into())
}

fn refuse_what_is_missing(args: &VerifyArgs) -> Result<()> {
    if args.per_layer {
        let message = "--per-layer: comparing layer by layer is not there yet";
        return Err(Fault::config(message).hint("leave it out to compare outputs").into());
    }
    let ends = |suffix: &str| {
        args.against.as_deref().is_some_and(|p| p.extension().is_some_and(|e| e == suffix))
    };
    if ends("pb") || ends("npz") {
        let message = "--against: expected outputs from .pb and .npz files cannot be read yet";
        return Err(Fault::config(message).hint("give an .onnx model to compare with").into());
    }
    Ok(())
}

fn subject(path: &Path) -> Result<Subject> {
    let model = load(path)?;
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let precision = precision_of(&model);
    Ok(Subject {
        digest: backend::onnx::digest(path).map_err(fault)?,
        precision,
        label: format!("{name} ({precision})"),
        path: path.to_owned(),
        depth: Depth::of(&model),
    })
}
