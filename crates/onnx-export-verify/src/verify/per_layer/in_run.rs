//! The comparison of a run: every float16 model against the base, kept like a verification.

use std::path::Path;

use anyhow::Result;
use backend::Precision;
use backend::input::{Distribution, Feeds};
use pipeline::artifact::{LayerErrorRow, read_file, write_file};
use pipeline::{Digest, Provenance};

use super::{Fed, Names, float16_departs, show};
use crate::store::{Store, set_aside};
use crate::verify::inputs::{Inputs, Plan};
use crate::verify::tolerance::TOLERANCE_VERSION;
use crate::verify::twin::SUFFIX;
use crate::verify::{Engines, Subject};
use crate::{load_whole, say};

/// Raised when rows change their meaning.
const VERSION: u32 = 1;
/// Image-like inputs that are run.
const SETS: usize = 2;
/// A base up to this size is compared without being asked: a few seconds.
const CHEAP: u64 = 128 << 20;

/// What a run compares.
pub struct InRun<'a> {
    /// The models.
    pub subjects: &'a [Subject],
    /// What they are compared with.
    pub base: &'a Subject,
    /// Whether it was asked for; `None` = when it is cheap.
    pub asked: Option<bool>,
    /// Seed of the first input.
    pub seed: u64,
    /// Inputs that are not drawn.
    pub feeds: &'a Feeds,
}

impl InRun<'_> {
    /// Rows of `layer-errors.parquet`; none when it was not asked for. Says what came out.
    ///
    /// # Errors
    /// What was asked for cannot be had; else that is a warning.
    pub fn rows(
        &self,
        store: &Store,
        engines: &Engines,
        provenance: &Provenance,
    ) -> Result<Vec<LayerErrorRow>> {
        if !self.asked.unwrap_or_else(|| self.is_cheap()) {
            return Ok(Vec::new());
        }
        if let Some(why) = self.nothing_to_compare() {
            if self.asked == Some(true) {
                say::warning(&format!("layers are not compared: {why}"));
            }
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        for subject in self.halves() {
            match self.of(subject, store, engines, provenance) {
                Ok(found) => rows.extend(found),
                Err(error) if self.asked == Some(true) => return Err(error),
                Err(error) => say::warning(&format!("layers are not compared: {error:#}")),
            }
        }
        Ok(rows)
    }

    /// The models that may depart.
    fn halves(&self) -> impl Iterator<Item = &Subject> {
        self.subjects.iter().filter(|subject| subject.precision == Precision::Fp16)
    }

    /// Why a run has no rows, in words.
    fn nothing_to_compare(&self) -> Option<String> {
        if self.base.precision != Precision::Fp32 {
            let label = &self.base.label;
            return Some(format!(
                "the given model is {label}, and there is no float32 model beside it; `onnx-export-verify verify MODEL --per-layer` compares it with itself in float32"
            ));
        }
        let none = self.halves().next().is_none();
        none.then(|| "no float16 model is among the precisions".to_owned())
    }

    fn is_cheap(&self) -> bool {
        std::fs::metadata(&self.base.path).is_ok_and(|metadata| metadata.len() <= CHEAP)
    }

    fn of(
        &self,
        subject: &Subject,
        store: &Store,
        engines: &Engines,
        provenance: &Provenance,
    ) -> Result<Vec<LayerErrorRow>> {
        let Some(engine) = engines.list.first() else { return Ok(Vec::new()) };
        let inputs = self.inputs();
        let key = Digest::of_fields([
            ("version", format!("{VERSION} {TOLERANCE_VERSION}")),
            ("models", format!("{} {}", subject.digest, self.base.digest)),
            ("engine", engine.identity.clone()),
            ("inputs", inputs.identity()),
        ]);
        let path = store.cache("verify").join(format!("{key}.layer-errors.parquet"));
        if let Some(rows) = kept(&path) {
            tell(subject, &rows);
            return Ok(rows);
        }
        let (model, base) = (load_whole(&subject.path)?, load_whole(&self.base.path)?);
        let names = Names {
            digest: subject.digest.clone(),
            engine: format!("{}{SUFFIX}", engine.name),
            reference: format!("{}, {}", engine.name, self.base.label),
        };
        let fed = Fed { shapes: &[], inputs: &inputs, as_written: false };
        let rows = float16_departs(&model, Some(&base), engine, &fed, &names)?.rows;
        if let Err(why) = write_file::<LayerErrorRow>(&path, &rows, provenance) {
            say::warning(&format!("the comparison of layers is not kept: {why:#}"));
        }
        tell(subject, &rows);
        Ok(rows)
    }

    fn inputs(&self) -> Inputs {
        let distributions = vec![Distribution::ImageLike];
        let (seed, feeds) = (self.seed, self.feeds.clone());
        Plan { distributions, sets: SETS, seed, photos: Vec::new(), feeds }.inputs()
    }
}

fn kept(path: &Path) -> Option<Vec<LayerErrorRow>> {
    if !path.exists() {
        return None;
    }
    read_file(path)
        .inspect_err(|why| {
            set_aside(path);
            say::warning(&format!("{why:#}; set aside, comparing again"));
        })
        .ok()
}

fn tell(subject: &Subject, rows: &[LayerErrorRow]) {
    say::line(&format!("{}, {} layers: {}", subject.label, rows.len(), show::verdict(rows)));
}
