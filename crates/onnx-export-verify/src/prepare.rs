//! From what a pipeline asks for to models in the store: exported, converted or taken, each once.

use std::cell::OnceCell;
use std::path::Path;

use anyhow::{Context as _, Result};
use backend::onnx::proto::ModelProto;
use backend::{BackendId, Environment, Precision};
use pipeline::Fault;

use crate::architecture::Norm;
use crate::config::{Exporting, Taking};
use crate::export::{self, EXPORTER_VERSION, Options};
use crate::fp16::{self, CONVERTER_VERSION};
use crate::inspect::grouped;
use crate::sizes;
use crate::store::{About, Entry, Store};
use crate::verify::Subject;
use crate::weights::calibrate;
use crate::weights::synthetic::Synthetic;
use crate::{fault, load, say};

type Fields = Vec<(&'static str, String)>;

/// The models of a run.
pub struct Models {
    /// Those that were asked for, in that order.
    pub asked: Vec<Entry>,
    /// The one that the others are compared with.
    pub base: Entry,
}

/// Exports architectures into the store.
pub struct Exporter<'a> {
    store: &'a Store,
    environment: &'a Environment,
    request: &'a Exporting,
    seed: u32,
    weights: OnceCell<Synthetic>,
}

impl<'a> Exporter<'a> {
    /// An exporter of one architecture with the weights of one seed.
    pub fn new(
        store: &'a Store,
        environment: &'a Environment,
        request: &'a Exporting,
        seed: u32,
    ) -> Self {
        Self { store, environment, request, seed, weights: OnceCell::new() }
    }

    /// All models that were asked for.
    pub fn models(&self) -> Result<Models> {
        let base = self.entry(self.request.fold, Precision::Fp32)?;
        let asked = self
            .request
            .precisions
            .iter()
            .map(|&precision| match precision {
                Precision::Fp32 => Ok(base.clone()),
                Precision::Fp16 => self.entry(self.request.fold, Precision::Fp16),
            })
            .collect::<Result<_>>()?;
        Ok(Models { asked, base })
    }

    /// The same network as another graph: folded for kept and the other way round.
    pub fn alternative(&self) -> Result<Subject> {
        let fold = !self.request.fold;
        let entry = self.entry(fold, Precision::Fp32)?;
        let how = if fold { "folded" } else { "kept" };
        Ok(subject(self.store, &entry, &format!("fp32 with BatchNormalization {how}")))
    }

    /// Whether everything is in the store already, as far as that can be seen at once.
    pub fn seems_ready(&self) -> bool {
        let fields = |precision| self.fields(self.request.fold, precision);
        self.request.precisions.iter().all(|&p| self.store.seems_to_have(&fields(p)))
    }

    fn entry(&self, fold: bool, precision: Precision) -> Result<Entry> {
        let fields = self.fields(fold, precision);
        if let Some(entry) = self.store.get(&fields) {
            return Ok(entry);
        }
        let name = self.request.architecture.as_str();
        say::while_working(format!("exporting {name} {precision}"), || match precision {
            Precision::Fp32 => {
                let model = self.export(fold)?;
                self.store.put(&fields, &model.proto, &self.about(Some(model.parameters)))
            }
            Precision::Fp16 => {
                let base = self.entry(fold, Precision::Fp32)?;
                let half = convert(&self.store.path(&base))?;
                self.store.put(&fields, &half, &self.about(Some(base.model.parameters as u64)))
            }
        })
    }

    /// The float32 model.
    pub fn export(&self, fold: bool) -> Result<export::Model> {
        let weights = if let Some(weights) = self.weights.get() {
            weights
        } else {
            let seed = self.seed.into();
            let new = calibrate::calibrated(self.request.architecture, seed, self.environment)?;
            self.weights.get_or_init(|| new)
        };
        let norm = if fold { Norm::Folded } else { Norm::Kept };
        let options = Options { batch: self.request.batch, norm, opset: self.request.opset };
        let about = [
            ("tailmark.architecture", self.request.architecture.as_str().to_owned()),
            ("tailmark.weights", "synthetic".to_owned()),
            ("tailmark.seed", self.seed.to_string()),
        ];
        export::export(self.request.architecture, weights, options, &about)
    }

    fn about(&self, parameters: Option<u64>) -> About {
        About {
            name: self.request.architecture.as_str().to_owned(),
            source: "synthetic".to_owned(),
            seed: Some(self.seed.into()),
            parameters,
        }
    }

    /// Everything that shapes the file.
    fn fields(&self, fold: bool, precision: Precision) -> Fields {
        let Exporting { architecture, batch, opset, .. } = self.request;
        let rten = backend::open_backend(BackendId::Rten, self.environment)
            .map_or_else(|_unavailable| String::new(), |rten| rten.version());
        let mut fields = vec![
            ("exporter", format!("{} {EXPORTER_VERSION}", env!("CARGO_PKG_VERSION"))),
            ("architecture", architecture.as_str().to_owned()),
            ("weights", "synthetic".to_owned()),
            ("seed", self.seed.to_string()),
            ("calibrated-by", format!("rten {rten}")),
            ("batch-norm", if fold { "folded" } else { "kept" }.to_owned()),
            ("batch", batch.to_string()),
            ("opset", opset.to_string()),
            ("precision", precision.to_string()),
        ];
        if precision == Precision::Fp16 {
            fields.push(("converter", CONVERTER_VERSION.to_string()));
        }
        fields
    }
}

/// Converts a model file to float16 and says what that cost the weights.
pub fn convert(path: &Path) -> Result<ModelProto> {
    let mut model = load(path)?;
    backend::onnx::file::inline_external(path, &mut model).map_err(fault)?;
    converted(&model)
}

fn converted(model: &ModelProto) -> Result<ModelProto> {
    let (half, report) = fp16::convert(model)?;
    say::line(&format!(
        "fp16: {} weights rounded, {} of them subnormal and {} to zero; {} casts",
        grouped(report.weights),
        grouped(report.subnormal),
        grouped(report.vanished),
        report.casts
    ));
    Ok(half)
}

/// Takes a given model into the store. `root` is the folder that its path is relative to.
pub fn take(store: &Store, root: &Path, request: &Taking) -> Result<Models> {
    let path = root.join(&request.path);
    let mut model = load(&path)?;
    let own = fp16::precision_of(&model);
    let precisions = offered(&request.path, own, request.precisions.as_deref())?;
    let mut fields: Fields = vec![
        ("taker", format!("{} 1", env!("CARGO_PKG_VERSION"))),
        ("source-digest", backend::onnx::digest(&path).map_err(fault)?),
        ("name", request.path.display().to_string()),
        ("batch", request.batch.map_or_else(|| "as it is".to_owned(), |b| b.to_string())),
        ("shapes", format!("{:?}", request.shapes)),
        ("precision", own.to_string()),
    ];
    let stem =
        request.path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let source = request.path.display().to_string();
    let about = About { name: stem, source, seed: None, parameters: None };
    let base = if let Some(entry) = store.get(&fields) {
        entry
    } else {
        let external = backend::onnx::file::external_files(&path, &model).map_err(fault)?;
        backend::onnx::file::inline_external(&path, &mut model).map_err(fault)?;
        if sizes::settle(&mut model, request.batch, &request.shapes)? || !external.is_empty() {
            store.put(&fields, &model, &about)?
        } else {
            let bytes =
                std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            store.put_bytes(&fields, &bytes, &model, &about)?
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
        ]);
        asked.push(match store.get(&fields) {
            Some(entry) => entry,
            None => store.put(&fields, &convert(&store.path(&base))?, &about)?,
        });
    }
    Ok(Models { asked, base })
}

/// The precisions that a model of one precision gives: float16 can be made of float32, not the other way.
fn offered(path: &Path, own: Precision, asked: Option<&[Precision]>) -> Result<Vec<Precision>> {
    match (own, asked) {
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
