//! Words that all backends share: names, precisions, tensors, capabilities.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A backend by its name in the pipeline file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendId {
    /// TensorRT 10.x and 11.x through our own bindings.
    Tensorrt,
    /// TensorRT for RTX.
    TensorrtRtx,
    /// The machine's own `trtexec` as a subprocess.
    Trtexec,
    /// ONNX Runtime with the CUDA provider.
    OnnxruntimeCuda,
    /// ONNX Runtime on the CPU.
    OnnxruntimeCpu,
    /// rten, pure Rust.
    Rten,
    /// A seeded simulator, for tests.
    Sim,
}

impl BackendId {
    /// All backends, best first: the order in which `auto` tries them. `trtexec` and `sim` are never chosen by `auto`.
    pub const ALL: [Self; 7] = [
        Self::Tensorrt,
        Self::TensorrtRtx,
        Self::OnnxruntimeCuda,
        Self::OnnxruntimeCpu,
        Self::Rten,
        Self::Trtexec,
        Self::Sim,
    ];

    /// The name in pipeline files and artifacts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tensorrt => "tensorrt",
            Self::TensorrtRtx => "tensorrt-rtx",
            Self::Trtexec => "trtexec",
            Self::OnnxruntimeCuda => "onnxruntime-cuda",
            Self::OnnxruntimeCpu => "onnxruntime-cpu",
            Self::Rten => "rten",
            Self::Sim => "sim",
        }
    }
}

impl fmt::Display for BackendId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for BackendId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|id| id.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|id| id.as_str()).collect();
            format!("unknown backend `{text}`, expected one of `auto`, `{}`", names.join("`, `"))
        })
    }
}

/// What a pipeline file asks for: a backend, or the best that works here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The best that works here; the choice is explained.
    #[default]
    Auto,
    /// This one or an error.
    Named(BackendId),
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Named) }
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Floating-point precision of a model or an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// IEEE binary32.
    Fp32,
    /// IEEE binary16.
    Fp16,
}

impl Precision {
    /// The name in pipeline files and artifacts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fp32" => Ok(Self::Fp32),
            "fp16" => Ok(Self::Fp16),
            _ => Err(format!("unknown precision `{text}`, expected one of `fp32`, `fp16`")),
        }
    }
}

/// Element type of a tensor at the border of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// float32.
    F32,
    /// float16.
    F16,
    /// int64.
    I64,
    /// int32.
    I32,
    /// float64.
    F64,
    /// int8.
    I8,
    /// uint8.
    U8,
    /// Boolean, one byte.
    Bool,
}

impl ElementType {
    /// The name as ONNX writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::F64 => "float64",
            Self::I64 => "int64",
            Self::I32 => "int32",
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::Bool => "bool",
        }
    }

    /// Whether it is a floating-point type.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::F64)
    }

    /// Whether a value can be stored; values cross the border as float32, which must hold integers exactly.
    pub fn holds(self, value: f64) -> bool {
        let within = |low: f64, high: f64| {
            value.fract() == 0.0
                && (low..=high).contains(&value)
                && (f64::from(value as f32) - value).abs() < 0.5
        };
        match self {
            Self::F32 | Self::F64 => f64::from(f32::MAX) >= value.abs(),
            Self::F16 => value.abs() <= 65_504.0,
            Self::I64 => within(-9.2e18, 9.2e18),
            Self::I32 => within(-2_147_483_648.0, 2_147_483_647.0),
            Self::I8 => within(-128.0, 127.0),
            Self::U8 => within(0.0, 255.0),
            Self::Bool => within(0.0, 1.0),
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Name, type and shape of an input or output. Dimensions that the model leaves open are given when a session is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name.
    pub name: String,
    /// Element type.
    pub element: ElementType,
    /// Dimensions.
    pub dims: Vec<usize>,
}

impl TensorSpec {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a backend can do on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// CUDA graphs.
    pub graph: bool,
    /// Most streams at once.
    pub max_streams: u32,
    /// Most inferences in flight a stream.
    pub max_depth: u32,
    /// Copies to and from a device exist and can be inside the measured path.
    pub transfers: bool,
    /// Threads of the host do the work, so that their number matters.
    pub host_threads: bool,
    /// It has float16 arithmetic: an engine that stayed at float32 has failed a request for float16.
    pub native_fp16: bool,
}

impl Capabilities {
    /// What every engine on the processor can do: any number of streams, each with threads of its own.
    pub(crate) fn cpu() -> Self {
        Self {
            graph: false,
            max_streams: u32::MAX,
            max_depth: 1,
            transfers: false,
            host_threads: true,
            native_fp16: false,
        }
    }

    /// What TensorRT can do on a GPU, whoever drives it.
    pub(crate) fn gpu() -> Self {
        Self {
            graph: true,
            max_streams: u32::MAX,
            max_depth: 2,
            transfers: true,
            host_threads: false,
            native_fp16: true,
        }
    }
}
