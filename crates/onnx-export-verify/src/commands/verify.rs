//! `verify`: one model file on every engine there is.

use std::path::{Path, PathBuf};

use anyhow::Result;
use backend::input::{Distribution, Feeds, Fixed};
use clap::Args;
use pipeline::artifact::VerifyRow;
use pipeline::{Exit, Fault, Verdict};

use super::{environment, per_layer};
use crate::config::{DEFAULT_INPUT_SETS, Images, Tolerance};
use crate::drawing::Drawing;
use crate::fp16::precision_of;
use crate::verify::against::{AgainstExpected, against};
use crate::verify::expected::Expected;
use crate::verify::inputs::Plan;
use crate::verify::per_layer::Fed;
use crate::verify::tolerance::Depth;
use crate::verify::{Engines, Request, Subject, verify};
use crate::{load_with_digest, report, say};

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// The model.
    model: PathBuf,
    /// What it must agree with: another model, or expected outputs (output_K.pb with input_K.pb beside it, a folder of
    /// them, or an .npz file with arrays named like inputs and outputs). Left out: itself on the other engine.
    #[arg(long, value_name = "MODEL|EXPECTED.pb|EXPECTED.npz|FOLDER")]
    against: Option<PathBuf>,
    /// Sizes of an input with open dimensions; may be repeated.
    #[arg(long = "shape", value_name = "NAME=1x3x224x224", value_parser = backend::parse_shape)]
    shapes: Vec<(String, Vec<usize>)>,
    /// The value of an input that is not drawn, a number or `zeros`; may be repeated.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = backend::input::parse_input)]
    inputs: Vec<(String, Fixed)>,
    /// Number of seeded inputs of each distribution.
    #[arg(long, default_value_t = DEFAULT_INPUT_SETS.get(), value_parser = clap::value_parser!(u32).range(1..=100))]
    input_sets: u32,
    /// Seed of the first input of each distribution.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Distributions of the seeded inputs; left out: all.
    #[arg(
        long = "distribution",
        value_name = "image-like|normal|uniform|wide",
        value_delimiter = ','
    )]
    distributions: Vec<Distribution>,
    /// Photographs among the inputs of models that take images: `true`, `false`, or a folder of PNG and JPEG files.
    #[arg(long, default_value = "true", value_name = "BOOL|FOLDER")]
    images: Images,
    /// What outputs may be off by, relative to their scale; left out: what the error model says.
    #[arg(long, value_name = "SHARE", conflicts_with = "per_layer")]
    tolerance: Option<Tolerance>,
    /// Let rten read the file as it stands, not in its own words: it then gets operator sets before 13 wrong in part,
    /// which shows that a disagreement is found.
    #[arg(long)]
    as_written: bool,
    /// Compare layer by layer: where float16 departs from float32, and where the engines part.
    #[arg(long)]
    per_layer: bool,
    /// Where `--per-layer` draws error by depth.
    #[arg(long, value_name = "FILE.svg|FILE.png", requires = "per_layer")]
    plot: Option<PathBuf>,
    /// Print the comparisons as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `verify`.
pub(super) fn run(args: &VerifyArgs) -> Result<Exit> {
    let plot = args.plot.as_deref().map(Drawing::of).transpose()?;
    let subject = subject(&args.model, &args.shapes)?;
    let engines = Engines::open(&environment().1)?;
    if let Some((reason, hint)) = &engines.missing {
        say::warning(&format!("only one engine verifies: {reason}; {hint}"));
    }
    if args.per_layer {
        return layer_by_layer(args, plot, &subject, &engines);
    }
    let expected = args.against.as_deref().filter(|path| Expected::is(path));
    let (rows, base) = match expected {
        Some(path) => (against_expected(args, &subject, path, &engines)?, subject.clone()),
        None => against_model(args, &subject, &engines)?,
    };
    if args.json {
        say::data(&serde_json::to_string(&rows)?);
    } else {
        for line in report::lines(&rows) {
            say::data(&line);
        }
        let precision = subject.precision.max(base.precision);
        say::data(&report::tolerance_line(&base, given(args), precision));
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

fn given(args: &VerifyArgs) -> Option<f64> {
    args.tolerance.map(|tolerance| tolerance.0)
}

fn against_model(
    args: &VerifyArgs,
    subject: &Subject,
    engines: &Engines,
) -> Result<(Vec<VerifyRow>, Subject)> {
    let base = match &args.against {
        Some(path) => self::subject(path, &args.shapes)?,
        None => subject.clone(),
    };
    let request = Request {
        subjects: std::slice::from_ref(subject),
        base: &base,
        alternative: &|| Ok(None),
        shapes: &args.shapes,
        inputs: &plan(args)?.inputs(),
        tolerance: given(args),
        as_written: args.as_written,
    };
    Ok((verify(&request, engines)?.rows, base))
}

fn against_expected(
    args: &VerifyArgs,
    subject: &Subject,
    path: &Path,
    engines: &Engines,
) -> Result<Vec<VerifyRow>> {
    let expected = Expected::open(path)?;
    let request = AgainstExpected {
        subject,
        expected: &expected,
        shapes: &args.shapes,
        feeds: Feeds { fixed: args.inputs.iter().cloned().collect(), ..Feeds::default() },
        tolerance: given(args),
        as_written: args.as_written,
    };
    against(&request, engines)
}

fn layer_by_layer(
    args: &VerifyArgs,
    plot: Option<Drawing<'_>>,
    subject: &Subject,
    engines: &Engines,
) -> Result<Exit> {
    if args.against.as_deref().is_some_and(Expected::is) {
        let message = "--per-layer compares with a model; expected outputs have no layers";
        return Err(Fault::config(message).hint("give an .onnx file to --against").into());
    }
    let base = args.against.as_deref().map(|path| self::subject(path, &args.shapes)).transpose()?;
    let asked = per_layer::Asked {
        subject,
        base: base.as_ref(),
        fed: Fed {
            shapes: &args.shapes,
            inputs: &plan(args)?.inputs(),
            as_written: args.as_written,
        },
        plot,
        json: args.json,
    };
    per_layer::run(&asked, engines)
}

fn plan(args: &VerifyArgs) -> Result<Plan> {
    let distributions = match args.distributions.as_slice() {
        [] => Distribution::ALL.to_vec(),
        some => some.to_vec(),
    };
    Ok(Plan {
        distributions,
        sets: args.input_sets as usize,
        seed: args.seed.into(),
        photos: args.images.read(Path::new("."))?,
        feeds: Feeds { fixed: args.inputs.iter().cloned().collect(), ..Feeds::default() },
    })
}

fn subject(path: &Path, shapes: &[(String, Vec<usize>)]) -> Result<Subject> {
    let (model, digest) = load_with_digest(path)?;
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let precision = precision_of(&model);
    Ok(Subject {
        digest,
        precision,
        label: format!("{name} ({precision})"),
        path: path.to_owned(),
        depth: Depth::with(&model, shapes),
    })
}
