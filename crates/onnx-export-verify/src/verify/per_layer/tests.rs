//! Planted overflows and differences, and values that are paired.

use backend::Environment;
use backend::input::{Distribution, Feeds};
use backend::onnx::node::{node, value_info};
use backend::onnx::proto::{GraphProto, NodeProto, OperatorSetIdProto, TensorProto};
use backend::onnx::shape::Dim;
use backend::onnx::tensor::from_f32;

use super::*;
use crate::verify::Engines;
use crate::verify::inputs::Plan;
use crate::verify::rounded::F32;

fn engines() -> Engines {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data");
    Engines::open(&Environment { data: data.into() }).unwrap()
}

fn inputs() -> Inputs {
    Plan {
        distributions: vec![Distribution::ImageLike],
        sets: 2,
        seed: 1,
        photos: Vec::new(),
        feeds: Feeds::default(),
    }
    .inputs()
}

fn names() -> Names {
    Names { digest: "d".into(), engine: "e".into(), reference: "r".into() }
}

/// `x` (1×3×4×4) through operators to `y`.
fn model(nodes: Vec<NodeProto>, weights: Vec<TensorProto>) -> ModelProto {
    let dims = [1, 3, 4, 4].map(Dim::Fixed);
    let graph = GraphProto {
        name: "g".into(),
        node: nodes,
        initializer: weights,
        input: vec![value_info("x", F32, Some(&dims))],
        output: vec![value_info("y", F32, Some(&dims))],
        ..GraphProto::default()
    };
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: 17 }];
    ModelProto { ir_version: 8, opset_import, graph: Some(graph), ..ModelProto::default() }
}

/// A chain whose middle reaches `factor` times its input and whose ends do not.
fn hill(factor: f32) -> ModelProto {
    let link =
        |op: &str, name: &str, from: &str, by: &str| node(op, name, &[from, by], &[name], vec![]);
    let nodes = vec![
        link("Mul", "first", "x", "one"),
        link("Mul", "up", "first", "factor"),
        node("Abs", "top", &["up"], &["top"], vec![]),
        link("Div", "down", "top", "factor"),
        link("Add", "y", "down", "one"),
    ];
    model(nodes, vec![from_f32("one", &[], &[1.0]), from_f32("factor", &[], &[factor])])
}

fn half_of(model: &ModelProto) -> LayerErrors {
    let engines = engines();
    let inputs = inputs();
    let fed = Fed { shapes: &[], inputs: &inputs, as_written: false };
    float16_departs(model, None, &engines.list[0], &fed, &names()).unwrap()
}

#[test]
fn a_planted_overflow_is_named() {
    let errors = half_of(&hill(60_000.0));
    let first = errors.first().unwrap();
    assert_eq!((first.name.as_str(), first.op_type.as_str()), ("up", "Mul"));
    assert!(first.inf_count > 0 && first.max_value > 65_504.0);
    assert_eq!((errors.unmatched, errors.parts, errors.rows.len()), (0, 1, 5));
    let lines = show::lines(&errors).join("\n");
    assert!(lines.contains("first departing layer: `up` (Mul)"), "{lines}");
    assert!(lines.contains("infinite values"), "{lines}");
}

#[test]
fn roundings_alone_do_not_depart() {
    let errors = half_of(&hill(3.0));
    assert_eq!(errors.first(), None, "{:?}", errors.rows);
    assert!(errors.rows.iter().any(|row| row.error > 1e-5), "it did round");
    assert!(errors.rows.windows(2).all(|pair| pair[0].tolerance <= pair[1].tolerance));
    assert!(show::verdict(&errors.rows).contains("no layer departs"));
}

#[test]
fn engines_agree_on_every_layer_and_a_planted_difference_is_found() {
    let engines = engines();
    let [first, second] = engines.list.as_slice() else { return };
    let inputs = inputs();
    let fed = Fed { shapes: &[], inputs: &inputs, as_written: false };
    let same = engines_depart(&hill(3.0), [first, second], &fed, &names()).unwrap();
    assert_eq!(same.first(), None);
    assert!(same.rows.iter().all(|row| row.error < 1e-6));
    let mut other = hill(3.0);
    let graph = other.graph.as_mut().unwrap();
    graph.initializer[1] = from_f32("factor", &[], &[3.001]);
    let request = Request {
        reference: Side { model: &hill(3.0), engine: first },
        subject: Side { model: &other, engine: second },
        precision: Precision::Fp32,
        fed,
    };
    let errors = compare_layers(&request, &names()).unwrap();
    assert_eq!(errors.first().unwrap().name, "up");
    assert!(!errors.rows.last().unwrap().departs, "the end hides it");
}

#[test]
fn values_are_paired_by_name_or_by_order() {
    let base = hill(3.0);
    let mut renamed = base.clone();
    for node in &mut renamed.graph.as_mut().unwrap().node {
        for name in node.input.iter_mut().chain(&mut node.output) {
            if !["x", "y", "one", "factor"].contains(&name.as_str()) {
                name.push_str("_other");
            }
        }
    }
    let (found, missing) = pairs(&base, &renamed);
    assert_eq!((found.len(), missing), (5, 0));
    assert_eq!((found[1].reference.as_str(), found[1].subject.as_str()), ("up", "up_other"));
    let options = crate::fp16::Options::default();
    let half = crate::fp16::convert(&base, &options).unwrap().0;
    assert_eq!(pairs(&base, &half).0.len(), 5, "a conversion keeps every name");
}

#[test]
fn parts_are_bounded_and_agree_with_the_whole() {
    let model = hill(3.0);
    let (found, _) = pairs(&model, &model);
    let shapes = shape::infer(&model, &[]);
    let parts = graph::parts(&found, &shapes, 400);
    // each value has 48 elements of 4 bytes
    assert_eq!(parts.iter().map(|part| part.range.clone()).collect::<Vec<_>>(), [0..2, 2..4, 4..5]);
    assert!(parts.iter().all(|part| part.bytes <= 400));
    assert_eq!(graph::parts(&found, &shapes, 1).len(), 5, "one value at least");
}
