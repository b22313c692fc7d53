//! Small graphs with seeded weights: what is replaced, what is left, and what answers look like.

use std::path::Path;

use backend::onnx::node::{attr_int, attr_ints, attr_tensor, node, value_info};
use backend::onnx::proto::{NodeProto, OperatorSetIdProto};
use backend::onnx::shape::Dim;
use backend::onnx::tensor::{from_f32, from_i64, values_f32};
use backend::{BackendId, OpenOptions};

use super::*;

fn environment() -> Environment {
    Environment { data: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data") }
}

/// A residual network of every kind of constant, in an old operator set.
fn network() -> ModelProto {
    let shape = |name: &str, dims: &[i64]| from_i64(name, &[dims.len()], dims);
    let filled = |name: &str, from: &str| node("ConstantOfShape", name, &[from], &[name], vec![]);
    let window = || vec![attr_ints("kernel_shape", &[3, 3]), attr_ints("pads", &[1, 1, 1, 1])];
    let constant = |name: &str, dims: &[usize], values: &[f32]| {
        let value = attr_tensor("value", from_f32(name, dims, values));
        node("Constant", name, &[], &[name], vec![value])
    };
    let dims = [1, 3, 16, 16].map(Dim::Fixed);
    let norm = |x: &str, y: &str| {
        let inputs = [x, "scale", "shift", "mean", "variance"];
        node("BatchNormalization", y, &inputs, &[y], vec![])
    };
    let nodes = vec![
        filled("w1", "w1/shape"),
        constant("half", &[], &[0.5]),
        constant("w3", &[32, 10], &[0.0; 320]),
        constant("b3", &[10], &[0.0; 10]),
        node("Conv", "c1", &["x", "w1", "b1"], &["c1"], window()),
        node("Relu", "r1", &["c1"], &["r1"], vec![]),
        node("Conv", "c2", &["r1", "w2"], &["c2"], window()),
        norm("c2", "n2"),
        node("Add", "sum", &["n2", "r1"], &["sum"], vec![]),
        node("Mul", "halved", &["sum", "half"], &["halved"], vec![]),
        node("GlobalAveragePool", "pool", &["halved"], &["pool"], vec![]),
        node("Reshape", "flat", &["pool", "flat/shape"], &["flat"], vec![]),
        node("MatMul", "fc", &["flat", "w3"], &["fc"], vec![]),
        node("Add", "logits", &["fc", "b3"], &["logits"], vec![]),
        node("Softmax", "y", &["logits"], &["y"], vec![attr_int("axis", 1)]),
    ];
    let small = |name: &str| from_f32(name, &[32], &[1.0; 32]);
    let graph = GraphProto {
        name: "network".into(),
        input: vec![value_info("x", 1, Some(&dims)), value_info("w2", 1, None)],
        output: vec![value_info("y", 1, Some(&[1, 10].map(Dim::Fixed)))],
        initializer: vec![
            shape("w1/shape", &[32, 3, 3, 3]),
            shape("flat/shape", &[1, 32]),
            small("b1"),
            from_f32("w2", &[32, 32, 3, 3], &[0.1; 32 * 32 * 9]),
            small("scale"),
            small("shift"),
            small("mean"),
            small("variance"),
        ],
        node: nodes,
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: 3,
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 9 }],
        ..ModelProto::default()
    }
}

fn answer(model: &ModelProto, seed: u64) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    backend::onnx::save(&path, model).unwrap();
    let rten = backend::open_backend(BackendId::Rten, &environment()).unwrap();
    let options = OpenOptions {
        threads: 1,
        spinning: false,
        shapes: vec![],
        optimise: false,
        feeds: backend::input::Feeds::default(),
    };
    let mut session = rten.open_model(&path, &options).unwrap();
    let dims = session.inputs()[0].dims.clone();
    session.set_input(0, &backend::input::image_like(seed, &dims)).unwrap();
    session.infer().unwrap();
    session.output(0).unwrap()
}

fn weight(model: &ModelProto, name: &str) -> Vec<f32> {
    let mut model = model.clone();
    values_f32(find(model.graph.as_mut().unwrap(), name).unwrap()).unwrap()
}

#[test]
fn what_is_a_weight_is_replaced_and_the_rest_is_left() {
    let (model, report) = reweight(network(), 1, &[], &environment()).unwrap();
    let counts: Vec<_> = report.replaced.iter().map(|(kind, (n, _))| (*kind, *n)).collect();
    let expected = [
        ("biases", 1),
        ("filters", 3),
        ("running means", 1),
        ("running variances", 1),
        ("scales", 1),
        ("shifts", 2),
    ];
    assert_eq!(counts, expected);
    assert_eq!(report.replaced["filters"].1, 32 * 3 * 9 + 32 * 32 * 9 + 320);
    assert_eq!(report.left, [("half".to_owned(), "a single number of Mul".to_owned())]);
    assert_eq!(report.calibrated, 3, "two products, one normalisation");
    let graph = model.graph.as_ref().unwrap();
    assert_eq!(graph.input.len(), 1, "a weight is no input");
    assert!(graph.node.iter().all(|node| node.op_type != "ConstantOfShape"));
    assert!(graph.initializer.iter().any(|t| t.name == "flat/shape"));
    assert!(graph.initializer.iter().all(|t| t.name != "w1/shape"), "nothing reads it any more");
    assert_eq!(seed_of(&model), Some(1));
    assert_eq!(seed_of(&network()), None);
}

#[test]
fn answers_tell_inputs_apart_and_activations_stay_near_one() {
    let (model, _) = reweight(network(), 1, &[], &environment()).unwrap();
    let (first, second) = (answer(&model, 1), answer(&model, 2));
    let top = |answer: &[f32]| answer.iter().copied().fold(0.0, f32::max);
    assert!((0.12..0.95).contains(&top(&first)), "{first:?}");
    let apart = first.iter().zip(&second).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart > 0.02 * top(&first), "{apart}");
    let mut inner = model.clone();
    let outputs = ["c1", "n2", "sum"].map(|name| value_info(name, 1, None));
    for output in outputs {
        inner.graph.as_mut().unwrap().output = vec![output.clone()];
        let values = answer(&inner, 3);
        let n = values.len() as f32;
        let power = values.iter().map(|v| v * v).sum::<f32>() / n;
        assert!((0.2..5.0).contains(&power), "{}: mean square {power}", output.name);
    }
}

#[test]
fn a_seed_gives_the_same_file_and_another_seed_another() {
    let bytes = |seed| {
        let (model, _) = reweight(network(), seed, &[], &environment()).unwrap();
        backend::onnx::file::encode(&model).unwrap()
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn residual_branches_are_weakened_and_float16_stays_float16() {
    let mut model = network();
    let (drawn, _) = reweight(model.clone(), 1, &[], &environment()).unwrap();
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
    // one sum: a chain of one needs no weakening
    assert!((mean(&weight(&drawn, "scale")) - 1.0).abs() < 0.1);
    let graph = model.graph.as_mut().unwrap();
    let again: Vec<NodeProto> = vec![
        node("Conv", "c4", &["sum", "w4"], &["c4"], vec![attr_ints("kernel_shape", &[1, 1])]),
        node("Add", "sum2", &["c4", "sum"], &["sum2"], vec![]),
    ];
    let at = graph.node.iter().position(|node| node.name == "halved").unwrap();
    graph.node[at].input[0] = "sum2".into();
    graph.node.splice(at..at, again);
    let halves = vec![half::f16::ONE; 32 * 32];
    graph.initializer.push(backend::onnx::tensor::from_f16("w4", &[32, 32, 1, 1], &halves));
    let (drawn, _) = reweight(model, 1, &[], &environment()).unwrap();
    assert!((mean(&weight(&drawn, "scale")) - 0.5_f32.sqrt()).abs() < 0.1);
    let w4 = drawn.graph.as_ref().unwrap().initializer.iter().find(|t| t.name == "w4").unwrap();
    assert_eq!(w4.data_type, backend::onnx::proto::DataType::Float16 as i32);
}

#[test]
fn models_without_weights_and_absurd_ones_are_refused() {
    let mut model = network();
    model.graph.as_mut().unwrap().node = vec![node("Relu", "y", &["x"], &["y"], vec![])];
    let refused = reweight(model, 1, &[], &environment()).err().unwrap();
    assert!(refused.to_string().contains("nothing to replace"), "{refused}");
    let mut model = network();
    let graph = model.graph.as_mut().unwrap();
    graph.initializer[0] = from_i64("w1/shape", &[4], &[1 << 40, 3, 1 << 30, 1 << 30]);
    let report = reweight(model, 1, &[], &environment());
    assert!(report.is_err(), "a petabyte of filters is not drawn");
}
