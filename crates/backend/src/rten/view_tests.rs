//! What rten is handed: only what it needs changed, and refusals in words.

use std::path::Path;

use super::*;
use crate::onnx::node::{attr_text, node, value_info};
use crate::onnx::proto::{NodeProto, OperatorSetIdProto};

fn model(opset: i64, nodes: Vec<NodeProto>) -> ModelProto {
    let dims = [1, 4, 5, 5].map(Dim::Fixed);
    let graph = GraphProto {
        input: vec![value_info("x", 1, Some(&dims)), value_info("w", 1, None)],
        initializer: vec![from_f32("w", &[2, 4, 3, 3], &[0.5; 72])],
        node: nodes,
        ..GraphProto::default()
    };
    ModelProto {
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        ..ModelProto::default()
    }
}

fn view(model: ModelProto) -> Result<Option<ModelProto>> {
    of(Path::new("m.onnx"), model)
}

#[test]
fn what_rten_reads_is_left_alone() {
    let mut plain = model(17, vec![node("Relu", "r", &["x"], &["y"], vec![])]);
    plain.graph.as_mut().unwrap().input.truncate(1);
    assert_eq!(view(plain).unwrap(), None);
    let listed = model(17, vec![node("Relu", "r", &["x"], &["y"], vec![])]);
    let graph = view(listed).unwrap().unwrap().graph.unwrap();
    assert_eq!(graph.input.len(), 1, "weights are not asked for");
}

#[test]
fn windows_are_written_out() {
    let lower = vec![attr_text("auto_pad", "SAME_LOWER"), attr_ints("strides", &[2, 2])];
    let conv = node("Conv", "c", &["x", "w"], &["y"], lower);
    let graph = view(model(17, vec![conv])).unwrap().unwrap().graph.unwrap();
    let conv = &graph.node[0];
    assert_eq!(node::ints(conv, "kernel_shape"), Some(&[3, 3][..]));
    assert_eq!(node::ints(conv, "pads"), Some(&[1, 1, 1, 1][..]));
    assert_eq!(node::text(conv, "auto_pad"), None);
    let open = node("Conv", "c", &["x", "u"], &["y"], vec![]);
    let error = view(model(17, vec![open])).unwrap_err().to_string();
    assert!(error.contains("the shape of its filters is not known"), "{error}");
}

#[test]
fn what_rten_would_get_wrong_is_refused() {
    let cubic = vec![attr_text("mode", "cubic")];
    let error = view(model(17, vec![node("Resize", "r", &["x"], &["y"], cubic)])).unwrap_err();
    assert!(error.to_string().contains("no cubic Resize"), "{error}");
    assert_eq!(error.exit_code(), 2);
}
