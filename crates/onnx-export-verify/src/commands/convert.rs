//! `convert`: a model file in another precision.

use std::path::PathBuf;

use anyhow::Result;
use backend::Precision;
use backend::onnx::external::{External, save_split};
use backend::onnx::file::inline_external;
use clap::Args;
use pipeline::{Exit, Fault};
use serde_json::json;

use crate::fp16::{self, Io, OnOverflow, Options};
use crate::verify::rounded::{Rounding, rounded_by};
use crate::{fault, load, say};

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
    /// Type of inputs and outputs that are float32.
    #[arg(long, value_enum, default_value = "fp32")]
    io: Io,
    /// Leave an operator type, or the node of this name, in float32; may be given several times.
    #[arg(long, value_name = "NAME")]
    block: Vec<String>,
    /// What becomes of weights beyond 65504.
    #[arg(long, value_enum, default_value = "fail")]
    on_overflow: OnOverflow,
    /// Write the weights into FILE.data; without it, only when one file would exceed 2 GiB.
    #[arg(long)]
    external_data: bool,
    /// Write the float32 twin in which every activation is rounded to float16: what a device that computes in
    /// float16 answers, for an engine that does not (ONNX Runtime with its optimisations off).
    #[arg(long)]
    twin: bool,
    /// Print what was done as one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `convert`.
pub(super) fn run(args: &ConvertArgs) -> Result<Exit> {
    if args.precision != Precision::Fp16 {
        let message = format!("a model cannot be converted to {}", args.precision);
        return Err(Fault::config(message).hint("--precision fp16 is the one that works").into());
    }
    let options = Options { io: args.io, block: args.block.clone(), on_overflow: args.on_overflow };
    let (model, out) = (args.model.display(), args.out.display());
    if args.twin {
        return twin(args, &options);
    }
    let (half, report) = say::while_working(format!("converting {model}"), || {
        fp16::convert_file(&args.model, &options)
    })?;
    let data = save_split(&args.out, half, args.external()).map_err(fault)?;
    report.lines().iter().for_each(|line| say::line(&format!("fp16: {line}")));
    let beside = data.as_ref().map_or_else(String::new, |data| format!(", {}", data.display()));
    say::line(&format!("{model} fp16 → {out}{beside}"));
    if args.json {
        let mut report = report.json();
        report["model"] = json!(args.model);
        report["out"] = json!(args.out);
        report["external_data"] = json!(data);
        say::data(&report.to_string());
    }
    Ok(Exit::Ok)
}

/// Writes the twin of a float16 model, or of what a float32 model is converted to.
fn twin(args: &ConvertArgs, options: &Options) -> Result<Exit> {
    let mut model = load(&args.model)?;
    let half = if fp16::precision_of(&model) == Precision::Fp16 {
        inline_external(&args.model, &mut model).map_err(fault)?;
        model
    } else {
        drop(model);
        fp16::convert_file(&args.model, options)?.0
    };
    let data = save_split(&args.out, rounded_by(&half, Rounding::Casts)?, args.external())
        .map_err(fault)?;
    let (model, out) = (args.model.display(), args.out.display());
    say::line(&format!("{model} fp16, rounded activations in float32 → {out}"));
    if args.json {
        let report =
            json!({"model": args.model, "out": args.out, "external_data": data, "twin": true});
        say::data(&report.to_string());
    }
    Ok(Exit::Ok)
}

impl ConvertArgs {
    fn external(&self) -> External {
        if self.external_data { External::Always } else { External::WhenTooLarge }
    }
}
