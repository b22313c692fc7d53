//! A model of three operators, Relu → Flatten → Gemm, for tests and the bench.

use backend::onnx::proto::{DataType, GraphProto, ModelProto, OperatorSetIdProto};
use backend::onnx::shape::Dim;
use backend::onnx::{node, tensor};

/// 16 inputs, 4 outputs.
pub(crate) fn model() -> ModelProto {
    let float = DataType::Float as i32;
    let value = |name: &str, dims: &[usize]| {
        let dims: Vec<Dim> = dims.iter().copied().map(Dim::Fixed).collect();
        node::value_info(name, float, Some(&dims))
    };
    let weights: Vec<f32> = (0..64).map(|i| (i as f32 * 0.37).sin()).collect();
    let graph = GraphProto {
        name: "tiny".into(),
        node: vec![
            node::node("Relu", "/Relu", &["input"], &["relu"], Vec::new()),
            node::node(
                "Flatten",
                "/Flatten",
                &["relu"],
                &["flat"],
                vec![node::attr_int("axis", 1)],
            ),
            node::node("Gemm", "/Gemm", &["flat", "weight"], &["output"], Vec::new()),
        ],
        initializer: vec![tensor::from_f32("weight", &[16, 4], &weights)],
        input: vec![value("input", &[1, 1, 4, 4])],
        output: vec![value("output", &[1, 4])],
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        graph: Some(graph),
        ..ModelProto::default()
    }
}
