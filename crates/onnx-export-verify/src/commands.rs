//! The commands beside `run`: one model at a time, without a pipeline file or a run folder.

use std::path::{Path, PathBuf};

use anyhow::Result;
use backend::{Environment, Precision};
use clap::{Args, Subcommand};
use pipeline::artifact::VerifyRow;
use pipeline::stage::{RunArgs, project_root};
use pipeline::{Exit, Fault, Verdict};

use crate::architecture::Architecture;
use crate::config::{Batch, DEFAULT_INPUT_SETS, DEFAULT_OPSET, Exporting, WeightsChoice};
use crate::fp16::precision_of;
use crate::prepare::{Exporter, convert};
use crate::store::Store;
use crate::verify::tolerance::Depth;
use crate::verify::{Engines, Request, Subject, verify};
use crate::{fault, inspect, load, report, say};

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The stage: models into the store, verified, rows into the run folder.
    Run(RunArgs),
    /// Write an architecture as one ONNX file.
    Export(ExportArgs),
    /// Write a model in another precision.
    Convert(ConvertArgs),
    /// Run a model on every engine there is and compare (exit 3 when they disagree).
    Verify(VerifyArgs),
    /// Say what a model file holds.
    Inspect(InspectArgs),
}

/// Arguments of `export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// The architecture.
    #[arg(long, value_enum)]
    architecture: Architecture,
    /// auto, synthetic, or a checkpoint.
    #[arg(long, default_value = "auto")]
    weights: WeightsChoice,
    /// fp32 or fp16.
    #[arg(long, default_value = "fp32")]
    precision: Precision,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Size of the first axis, or dynamic.
    #[arg(long, default_value = "1")]
    batch: Batch,
    /// Seed of synthetic weights.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Leave BatchNormalization as nodes.
    #[arg(long)]
    keep_batch_norm: bool,
    /// Version of the default operator set.
    #[arg(long, default_value_t = DEFAULT_OPSET, value_parser = clap::value_parser!(u32).range(13..=21))]
    opset: u32,
}

/// Arguments of `convert`.
#[derive(Args, Debug)]
pub struct ConvertArgs {
    /// The float32 model.
    model: PathBuf,
    /// fp16.
    #[arg(long)]
    precision: Precision,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// The model.
    model: PathBuf,
    /// What it must agree with: another model. Left out: itself on the other engine.
    #[arg(long, value_name = "MODEL")]
    against: Option<PathBuf>,
    /// Sizes of an input with open dimensions; may be repeated.
    #[arg(long = "shape", value_name = "NAME=1x3x224x224", value_parser = shape)]
    shapes: Vec<(String, Vec<usize>)>,
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

/// Arguments of `inspect`.
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// The model.
    model: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs one command.
pub fn run(command: &Command) -> Result<Exit> {
    match command {
        Command::Run(args) => pipeline::stage::run::<crate::stage::ExportVerify>(args),
        Command::Export(args) => export(args),
        Command::Convert(args) => convert_file(args),
        Command::Verify(args) => verify_file(args),
        Command::Inspect(args) => inspect::command(&args.model, args.json).map(|()| Exit::Ok),
    }
}

fn environment() -> (PathBuf, Environment) {
    let root = project_root(Path::new("."));
    let environment = Environment { data: root.join("data") };
    (root, environment)
}

fn export(args: &ExportArgs) -> Result<Exit> {
    args.weights.check()?;
    if args.weights == WeightsChoice::Auto {
        say::warning("synthetic weights: checkpoints cannot be read yet; the classes mean nothing");
    }
    let (root, environment) = environment();
    let request = Exporting {
        architecture: args.architecture,
        weights: args.weights.clone(),
        precisions: vec![args.precision],
        batch: args.batch,
        fold: !args.keep_batch_norm,
        opset: args.opset,
    };
    let store = Store::new(&root);
    let models = Exporter::new(&store, &environment, &request, args.seed).models()?;
    let Some(entry) = models.asked.first() else { return Ok(Exit::Bug) };
    copy(&store.path(entry), &args.out)?;
    let from = if entry.served { ", served from the store" } else { "" };
    say::line(&format!("{} {} → {}{from}", entry.model.name, args.precision, args.out.display()));
    Ok(Exit::Ok)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from)?;
    backend::onnx::file::save_bytes(to, &bytes).map_err(|error| fault(error).into())
}

fn convert_file(args: &ConvertArgs) -> Result<Exit> {
    if args.precision != Precision::Fp16 {
        let message = format!("a model cannot be converted to {}", args.precision);
        return Err(Fault::config(message).hint("--precision fp16 is the one that works").into());
    }
    let half = convert(&args.model)?;
    backend::onnx::save(&args.out, &half).map_err(fault)?;
    say::line(&format!("{} fp16 → {}", args.model.display(), args.out.display()));
    Ok(Exit::Ok)
}

fn verify_file(args: &VerifyArgs) -> Result<Exit> {
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

/// `NAME=1x3x224x224`.
fn shape(text: &str) -> Result<(String, Vec<usize>), String> {
    let usage = || format!("\"{text}\" is no shape: expected NAME=1x3x224x224");
    let (name, dims) = text.rsplit_once('=').ok_or_else(usage)?;
    let size = |part: &str| part.parse().ok().filter(|&size: &usize| (1..=65_536).contains(&size));
    let dims: Option<Vec<usize>> = dims.split('x').map(size).collect();
    match dims {
        Some(dims) if !name.is_empty() => Ok((name.to_owned(), dims)),
        _ => Err(usage()),
    }
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn shapes_are_read_or_refused() {
        assert_eq!(shape("in=1x3x8x8").unwrap(), ("in".to_owned(), vec![1, 3, 8, 8]));
        for wrong in ["1x3", "=1", "x=", "x=1x0", "x=1x-3", "x=1x99999999", "x=1xx2"] {
            assert!(shape(wrong).is_err(), "{wrong}");
        }
    }
}
