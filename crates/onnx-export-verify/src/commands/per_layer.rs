//! `verify --per-layer`: where float16 departs, and where two engines part.

use anyhow::Result;
use backend::Precision;
use backend::onnx::proto::ModelProto;
use pipeline::artifact::LayerErrorRow;
use pipeline::{Exit, Fault};
use serde::Serialize;

use crate::drawing::Drawing;
use crate::fp16::precision_of;
use crate::verify::engines::Engine;
use crate::verify::per_layer::{
    Fed, LayerErrors, Names, Request, Side, compare_layers, engines_depart, figure,
    float16_departs, show,
};
use crate::verify::twin::SUFFIX;
use crate::verify::{Engines, Subject};
use crate::{load_whole, say};

/// What to compare.
pub(super) struct Asked<'a> {
    /// The model.
    pub(super) subject: &'a Subject,
    /// What it is compared with.
    pub(super) base: Option<&'a Subject>,
    /// What they are fed.
    pub(super) fed: Fed<'a>,
    /// Where the plot goes.
    pub(super) plot: Option<Drawing<'a>>,
    /// Whether rows are printed as JSON.
    pub(super) json: bool,
}

/// Everything that was compared.
#[derive(Default, Serialize)]
struct Found {
    /// The model against its base, or float16 against float32.
    layers: Vec<LayerErrorRow>,
    /// The model on the second engine against the first.
    engines: Vec<LayerErrorRow>,
}

/// Compares, prints, draws.
///
/// # Errors
/// Exit 3 when a layer departs, unless the model is float32 and float16 was only tried.
pub(super) fn run(asked: &Asked<'_>, engines: &Engines) -> Result<Exit> {
    let model = load_whole(&asked.subject.path)?;
    let base = asked.base.map(|base| load_whole(&base.path)).transpose()?;
    let Some(first) = engines.list.first() else {
        return Err(Fault::environment("there is no engine").into());
    };
    let layers = against_base(asked, &model, base.as_ref(), first)?;
    let others = between_engines(asked, &model, &engines.list)?;
    let figure = figure(&layers.rows, "Error by depth");
    if let (Some(plot), Some(figure)) = (&asked.plot, figure) {
        plot.write(&figure)?;
    }
    let tried_only = asked.base.is_none() && asked.subject.precision == Precision::Fp32;
    let mut failures: Vec<String> = Vec::new();
    for (errors, judged) in [(Some(&layers), !tried_only), (others.as_ref(), true)] {
        let Some(errors) = errors else { continue };
        if !asked.json {
            for line in show::lines(errors) {
                say::data(&line);
            }
        }
        if errors.first().is_some() && judged {
            failures.push(show::verdict(&errors.rows));
        }
    }
    if asked.json {
        let engines = others.map(|errors| errors.rows).unwrap_or_default();
        say::data(&serde_json::to_string(&Found { layers: layers.rows, engines })?);
    }
    if failures.is_empty() {
        return Ok(Exit::Ok);
    }
    let message = format!("{}: {}", asked.subject.path.display(), failures.join("; "));
    Err(Fault::verification(message).into())
}

fn against_base(
    asked: &Asked<'_>,
    model: &ModelProto,
    base: Option<&ModelProto>,
    engine: &Engine,
) -> Result<LayerErrors> {
    let reference = match asked.base {
        Some(base) => format!("{}, {}", engine.name, base.label),
        None => format!("{}, {} in float32", engine.name, asked.subject.label),
    };
    let names = |engine: String| Names {
        digest: asked.subject.digest.clone(),
        engine,
        reference: reference.clone(),
    };
    match base {
        // two float32 models: nothing is rounded
        Some(base) if precision_of(model) == Precision::Fp32 => {
            let request = Request {
                reference: Side { model: base, engine },
                subject: Side { model, engine },
                precision: Precision::Fp32.max(precision_of(base)),
                fed: asked.fed,
            };
            compare_layers(&request, &names(engine.name.clone()))
        }
        base => {
            let names = names(format!("{}{SUFFIX}", engine.name));
            float16_departs(model, base, engine, &asked.fed, &names)
        }
    }
}

/// The second engine against the first; a warning when it cannot run the model.
fn between_engines(
    asked: &Asked<'_>,
    model: &ModelProto,
    engines: &[Engine],
) -> Result<Option<LayerErrors>> {
    let [first, second, ..] = engines else { return Ok(None) };
    let names = Names {
        digest: asked.subject.digest.clone(),
        engine: second.name.clone(),
        reference: format!("{}, {}", first.name, asked.subject.label),
    };
    match engines_depart(model, [first, second], &asked.fed, &names) {
        Ok(errors) => Ok(Some(errors)),
        Err(error) => match error.downcast::<Fault>() {
            Ok(fault) if fault.exit() == Exit::Config => {
                say::warning(&format!("engines are not compared layer by layer: {fault:#}"));
                Ok(None)
            }
            Ok(fault) => Err(fault.into()),
            Err(error) => Err(error),
        },
    }
}
