//! `reweight`: the graph of any model with seeded weights in place of its own.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use pipeline::Exit;

use super::environment;
use crate::inspect::grouped;
use crate::reweight::{Report, reweight};
use crate::{fault, load_whole, say};

/// Arguments of `reweight`.
#[derive(Args, Debug)]
pub struct ReweightArgs {
    /// The model.
    model: PathBuf,
    /// Seed of the weights.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Sizes of an input with open dimensions, for the calibration; may be repeated.
    #[arg(long = "shape", value_name = "NAME=1x3x224x224", value_parser = backend::parse_shape)]
    shapes: Vec<(String, Vec<usize>)>,
    /// Name every constant that was left.
    #[arg(long)]
    verbose: bool,
}

/// Runs `reweight`.
pub(super) fn run(args: &ReweightArgs) -> Result<Exit> {
    let model = load_whole(&args.model)?;
    let environment = environment().1;
    let text = format!("drawing and calibrating weights for {}", args.model.display());
    let (model, report) =
        say::while_working(text, || reweight(model, args.seed.into(), &args.shapes, &environment))?;
    backend::onnx::save(&args.out, &model).map_err(fault)?;
    tell(&report, args.verbose);
    let (model, out) = (args.model.display(), args.out.display());
    say::line(&format!("{model} with seeded weights, seed {} → {out}", args.seed));
    Ok(Exit::Ok)
}

fn tell(report: &Report, verbose: bool) {
    let kinds: Vec<String> = report
        .replaced
        .iter()
        .map(|(kind, (tensors, elements))| {
            format!("{kind} {tensors} ({})", grouped(*elements as u64))
        })
        .collect();
    say::line(&format!("replaced: {}", kinds.join(", ")));
    say::line(&format!("measured: {} layers and normalisations", report.calibrated));
    if report.left.is_empty() {
        return;
    }
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for (name, why) in &report.left {
        if verbose {
            say::line(&format!("left: {name}: {why}"));
        }
        match reasons.iter_mut().find(|(reason, _)| reason == why) {
            Some((_, count)) => *count += 1,
            None => reasons.push((why, 1)),
        }
    }
    let reasons: Vec<String> = reasons.iter().map(|(why, n)| format!("{n} ({why})")).collect();
    say::line(&format!("left as they were: {}", reasons.join(", ")));
}
