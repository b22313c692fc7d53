//! What verification must not be fooled by.

use backend::onnx::node::{attr_float, attr_int, attr_ints, node, value_info};
use backend::onnx::proto::{DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto};
use backend::onnx::proto::{TensorProto, ValueInfoProto};
use backend::onnx::shape::Dim;
use backend::onnx::tensor::from_f32;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use prost::Message as _;

use super::{Project, noise, tiny};

const FLOAT: i32 = DataType::Float as i32;

fn value(name: &str, element: i32, sizes: &[usize]) -> ValueInfoProto {
    let dims: Vec<Dim> = sizes.iter().copied().map(Dim::Fixed).collect();
    value_info(name, element, Some(&dims))
}

fn model(
    opset: i64,
    inputs: Vec<ValueInfoProto>,
    outputs: Vec<ValueInfoProto>,
    weights: Vec<TensorProto>,
    nodes: Vec<NodeProto>,
) -> ModelProto {
    let graph = GraphProto {
        name: "planted".into(),
        input: inputs,
        output: outputs,
        initializer: weights,
        node: nodes,
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        ..ModelProto::default()
    }
}

/// x → × 300 → × 300 → ÷ 90,000: right in float32, infinite in between in float16.
fn overflows_by_products() -> ModelProto {
    let factor = |name: &str, factor: f32| from_f32(name, &[1], &[factor]);
    model(
        17,
        vec![value("x", FLOAT, &[1, 64])],
        vec![value("y", FLOAT, &[1, 64])],
        vec![factor("up", 300.0), factor("up.again", 300.0), factor("down", 1.0 / 90_000.0)],
        vec![
            node("Mul", "/up/Mul", &["x", "up"], &["a"], vec![]),
            node("Mul", "/again/Mul", &["a", "up.again"], &["b"], vec![]),
            node("Mul", "/down/Mul", &["b", "down"], &["y"], vec![]),
        ],
    )
}

/// The same with convolutions, and a ReLU between them.
fn overflows_by_convolutions() -> ModelProto {
    let weight = |name: &str, gain: f32| {
        let values: Vec<f32> = noise(3, 9).iter().map(|v| gain * (v + 1.0)).collect();
        from_f32(name, &[3, 3, 1, 1], &values)
    };
    let conv = |name: &str, inputs: &[&str], output: &str| {
        node("Conv", name, inputs, &[output], vec![attr_ints("kernel_shape", &[1, 1])])
    };
    model(
        17,
        vec![value("x", FLOAT, &[1, 3, 16, 16])],
        vec![value("y", FLOAT, &[1, 3, 16, 16])],
        vec![weight("w1", 300.0), weight("w2", 300.0), weight("w3", 1.0 / 90_000.0)],
        vec![
            conv("/1/Conv", &["x", "w1"], "a"),
            node("Relu", "/1/Relu", &["a"], &["r"], vec![]),
            conv("/2/Conv", &["r", "w2"], "b"),
            conv("/3/Conv", &["b", "w3"], "y"),
        ],
    )
}

#[test]
fn an_inner_overflow_of_float16_fails_although_engines_compute_in_float32() {
    for wide in [overflows_by_products(), overflows_by_convolutions()] {
        let project = Project::new();
        project.save("wide.onnx", &wide);
        let convert = ["convert", "wide.onnx", "--precision", "fp16", "--out", "half.onnx"];
        project.command().args(convert).assert().success();
        let against = ["verify", "half.onnx", "--against", "wide.onnx", "--json"];
        let run = project.command().args(against).assert().code(3);
        let run = run.stderr(contains("float16 activations")).stderr(contains("infinite"));
        let rows: Vec<serde_json::Value> =
            serde_json::from_slice(&run.get_output().stdout).unwrap();
        let (twin, plain): (Vec<_>, Vec<_>) = rows
            .iter()
            .partition(|row| row["engine"].as_str().unwrap().ends_with(", float16 activations"));
        // without the twin nothing would have shown
        assert!(
            !plain.is_empty() && plain.iter().all(|row| row["verdict"] == "VALID"),
            "{plain:#?}"
        );
        assert!(twin.iter().any(|row| row["verdict"] == "FAILED"), "{twin:#?}");
        // without the float32 original as well
        let alone = project.command().args(["verify", "half.onnx"]).assert().code(3);
        alone.stderr(contains("float16 activations")).stderr(contains("infinite"));
    }
}

/// Softmax without an axis means all axes from the first on before operator set 13, and the last one from then on.
fn softmax_of_opset_9() -> ModelProto {
    model(
        9,
        vec![value("x", FLOAT, &[1, 6, 4, 4])],
        vec![value("y", FLOAT, &[1, 6, 4, 4])],
        vec![from_f32("w", &[6, 6, 1, 1], &noise(5, 36))],
        vec![
            node("Conv", "/conv", &["x", "w"], &["c"], vec![attr_ints("kernel_shape", &[1, 1])]),
            node("Softmax", "/softmax", &["c"], &["y"], vec![]),
        ],
    )
}

#[test]
fn an_engine_that_is_silently_wrong_is_caught() {
    let project = Project::new();
    if !project.has_two_engines() {
        eprintln!("skipped: needs ONNX Runtime, cargo xtask setup cpu");
        return;
    }
    project.save("old.onnx", &softmax_of_opset_9());
    // rten is given the model in words that it knows, and agrees
    let guarded = project.command().args(["verify", "old.onnx"]).assert().success();
    guarded.stdout(contains("VALID fp32 on rten"));
    // as the file stands it is wrong, and that is seen
    let run = project.command().args(["verify", "old.onnx", "--as-written"]).assert().code(3);
    run.stderr(contains("output `y` on rten"))
        .stderr(contains("beyond the tolerance"))
        .stderr(contains("rten 0.27.0 is wrong at node `/softmax` (Softmax, operator set 9)"));
}

#[test]
fn every_output_counts_and_integers_are_compared_exactly() {
    let project = Project::new();
    let outputs = vec![value("y", FLOAT, &[2, 8]), value("place", DataType::Int64 as i32, &[2, 1])];
    let save = |name: &str, gain: f32| {
        let nodes = vec![
            node("MatMul", "/fc", &["x", "w"], &["y"], vec![]),
            node("ArgMax", "/argmax", &["y"], &["place"], vec![attr_int("axis", 1)]),
        ];
        let mut weights = noise(9, 64);
        weights.iter_mut().step_by(8).for_each(|weight| *weight *= gain);
        let weights = vec![from_f32("w", &[8, 8], &weights)];
        let inputs = vec![value("x", FLOAT, &[2, 8])];
        project.save(name, &model(17, inputs, outputs.clone(), weights, nodes));
    };
    save("a.onnx", 1.0);
    save("b.onnx", -20.0);
    let alone = project.command().args(["verify", "a.onnx", "--json"]).assert().success();
    let alone = alone.stderr(contains("photographs are not used"));
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&alone.get_output().stdout).unwrap();
    let place = rows.iter().find(|row| row["output"] == "place").unwrap();
    if project.has_two_engines() {
        assert_eq!(
            (&place["equal_share"], &place["minimum_tolerance"]),
            (&1.0.into(), &0.0.into())
        );
    }
    assert!(place["ulp"].is_null() && place["cosine"].is_null());
    let against = ["verify", "b.onnx", "--against", "a.onnx"];
    let run = project.command().args(against).assert().code(3);
    run.stderr(contains("output `y`"))
        .stderr(contains("output `place`").and(contains("whole numbers differ")));
}

#[test]
fn an_output_that_is_constant_is_judged_on_its_own() {
    let project = Project::new();
    let nodes = vec![
        node("Relu", "/good", &["x"], &["good"], vec![]),
        node("Clip", "/flat", &["x", "low", "low"], &["flat"], vec![]),
    ];
    let weights = vec![from_f32("low", &[], &[0.5])];
    let outputs = vec![value("good", FLOAT, &[1, 9]), value("flat", FLOAT, &[1, 9])];
    let inputs = vec![value("x", FLOAT, &[1, 9])];
    project.save("m.onnx", &model(17, inputs, outputs, weights, nodes));
    let run = project.command().args(["verify", "m.onnx"]).assert().code(3);
    run.stderr(contains("output `flat`").and(contains("all 9 values are 5e-1, for every input")))
        .stderr(contains("output `good`").not());
}

#[test]
fn a_given_tolerance_is_recorded_and_decides() {
    let project = Project::new();
    project.save("a.onnx", &tiny(5));
    let convert = ["convert", "a.onnx", "--precision", "fp16", "--out", "half.onnx"];
    project.command().args(convert).assert().success();
    let verify = |tolerance: &str| {
        let mut command = project.command();
        command.args(["verify", "half.onnx", "--against", "a.onnx", "--tolerance", tolerance]);
        command.assert()
    };
    verify("1e-7").code(3).stderr(contains("beyond the tolerance").and(contains("would pass")));
    let run = verify("0.5").success();
    run.stdout(contains("passes at").and(contains("allowed 5.00e-1 of the scale (given)")));
}

#[test]
fn what_a_comparison_of_layers_cannot_use_is_refused_before_it_runs() {
    let project = Project::new();
    let layers = |more: &[&str]| {
        project.command().args(["verify", "missing.onnx", "--per-layer"]).args(more).assert()
    };
    layers(&["--plot", "depth.pdf"])
        .code(2)
        .stderr(contains("--plot depth.pdf: a name that ends in .svg or .png"));
    layers(&["--tolerance", "0.5"]).code(2).stderr(contains("cannot be used with"));
    let inspect = ["inspect", "missing.onnx", "--plot", "roofline"];
    project.command().args(inspect).assert().code(2).stderr(contains("ends in .svg or .png"));
}

#[test]
fn photographs_of_a_folder_and_of_the_program() {
    let project = Project::new();
    project.save("a.onnx", &tiny(5));
    let verify = |images: &str| {
        let mut command = project.command();
        command.args(["verify", "a.onnx", "--images", images, "--distribution", "normal"]);
        command.args(["--input-sets", "2", "--json"]);
        let run = command.assert().success();
        let rows: Vec<serde_json::Value> =
            serde_json::from_slice(&run.get_output().stdout).unwrap();
        rows.iter().map(|row| row["input_set"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let seeded = ["normal, seed 1", "normal, seed 2"];
    assert_eq!(verify("false"), seeded);
    let own = verify("true");
    assert_eq!(
        own[2..],
        ["astronaut.png", "chelsea.png", "coffee.png"].map(|n| format!("photograph {n}"))
    );
    let photo = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("images/coffee.png");
    std::fs::create_dir(project.path("mine")).unwrap();
    std::fs::copy(photo, project.path("mine/cup.PNG")).unwrap();
    assert_eq!(verify("mine")[2..], ["photograph cup.PNG"]);
}

/// A model whose answers can be computed by hand: y = 2x + 1.
fn line() -> ModelProto {
    model(
        17,
        vec![value("x", FLOAT, &[1, 3])],
        vec![value("y", FLOAT, &[1, 3])],
        vec![from_f32("two", &[1], &[2.0]), from_f32("one", &[1], &[1.0])],
        vec![
            node("Mul", "/mul", &["x", "two"], &["m"], vec![]),
            node("Add", "/add", &["m", "one"], &["y"], vec![]),
        ],
    )
}

#[test]
fn expected_answers_from_pb_files() {
    let project = Project::new();
    project.save("line.onnx", &line());
    let set = project.path("test_data_set_0");
    std::fs::create_dir(&set).unwrap();
    let write = |name: &str, values: &[f32]| {
        let tensor = from_f32("", &[1, values.len()], values);
        std::fs::write(set.join(name), tensor.encode_to_vec()).unwrap();
    };
    let verify = |against: &str| {
        project.command().args(["verify", "line.onnx", "--against", against]).assert()
    };
    write("input_0.pb", &[0.0, 1.0, -2.5]);
    write("output_0.pb", &[1.0, 3.0, -4.0]);
    for against in [".", "test_data_set_0", "test_data_set_0/output_0.pb"] {
        verify(against).success().stdout(contains("VALID").and(contains("against expected")));
    }
    write("output_0.pb", &[1.0, 3.0, -4.01]);
    verify("test_data_set_0").code(3).stderr(contains("beyond the tolerance"));
    write("output_0.pb", &[1.0, f32::NAN, -4.0]);
    verify("test_data_set_0").code(3).stderr(contains("the reference has 1 NaN"));
    write("output_0.pb", &[1.0, 3.0]);
    verify("test_data_set_0")
        .code(3)
        .stderr(contains("has shape [1, 3], the reference has [1, 2]"));
    write("input_0.pb", &[0.0]);
    verify("test_data_set_0").code(2).stderr(contains("input `x`"));
}

fn npz(project: &Project, arrays: &[(&str, &[f32])]) {
    use std::io::Write as _;
    let file = std::fs::File::create(project.path("expected.npz")).unwrap();
    let mut writer = zip::ZipWriter::new(file);
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, values) in arrays {
        let header = format!(
            "{{'descr': '<f4', 'fortran_order': False, 'shape': (1, {}), }}\n",
            values.len()
        );
        writer.start_file(format!("{name}.npy"), stored).unwrap();
        writer.write_all(b"\x93NUMPY\x01\x00").unwrap();
        writer.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
        writer.write_all(header.as_bytes()).unwrap();
        values.iter().for_each(|value| writer.write_all(&value.to_le_bytes()).unwrap());
    }
    writer.finish().unwrap();
}

#[test]
fn expected_answers_from_npz_files() {
    let project = Project::new();
    project.save("line.onnx", &line());
    let verify = || {
        let mut command = project.command();
        command.args(["verify", "line.onnx", "--against", "expected.npz"]).assert()
    };
    npz(&project, &[("x", &[0.0, 1.0, -2.5]), ("y", &[1.0, 3.0, -4.0])]);
    verify().success().stdout(contains("VALID").and(contains("expected expected.npz")));
    npz(&project, &[("x", &[0.0, 1.0, -2.5]), ("y", &[1.0, 3.5, -4.0])]);
    verify().code(3).stderr(contains("beyond the tolerance"));
    npz(&project, &[("x", &[0.0, 0.0, 0.0]), ("y", &[1.0, 1.0, 1.0])]);
    verify().success().stdout(contains("UNCERTIFIED").and(contains("it proves nothing")));
    npz(&project, &[("x", &[0.0, 1.0, -2.5]), ("z", &[1.0, 3.0, -4.0])]);
    verify().code(2).stderr(contains("no expected values for `y`"));
    npz(&project, &[("z", &[1.0, 3.0, -4.0])]);
    verify().code(2).stderr(contains("no values for it; there are `z`"));
}

#[test]
fn an_activation_that_saturates_is_no_overflow() {
    let project = Project::new();
    let nodes = vec![
        node("LeakyRelu", "/leaky", &["x"], &["l"], vec![attr_float("alpha", 0.1)]),
        node("Sigmoid", "/sigmoid", &["l"], &["y"], vec![]),
    ];
    let (inputs, outputs) = (vec![value("x", FLOAT, &[1, 40])], vec![value("y", FLOAT, &[1, 40])]);
    project.save("wide.onnx", &model(17, inputs, outputs, vec![], nodes));
    let convert = ["convert", "wide.onnx", "--precision", "fp16", "--out", "half.onnx"];
    project.command().args(convert).assert().success();
    let against = ["verify", "half.onnx", "--against", "wide.onnx"];
    project.command().args(against).assert().success();
}
