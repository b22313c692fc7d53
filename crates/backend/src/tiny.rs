//! A model of a few operators for tests: Conv → Relu → GlobalAveragePool → Flatten → Gemm.

use std::path::{Path, PathBuf};

use half::f16;
use prost::Message as _;

use crate::onnx::node;
use crate::onnx::proto::{
    DataType, Dimension, DimensionValue, GraphProto, ModelProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorType, TypeProto, TypeValue, ValueInfoProto,
};

/// What the model is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiny {
    pub(crate) half: bool,
    pub(crate) batch: Option<i64>,
    pub(crate) opset: i64,
    /// The operator after the convolution.
    pub(crate) activation: &'static str,
}

impl Tiny {
    pub(crate) const CHANNELS: usize = 3;
    pub(crate) const SIZE: usize = 8;
    pub(crate) const CLASSES: usize = 5;
    const WIDTH: usize = 4;

    pub(crate) fn fp32() -> Self {
        Self { half: false, batch: Some(1), opset: 17, activation: "Relu" }
    }

    /// float32 at the border, float16 inside.
    pub(crate) fn fp16() -> Self {
        Self { half: true, ..Self::fp32() }
    }

    pub(crate) fn model(self) -> ModelProto {
        let half = DataType::Float16 as i32;
        let cast = |name: &str, from: &str, to: &str, element: i32| {
            node::node("Cast", name, &[from], &[to], vec![node::attr_int("to", element.into())])
        };
        let (first, last) = if self.half { ("input_h", "output_h") } else { ("input", "output") };
        // rten 0.27 wants the strides even where they are the default
        let window = vec![
            node::attr_ints("kernel_shape", &[3, 3]),
            node::attr_ints("pads", &[1, 1, 1, 1]),
            node::attr_ints("strides", &[1, 1]),
            node::attr_ints("dilations", &[1, 1]),
        ];
        let transposed = node::attr_int("transB", 1);
        let mut nodes = vec![
            node::node("Conv", "conv", &[first, "w", "b"], &["c"], window),
            node::node(self.activation, "act", &["c"], &["r"], vec![]),
            node::node("GlobalAveragePool", "pool", &["r"], &["p"], vec![]),
            node::node("Flatten", "flat", &["p"], &["f"], vec![node::attr_int("axis", 1)]),
            node::node("Gemm", "fc", &["f", "fw", "fb"], &[last], vec![transposed]),
        ];
        if self.half {
            nodes.insert(0, cast("cast_in", "input", first, half));
            nodes.push(cast("cast_out", last, "output", DataType::Float as i32));
        }
        let batch = self.batch;
        let spatial = Some(Self::SIZE as i64);
        let graph = GraphProto {
            name: "tiny".into(),
            node: nodes,
            initializer: vec![
                self.weight("w", &[Self::WIDTH, Self::CHANNELS, 3, 3], 0.3),
                self.weight("b", &[Self::WIDTH], 0.1),
                self.weight("fw", &[Self::CLASSES, Self::WIDTH], 0.7),
                self.weight("fb", &[Self::CLASSES], 0.2),
            ],
            input: vec![border("input", &[batch, Some(Self::CHANNELS as i64), spatial, spatial])],
            output: vec![border("output", &[batch, Some(Self::CLASSES as i64)])],
            ..GraphProto::default()
        };
        ModelProto {
            ir_version: 8,
            producer_name: "tailmark-test".into(),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: self.opset }],
            ..ModelProto::default()
        }
    }

    /// Writes the model as `model.onnx` into `folder`.
    pub(crate) fn write(self, folder: &Path) -> PathBuf {
        let path = folder.join("model.onnx");
        std::fs::write(&path, self.model().encode_to_vec()).unwrap();
        path
    }

    fn weight(self, name: &str, dims: &[usize], scale: f32) -> TensorProto {
        let n: usize = dims.iter().product();
        let values = (0..n).map(|k| scale * (1.7 * k as f32 + 0.3).sin());
        let raw: Vec<u8> = if self.half {
            values.flat_map(|v| f16::from_f32(v).to_le_bytes()).collect()
        } else {
            values.flat_map(f32::to_le_bytes).collect()
        };
        let element = if self.half { DataType::Float16 } else { DataType::Float };
        TensorProto {
            name: name.to_owned(),
            dims: dims.iter().map(|&d| d as i64).collect(),
            data_type: element as i32,
            raw_data: Some(raw),
            ..TensorProto::default()
        }
    }
}

fn border(name: &str, dims: &[Option<i64>]) -> ValueInfoProto {
    let dim = |size: &Option<i64>| Dimension {
        value: Some(match size {
            Some(size) => DimensionValue::DimValue(*size),
            None => DimensionValue::DimParam("batch".into()),
        }),
        ..Dimension::default()
    };
    let tensor = TensorType {
        elem_type: DataType::Float as i32,
        shape: Some(TensorShapeProto { dim: dims.iter().map(dim).collect() }),
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto { value: Some(TypeValue::Tensor(tensor)), ..TypeProto::default() }),
        ..ValueInfoProto::default()
    }
}
