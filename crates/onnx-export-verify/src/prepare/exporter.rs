//! Exports architectures into the store: each model once, by what shapes its file.

use std::cell::OnceCell;

use anyhow::Result;
use backend::{BackendId, Environment, Precision};

use super::{Fields, Models, convert, subject};
use crate::architecture::Norm;
use crate::config::Exporting;
use crate::export::{self, EXPORTER_VERSION, Options};
use crate::fp16::CONVERTER_VERSION;
use crate::say;
use crate::store::{About, Entry, Store};
use crate::verify::Subject;
use crate::weights::calibrate;
use crate::weights::synthetic::Synthetic;

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
