//! From what a pipeline asks for to models in the store: exported, converted or taken, each once.

mod exporter;
mod quantised;

use std::path::Path;

use anyhow::Result;
use backend::Precision;
use backend::onnx::proto::ModelProto;
use pipeline::Fault;

use crate::config::Taking;
use crate::fp16::{self, CONVERTER_VERSION};
use crate::sizes;
use crate::store::{About, Entry, Store};
use crate::verify::Subject;
use crate::{fault, load_with_digest, reweight, say};
pub use exporter::Exporter;

type Fields = Vec<(&'static str, String)>;

/// The models of a run.
pub struct Models {
    /// Those that were asked for, in that order.
    pub asked: Vec<Entry>,
    /// The one that the others are compared with.
    pub base: Entry,
}

/// Converts a model file to float16 and says what that cost the weights and what stayed float32.
pub fn convert(path: &Path, options: &fp16::Options) -> Result<ModelProto> {
    Ok(told(fp16::convert_file(path, options)?))
}

/// As [`convert`], for a model in memory, which is taken apart on the way.
fn converted(model: ModelProto, options: &fp16::Options) -> Result<ModelProto> {
    Ok(told(fp16::convert_owned(model, options)?))
}

fn told((half, report): (ModelProto, fp16::Report)) -> ModelProto {
    report.lines().iter().for_each(|line| say::line(&format!("fp16: {line}")));
    half
}

/// Takes a given model into the store. `root` is the folder that its path is relative to.
pub fn take(store: &Store, root: &Path, request: &Taking) -> Result<Models> {
    let path = root.join(&request.path);
    let (mut model, digest) = load_with_digest(&path)?;
    let own = fp16::precision_of(&model);
    let quantised = quantised::of(&model);
    if let Some(what) = &quantised {
        say::line(&format!("{}: {what}; it is taken as it is", request.path.display()));
    }
    let precisions =
        offered(&request.path, own, quantised.is_some(), request.precisions.as_deref())?;
    let mut fields: Fields = vec![
        ("taker", format!("{} 2", env!("CARGO_PKG_VERSION"))),
        ("source-digest", digest),
        ("name", request.path.display().to_string()),
        ("batch", request.batch.map_or_else(|| "as it is".to_owned(), |b| b.to_string())),
        ("shapes", format!("{:?}", request.shapes)),
        ("precision", own.to_string()),
    ];
    let stem =
        request.path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let seed = reweight::seed_of(&model);
    let source = request.path.display().to_string();
    let source = if seed.is_some() { format!("{source} ({})", reweight::SEEDED) } else { source };
    let about = About { name: stem, source, seed, parameters: None };
    let base = if let Some(entry) = store.get(&fields) {
        entry
    } else {
        let external = backend::onnx::file::external_files(&path, &model).map_err(fault)?;
        backend::onnx::file::inline_external(&path, &mut model).map_err(fault)?;
        if sizes::settle(&mut model, request.batch, &request.shapes)? || !external.is_empty() {
            store.put(&fields, &mut model, &about)?
        } else {
            store.put_file(&fields, &path, &model, &about)?
        }
    };
    let mut asked = Vec::new();
    for precision in precisions {
        if precision == own {
            asked.push(base.clone());
            continue;
        }
        fields.retain(|(name, _)| *name != "precision");
        fields.extend([
            ("precision", precision.to_string()),
            ("converter", CONVERTER_VERSION.to_string()),
            ("fp16", request.fp16.to_string()),
        ]);
        asked.push(match store.get(&fields) {
            Some(entry) => entry,
            None => store.put(&fields, &mut convert(&store.path(&base), &request.fp16)?, &about)?,
        });
    }
    Ok(Models { asked, base })
}

/// The precisions that a model of one precision gives: float16 can be made of float32, not the other way.
/// A quantised model gives neither: it is what it is.
fn offered(
    path: &Path,
    own: Precision,
    quantised: bool,
    asked: Option<&[Precision]>,
) -> Result<Vec<Precision>> {
    match (own, asked) {
        (_, None) if quantised => Ok(vec![own]),
        (Precision::Fp32, Some(asked)) if quantised && asked.contains(&Precision::Fp16) => {
            let message =
                format!("{} is quantised to 8 bits: fp16 is not made of it", path.display());
            Err(Fault::config(message)
                .hint("write precision = [\"fp32\"]: its float border; or give the model as it was before it was quantised")
                .into())
        }
        (Precision::Fp32, None) => Ok(vec![Precision::Fp32, Precision::Fp16]),
        (Precision::Fp16, None) => Ok(vec![Precision::Fp16]),
        (Precision::Fp16, Some(asked)) if asked.contains(&Precision::Fp32) => {
            let message = format!("{} has float16 weights: it gives no fp32 model", path.display());
            Err(Fault::config(message)
                .hint("write precision = [\"fp16\"], or give the model as it was in float32")
                .into())
        }
        (_, Some(asked)) => Ok(asked.to_vec()),
    }
}

/// A stored model as the subject of a verification.
pub fn subject(store: &Store, entry: &Entry, label: &str) -> Subject {
    Subject {
        digest: entry.model.model_digest.clone(),
        precision: entry.model.precision.parse().unwrap_or(Precision::Fp32),
        label: label.to_owned(),
        path: store.path(entry),
        depth: entry.depth,
    }
}
