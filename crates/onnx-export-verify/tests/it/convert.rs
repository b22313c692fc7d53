//! `convert`: what it writes, says and refuses.

use predicates::str::contains;

use crate::{Project, tiny};

fn convert<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["convert", "m.onnx", "--precision", "fp16", "--out", "half.onnx"], more].concat()
}

#[test]
fn weights_go_into_a_file_of_their_own_when_asked() {
    let project = Project::new();
    project.save("m.onnx", &tiny(5));
    let run = project.command().args(convert(&["--external-data", "--json"])).assert().success();
    let said = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    let report: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!(report["external_data"], "half.onnx.data");
    assert_eq!(report["left_in_float32"].as_array().unwrap().len(), 0);
    assert!(report["half_operators"].as_u64().unwrap() > 0);
    assert!(project.path("half.onnx.data").exists());
    project.command().args(["verify", "half.onnx", "--against", "m.onnx"]).assert().success();
}

#[test]
fn inputs_and_outputs_become_float16_when_asked() {
    let project = Project::new();
    project.save("m.onnx", &tiny(5));
    project.command().args(convert(&["--io", "fp16"])).assert().success();
    let inspect = project.command().args(["inspect", "half.onnx"]).assert().success();
    inspect.stdout(contains("f16[1,3,"));
}

#[test]
fn what_is_blocked_stays_and_is_named() {
    let project = Project::new();
    project.save("m.onnx", &tiny(5));
    let run = project.command().args(convert(&["--block", "Relu"])).assert().success();
    run.stderr(contains("Relu")).stderr(contains("blocked by the user"));
    let refused = project.command().args(convert(&["--block", "Rellu"])).assert().code(2);
    refused.stderr(contains("did you mean \"Relu\"?"));
}

#[test]
fn a_pipeline_file_says_how_to_convert() {
    let project = Project::new();
    project.save("m.onnx", &tiny(5));
    let table = "onnx = \"m.onnx\"\nfp16 = { block = [\"Relu\"] }";
    project.run(table).assert().success().stderr(contains("blocked by the user"));
    let table = "onnx = \"m.onnx\"\nfp16 = { blok = [] }";
    project.run(table).assert().code(2).stderr(contains("did you mean \"block\""));
    let table = "onnx = \"m.onnx\"\nfp16 = { on-overflow = \"clamp\" }";
    project.run(table).assert().code(2).stderr(contains("saturate"));
}
