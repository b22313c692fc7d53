//! A session of rten: its own model, its own threads, and outputs that are moved out of a run.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use ::rten::{
    DataType, Dimension, LoadError, LoadErrorKind, Model, ModelOptions, NodeId, RunOptions,
    ThreadPool, Value, ValueOrView, ValueType, ValueView,
};
use prost::Message as _;
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

use super::outline::Outline;
use super::{ID, view};
use crate::border::{OpenSpec, settle};
use crate::error::{Error, Result};
use crate::input::{self, Feeds};
use crate::onnx;
use crate::traits::{OpenOptions, Session};
use crate::types::{ElementType, TensorSpec};

/// How a model is prepared while it loads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Optimised, weights packed: what is measured.
    Engine,
    /// Without rten's own fusions.
    Plain,
    /// As [`Plan::Plain`], and what the file says is not put into rten's words.
    AsWritten,
}

/// Loads a model, or the view of it that rten needs. rten reads external data only from files called
/// `….data` or `….onnx_data…`; any other name is read by us and handed over in memory.
fn load(path: &Path, plan: Plan) -> Result<Model> {
    let mut options = ModelOptions::with_all_ops();
    options.enable_optimization(plan == Plan::Engine).prepack_weights(plan == Plan::Engine);
    if plan != Plan::AsWritten
        && let Some(mut model) = view::of(path, onnx::load(path)?)?
    {
        onnx::file::inline_external(path, &mut model)?;
        let bytes = onnx::file::encode(&model)?;
        drop(model);
        return options.load(bytes).map_err(|error| explain(path, &error));
    }
    match options.load_file(path) {
        Err(error) if error.kind() == LoadErrorKind::ExternalDataError => {
            let mut model = onnx::load(path)?;
            onnx::file::inline_external(path, &mut model)?;
            options.load(model.encode_to_vec())
        }
        loaded => loaded,
    }
    .map_err(|error| explain(path, &error))
}

/// A model with buffers for its inputs.
pub(super) struct RtenSession {
    model: Model,
    run_options: RunOptions,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    output_ids: Vec<NodeId>,
    fed: Vec<(NodeId, Fed)>,
    results: Vec<Value>,
    threads: usize,
    feeds: Feeds,
}

/// An input buffer.
enum Fed {
    Float(Tensor<f32>),
    Int(Tensor<i32>),
    Int8(Tensor<i8>),
    UInt8(Tensor<u8>),
}

impl RtenSession {
    /// Loads a model; runs it once when only that shows the sizes of its outputs.
    pub(super) fn open(path: &Path, options: &OpenOptions, plan: Plan) -> Result<Self> {
        let outline = Outline::read(path)?;
        let model = unpanicked("load", || load(path, plan))??;
        let inputs = settle(&specs(path, &outline, &model, model.input_ids())?, &options.shapes)?;
        options.feeds.check(&inputs)?;
        let fed = model.input_ids().iter().zip(&inputs).map(|(&id, spec)| (id, zeros(spec)));
        let mut session = Self {
            fed: fed.collect(),
            output_ids: model.output_ids().to_vec(),
            run_options: RunOptions::default().with_thread_pool(Some(Arc::new(
                ThreadPool::with_num_threads(options.threads.max(1)),
            ))),
            threads: options.threads.max(1),
            feeds: options.feeds.clone(),
            inputs,
            outputs: Vec::new(),
            results: Vec::new(),
            model,
        };
        session.outputs = session.output_specs(path, &outline)?;
        session.poison_outputs()?;
        Ok(session)
    }

    /// Whether a model loads and its sizes are settled; nothing is run.
    pub(super) fn check(path: &Path, options: &OpenOptions) -> Result<()> {
        let outline = Outline::read(path)?;
        let model = unpanicked("load", || load(path, Plan::Engine))??;
        settle(&specs(path, &outline, &model, model.input_ids())?, &options.shapes).map(drop)
    }

    /// Sizes of the outputs as the model states them, else as one run shows them.
    fn output_specs(&mut self, path: &Path, outline: &Outline) -> Result<Vec<TensorSpec>> {
        let stated = specs(path, outline, &self.model, &self.output_ids)?;
        let closed: Option<Vec<TensorSpec>> = stated.iter().map(OpenSpec::closed).collect();
        if let Some(closed) = closed {
            return Ok(closed);
        }
        for index in 0..self.inputs.len() {
            let values = input::fill(&self.feeds, 0, index, &self.inputs[index]);
            self.set_input(index, &values)?;
        }
        self.infer()?;
        stated
            .into_iter()
            .zip(&self.results)
            .map(|(spec, value)| {
                element_of(value.dtype()).ok_or_else(|| no_border(&spec.name))?;
                let dims = value.shape().to_vec();
                Ok(TensorSpec { name: spec.name, element: spec.element, dims })
            })
            .collect()
    }
}

impl Session for RtenSession {
    fn inputs(&self) -> &[TensorSpec] {
        &self.inputs
    }

    fn outputs(&self) -> &[TensorSpec] {
        &self.outputs
    }

    fn threads(&self) -> Option<usize> {
        Some(self.threads)
    }

    fn set_input(&mut self, index: usize, values: &[f32]) -> Result<()> {
        match &mut self.fed[index].1 {
            Fed::Float(tensor) => fill(tensor, values, |v| v),
            Fed::Int(tensor) => fill(tensor, values, |v| v as i32),
            Fed::Int8(tensor) => fill(tensor, values, |v| v as i8),
            Fed::UInt8(tensor) => fill(tensor, values, |v| v as u8),
        }
    }

    fn infer(&mut self) -> Result<()> {
        let inputs: Vec<(NodeId, ValueOrView<'_>)> =
            self.fed.iter().map(|(id, fed)| (*id, fed.view())).collect();
        let run = || self.model.run(inputs, &self.output_ids, Some(self.run_options.clone()));
        let results = unpanicked("infer", run)
            .and_then(|results| results.map_err(|error| failed("infer", &error)));
        self.results = results.map_err(|error| self.feeds.explain(error, &self.inputs))?;
        Ok(())
    }

    fn poison_outputs(&mut self) -> Result<()> {
        self.results = self
            .outputs
            .iter()
            .map(|spec| match spec.element {
                ElementType::I64 | ElementType::I32 | ElementType::Bool => {
                    Tensor::<i32>::full(spec.dims.as_slice(), i32::MIN).into()
                }
                ElementType::I8 => Tensor::<i8>::full(spec.dims.as_slice(), i8::MIN).into(),
                ElementType::U8 => Tensor::<u8>::full(spec.dims.as_slice(), u8::MAX).into(),
                ElementType::F32 | ElementType::F16 | ElementType::F64 => {
                    Tensor::<f32>::full(spec.dims.as_slice(), f32::NAN).into()
                }
            })
            .collect();
        Ok(())
    }

    fn output(&self, index: usize) -> Result<Vec<f32>> {
        match self.results[index].as_view() {
            ValueView::FloatTensor(view) => Ok(view.to_vec()),
            ValueView::Int32Tensor(view) => Ok(view.iter().map(|&value| value as f32).collect()),
            ValueView::Int8Tensor(view) => Ok(view.iter().map(|&value| value.into()).collect()),
            ValueView::UInt8Tensor(view) => Ok(view.iter().map(|&value| value.into()).collect()),
            _ => Err(no_border(&self.outputs[index].name)),
        }
    }
}

impl Fed {
    fn view(&self) -> ValueOrView<'_> {
        match self {
            Self::Float(tensor) => tensor.into(),
            Self::Int(tensor) => tensor.into(),
            Self::Int8(tensor) => tensor.into(),
            Self::UInt8(tensor) => tensor.into(),
        }
    }
}

fn fill<T>(tensor: &mut Tensor<T>, values: &[f32], convert: impl Fn(f32) -> T) -> Result<()> {
    let reason = || format!("expected {} values, got {}", tensor.len(), values.len());
    if tensor.len() != values.len() {
        return Err(failed("set_input", &reason()));
    }
    let Some(slots) = tensor.data_mut() else {
        return Err(failed("set_input", &"the input buffer is not contiguous"));
    };
    slots.iter_mut().zip(values).for_each(|(slot, &value)| *slot = convert(value));
    Ok(())
}

fn zeros(spec: &TensorSpec) -> Fed {
    match spec.element {
        ElementType::I64 | ElementType::I32 | ElementType::Bool => {
            Fed::Int(Tensor::zeros(spec.dims.as_slice()))
        }
        ElementType::I8 => Fed::Int8(Tensor::zeros(spec.dims.as_slice())),
        ElementType::U8 => Fed::UInt8(Tensor::zeros(spec.dims.as_slice())),
        ElementType::F32 | ElementType::F16 | ElementType::F64 => {
            Fed::Float(Tensor::zeros(spec.dims.as_slice()))
        }
    }
}

fn specs(path: &Path, outline: &Outline, model: &Model, ids: &[NodeId]) -> Result<Vec<OpenSpec>> {
    ids.iter()
        .map(|&id| {
            let info = model.node_info(id).ok_or_else(|| Error::Model {
                path: path.to_owned(),
                reason: "an input or output is no value of the graph".to_owned(),
            })?;
            let name = info.name().unwrap_or_default().to_owned();
            let element = match (outline.element(&name), info.dtype()) {
                (Some(stated), _) => stated?,
                (None, Some(dtype)) => element_of(dtype).ok_or_else(|| no_border(&name))?,
                (None, None) => ElementType::F32,
            };
            let dims = info.shape().map(|dims| dims.iter().map(fixed).collect());
            Ok(OpenSpec { name, element, dims })
        })
        .collect()
}

fn fixed(dim: &Dimension) -> Option<usize> {
    match dim {
        Dimension::Fixed(size) => Some(*size),
        Dimension::Symbolic(_) => None,
    }
}

fn element_of(dtype: ValueType) -> Option<ElementType> {
    match dtype {
        ValueType::Tensor(DataType::Float) => Some(ElementType::F32),
        ValueType::Tensor(DataType::Int32) => Some(ElementType::I32),
        ValueType::Tensor(DataType::Int8) => Some(ElementType::I8),
        ValueType::Tensor(DataType::UInt8) => Some(ElementType::U8),
        _ => None,
    }
}

fn no_border(name: &str) -> Error {
    Error::Unsupported {
        backend: ID,
        what: format!("`{name}` is neither a float nor an integer tensor"),
    }
}

/// What rten answers; a model with absurd sizes makes it panic, which is the model's error and not ours.
fn unpanicked<T>(what: &'static str, work: impl FnOnce() -> T) -> Result<T> {
    // what rten was about to change is dropped or overwritten by the next run
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        failed(what, &format!("rten panicked: {}", text.as_deref().unwrap_or("no reason given")))
    })
}

fn failed(what: &'static str, reason: &dyn Display) -> Error {
    Error::Engine { backend: ID, what, reason: reason.to_string() }
}

/// Why a model could not be loaded: what is wrong with the file comes before what rten says.
fn explain(path: &Path, error: &LoadError) -> Error {
    if let Err(error) = onnx::load(path) {
        return error;
    }
    match error.kind() {
        LoadErrorKind::OperatorInvalid | LoadErrorKind::GraphError => {
            Error::Unsupported { backend: ID, what: format!("run {}: {error}", path.display()) }
        }
        _ => Error::Model { path: path.to_owned(), reason: error.to_string() },
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
