//! One small network in every operator set from 9 to 22, through load, shape inference, conversion, verification
//! on two engines and builds.

use backend::onnx::node::{attr_float, attr_int, attr_ints, attr_text, node, value_info};
use backend::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
};
use backend::onnx::shape::{Dim, infer};
use backend::onnx::tensor::{from_f32, from_i64};
use backend::{BackendId, BuildRequest, Environment, Precision, open_backend};

use super::Project;

/// Values of about 1, different in every place.
fn weights(name: &str, dims: &[usize], scale: f32) -> TensorProto {
    let count = dims.iter().product::<usize>();
    let values: Vec<f32> = (0..count).map(|k| scale * (1.7 * k as f32 + 0.3).sin()).collect();
    from_f32(name, dims, &values)
}

/// Attributes before an operator set, an input from it on.
fn list(
    opset: i64,
    since: i64,
    name: &str,
    input: &str,
    x: &str,
) -> (Vec<String>, Vec<AttributeProto>) {
    if opset < since {
        let values = if name == "split" { [4, 4] } else { [2, 3] };
        (vec![x.to_owned()], vec![attr_ints(name, &values)])
    } else {
        (vec![x.to_owned(), input.to_owned()], vec![])
    }
}

fn enlarge(opset: i64) -> NodeProto {
    let mode = || attr_text("mode", "nearest");
    match opset {
        9 => node("Upsample", "up", &["r", "scales"], &["u"], vec![mode()]),
        10 => node("Resize", "up", &["r", "scales"], &["u"], vec![mode()]),
        _ => {
            // a region could be left out from 13 on
            let region = if opset < 13 { "region" } else { "" };
            let corner = attr_text("coordinate_transformation_mode", "asymmetric");
            let floor = attr_text("nearest_mode", "floor");
            node("Resize", "up", &["r", region, "scales"], &["u"], vec![mode(), corner, floor])
        }
    }
}

fn clip(opset: i64) -> NodeProto {
    if opset < 11 {
        let bounds = vec![attr_float("min", -1.0), attr_float("max", 1.5)];
        return node("Clip", "clip", &["p"], &["k"], bounds);
    }
    node("Clip", "clip", &["p", "low", "high"], &["k"], vec![])
}

fn pad(opset: i64) -> NodeProto {
    if opset < 11 {
        return node(
            "Pad",
            "pad",
            &["k"],
            &["q"],
            vec![attr_ints("pads", &[0, 0, 1, 1, 0, 0, 1, 1])],
        );
    }
    node("Pad", "pad", &["k", "pads"], &["q"], vec![])
}

fn cut(opset: i64) -> NodeProto {
    if opset < 10 {
        let attributes =
            [("axes", [2, 3]), ("starts", [1, 1]), ("ends", [9, 9])].map(|(n, v)| attr_ints(n, &v));
        return node("Slice", "cut", &["q"], &["s"], attributes.to_vec());
    }
    node("Slice", "cut", &["q", "from", "to", "plane"], &["s"], vec![])
}

/// Every operator whose words changed between 9 and 22 and that both engines know.
fn network(opset: i64) -> ModelProto {
    let named = |op: &str,
                 name: &str,
                 (inputs, attributes): (Vec<String>, Vec<AttributeProto>),
                 outputs: &[&str]| {
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        node(op, name, &inputs, outputs, attributes)
    };
    let window = vec![attr_ints("kernel_shape", &[3, 3]), attr_ints("pads", &[1, 1, 1, 1])];
    let pool = vec![attr_ints("kernel_shape", &[2, 2]), attr_ints("strides", &[2, 2])];
    let (split_inputs, mut split_attributes) = list(opset, 13, "split", "halves", "s");
    split_attributes.push(attr_int("axis", 1));
    let (mean_inputs, mut mean_attributes) = list(opset, 18, "axes", "plane", "j");
    mean_attributes.push(attr_int("keepdims", 1));
    let drop = if opset < 12 {
        node("Dropout", "drop", &["v"], &["d"], vec![attr_float("ratio", 0.4)])
    } else {
        node("Dropout", "drop", &["v", "ratio"], &["d"], vec![])
    };
    let nodes = vec![
        node("Conv", "conv", &["x", "w", "b"], &["c"], window),
        node(
            "BatchNormalization",
            "norm",
            &["c", "scale", "shift", "mean", "variance"],
            &["n"],
            vec![],
        ),
        node("Relu", "relu", &["n"], &["r"], vec![]),
        enlarge(opset),
        node("MaxPool", "pool", &["u"], &["p"], pool),
        clip(opset),
        pad(opset),
        cut(opset),
        named("Split", "split", (split_inputs, split_attributes), &["left", "right"]),
        node("Add", "join", &["left", "right"], &["j"], vec![]),
        named("ReduceMean", "average", (mean_inputs, mean_attributes), &["a"]),
        named("Squeeze", "squeeze", list(opset, 13, "axes", "plane", "a"), &["v"]),
        drop,
        node("Gemm", "fc", &["d", "fw", "fb"], &["l"], vec![attr_int("transB", 1)]),
        node("Softmax", "soft", &["l"], &["y"], vec![attr_int("axis", 1)]),
    ];
    let one = |name: &str, value: f32| from_f32(name, &[], &[value]);
    let mut initializer = vec![
        weights("w", &[8, 3, 3, 3], 0.4),
        weights("b", &[8], 0.2),
        weights("shift", &[8], 0.3),
        weights("mean", &[8], 0.1),
        from_f32("scale", &[8], &[1.0, 0.8, 1.2, 0.9, 1.1, 1.0, 0.7, 1.3]),
        from_f32("variance", &[8], &[1.0, 0.5, 2.0, 1.5, 0.8, 1.0, 0.9, 1.1]),
        weights("fw", &[5, 4], 1.5),
        weights("fb", &[5], 0.3),
        from_f32("scales", &[4], &[1.0, 1.0, 2.0, 2.0]),
        from_f32("region", &[0], &[]),
        one("low", -1.0),
        one("high", 1.5),
        one("ratio", 0.4),
        from_i64("pads", &[8], &[0, 0, 1, 1, 0, 0, 1, 1]),
        from_i64("from", &[2], &[1, 1]),
        from_i64("to", &[2], &[9, 9]),
        from_i64("plane", &[2], &[2, 3]),
        from_i64("halves", &[2], &[4, 4]),
    ];
    let read = |name: &str| nodes.iter().any(|node| node.input.iter().any(|input| input == name));
    initializer.retain(|tensor| read(&tensor.name));
    let dims = |sizes: &[usize]| sizes.iter().copied().map(Dim::Fixed).collect::<Vec<_>>();
    let graph = GraphProto {
        name: "network".into(),
        input: vec![value_info("x", 1, Some(&dims(&[1, 3, 8, 8])))],
        output: vec![value_info("y", 1, Some(&dims(&[1, 5])))],
        initializer,
        node: nodes,
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: if opset < 13 {
            4
        } else if opset < 21 {
            8
        } else {
            10
        },
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        ..ModelProto::default()
    }
}

#[test]
fn every_operator_set_from_9_to_22_goes_through() {
    let project = Project::new();
    let environment = Environment { data: project.path("data") };
    for opset in 9..=22 {
        let (name, half) = (format!("opset{opset}.onnx"), format!("half{opset}.onnx"));
        let model = network(opset);
        let path = project.save(&name, &model);
        let mut bare = model.clone();
        bare.graph.as_mut().unwrap().output = vec![value_info("y", 1, None)];
        let shapes = infer(&bare, &[]);
        let found = ["u", "p", "q", "s", "right", "a", "d", "y"].map(|value| shapes.text(value));
        let expected =
            ["1x8x16x16", "1x8x8x8", "1x8x10x10", "1x8x8x8", "1x4x8x8", "1x4x1x1", "1x4", "1x5"];
        assert_eq!(found, expected, "opset {opset}");
        let verified = project.command().args(["verify", &name, "--json"]).assert().success();
        let rows: Vec<serde_json::Value> =
            serde_json::from_slice(&verified.get_output().stdout).unwrap();
        if project.has_two_engines() {
            assert!(rows.iter().all(|row| row["verdict"] == "VALID"), "opset {opset}: {rows:?}");
            assert!(rows.iter().any(|row| row["engine"].as_str().unwrap().starts_with("rten")));
        }
        let convert = ["convert", &name, "--precision", "fp16", "--out", &half];
        project.command().args(convert).assert().success();
        project.command().args(["verify", &half, "--against", &name]).assert().success();
        for id in [BackendId::OnnxruntimeCpu, BackendId::Rten] {
            let Ok(backend) = open_backend(id, &environment) else { continue };
            let out = project.path("engine.onnx");
            let request = BuildRequest::new(&path, Precision::Fp32);
            let built = backend.build(&request, &out).unwrap();
            assert!(!built.layers.is_empty(), "opset {opset} on {id}");
        }
    }
}
