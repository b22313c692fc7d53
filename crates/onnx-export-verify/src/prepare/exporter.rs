//! Exports architectures into the store: each model once, by what shapes its file.

use std::cell::OnceCell;

use anyhow::Result;
use backend::onnx::proto::ModelProto;
use backend::{BackendId, Environment, Precision};
use pipeline::Digest;

use super::{Fields, Models, converted, subject};
use crate::architecture::Norm;
use crate::config::Exporting;
use crate::export::{self, EXPORTER_VERSION, Options};
use crate::fp16::CONVERTER_VERSION;
use crate::store::{About, Entry, Store};
use crate::verify::Subject;
use crate::weights::calibrate;
use crate::weights::checkpoint::Trained;
use crate::weights::choice::Chosen;
use crate::weights::synthetic::Synthetic;
use crate::{load, say};

/// Exports architectures into the store.
pub struct Exporter<'a> {
    store: &'a Store,
    environment: &'a Environment,
    request: &'a Exporting,
    seed: u32,
    source: Source,
}

/// Weights, and what names them in the store.
enum Source {
    Synthetic { calibrated: OnceCell<Synthetic>, by: String },
    Trained { weights: Box<Trained>, digest: Digest },
}

impl<'a> Exporter<'a> {
    /// An exporter of one architecture with chosen weights. Reads a checkpoint once, for its digest.
    ///
    /// # Errors
    /// Exit 2: a checkpoint that is not what its name says.
    pub fn new(
        store: &'a Store,
        environment: &'a Environment,
        request: &'a Exporting,
        seed: u32,
        chosen: Chosen,
    ) -> Result<Self> {
        let source = match chosen {
            Chosen::Synthetic { .. } => {
                let rten = backend::open_backend(BackendId::Rten, environment)
                    .map_or_else(|_unavailable| String::new(), |rten| rten.version());
                Source::Synthetic { calibrated: OnceCell::new(), by: format!("rten {rten}") }
            }
            Chosen::Trained(weights) => {
                let text = format!("reading {}", weights.shown().display());
                let digest = say::while_working(text, || weights.digest())?;
                Source::Trained { weights, digest }
            }
        };
        Ok(Self { store, environment, request, seed, source })
    }

    /// All models that were asked for, and the float32 one that the others are compared with.
    pub fn models(&self) -> Result<Models> {
        let mut exported = None;
        let base = self.entry(self.request.fold, Precision::Fp32, &mut exported)?;
        let asked = self.asked_of(&mut exported, Some(&base))?;
        Ok(Models { asked, base })
    }

    /// The models that were asked for and no other.
    pub fn asked(&self) -> Result<Vec<Entry>> {
        self.asked_of(&mut None, None)
    }

    fn asked_of(
        &self,
        exported: &mut Option<export::Model>,
        base: Option<&Entry>,
    ) -> Result<Vec<Entry>> {
        let fold = self.request.fold;
        // float32 first, whatever the order: float16 is made from it while it is in memory
        let base = match base {
            Some(base) => Some(base.clone()),
            None if self.request.precisions.contains(&Precision::Fp32) => {
                Some(self.entry(fold, Precision::Fp32, exported)?)
            }
            None => None,
        };
        let entry = |&precision: &Precision| match (precision, &base) {
            (Precision::Fp32, Some(base)) => Ok(base.clone()),
            _ => self.entry(fold, precision, exported),
        };
        self.request.precisions.iter().map(entry).collect()
    }

    /// The same network as another graph: folded for kept and the other way round.
    pub fn alternative(&self) -> Result<Subject> {
        let fold = !self.request.fold;
        let entry = self.entry(fold, Precision::Fp32, &mut None)?;
        let how = if fold { "folded" } else { "kept" };
        Ok(subject(self.store, &entry, &format!("fp32 with BatchNormalization {how}")))
    }

    /// Whether everything is in the store already, as far as that can be seen at once.
    pub fn seems_ready(&self) -> bool {
        let fields = |precision| self.fields(self.request.fold, precision);
        self.request.precisions.iter().all(|&p| self.store.seems_to_have(&fields(p)))
    }

    /// A model out of the store, or a new one; a new float32 model is left in `exported`, which a float16
    /// one takes.
    fn entry(
        &self,
        fold: bool,
        precision: Precision,
        exported: &mut Option<export::Model>,
    ) -> Result<Entry> {
        let fields = self.fields(fold, precision);
        if let Some(entry) = self.store.get(&fields) {
            return Ok(entry);
        }
        let name = self.request.architecture.as_str();
        say::while_working(format!("exporting {name} {precision}"), || match precision {
            Precision::Fp32 => {
                let model = exported.insert(self.export(fold)?);
                let about = self.about(Some(model.parameters));
                self.store.put(&fields, &mut model.proto, &about)
            }
            Precision::Fp16 => {
                let (base, parameters) = self.float32(fold, exported.take())?;
                let mut half = converted(base, &self.request.fp16)?;
                self.store.put(&fields, &mut half, &self.about(Some(parameters)))
            }
        })
    }

    /// The float32 model and its parameters: the one at hand, that of the store, or a new one.
    fn float32(&self, fold: bool, exported: Option<export::Model>) -> Result<(ModelProto, u64)> {
        if let Some(model) = exported {
            return Ok((model.proto, model.parameters));
        }
        if let Some(base) = self.store.get(&self.fields(fold, Precision::Fp32)) {
            return Ok((load(&self.store.path(&base))?, base.model.parameters.unsigned_abs()));
        }
        let model = self.export(fold)?;
        Ok((model.proto, model.parameters))
    }

    /// The float32 model.
    pub fn export(&self, fold: bool) -> Result<export::Model> {
        let norm = if fold { Norm::Folded } else { Norm::Kept };
        let Exporting { architecture, batch, opset, .. } = *self.request;
        let classes = self.classes();
        let options = Options { batch, norm, opset, classes };
        let mut about = vec![("tailmark.architecture", architecture.as_str().to_owned())];
        match &self.source {
            Source::Trained { weights, digest } => {
                about.push(("tailmark.weights", "checkpoint".to_owned()));
                about.push(("tailmark.checkpoint-sha256", digest.to_string()));
                export::export(architecture, weights.as_ref(), options, &about)
            }
            Source::Synthetic { calibrated, .. } => {
                let weights = if let Some(weights) = calibrated.get() {
                    weights
                } else {
                    let seed = self.seed.into();
                    let new = calibrate::calibrated(architecture, seed, self.environment)?;
                    calibrated.get_or_init(|| new)
                };
                about.push(("tailmark.weights", "synthetic".to_owned()));
                about.push(("tailmark.seed", self.seed.to_string()));
                export::export(architecture, weights, options, &about)
            }
        }
    }

    fn classes(&self) -> usize {
        match &self.source {
            Source::Trained { weights, .. } => weights.classes(),
            Source::Synthetic { .. } => self.request.architecture.classes(),
        }
    }

    fn about(&self, parameters: Option<u64>) -> About {
        let (source, seed) = match &self.source {
            Source::Synthetic { .. } => ("synthetic".to_owned(), Some(self.seed.into())),
            Source::Trained { weights, digest } => {
                (format!("{} (sha256 {digest})", weights.shown().display()), None)
            }
        };
        About { name: self.request.architecture.as_str().to_owned(), source, seed, parameters }
    }

    /// Everything that shapes the file, or what its row says of where it comes from.
    fn fields(&self, fold: bool, precision: Precision) -> Fields {
        let Exporting { architecture, batch, opset, .. } = self.request;
        let mut fields = vec![
            ("exporter", format!("{} {EXPORTER_VERSION}", env!("CARGO_PKG_VERSION"))),
            ("architecture", architecture.as_str().to_owned()),
            ("batch-norm", if fold { "folded" } else { "kept" }.to_owned()),
            ("batch", batch.to_string()),
            ("opset", opset.to_string()),
            ("precision", precision.to_string()),
        ];
        match &self.source {
            Source::Synthetic { by, .. } => fields.extend([
                ("weights", "synthetic".to_owned()),
                ("seed", self.seed.to_string()),
                ("calibrated-by", by.clone()),
            ]),
            Source::Trained { weights, digest } => fields.extend([
                ("weights", format!("sha256 {digest}")),
                ("tensors", weights.prefix().to_owned()),
                ("source", weights.shown().display().to_string()),
            ]),
        }
        if precision == Precision::Fp16 {
            fields.push(("converter", CONVERTER_VERSION.to_string()));
            fields.push(("fp16", self.request.fp16.to_string()));
        }
        fields
    }
}
