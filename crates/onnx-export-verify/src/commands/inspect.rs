//! `inspect`: what a model file holds and costs, and the least time that a device needs for it.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use pipeline::{Exit, Fault};

use crate::inspect::Request;
use crate::inspect::device::Device;

/// Arguments of `inspect`.
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// The model.
    model: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Give the roofline floor for this device; an unknown one lists those that are known.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Peak of the device in TFLOP/s, for every type.
    #[arg(long, value_name = "X", value_parser = positive)]
    peak_tflops: Option<f64>,
    /// Bandwidth of the device's memory in GB/s.
    #[arg(long, value_name = "Y", value_parser = positive)]
    bandwidth_gbs: Option<f64>,
    /// Let no float32 product run as TF32.
    #[arg(long)]
    no_tf32: bool,
    /// Draw the roofline into this file (.svg or .png).
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Sizes of an input with open dimensions; may be repeated.
    #[arg(long = "shape", value_name = "NAME=1x3x224x224", value_parser = backend::parse_shape)]
    shapes: Vec<(String, Vec<usize>)>,
}

/// Runs `inspect`.
pub(super) fn run(args: &InspectArgs) -> Result<Exit> {
    let request = Request {
        path: args.model.clone(),
        shapes: args.shapes.clone(),
        device: device(args)?,
        tf32: !args.no_tf32,
    };
    crate::inspect::command(&request, args.json, args.plot.as_deref()).map(|()| Exit::Ok)
}

/// The named device with the user's own figures in place of its own.
fn device(args: &InspectArgs) -> Result<Option<Device>, Fault> {
    match (&args.device, args.peak_tflops, args.bandwidth_gbs) {
        (None, None, None) => Ok(None),
        (None, Some(tera), Some(gigabytes)) => Ok(Some(Device::of_user(tera, gigabytes))),
        (None, tera, _) => {
            let missing = if tera.is_none() { "--peak-tflops" } else { "--bandwidth-gbs" };
            Err(Fault::config(format!("a roofline needs {missing} too"))
                .hint("or name a device with --device, whose figures are known"))
        }
        (Some(name), tera, gigabytes) => {
            let device = Device::named(name)?;
            let device = tera.into_iter().fold(device, Device::with_peak);
            let device = gigabytes.into_iter().fold(device, Device::with_bandwidth);
            Ok(Some(device))
        }
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0);
    value.ok_or_else(|| format!("\"{text}\" is no positive number"))
}
