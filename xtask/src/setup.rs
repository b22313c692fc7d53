//! `cargo xtask setup`: optional runtime libraries, through the platform's own package client, and published
//! weights.
//!
//! Nothing here is needed to build or to run the chain in pure Rust. Everything is fetched once, checked
//! against a committed digest or version, and put under `data/runtime/`; weights are checked against the digest
//! in their name and put under `data/models/`.

mod client;
mod download;
mod lock;
mod notebook;
mod pin;
mod torch;
mod venv;
mod weights;
mod wheel;

use std::path::PathBuf;

use crate::fault::Fault;
use crate::interrupt::Interrupt;
use crate::project::Project;
use pin::Pin;
use venv::Venv;

pub(crate) use notebook::execute as execute_notebook;
pub(crate) use weights::present as weights_present;

/// Arguments of `setup`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to fetch
    #[arg(value_enum, default_value = "cpu")]
    what: What,
    /// With `weights`: architectures, or names of files that end in the digits of their digest
    #[arg(value_name = "NAME", required_if_eq("what", "weights"))]
    names: Vec<String>,
    /// With `weights`: give up a connection when nothing arrives for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    stall: u64,
    /// With `weights`: give up a file after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    limit: u64,
}

/// What can be fetched.
#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// ONNX Runtime for the CPU
    Cpu,
    /// TensorRT-RTX: builds engines without a GPU, runs them on RTX GPUs
    Rtx,
    /// Well-known architectures as small ONNX files, and trained models that read text and hear voices
    Models,
    /// A Python environment that runs results/explore.ipynb
    Notebook,
    /// Published weights of an architecture, as torchvision names them
    Weights,
}

/// Fetches what was asked for.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    if let (Some(name), false) = (args.names.first(), matches!(args.what, What::Weights)) {
        return Err(Fault::config(format!("`{name}`: only `setup weights` takes a name")).into());
    }
    match args.what {
        What::Cpu => cpu(&project),
        What::Rtx => rtx(&project).map(drop),
        What::Models => models(&project).and_then(|_| trained_models(&project)).map(drop),
        What::Notebook => notebook(&project).map(drop),
        What::Weights => {
            let limits = weights::limits(args.stall, args.limit);
            let interrupt = Interrupt::install();
            args.names
                .iter()
                .try_for_each(|name| weights::install(&project, name, limits, &interrupt).map(drop))
        }
    }?;
    Ok(0)
}

/// ONNX Runtime for the CPU.
pub(crate) fn cpu(project: &Project) -> anyhow::Result<()> {
    wheel::install(project, &Pin::of_this_machine("onnxruntime")?).map(drop)
}

/// The TensorRT-RTX that the user names, or the one that is installed here.
pub(crate) fn rtx_library(project: &Project) -> anyhow::Result<PathBuf> {
    match std::env::var_os("TENSORRT_RTX_LIB").filter(|value| !value.is_empty()) {
        Some(path) => Ok(PathBuf::from(path)),
        None => rtx(project),
    }
}

/// TensorRT-RTX; returns the folder of its libraries.
pub(crate) fn rtx(project: &Project) -> anyhow::Result<PathBuf> {
    wheel::install(project, &Pin::of_this_machine("tensorrt-rtx")?)
}

/// The architectures of the ONNX package; returns their folder.
pub(crate) fn models(project: &Project) -> anyhow::Result<PathBuf> {
    wheel::install(project, &Pin::of_this_machine("onnx-models")?)
}

/// Trained models that ship in Python packages: a text recogniser's and a voice detector's; returns their folders.
pub(crate) fn trained_models(project: &Project) -> anyhow::Result<[PathBuf; 2]> {
    let fetch = |key| wheel::install(project, &Pin::of_this_machine(key)?);
    Ok([fetch("ocr-models")?, fetch("voice-models")?])
}

/// The notebook's environment with the pinned ONNX Runtime in it, for comparisons; returns its Python.
pub(crate) fn peer(project: &Project) -> anyhow::Result<PathBuf> {
    let python = notebook(project)?;
    let package = Pin::of_this_machine("onnxruntime")?.requirement();
    venv::add(&python, &[&package])
        .map_err(|reason| Fault::environment(format!("{package} could not be added: {reason}")))?;
    Ok(python)
}

/// An environment with NVIDIA's own bindings for TensorRT-RTX, of the pinned version, for comparisons; returns
/// its Python. The libraries are not in it: both sides are to load the same files.
pub(crate) fn rtx_bindings(project: &Project) -> anyhow::Result<PathBuf> {
    let pin = Pin::of_this_machine("tensorrt-rtx")?;
    let requirements = format!("tensorrt-rtx-cu13-bindings=={}\n", pin.version);
    venv::install(
        project,
        &Venv {
            folder: "rtx-python-venv",
            title: "environment with TensorRT-RTX for Python",
            megabytes: 10,
            requirements: &requirements,
        },
    )
}

/// PyTorch, torchvision and their exporters, for comparisons; returns their Python. Several gigabytes, so that only
/// the commands that cannot do without ask for it.
pub(crate) fn torch(project: &Project) -> anyhow::Result<PathBuf> {
    torch::install(project)
}

/// An environment with onnxconverter-common and what judges its models, for comparisons; returns its Python.
pub(crate) fn converters(project: &Project) -> anyhow::Result<PathBuf> {
    venv::install(
        project,
        &Venv {
            folder: "fp16-venv",
            title: "environment with onnxconverter-common",
            megabytes: 60,
            requirements: include_str!("../fp16-requirements.txt"),
        },
    )
}

/// An environment with DuckDB and Polars, for comparisons; returns its Python.
pub(crate) fn query_engines(project: &Project) -> anyhow::Result<PathBuf> {
    venv::install(
        project,
        &Venv {
            folder: "scale-venv",
            title: "environment with DuckDB and Polars",
            megabytes: 80,
            requirements: include_str!("../scale-requirements.txt"),
        },
    )
}

/// The environment of the notebook; returns its Python.
pub(crate) fn notebook(project: &Project) -> anyhow::Result<PathBuf> {
    notebook::install(project)
}
