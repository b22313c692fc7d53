//! Layers and their precision, read from an ONNX graph: an engine's own where it writes one.
//!
//! Element types come from what the graph states (weights, inputs, outputs, inner values) and, where
//! it states nothing, from the operators: a cast gives its target, a comparison a Boolean, most
//! others the type of their first input.

use std::collections::HashMap;
use std::path::Path;

use crate::error::Result;
use crate::onnx;
use crate::onnx::node;
use crate::onnx::proto::{DataType, GraphProto, NodeProto};
use crate::traits::{Built, Environment, Layer};
use crate::types::Precision;

/// Operators with weights: convolutions and matrix products, fused and quantised forms included.
pub(crate) fn is_weighted(op_type: &str) -> bool {
    matches!(
        op_type.trim_start_matches("Fused").trim_start_matches("QLinear"),
        "Conv"
            | "ConvTranspose"
            | "Gemm"
            | "MatMul"
            | "ConvInteger"
            | "MatMulInteger"
            | "QGemm"
            | "NhwcFusedConv"
            | "MatMulNBits"
            | "DynamicQuantizeMatMul"
            | "MatMulIntegerToFloat"
    )
}

/// The layers of a graph in its order, with the precision of their weighted ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Layers {
    pub(crate) layers: Vec<Layer>,
    /// Precision of each weighted layer.
    weighted: Vec<String>,
}

impl Layers {
    /// Layers as an engine tells them, and the precision of each weighted one.
    pub(crate) fn new(layers: Vec<Layer>, weighted: Vec<String>) -> Self {
        Self { layers, weighted }
    }

    /// Number of weighted layers.
    #[cfg(test)]
    pub(crate) fn weighted(&self) -> usize {
        self.weighted.len()
    }

    /// Reads a graph.
    pub(crate) fn of(graph: &GraphProto) -> Self {
        let mut types = stated_types(graph);
        let mut found = Self::default();
        for (index, item) in graph.node.iter().enumerate() {
            let inputs: Vec<i32> = item.input.iter().map(|name| type_of(&types, name)).collect();
            for (position, output) in item.output.iter().enumerate() {
                if type_of(&types, output) == 0 {
                    types.insert(output, output_type(item, position, &inputs));
                }
            }
            let main = inputs.iter().copied().find(|&t| is_float(t));
            let input = main.or(inputs.first().copied()).unwrap_or(0);
            let output = item.output.first().map_or(0, |name| type_of(&types, name));
            let layer = Layer {
                name: if item.name.is_empty() {
                    format!("{}_{index}", item.op_type)
                } else {
                    item.name.clone()
                },
                layer_type: item.op_type.clone(),
                precision_in: precision_name(input).to_owned(),
                precision_out: precision_name(output).to_owned(),
                format: item.domain.strip_prefix("com.microsoft.").map(str::to_owned),
                tactic: None,
            };
            if is_weighted(&item.op_type) {
                let first = inputs.first().copied().unwrap_or(0);
                found.weighted.push(precision_name(first).to_owned());
            }
            found.layers.push(layer);
        }
        found
    }

    /// The same layers in an engine that computes float16 as float32.
    pub(crate) fn computed_in_fp32(mut self) -> Self {
        let widen = |precision: &mut String| {
            if precision == "fp16" || precision == "fp64" {
                "fp32".clone_into(precision);
            }
        };
        self.weighted.iter_mut().for_each(widen);
        for layer in &mut self.layers {
            widen(&mut layer.precision_in);
            widen(&mut layer.precision_out);
        }
        self
    }

    /// The precision of more than half of the weighted layers, else `mixed`; empty without weighted layers.
    pub(crate) fn precision(&self) -> String {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for precision in &self.weighted {
            match counts.iter_mut().find(|(name, _)| name == precision) {
                Some((_, n)) => *n += 1,
                None => counts.push((precision, 1)),
            }
        }
        match counts.iter().find(|(_, n)| 2 * n > self.weighted.len()) {
            Some((name, _)) => (*name).to_owned(),
            None if self.weighted.is_empty() => String::new(),
            None => "mixed".to_owned(),
        }
    }

    /// Share of weighted layers at `precision`; `None` without weighted layers.
    pub(crate) fn share(&self, precision: &str) -> Option<f64> {
        let at = self.weighted.iter().filter(|found| *found == precision).count();
        (!self.weighted.is_empty()).then(|| at as f64 / self.weighted.len() as f64)
    }

    /// What a build reports whose engine has these layers; `from` says where they were read.
    pub(crate) fn into_built(self, asked: Precision, from: &str, flags: Vec<String>) -> Built {
        Built {
            precision_achieved: self.precision(),
            precision_share: self.share(asked.as_str()),
            layers: self.layers,
            layers_from: from.to_owned(),
            flags,
            ..Built::default()
        }
    }
}

/// What an engine or model file holds.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Inspection {
    /// What the file is.
    pub kind: String,
    /// Inputs as `name: f32[1,3,224,224]`.
    pub inputs: Vec<String>,
    /// Outputs, likewise.
    pub outputs: Vec<String>,
    /// Precision of most of the weighted layers; empty when there are none.
    pub precision: String,
    /// Layers in the engine's order.
    pub layers: Vec<Layer>,
}

/// Reads an engine of any backend: an ONNX file, an engine of the simulator, or, on the GPU that it is
/// for, a plan of TensorRT.
///
/// # Errors
/// [`crate::Error::Unavailable`] for a plan where there is no GPU; [`crate::Error::Model`] for
/// anything else.
pub fn inspect(path: &Path, environment: &Environment) -> Result<Inspection> {
    if let Some(found) = crate::tensorrt::inspect(path, environment)? {
        return Ok(found);
    }
    if let Some(found) = crate::sim::inspect(path)? {
        return Ok(found);
    }
    let graph = onnx::load(path)?.graph.unwrap_or_default();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let layers = Layers::of(&graph);
    let (kind, layers) = if name.ends_with(".rten.onnx") {
        ("ONNX, as rten computes it", layers.computed_in_fp32())
    } else {
        ("ONNX", layers)
    };
    Ok(Inspection {
        kind: kind.to_owned(),
        inputs: onnx::describe_inputs(&graph),
        outputs: onnx::describe_outputs(&graph),
        precision: layers.precision(),
        layers: layers.layers,
    })
}

fn stated_types(graph: &GraphProto) -> HashMap<&str, i32> {
    let weights = graph.initializer.iter().map(|t| (t.name.as_str(), t.data_type));
    let values = graph
        .value_info
        .iter()
        .chain(&graph.input)
        .chain(&graph.output)
        .map(|value| (value.name.as_str(), node::type_and_dims(value).0));
    values.chain(weights).collect()
}

fn type_of(types: &HashMap<&str, i32>, name: &str) -> i32 {
    types.get(name).copied().unwrap_or(0)
}

fn output_type(item: &NodeProto, position: usize, inputs: &[i32]) -> i32 {
    let input = |index: usize| inputs.get(index).copied().unwrap_or(0);
    match (item.op_type.as_str(), position) {
        ("Cast", _) => node::int(item, "to").map_or(0, |to| to as i32),
        ("Constant" | "ConstantOfShape", _) => {
            node::tensor(item, "value").map_or(DataType::Float as i32, |tensor| tensor.data_type)
        }
        ("Shape" | "Size" | "ArgMax" | "ArgMin" | "NonZero", _) | ("TopK", 1) => {
            DataType::Int64 as i32
        }
        (
            "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Not" | "And" | "Or"
            | "Xor" | "IsNaN" | "IsInf",
            _,
        )
        | ("Dropout", 1) => DataType::Bool as i32,
        ("QuantizeLinear", _) => match input(2) {
            0 => DataType::Uint8 as i32,
            zero_point => zero_point,
        },
        ("DequantizeLinear" | "Where" | "CastLike", _) => input(1),
        ("ConvInteger" | "MatMulInteger", _) => DataType::Int32 as i32,
        ("QLinearConv" | "QLinearMatMul", _) => input(7),
        _ => input(0),
    }
}

fn is_float(data_type: i32) -> bool {
    precision_name(data_type).starts_with("fp") || data_type == DataType::Bfloat16 as i32
}

/// `fp32`, `fp16`, `int8`, …; empty when unknown.
fn precision_name(data_type: i32) -> &'static str {
    match DataType::try_from(data_type) {
        Ok(DataType::Float) => "fp32",
        Ok(DataType::Float16) => "fp16",
        Ok(DataType::Bfloat16) => "bf16",
        Ok(DataType::Double) => "fp64",
        Ok(DataType::Int8) => "int8",
        Ok(DataType::Uint8) => "uint8",
        Ok(DataType::Int16) => "int16",
        Ok(DataType::Uint16) => "uint16",
        Ok(DataType::Int32) => "int32",
        Ok(DataType::Uint32) => "uint32",
        Ok(DataType::Int64) => "int64",
        Ok(DataType::Uint64) => "uint64",
        Ok(DataType::Bool) => "bool",
        Ok(DataType::String) => "string",
        Ok(DataType::Int4) => "int4",
        Ok(DataType::Uint4) => "uint4",
        Ok(DataType::Float4e2m1) => "fp4",
        Ok(
            DataType::Float8e4m3fn
            | DataType::Float8e4m3fnuz
            | DataType::Float8e5m2
            | DataType::Float8e5m2fnuz,
        ) => "fp8",
        Ok(DataType::Undefined | DataType::Complex64 | DataType::Complex128) | Err(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny::Tiny;

    #[test]
    fn types_are_walked_through_casts() {
        let model = Tiny::fp16().model();
        let layers = Layers::of(model.graph.as_ref().unwrap());
        let types: Vec<(&str, &str)> = layers
            .layers
            .iter()
            .map(|layer| (layer.layer_type.as_str(), layer.precision_in.as_str()))
            .collect();
        assert_eq!(
            types,
            [
                ("Cast", "fp32"),
                ("Conv", "fp16"),
                ("Relu", "fp16"),
                ("GlobalAveragePool", "fp16"),
                ("Flatten", "fp16"),
                ("Gemm", "fp16"),
                ("Cast", "fp16"),
            ]
        );
        assert_eq!((layers.precision().as_str(), layers.share("fp16")), ("fp16", Some(1.0)));
        let widened = layers.computed_in_fp32();
        assert_eq!((widened.precision().as_str(), widened.share("fp16")), ("fp32", Some(0.0)));
    }

    #[test]
    fn a_graph_without_weights_has_no_share() {
        let layers = Layers::of(&GraphProto::default());
        assert_eq!((layers.precision().as_str(), layers.share("fp32")), ("", None));
    }
}
