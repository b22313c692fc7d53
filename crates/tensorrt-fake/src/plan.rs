//! The plan: JSON that says what an engine would consist of, and that a fake wrote it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use tensorrt::abi::enums::{DataType, ProfilingVerbosity};

/// A serialized engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Says what this is; the first thing in the file.
    pub note: String,
    /// Version of the library that wrote it.
    pub version: String,
    /// Device that it was built for.
    pub device: String,
    /// Name of the network.
    pub name: String,
    /// `ProfilingVerbosity` of the configuration.
    pub verbosity: i32,
    /// The configuration in words.
    pub options: Value,
    /// Layers in order.
    pub layers: Vec<Layer>,
    /// Inputs, then outputs.
    pub io: Vec<Io>,
    /// How many optimisation profiles there are; one at least.
    pub profiles: usize,
}

/// A layer of an engine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Layer {
    /// Names of the nodes in it.
    pub name: String,
    /// ONNX operator of its first node; `Reformat` for one that the build added.
    pub operator: String,
    /// What goes in and is no weight.
    pub inputs: Vec<Tensor>,
    /// Weights.
    pub constants: Vec<Tensor>,
    /// What comes out.
    pub outputs: Vec<Tensor>,
    /// The kernel that was chosen.
    pub tactic: String,
    /// Names of the nodes in it, each alone.
    pub nodes: Vec<String>,
}

/// A tensor of a layer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its shape; −1: not known before run time.
    pub dims: Vec<i64>,
    /// `DataType`.
    pub data_type: i32,
}

/// An input or output of an engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Io {
    /// Name, shape and type.
    pub tensor: Tensor,
    /// Whether it is an input.
    pub input: bool,
    /// Smallest, usual and largest shape, per profile; empty for outputs.
    pub shapes: Vec<[Vec<i64>; 3]>,
}

impl Plan {
    /// What a plan says about its origin.
    pub(crate) const NOTE: &str = "tensorrt-fake: no engine, for tests";

    /// The verbosity with which it was built.
    pub(crate) fn verbosity(&self) -> ProfilingVerbosity {
        ProfilingVerbosity::of(self.verbosity).unwrap_or(ProfilingVerbosity::LayerNamesOnly)
    }

    /// The bytes of the plan.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the bytes of a plan.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let plan: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if plan.note == Self::NOTE { Ok(plan) } else { Err(format!("its note is {}", plan.note)) }
    }
}

impl Tensor {
    pub(crate) fn data_type(&self) -> DataType {
        DataType(self.data_type)
    }

    /// How TensorRT calls the type in its reports.
    pub(crate) fn type_name(&self) -> &'static str {
        match self.data_type() {
            DataType::FLOAT => "Float",
            DataType::HALF => "Half",
            DataType::INT8 => "Int8",
            DataType::INT32 => "Int32",
            DataType::BOOL => "Bool",
            DataType::UINT8 => "UInt8",
            DataType::FP8 => "FP8",
            DataType::BF16 => "BFloat16",
            DataType::INT64 => "Int64",
            _ => "Unknown",
        }
    }

    /// How TensorRT calls type and layout together in the reports of 10.
    pub(crate) fn format_name(&self) -> &'static str {
        match self.data_type() {
            DataType::FLOAT => "Row major linear FP32",
            DataType::HALF => "Row major linear FP16 format",
            DataType::INT8 => "Row major Int8 format",
            DataType::INT32 => "Row major INT32 format",
            DataType::BF16 => "Row major linear BFloat16 format",
            DataType::BOOL => "Row major linear boolean format",
            DataType::INT64 => "Row major INT64 format",
            _ => "Row major linear format",
        }
    }
}
