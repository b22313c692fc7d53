//! What a model file says of itself: rows for the artifacts, and everything that `inspect` shows.

pub mod device;
mod json;
mod plot;
pub mod roofline;
mod rows;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use backend::onnx::cost::{Cost, costs, total, weight_bytes};
use backend::onnx::node::type_and_dims;
use backend::onnx::proto::{GraphProto, ModelProto, ValueInfoProto};
use backend::onnx::shape::{self, Dim, Shapes};
use backend::onnx::{inputs, opset, parameters};
use pipeline::Fault;

use crate::drawing::Drawing;
use crate::fp16::precision_of;
use crate::{load_with_digest, sizes};
use device::Device;
use roofline::Roofline;

/// Sizes of all inputs whose only open dimension is the first, which becomes 1.
fn one_image(graph: &GraphProto) -> Vec<(String, Vec<usize>)> {
    let sizes = |dims: Vec<Dim>| -> Option<Vec<usize>> {
        let size = |(index, dim): (usize, &Dim)| dim.fixed().or((index == 0).then_some(1));
        dims.iter().enumerate().map(size).collect()
    };
    let entry =
        |input: &ValueInfoProto| Some((input.name.clone(), sizes(type_and_dims(input).1?)?));
    inputs(graph).into_iter().filter_map(entry).collect()
}

/// What is asked of a model file.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The file.
    pub path: PathBuf,
    /// Sizes of inputs with open dimensions.
    pub shapes: Vec<(String, Vec<usize>)>,
    /// The device whose roofline is wanted.
    pub device: Option<Device>,
    /// Whether float32 products may run with operands rounded to TF32.
    pub tf32: bool,
}

/// What a model file holds and costs.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The file.
    pub path: PathBuf,
    /// Digest of the file and its external data.
    pub digest: String,
    /// The tool that wrote the file, with its version.
    pub producer: String,
    /// Version of the file format.
    pub ir_version: i64,
    /// Version of the default operator set.
    pub opset: i64,
    /// `fp32` or `fp16`.
    pub precision: String,
    /// Inputs as `name: f32[1,3,224,224]`, as they were closed for the counts.
    pub inputs: Vec<String>,
    /// Outputs likewise.
    pub outputs: Vec<String>,
    /// Trained parameters.
    pub parameters: u64,
    /// Bytes of all weights.
    pub weight_bytes: u64,
    /// Bytes of the model's inputs and outputs; `None` when their sizes are open.
    pub io_bytes: Option<u64>,
    /// Every operator.
    pub layers: Vec<Cost>,
    /// Parameters of every operator, those that two share at both.
    pub layer_parameters: Vec<u64>,
    /// Roofline on the device that was asked for.
    pub roofline: Option<(Device, Roofline)>,
    /// Whether it lets float32 run as TF32.
    pub tf32: bool,
}

/// Sums over operators; a sum is `None` when one of its parts is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Number of operators.
    pub count: u64,
    /// Floating-point operations.
    pub flops: Option<u64>,
    /// Bytes of weights.
    pub weights: u64,
    /// Bytes of activations.
    pub activations: Option<u64>,
}

impl Sums {
    fn of<'a>(costs: impl Iterator<Item = &'a Cost> + Clone) -> Self {
        Self {
            count: costs.clone().count() as u64,
            flops: total(costs.clone().map(|cost| cost.flops)),
            weights: total(costs.clone().map(|cost| Some(cost.weight_bytes))).unwrap_or(u64::MAX),
            activations: total(costs.map(|cost| cost.activation_bytes)),
        }
    }

    /// Weights and activations together.
    pub fn bytes(&self) -> Option<u64> {
        self.activations?.checked_add(self.weights)
    }

    /// Operations a byte.
    pub fn intensity(&self) -> Option<f64> {
        let bytes = self.bytes().filter(|&bytes| bytes > 0)?;
        Some(self.flops? as f64 / bytes as f64)
    }
}

impl Inspection {
    /// Reads a file. An open first dimension counts as 1 unless the request gives a size.
    ///
    /// # Errors
    /// Exit 2: a file that is no model, a shape that does not fit it.
    pub fn read(request: &Request) -> Result<Self> {
        let (model, digest) = load_with_digest(&request.path)?;
        Self::of(model, digest, request)
    }

    /// Inspects a model that is in memory.
    ///
    /// # Errors
    /// Exit 2: a shape that does not fit.
    pub fn of(mut model: ModelProto, digest: String, request: &Request) -> Result<Self> {
        sizes::settle(&mut model, None, &request.shapes)?;
        let open = model.graph.as_ref().map(one_image).unwrap_or_default();
        let shapes = shape::infer(&model, &open);
        let empty = GraphProto::default();
        let graph = model.graph.as_ref().unwrap_or(&empty);
        let layers = costs(&model, &shapes);
        let io_bytes = io_bytes(graph, &shapes);
        let stored = weight_bytes(&model);
        let read = Sums::of(layers.iter()).weights;
        let once = read.min(stored).saturating_add(io_bytes.unwrap_or(0));
        let roofline =
            |device: &Device| (device.clone(), Roofline::of(&layers, once, device, request.tf32));
        Ok(Self {
            path: request.path.clone(),
            digest,
            producer: format!("{} {}", model.producer_name, model.producer_version)
                .trim()
                .to_owned(),
            ir_version: model.ir_version,
            opset: opset(&model),
            precision: precision_of(&model).to_string(),
            inputs: closed(inputs(graph).into_iter(), &shapes),
            outputs: closed(graph.output.iter(), &shapes),
            parameters: parameters(graph),
            weight_bytes: stored,
            io_bytes,
            roofline: request.device.as_ref().map(roofline),
            layer_parameters: layer_parameters(graph),
            layers,
            tf32: request.tf32,
        })
    }

    /// As tables of at most 100 columns, line by line.
    pub fn lines(&self) -> Vec<String> {
        text::lines(self)
    }

    /// As JSON.
    pub fn json(&self) -> serde_json::Value {
        json::value(self)
    }

    /// The roofline as a drawing; `None` without a device or without products.
    pub fn figure(&self) -> Option<::plot::Figure> {
        plot::figure(self)
    }

    /// Sums over all operators.
    pub fn sums(&self) -> Sums {
        Sums::of(self.layers.iter())
    }

    /// Sums by operator type, the dearest first: by operations, then bytes, then name.
    pub fn by_type(&self) -> Vec<(&str, Sums)> {
        let mut types: BTreeMap<&str, Vec<&Cost>> = BTreeMap::new();
        for cost in &self.layers {
            types.entry(&cost.op_type).or_default().push(cost);
        }
        let mut types: Vec<(&str, Sums)> = types
            .into_iter()
            .map(|(name, costs)| (name, Sums::of(costs.iter().copied())))
            .collect();
        types.sort_by_key(|(_, sums)| std::cmp::Reverse((sums.flops, sums.bytes())));
        types
    }
}

/// Inputs or outputs with the sizes that the counts assume.
fn closed<'a>(values: impl Iterator<Item = &'a ValueInfoProto>, shapes: &Shapes) -> Vec<String> {
    let entry = |info: &ValueInfoProto| {
        let known = shapes.get(&info.name).filter(|value| value.dims.is_some());
        backend::onnx::model::describe(&known.map_or_else(
            || info.clone(),
            |value| {
                backend::onnx::node::value_info(&info.name, value.element, value.dims.as_deref())
            },
        ))
    };
    values.map(entry).collect()
}

fn io_bytes(graph: &GraphProto, shapes: &Shapes) -> Option<u64> {
    let bytes = |name: &str| Some(shapes.get(name)?.bytes()? as u64);
    let names = inputs(graph).into_iter().chain(&graph.output).map(|value| value.name.as_str());
    total(names.map(bytes))
}

/// Elements of the floating-point weights of each operator.
fn layer_parameters(graph: &GraphProto) -> Vec<u64> {
    use backend::onnx::tensor::{element_count, is_float};
    let weights: BTreeMap<&str, u64> = graph
        .initializer
        .iter()
        .filter(|tensor| is_float(tensor.data_type))
        .map(|tensor| (tensor.name.as_str(), element_count(tensor).unwrap_or(0) as u64))
        .collect();
    let count = |node: &backend::onnx::proto::NodeProto| {
        let counts = node.input.iter().filter_map(|name| weights.get(name.as_str()));
        counts.fold(0_u64, |sum, &n| sum.saturating_add(n))
    };
    graph.node.iter().map(count).collect()
}

/// The command `inspect`: prints what a model is, as tables or as JSON, and draws its roofline into a file.
///
/// # Errors
/// As [`Inspection::read`]; exit 2 for a drawing of another format, or when there is no roofline to draw.
pub fn command(request: &Request, as_json: bool, drawing: Option<&Path>) -> Result<()> {
    let drawing = drawing.map(Drawing::of).transpose()?;
    let inspection = Inspection::read(request)?;
    if let Some(drawing) = drawing {
        let missing = || {
            Fault::config("--plot: there is no roofline to draw")
                .hint("it needs --device, and a model with products of known shapes")
        };
        drawing.write(&inspection.figure().ok_or_else(missing)?)?;
    }
    if as_json {
        crate::say::data(&serde_json::to_string(&inspection.json())?);
    } else {
        for line in inspection.lines() {
            crate::say::data(&line);
        }
    }
    Ok(())
}

pub use rows::rows;
/// `25557032` → `25,557,032`.
pub use text::grouped;

#[cfg(test)]
mod tests;
