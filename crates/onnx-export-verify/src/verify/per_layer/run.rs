//! Runs models that give out their inner values.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use backend::Session;
use backend::onnx::shape::Shapes;
use pipeline::Fault;
use tempfile::TempDir;

use super::graph::{Pair, exposed};
use super::measure::Found;
use super::{Fed, Request, Side};
use crate::fault;
use crate::verify::engines::Feeding;
use crate::verify::inputs::{InputSet, Inputs};

/// A session that gives out named values; its file goes when it does.
pub(in crate::verify) struct Opened {
    session: Box<dyn Session>,
    places: BTreeMap<String, usize>,
    _folder: TempDir,
}

impl Opened {
    /// Opens a side whose outputs are the named values.
    pub(in crate::verify) fn new(
        side: Side<'_>,
        names: &[&str],
        shapes: &Shapes,
        fed: &Fed<'_>,
    ) -> Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder for a model")?;
        let path = folder.path().join("layers.onnx");
        backend::onnx::save(&path, &exposed(side.model, names, shapes)).map_err(fault)?;
        let failed = |error: backend::Error| {
            let message = format!("{} cannot give out inner values: {error}", side.engine.name);
            Fault::config(message).hint(error.hint().unwrap_or("try the other engine").to_owned())
        };
        let feeding = Feeding {
            shapes: fed.shapes,
            inputs: fed.inputs,
            optimise: false,
            as_written: fed.as_written,
        };
        let session = side.engine.open_plain(&path, &feeding).map_err(failed)?;
        let outputs = session.outputs().iter().enumerate();
        let places = outputs.map(|(place, spec)| (spec.name.clone(), place)).collect();
        Ok(Self { session, places, _folder: folder })
    }

    /// The sets that are judged and that the model can be fed.
    pub(in crate::verify) fn sets<'i>(&self, inputs: &'i Inputs) -> Result<Vec<&'i InputSet>> {
        let specs = self.session.inputs();
        inputs.feeds.check(specs).map_err(fault)?;
        let fits = |set: &&InputSet| set.judged && set.fits(specs, &inputs.feeds);
        Ok(inputs.list.iter().filter(fits).collect())
    }

    /// Runs on one set.
    pub(in crate::verify) fn infer(&mut self, set: &InputSet, inputs: &Inputs) -> Result<()> {
        for (index, spec) in self.session.inputs().to_vec().iter().enumerate() {
            let values = set.values(index, spec, &inputs.feeds).map_err(fault)?;
            self.session.set_input(index, &values).map_err(fault)?;
        }
        self.session.poison_outputs().map_err(fault)?;
        self.session.infer().map_err(fault)?;
        Ok(())
    }

    /// Dimensions and elements of an input of the model; `None` when it has none of that name.
    pub(in crate::verify) fn fed(
        &self,
        name: &str,
        set: &InputSet,
        inputs: &Inputs,
    ) -> Result<Option<(Vec<usize>, Vec<f32>)>> {
        let found = self.session.inputs().iter().enumerate().find(|(_, spec)| spec.name == name);
        let Some((index, spec)) = found else { return Ok(None) };
        let values = set.values(index, spec, &inputs.feeds).map_err(fault)?;
        Ok(Some((spec.dims.clone(), values)))
    }

    /// Dimensions and elements of a value after a run.
    pub(in crate::verify) fn value(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>)> {
        let missing = || Fault::config(format!("the engine does not give out `{name}`"));
        let &place = self.places.get(name).ok_or_else(missing)?;
        let dims = self.session.outputs()[place].dims.clone();
        Ok((dims, self.session.output(place).map_err(fault)?))
    }
}

/// Compares some pairs on all inputs, the worst of each.
pub(super) fn part(request: &Request<'_>, pairs: &[Pair], shapes: &Shapes) -> Result<Vec<Found>> {
    let names = |of: fn(&Pair) -> &str| pairs.iter().map(of).collect::<Vec<_>>();
    let open = |side: Side<'_>, names: &[&str]| Opened::new(side, names, shapes, &request.fed);
    let mut reference = open(request.reference, &names(|pair| &pair.reference))?;
    // names of the other model have sizes of their own, which its run shows
    let mut subject = open(request.subject, &names(|pair| &pair.subject))?;
    let inputs = request.fed.inputs;
    let mut found = vec![Found::default(); pairs.len()];
    for set in reference.sets(inputs)? {
        reference.infer(set, inputs)?;
        subject.infer(set, inputs)?;
        for (pair, found) in pairs.iter().zip(&mut found) {
            let (expected_dims, expected) = reference.value(&pair.reference)?;
            let (dims, values) = subject.value(&pair.subject)?;
            if dims != expected_dims {
                let name = &pair.reference;
                let message =
                    format!("`{name}` has shape {dims:?}, in the reference {expected_dims:?}");
                return Err(Fault::verification(message).into());
            }
            found.add(&values, &expected);
        }
    }
    Ok(found)
}
