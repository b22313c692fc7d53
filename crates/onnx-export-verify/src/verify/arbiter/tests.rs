//! Planted and known disagreements of two engines.

use backend::Environment;
use backend::input::{Distribution, Feeds};
use backend::onnx::node::{attr_int, attr_ints, node, value_info};
use backend::onnx::proto::{OperatorSetIdProto, TensorProto};
use backend::onnx::shape::Dim;
use backend::onnx::tensor::from_f32;

use super::*;
use crate::verify::Engines;
use crate::verify::inputs::{Inputs, Plan};

const F32: i32 = DataType::Float as i32;

fn engines() -> Engines {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data");
    Engines::open(&Environment { data: data.into() }).unwrap()
}

fn inputs() -> Inputs {
    Plan {
        distributions: vec![Distribution::Normal],
        sets: 2,
        seed: 1,
        photos: Vec::new(),
        feeds: Feeds::default(),
    }
    .inputs()
}

/// `x` (1×3×8×8) → nodes → `y`.
fn model(version: i64, nodes: Vec<NodeProto>, weights: Vec<TensorProto>) -> ModelProto {
    let graph = GraphProto {
        name: "g".into(),
        node: nodes,
        initializer: weights,
        input: vec![value_info("x", F32, Some(&[1, 3, 8, 8].map(Dim::Fixed)))],
        output: vec![value_info("y", F32, None)],
        ..GraphProto::default()
    };
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version }];
    ModelProto { ir_version: 7, opset_import, graph: Some(graph), ..ModelProto::default() }
}

/// As SqueezeNet ends: convolution, pooling, and a Softmax that leaves its axis out.
fn squeezed(version: i64) -> ModelProto {
    let weights: Vec<f32> = (0..30).map(|k| (k as f32 * 0.7).sin()).collect();
    model(
        version,
        vec![
            node("Conv", "conv", &["x", "w"], &["c"], vec![attr_ints("kernel_shape", &[1, 1])]),
            node("Relu", "relu", &["c"], &["r"], vec![]),
            node("GlobalAveragePool", "pool", &["r"], &["p"], vec![]),
            node("Softmax", "softmaxout_1", &["p"], &["y"], vec![]),
        ],
        vec![from_f32("w", &[10, 3, 1, 1], &weights)],
    )
}

#[test]
fn rten_is_found_wrong_about_a_softmax_without_an_axis() {
    let engines = engines();
    let [first, second] = engines.list.as_slice() else {
        eprintln!("skipped: one engine");
        return;
    };
    let inputs = inputs();
    let fed = Fed { shapes: &[], inputs: &inputs, as_written: true };
    let judgement = arbitrate(&squeezed(9), [first, second], &fed).unwrap();
    let Judgement::Part(parting) = &judgement else { panic!("{judgement}") };
    assert_eq!((parting.node.as_str(), parting.op_type.as_str()), ("softmaxout_1", "Softmax"));
    assert_eq!(parting.wrong(), [second.name.as_str()], "{judgement}");
    let text = judgement.to_string();
    assert!(
        text.starts_with(&format!("{} is wrong at node `softmaxout_1`", second.name)),
        "{text}"
    );
    // written for operator set 13, the axis is the last one, and both answer alike
    assert_eq!(arbitrate(&squeezed(13), [first, second], &fed).unwrap(), Judgement::Agree);
}

/// ONNX Runtime stores the results of a float16 model as float16, which is no error of the node.
#[test]
fn of_a_float16_model_only_the_wrong_engine_is_blamed() {
    let engines = engines();
    let [first, second] = engines.list.as_slice() else {
        eprintln!("skipped: one engine");
        return;
    };
    let (half, _) = crate::fp16::convert(&squeezed(9), &crate::fp16::Options::default()).unwrap();
    let inputs = inputs();
    let fed = Fed { shapes: &[], inputs: &inputs, as_written: true };
    let judgement = arbitrate(&half, [first, second], &fed).unwrap();
    let Judgement::Part(parting) = &judgement else { panic!("{judgement}") };
    assert_eq!(parting.op_type, "Softmax");
    assert_eq!(parting.wrong(), [second.name.as_str()], "{judgement}");
}

#[test]
fn an_operator_that_is_not_known_is_undecided() {
    let parting = Parting {
        node: "n".into(),
        op_type: "Mystery".into(),
        opset: 17,
        apart: 0.5,
        engines: [("a 1".into(), None), ("b 2".into(), None)],
        tolerance: 1e-6,
        undecided: Some("operator Mystery is not evaluated".into()),
    };
    assert_eq!(parting.wrong(), Vec::<&str>::new());
    let text = Judgement::Part(parting).to_string();
    for part in ["undecided between a 1 and b 2", "`n` (Mystery, operator set 17)", "not evaluated"]
    {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn distances_are_relative_and_infinite_where_only_one_is_finite() {
    assert!(apart(&[1.0, 2.0], &[1.0, 2.0]).abs() < 1e-12);
    assert!((apart(&[0.0, 2.0], &[1.0, 2.0]) - 0.447).abs() < 1e-3);
    assert!(apart(&[f32::INFINITY, 2.0], &[1.0, 2.0]).is_infinite());
    assert!(apart(&[f32::INFINITY, f32::NAN], &[1e60, f64::NAN]).abs() < 1e-12);
}

/// Every node of a graph with all that the arbiter has to find: fed inputs, weights, constants, inner values.
#[test]
fn both_engines_are_close_to_float64_at_every_node() {
    let engines = engines();
    let nodes = vec![
        node("Conv", "conv", &["x", "w"], &["c"], vec![attr_ints("pads", &[1, 1, 1, 1])]),
        node("Sigmoid", "gate", &["c"], &["g"], vec![]),
        node("Mul", "swish", &["c", "g"], &["s"], vec![]),
        node(
            "MaxPool",
            "pool",
            &["s"],
            &["p"],
            vec![attr_ints("kernel_shape", &[2, 2]), attr_ints("strides", &[2, 2])],
        ),
        node("Flatten", "flat", &["p"], &["f"], vec![]),
        node("Gemm", "fc", &["f", "m"], &["z"], vec![]),
        node("Softmax", "soft", &["z"], &["y"], vec![attr_int("axis", 1)]),
    ];
    let values = |n: usize| (0..n).map(|k| (k as f32 * 0.37).sin()).collect::<Vec<f32>>();
    let weights =
        vec![from_f32("w", &[4, 3, 3, 3], &values(108)), from_f32("m", &[64, 5], &values(320))];
    let model = model(13, nodes, weights);
    let graph = model.graph.as_ref().unwrap();
    let inputs = inputs();
    let fed = Fed { shapes: &[], inputs: &inputs, as_written: false };
    for node in &graph.node {
        let scene = Scene {
            model: &model,
            graph,
            node,
            facts: Facts::assuming(&model, graph),
            shapes: shape::infer(&model, &[]),
        };
        let tolerance = node_tolerance(&model, node, &scene.shapes, Precision::Fp32);
        for engine in &engines.list {
            let found = scene.distance(engine, &fed, &node.output[0]).unwrap().unwrap();
            assert!(found <= tolerance, "{} {}: {found:e} > {tolerance:e}", engine.name, node.name);
        }
    }
}
