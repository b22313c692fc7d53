//! `export`: one architecture as one ONNX file.

use std::path::{Path, PathBuf};

use anyhow::Result;
use backend::Precision;
use clap::Args;
use pipeline::{Exit, Fault};

use super::environment;
use crate::architecture::Architecture;
use crate::config::{Batch, DEFAULT_OPSET, Exporting, WeightsChoice};
use crate::prepare::Exporter;
use crate::say;
use crate::store::Store;
use crate::weights::choice::Chosen;

/// Arguments of `export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// The architecture.
    #[arg(long, value_enum)]
    architecture: Architecture,
    /// auto, synthetic, or a checkpoint (.pth, .pt, .safetensors); FILE#model_ema takes that part of it.
    #[arg(long, default_value = "auto")]
    weights: WeightsChoice,
    /// fp32, fp16, or both, as fp32,fp16: the weights are then read once.
    #[arg(long, value_delimiter = ',', default_value = "fp32")]
    precision: Vec<Precision>,
    /// The file to write; one for each precision, in their order, or a folder for all of them (DIR/).
    #[arg(long, value_name = "FILE", required = true)]
    out: Vec<PathBuf>,
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

/// Runs `export`.
pub(super) fn run(args: &ExportArgs) -> Result<Exit> {
    let files = files(args.architecture, &args.precision, &args.out)?;
    let (root, environment) = environment();
    let chosen = Chosen::of(&args.weights, args.architecture, &root, Path::new(""))?;
    chosen.tell(args.seed);
    let request = Exporting {
        architecture: args.architecture,
        weights: args.weights.clone(),
        precisions: args.precision.clone(),
        batch: args.batch,
        fold: !args.keep_batch_norm,
        opset: args.opset,
        fp16: crate::fp16::Options::default(),
    };
    let store = Store::new(&root);
    let exporter = Exporter::new(&store, &environment, &request, args.seed, chosen)?;
    let entries = exporter.asked()?;
    for ((entry, precision), out) in entries.iter().zip(&args.precision).zip(&files) {
        store.copy(entry, out)?;
        let from = if entry.served { ", served from the store" } else { "" };
        say::line(&format!("{} {precision} → {}{from}", entry.model.name, out.display()));
    }
    Ok(Exit::Ok)
}

/// The file of each precision.
fn files(
    architecture: Architecture,
    precisions: &[Precision],
    out: &[PathBuf],
) -> Result<Vec<PathBuf>> {
    if let Some(twice) = precisions.iter().enumerate().find(|(i, p)| precisions[..*i].contains(p)) {
        return Err(Fault::config(format!("--precision {} stands there twice", twice.1)).into());
    }
    let is_folder = |path: &Path| path.is_dir() || path.to_string_lossy().ends_with(['/', '\\']);
    match out {
        [folder] if is_folder(folder) => {
            let file =
                |precision| folder.join(format!("{}-{precision}.onnx", architecture.as_str()));
            Ok(precisions.iter().map(file).collect())
        }
        files if files.iter().any(|file| is_folder(file)) => {
            Err(Fault::config("--out: a folder stands among several files").into())
        }
        files if files.len() == precisions.len() => Ok(files.to_vec()),
        files => {
            let (given, needed) = (files.len(), precisions.len());
            Err(Fault::config(format!("--out: {given} files for {needed} precisions"))
                .hint("give --out once for each precision, in their order, or --out DIR/ for all")
                .into())
        }
    }
}
