//! `convert`: a model file in another precision.

use std::path::PathBuf;

use anyhow::Result;
use backend::Precision;
use clap::Args;
use pipeline::{Exit, Fault};

use crate::prepare::convert;
use crate::{fault, say};

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

/// Runs `convert`.
pub(super) fn run(args: &ConvertArgs) -> Result<Exit> {
    if args.precision != Precision::Fp16 {
        let message = format!("a model cannot be converted to {}", args.precision);
        return Err(Fault::config(message).hint("--precision fp16 is the one that works").into());
    }
    let half = convert(&args.model, &crate::fp16::Options::default())?;
    backend::onnx::save(&args.out, &half).map_err(fault)?;
    say::line(&format!("{} fp16 → {}", args.model.display(), args.out.display()));
    Ok(Exit::Ok)
}
