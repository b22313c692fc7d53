//! Models of other kinds than a float classifier with one input: quantised, recurrent, with open sizes.

use std::path::Path;

use backend::onnx::node::{attr_int, node, value_info};
use backend::onnx::proto::{GraphProto, ModelProto, OperatorSetIdProto};
use backend::onnx::shape::Dim;
use backend::onnx::tensor::{from_f32, from_i64};
use pipeline::artifact::{ModelRow, ReferenceRow, VerifyRow, read};
use pipeline::{RunDir, Verdict};
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;

use super::{Project, noise};

#[test]
fn a_quantised_model_passes_through_unharmed() {
    let project = Project::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/models/tiny-qdq.onnx");
    std::fs::copy(&source, project.path("qdq.onnx")).unwrap();
    project
        .run("onnx = \"qdq.onnx\"")
        .assert()
        .success()
        .stderr(contains("int8 QDQ model (6 QuantizeLinear, 12 DequantizeLinear)"))
        .stderr(contains("for 6 roundings to 8 bits"));
    let run = RunDir::new(project.path("out"));
    let models: Vec<ModelRow> = read(&run).unwrap();
    assert_eq!(models.iter().map(|m| m.precision.as_str()).collect::<Vec<_>>(), ["fp32"]);
    let stored = std::fs::read(project.path(&models[0].path)).unwrap();
    assert_eq!(stored, std::fs::read(source).unwrap(), "byte for byte");
    let rows: Vec<VerifyRow> = read(&run).unwrap();
    assert!(rows.iter().all(|row| row.verdict != Verdict::Failed), "{rows:#?}");
    project
        .run("onnx = \"qdq.onnx\"\nprecision = [\"fp32\", \"fp16\"]")
        .assert()
        .code(2)
        .stderr(contains("quantised to 8 bits: fp16 is not made of it"));
}

/// `next = state + x · factor(sr)`, where only 8000 and 16000 have a factor.
fn recurrent() -> ModelProto {
    let symbol = |name: &str| Dim::Symbol(name.into());
    let state = [Dim::Fixed(2), symbol("batch"), Dim::Fixed(4)];
    let graph = GraphProto {
        name: "recurrent".into(),
        initializer: vec![
            from_f32("factors", &[2, 4], &noise(5, 8)),
            from_i64("unit", &[], &[8000]),
            from_i64("two", &[], &[2]),
        ],
        input: vec![
            value_info("x", 1, Some(&[symbol("batch"), Dim::Unknown])),
            value_info("state", 1, Some(&state)),
            value_info("sr", 7, Some(&[])),
        ],
        node: vec![
            node("Div", "div", &["sr", "unit"], &["units"], vec![]),
            node("Sub", "sub", &["two", "units"], &["row"], vec![]),
            node("Gather", "gather", &["factors", "row"], &["factor"], vec![attr_int("axis", 0)]),
            node("Mul", "mul", &["x", "factor"], &["scaled"], vec![]),
            node("Add", "add", &["state", "scaled"], &["next"], vec![]),
            node("ReduceMean", "mean", &["next"], &["mean"], vec![attr_int("keepdims", 0)]),
        ],
        output: vec![value_info("next", 1, Some(&state)), value_info("mean", 1, Some(&[]))],
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
fn state_and_scalars_are_fed_as_the_pipeline_says_and_the_artifact_tells() {
    let project = Project::new();
    project.save("model.onnx", &recurrent());
    let table = "onnx = \"model.onnx\"\nprecision = [\"fp32\"]\nshapes = { x = [1, 4] }";
    let inputs = "inputs = { sr = 16000, state = \"zeros\" }";
    project.run(&format!("{table}\n{inputs}")).assert().success();
    let run = RunDir::new(project.path("out"));
    let models: Vec<ModelRow> = read(&run).unwrap();
    assert_eq!(models[0].inputs, ["x: f32[1,4]", "state: f32[2,1,4]", "sr: i64[]"]);
    let references: Vec<ReferenceRow> = read(&run).unwrap();
    assert_eq!(references.len(), 4, "two outputs, two inputs");
    for row in &references {
        assert_eq!(row.fixed_inputs, ["sr=16000", "state=zeros"]);
        assert_eq!(row.input_sizes, ["x=1x4", "state=2x1x4", "sr="]);
    }
    // a drawn sample rate is none that the model knows
    project
        .run(table)
        .assert()
        .code(2)
        .stderr(contains("drawn at random: `sr` (int64)"))
        .stderr(contains("inputs = { NAME = VALUE }"));
    project
        .run(&format!("{table}\ninputs = {{ rate = 1 }}"))
        .assert()
        .code(2)
        .stderr(contains("`rate`").and(contains("its inputs are `x`, `state`, `sr`")));
    project
        .run(&format!("{table}\ninputs = {{ sr = 0.5 }}"))
        .assert()
        .code(2)
        .stderr(contains("0.5 does not fit its type int64"));
    project
        .run(&format!("onnx = \"model.onnx\"\nshapes = {{ x = [1, 4, 4] }}\n{inputs}"))
        .assert()
        .code(2)
        .stderr(contains("1x4x4 does not fit input `x`, which is batchx?"));
    project
        .run(&format!("onnx = \"model.onnx\"\nprecision = [\"fp32\"]\n{inputs}"))
        .assert()
        .code(2)
        .stderr(contains("the model leaves sizes open").and(contains("shapes = {")));
}
