//! The graph of any ONNX model with seeded weights in place of its own.
//!
//! Models that travel without their weights (those of the ONNX package hold one constant a tensor) prove
//! operators and shapes, not numbers: their answers are uniform or overflow. With weights that keep every
//! activation near 1 and answers that differ from input to input, two engines can be compared.
//!
//! ```text
//! roles: which constants are weights, and of what  →  draw: He's initialisation and its kin, from the seed
//!     →  calibrate: one run over seeded inputs gives scales, biases and running statistics  →  the new file
//! ```
//!
//! Integers, shapes, single numbers and operands of other operators stay as they are; what was replaced
//! and what was left is told. Each tensor has a stream of its own, by its name. Engines differ in the last bits;
//! what was measured is kept to 8, so that a seed rarely gives another file between processor families; on one
//! machine the file repeats.

mod calibrate;
mod draw;
mod graph;
mod residual;
mod roles;
mod sites;

use std::collections::{BTreeMap, HashSet};

use anyhow::{Context as _, Result};
use backend::Environment;
use backend::onnx::proto::{GraphProto, ModelProto, StringStringEntryProto, TensorProto};
use backend::onnx::tensor;
use backend::onnx::upgrade::without_default_inputs;
use pipeline::Fault;

use calibrate::Measured;
use roles::{Place, Plan, Role, Weight};

/// What `tailmark.weights` says in the metadata of such a model, and its source in `models.parquet`.
pub const SEEDED: &str = "seeded weights";

/// Elements of float32 that fit into one ONNX file.
const MOST_ELEMENTS: u64 = (1 << 29) - (1 << 20);

/// What became of the constants of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Tensors and elements that were replaced, by what they are for.
    pub replaced: BTreeMap<&'static str, (usize, usize)>,
    /// Constants of floating-point numbers that were left, with the reason.
    pub left: Vec<(String, String)>,
    /// Layers and normalisations whose statistics were measured.
    pub calibrated: usize,
}

/// Puts seeded weights into a model whose external data has been read.
///
/// # Errors
/// Exit 2: a model without a graph or without weights, or one that no engine here can run for calibration.
pub fn reweight(
    mut model: ModelProto,
    seed: u64,
    shapes: &[(String, Vec<usize>)],
    environment: &Environment,
) -> Result<(ModelProto, Report)> {
    let plan = roles::plan(&model, shapes);
    if let Some(name) = &plan.too_large {
        let message = format!("the constant {name} would not fit into one ONNX file (2 GiB)");
        return Err(Fault::config(message).into());
    }
    if plan.weights.is_empty() {
        let message = "no constant of the model looks like a weight: nothing to replace";
        return Err(Fault::config(message).hint("give a model with Conv, Gemm or MatMul").into());
    }
    let elements = plan.weights.iter().map(|weight| weight.dims.iter().product::<usize>() as u64);
    if elements.fold(0, u64::saturating_add) > MOST_ELEMENTS {
        let message = "the weights would not fit into one ONNX file (2 GiB)";
        return Err(Fault::config(message).into());
    }
    let graph = model.graph.as_mut().context("a model without graph")?;
    without_default_inputs(graph);
    let residuals = residual::gains(graph, &plan);
    // above zero a ReLU bends less: without shortcuts, layer after layer, rounding is then magnified by 1.15
    // and not by 1.21 (root of the slope's mean square over the variance that is left)
    let shift = if residuals.chain == 0 { 0.3 } else { 0.0 };
    for weight in &plan.weights {
        let scale = residuals.scales.get(&weight.name).copied().unwrap_or(1.0);
        put(graph, weight, &draw::draw(weight, seed, draw::Means { scale, shift }))?;
    }
    drop_filled(graph, &plan);
    let measured = calibrate::calibrate(&model, &plan, &residuals, seed, shapes, environment)?;
    let graph = model.graph.as_mut().context("a model without graph")?;
    let calibrated = measured.sites;
    apply(graph, &plan, &measured)?;
    model.ir_version = model.ir_version.max(4);
    say_so(&mut model, seed);
    let mut report = Report { left: plan.left, calibrated, ..Report::default() };
    for weight in &plan.weights {
        let (tensors, elements) = report.replaced.entry(weight.role.as_str()).or_default();
        *tensors += 1;
        *elements += weight.dims.iter().product::<usize>();
    }
    Ok((model, report))
}

/// Whether a model says that its weights are seeded, and with which seed.
pub fn seed_of(model: &ModelProto) -> Option<i64> {
    let entry = |key: &str| model.metadata_props.iter().find(|entry| entry.key == key);
    (entry("tailmark.weights")?.value == SEEDED).then_some(())?;
    entry("tailmark.seed")?.value.parse().ok()
}

/// Puts values into the tensor of a weight; a `ConstantOfShape` gets a tensor of its own.
fn put(graph: &mut GraphProto, weight: &Weight, values: &[f32]) -> Result<()> {
    let new = tensor_of(weight, values);
    match weight.place {
        Place::Initializer(index) => {
            *graph.initializer.get_mut(index).context("a weight that is not there")? = new;
        }
        Place::Constant(node) => {
            let node = graph.node.get_mut(node).context("a Constant that is not there")?;
            node.attribute = vec![backend::onnx::node::attr_tensor("value", new)];
        }
        Place::Filled(_) => graph.initializer.push(new),
    }
    Ok(())
}

fn tensor_of(weight: &Weight, values: &[f32]) -> TensorProto {
    use backend::onnx::proto::DataType;
    match DataType::try_from(weight.element) {
        Ok(DataType::Float16) => {
            let halves: Vec<half::f16> = values.iter().map(|&v| half::f16::from_f32(v)).collect();
            tensor::from_f16(&weight.name, &weight.dims, &halves)
        }
        Ok(DataType::Double) => TensorProto {
            data_type: weight.element,
            raw_data: Some(values.iter().flat_map(|&v| f64::from(v).to_le_bytes()).collect()),
            ..tensor::from_f32(&weight.name, &weight.dims, &[])
        },
        _ => tensor::from_f32(&weight.name, &weight.dims, values),
    }
}

/// Removes the nodes whose outputs are tensors now, and initializers that nothing reads any more.
fn drop_filled(graph: &mut GraphProto, plan: &Plan) {
    let filled: HashSet<usize> = plan
        .weights
        .iter()
        .filter_map(|weight| match weight.place {
            Place::Filled(node) => Some(node),
            _ => None,
        })
        .collect();
    let shapes: HashSet<String> =
        filled.iter().filter_map(|&node| graph.node.get(node)?.input.first().cloned()).collect();
    let mut index = 0;
    graph.node.retain(|_| {
        index += 1;
        !filled.contains(&(index - 1))
    });
    let mut read = HashSet::new();
    graph::names_read(graph, &mut read);
    graph.initializer.retain(|t| !shapes.contains(&t.name) || read.contains(&t.name));
}

/// Scales filters by what was measured and writes biases and statistics.
fn apply(graph: &mut GraphProto, plan: &Plan, measured: &Measured) -> Result<()> {
    for weight in &plan.weights {
        if let Some(values) = measured.values.get(&weight.name) {
            let count: usize = weight.dims.iter().product();
            anyhow::ensure!(values.len() == count, "{} values for {}", values.len(), weight.name);
            *find(graph, &weight.name)? = tensor_of(weight, values);
        } else if let Some(&factor) = measured.factors.get(&weight.name) {
            let place = find(graph, &weight.name)?;
            let mut values = tensor::values_f32(place)?;
            for value in &mut values {
                *value *= factor;
            }
            *place = tensor_of(weight, &values);
        }
    }
    Ok(())
}

fn find<'a>(graph: &'a mut GraphProto, name: &str) -> Result<&'a mut TensorProto> {
    if let Some(index) = graph.initializer.iter().position(|t| t.name == name) {
        return Ok(&mut graph.initializer[index]);
    }
    let node = graph.node.iter_mut().find(|node| node.output.iter().any(|o| o == name));
    let attribute = node.and_then(|node| node.attribute.iter_mut().find(|a| a.name == "value"));
    attribute.and_then(|attribute| attribute.t.as_mut()).context("a weight that is not there")
}

fn say_so(model: &mut ModelProto, seed: u64) {
    model.metadata_props.retain(|entry| !entry.key.starts_with("tailmark."));
    let entry = |key: &str, value: String| StringStringEntryProto { key: key.to_owned(), value };
    model.metadata_props.extend([
        entry("tailmark.weights", SEEDED.to_owned()),
        entry("tailmark.seed", seed.to_string()),
    ]);
}

impl Role {
    /// What it is called in reports.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Filters { .. } => "filters",
            Self::Bias => "biases",
            Self::Scale => "scales",
            Self::Shift => "shifts",
            Self::Mean => "running means",
            Self::Variance => "running variances",
            Self::Slope => "slopes",
            Self::Recurrent { .. } => "recurrent weights",
            Self::Table => "tables",
        }
    }
}

#[cfg(test)]
#[path = "reweight/tests.rs"]
mod tests;
