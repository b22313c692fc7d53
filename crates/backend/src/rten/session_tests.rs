//! What a session says when rten itself gives up.

use super::*;
use crate::onnx::node::{node, value_info};
use crate::onnx::proto::{GraphProto, ModelProto, OperatorSetIdProto};
use crate::onnx::shape::Dim;
use crate::onnx::tensor::from_i64;

/// A tensor of some 2^62 elements, whose sizes are an input's.
fn absurd() -> ModelProto {
    let size = i64::from(i32::MAX) - 4;
    let graph = GraphProto {
        initializer: vec![from_i64("most", &[2], &[size, size])],
        input: vec![value_info("few", 7, Some(&[Dim::Fixed(2)]))],
        node: vec![
            node("Add", "add", &["few", "most"], &["sizes"], vec![]),
            node("ConstantOfShape", "fill", &["sizes"], &["all"], vec![]),
        ],
        output: vec![value_info("all", 1, Some(&[Dim::Fixed(1), Dim::Fixed(1)]))],
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        ..ModelProto::default()
    }
}

#[test]
fn a_panic_names_the_integers_that_were_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    onnx::save(&path, &absurd()).unwrap();
    let mut session = RtenSession::open(&path, &OpenOptions::default(), Plan::Plain).unwrap();
    let error = session.infer().unwrap_err();
    assert!(matches!(error, Error::Drawn { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("drawn at random: `few` (int64)"), "{text}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(text.contains("rten panicked") || cause.contains("rten panicked"), "{text}: {cause}");
}
