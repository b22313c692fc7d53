//! One ONNX Runtime session with its own threads and its own bound buffers.
//!
//! Inputs and outputs are bound once; an inference is one call that allocates nothing on our side.
#![expect(unsafe_code, reason = "one direct call in the timed region, and buffers as bytes")]

use std::fmt::Display;
use std::path::Path;

use ::ort::AsPointer as _;
use ::ort::ErrorCode;
use ::ort::ep;
use ::ort::logging::LogLevel;
use ::ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ::ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ::ort::session::{IoBinding, Session as Inner};
use ::ort::value::{DynTensor, Outlet, TensorElementType, ValueType};

use super::ID;
use super::library::Library;
use crate::border::{self, OpenSpec, no_tensor, settle};
use crate::error::{Error, Result};
use crate::input::{Feeds, fill};
use crate::onnx;
use crate::onnx::node;
use crate::onnx::shape::Dim;
use crate::traits::{BuildRequest, OpenOptions, Session};
use crate::types::{ElementType, TensorSpec};

/// A builder with everything that builds, plain models and engines have in common.
pub(super) fn builder(
    library: &Library,
    options: &OpenOptions,
    level: GraphOptimizationLevel,
) -> Result<SessionBuilder> {
    let configure = || -> ::ort::Result<SessionBuilder> {
        let cpu = ep::CPU::default().with_arena_allocator(true).build().error_on_failure();
        Ok(Inner::builder(&library.environment)?
            .with_log_level(LogLevel::Error)?
            .with_optimization_level(level)?
            .with_intra_threads(options.threads.max(1))?
            .with_inter_threads(1)?
            .with_parallel_execution(false)?
            .with_memory_pattern(true)?
            .with_intra_op_spinning(options.spinning)?
            .with_execution_providers([cpu])?)
    };
    configure().map_err(|error| setting(&error))
}

/// An error while options are set.
pub(super) fn setting<R>(error: &::ort::Error<R>) -> Error {
    failed("session options", error)
}

/// Loads a model or an engine.
pub(super) fn loaded(
    library: &Library,
    path: &Path,
    options: &OpenOptions,
    level: GraphOptimizationLevel,
) -> Result<Inner> {
    builder(library, options, level)?.commit_from_file(path).map_err(|error| explain(path, &error))
}

/// Sizes for the symbols of the inputs that the request gives shapes for, so that the engine is built
/// for them; what it gives no shape for stays open.
pub(super) fn symbols(request: &BuildRequest<'_>) -> Result<Vec<(String, i64)>> {
    let mut found: Vec<(String, i64)> = Vec::new();
    if request.shapes.is_empty() {
        return Ok(found);
    }
    let graph = onnx::load(request.model)?.graph.unwrap_or_default();
    for value in onnx::inputs(&graph) {
        let given = request.shapes.iter().find(|(name, _)| *name == value.name);
        let dims = node::type_and_dims(value).1.unwrap_or_default();
        for (dim, &size) in dims.iter().zip(given.map_or(&[][..], |(_, sizes)| sizes)) {
            let Dim::Symbol(symbol) = dim else { continue };
            let size = size as i64;
            match found.iter().find(|(known, _)| known == symbol) {
                None => found.push((symbol.clone(), size)),
                Some((_, known)) if *known == size => {}
                Some((_, known)) => {
                    let reason = format!("`{symbol}` cannot be {known} and {size} at once");
                    return Err(Error::Shape { input: value.name.clone(), reason });
                }
            }
        }
    }
    Ok(found)
}

/// Whether sizes are open that neither the shapes nor a default settles, or do not fit.
pub(super) fn check_shapes(session: &Inner, shapes: &[(String, Vec<usize>)]) -> Result<()> {
    settle(&specs(session.inputs())?, shapes).map(drop)
}

/// Why a model could not be loaded: what is wrong with the file comes before what the library says.
pub(super) fn explain(path: &Path, error: &::ort::Error) -> Error {
    if let Err(error) = onnx::load(path) {
        return error;
    }
    let message = error.message().trim();
    let operator = ["is not a registered function/op", "Could not find an implementation"];
    let opset = ["Opset", "opset"];
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    if error.code() == ErrorCode::NotImplemented || says(&operator) || says(&opset) {
        return Error::Unsupported {
            backend: ID,
            what: format!("run {}: {message}", path.display()),
        };
    }
    match error.code() {
        ErrorCode::InvalidGraph
        | ErrorCode::InvalidProtobuf
        | ErrorCode::InvalidArgument
        | ErrorCode::NoModel
        | ErrorCode::NoSuchFile
        | ErrorCode::GenericFailure => {
            Error::Model { path: path.to_owned(), reason: message.to_owned() }
        }
        _ => failed("loading the model", &message),
    }
}

fn failed(what: &'static str, reason: &dyn Display) -> Error {
    Error::Engine { backend: ID, what, reason: reason.to_string() }
}

/// A session with bound buffers.
pub(super) struct OrtSession {
    // the binding and the tensors point into the session, which is dropped last
    binding: IoBinding,
    input_tensors: Vec<DynTensor>,
    output_tensors: Vec<DynTensor>,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    threads: usize,
    feeds: Feeds,
    session: Inner,
}

impl OrtSession {
    /// Allocates and binds all buffers; runs once when only that shows the sizes of the outputs.
    pub(super) fn new(mut session: Inner, path: &Path, options: &OpenOptions) -> Result<Self> {
        let bind = |error| explain(path, &error);
        let inputs = settle(&specs(session.inputs())?, &options.shapes)?;
        let mut binding = session.create_binding().map_err(bind)?;
        options.feeds.check(&inputs)?;
        let mut input_tensors = inputs.iter().map(tensor).collect::<Result<Vec<_>>>()?;
        for (spec, tensor) in inputs.iter().zip(&input_tensors) {
            binding.bind_input(spec.name.as_str(), tensor).map_err(bind)?;
        }
        let stated = specs(session.outputs())?;
        let closed: Option<Vec<TensorSpec>> = stated.iter().map(OpenSpec::closed).collect();
        let outputs = if let Some(closed) = closed {
            closed
        } else {
            for (index, (spec, tensor)) in inputs.iter().zip(&mut input_tensors).enumerate() {
                let values = fill(&options.feeds, 0, index, spec);
                border::write(spec.element, bytes_mut(tensor, spec), &values);
            }
            run_for_sizes(&mut session, &mut binding, &stated)
                .map_err(|error| options.feeds.explain(error, &inputs))?
        };
        let mut output_tensors = outputs.iter().map(tensor).collect::<Result<Vec<_>>>()?;
        for (spec, tensor) in outputs.iter().zip(&mut output_tensors) {
            binding.bind_output(spec.name.as_str(), tensor).map_err(bind)?;
        }
        let threads = options.threads.max(1);
        let feeds = options.feeds.clone();
        let mut opened = Self {
            binding,
            input_tensors,
            output_tensors,
            inputs,
            outputs,
            threads,
            feeds,
            session,
        };
        opened.poison_outputs()?;
        Ok(opened)
    }
}

fn run_for_sizes(
    session: &mut Inner,
    binding: &mut IoBinding,
    stated: &[OpenSpec],
) -> Result<Vec<TensorSpec>> {
    let run = |error| failed("a run for the sizes of the outputs", &error);
    let memory =
        MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::CPUOutput)
            .map_err(run)?;
    for spec in stated {
        binding.bind_output_to_device(spec.name.as_str(), &memory).map_err(run)?;
    }
    let found = {
        let values = session.run_binding(binding).map_err(run)?;
        stated
            .iter()
            .map(|spec| {
                let shape = values.get(spec.name.as_str()).and_then(|v| v.dtype().tensor_shape());
                let dims = shape.ok_or_else(|| no_tensor(ID, &spec.name))?;
                let dims = dims.iter().map(|&size| size as usize).collect();
                Ok(TensorSpec { name: spec.name.clone(), element: spec.element, dims })
            })
            .collect::<Result<Vec<_>>>()
    };
    binding.clear_outputs();
    found
}

impl Session for OrtSession {
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
        let spec = &self.inputs[index];
        if spec.len() != values.len() {
            let reason = format!("expected {} values, got {}", spec.len(), values.len());
            return Err(failed("set_input", &reason));
        }
        border::write(spec.element, bytes_mut(&mut self.input_tensors[index], spec), values);
        Ok(())
    }

    fn infer(&mut self) -> Result<()> {
        let session = self.session.ptr().cast_mut();
        // SAFETY: session and binding live as long as `self`; `&mut self` keeps other threads out;
        // null run options mean the defaults.
        let status =
            unsafe { (::ort::api().RunWithBinding)(session, std::ptr::null(), self.binding.ptr()) };
        // SAFETY: the status comes from the call above and is taken over once.
        unsafe { ::ort::Error::result_from_status(status) }
            .map_err(|error| self.feeds.explain(failed("infer", &error), &self.inputs))
    }

    fn poison_outputs(&mut self) -> Result<()> {
        for (spec, tensor) in self.outputs.iter().zip(&mut self.output_tensors) {
            border::poison(spec.element, bytes_mut(tensor, spec));
        }
        Ok(())
    }

    fn output(&self, index: usize) -> Result<Vec<f32>> {
        let spec = &self.outputs[index];
        Ok(border::read(spec.element, bytes(&self.output_tensors[index], spec)))
    }
}

/// A tensor in the processor's memory.
fn tensor(spec: &TensorSpec) -> Result<DynTensor> {
    let element = match spec.element {
        ElementType::F32 => TensorElementType::Float32,
        ElementType::F16 => TensorElementType::Float16,
        ElementType::I64 => TensorElementType::Int64,
        ElementType::I32 => TensorElementType::Int32,
        ElementType::F64 => TensorElementType::Float64,
        ElementType::I8 => TensorElementType::Int8,
        ElementType::U8 => TensorElementType::Uint8,
        ElementType::Bool => TensorElementType::Bool,
    };
    DynTensor::new(&Allocator::default(), element, spec.dims.as_slice())
        .map_err(|error| failed("allocating a buffer", &error))
}

fn bytes<'a>(tensor: &'a DynTensor, spec: &TensorSpec) -> &'a [u8] {
    if spec.is_empty() {
        return &[];
    }
    let length = spec.len() * border::element_size(spec.element);
    // SAFETY: `tensor()` allocated exactly these elements in host memory, set to zero.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), length) }
}

fn bytes_mut<'a>(tensor: &'a mut DynTensor, spec: &TensorSpec) -> &'a mut [u8] {
    if spec.is_empty() {
        return &mut [];
    }
    let length = spec.len() * border::element_size(spec.element);
    // SAFETY: as in `bytes`; the engine touches the buffer only inside `infer`, which has `&mut self`.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr_mut().cast(), length) }
}

fn specs(outlets: &[Outlet]) -> Result<Vec<OpenSpec>> {
    outlets
        .iter()
        .map(|outlet| {
            let name = outlet.name().to_owned();
            let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
                return Err(no_tensor(ID, &name));
            };
            let element = match ty {
                TensorElementType::Float32 => ElementType::F32,
                TensorElementType::Float16 => ElementType::F16,
                TensorElementType::Int64 => ElementType::I64,
                TensorElementType::Int32 => ElementType::I32,
                TensorElementType::Float64 => ElementType::F64,
                TensorElementType::Int8 => ElementType::I8,
                TensorElementType::Uint8 => ElementType::U8,
                TensorElementType::Bool => ElementType::Bool,
                _ => return Err(no_tensor(ID, &name)),
            };
            let dims = shape.iter().map(|&size| usize::try_from(size).ok()).collect();
            Ok(OpenSpec { name, element, dims: Some(dims) })
        })
        .collect()
}
