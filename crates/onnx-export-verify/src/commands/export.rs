//! `export`: one architecture as one ONNX file.

use std::path::{Path, PathBuf};

use anyhow::Result;
use backend::Precision;
use clap::Args;
use pipeline::Exit;

use super::environment;
use crate::architecture::Architecture;
use crate::config::{Batch, DEFAULT_OPSET, Exporting, WeightsChoice};
use crate::prepare::Exporter;
use crate::store::Store;
use crate::weights::choice::Chosen;
use crate::{fault, say};

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

/// Runs `export`.
pub(super) fn run(args: &ExportArgs) -> Result<Exit> {
    let (root, environment) = environment();
    let chosen = Chosen::of(&args.weights, args.architecture, &root, Path::new(""))?;
    chosen.tell(args.seed);
    let request = Exporting {
        architecture: args.architecture,
        weights: args.weights.clone(),
        precisions: vec![args.precision],
        batch: args.batch,
        fold: !args.keep_batch_norm,
        opset: args.opset,
    };
    let store = Store::new(&root);
    let models = Exporter::new(&store, &environment, &request, args.seed, chosen)?.models()?;
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
