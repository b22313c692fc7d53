//! The commands that work on one file.

use backend::onnx::model::describe;
use predicates::str::contains;

use super::{Project, planted, tiny};

#[test]
fn a_model_agrees_with_itself_and_not_with_another() {
    let project = Project::new();
    project.save("a.onnx", &tiny(5));
    project.save("b.onnx", &tiny(50));
    project.command().args(["verify", "a.onnx"]).assert().success().stdout(contains("logits"));
    let output = project.command().args(["verify", "a.onnx", "--json"]).assert().success();
    let rows: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(rows[0]["output"], "logits");
    project
        .command()
        .args(["verify", "a.onnx", "--against", "b.onnx"])
        .assert()
        .code(3)
        .stderr(contains("output `logits`"))
        .stderr(contains("beyond the tolerance"));
}

#[test]
fn a_planted_infinity_and_a_constant_output_are_found() {
    let project = Project::new();
    project.save("inf.onnx", &planted(tiny(5), "fc.bias", f32::INFINITY));
    let inf = project.command().args(["verify", "inf.onnx"]).assert().code(3);
    inf.stderr(contains("1 infinite"));
    let mut flat = tiny(5);
    for (name, count) in [("fc.weight", 80), ("fc.bias", 10)] {
        super::tensor(&mut flat, name).raw_data = Some(vec![0; 4 * count]);
    }
    project.save("flat.onnx", &flat);
    let constant = project.command().args(["verify", "flat.onnx"]).assert().code(3);
    constant.stderr(contains("all 10 values are 0"));
}

#[test]
fn a_model_converts_to_float16_and_still_agrees() {
    let project = Project::new();
    project.save("a.onnx", &tiny(5));
    let convert = ["convert", "a.onnx", "--precision", "fp16", "--out", "half.onnx"];
    project.command().args(convert).assert().success().stderr(contains("306 weights rounded"));
    let half = backend::onnx::load(&project.path("half.onnx")).unwrap().graph.unwrap();
    assert_eq!(describe(&half.input[0]), "x: f32[1,3,16,16]");
    assert_eq!(half.node.iter().filter(|node| node.op_type == "Cast").count(), 2);
    let against = ["verify", "half.onnx", "--against", "a.onnx"];
    project.command().args(against).assert().success();
    let twice = ["convert", "half.onnx", "--precision", "fp16", "--out", "x.onnx"];
    project.command().args(twice).assert().code(2).stderr(contains("float16 weights already"));
}

#[test]
fn a_weight_beyond_float16_is_named() {
    let project = Project::new();
    project.save("large.onnx", &planted(tiny(5), "conv.weight", 1e6));
    let convert = ["convert", "large.onnx", "--precision", "fp16", "--out", "half.onnx"];
    project.command().args(convert).assert().code(2).stderr(contains("`conv.weight` (1 of"));
    assert!(!project.path("half.onnx").exists());
}

#[test]
fn inspect_tells_what_a_file_holds() {
    let project = Project::new();
    project.save("a.onnx", &tiny(5));
    project.command().args(["inspect", "a.onnx"]).assert().success().stdout(contains("306"));
    let json = project.command().args(["inspect", "a.onnx", "--json"]).assert().success();
    let value: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(value["parameters"], 216 + 80 + 10);
    assert_eq!(value["flops"], 2 * (8 * 14 * 14 * 27 + 10 * 8));
    assert_eq!(value["operators"]["Conv"], 1);
}

#[test]
fn inspect_gives_the_floor_of_a_device() {
    let project = Project::new();
    project.save("a.onnx", &tiny(5));
    let inspect = |args: &[&str]| project.command().args(["inspect", "a.onnx"]).args(args).assert();
    let json = inspect(&["--json", "--device", "H100 SXM"]).success();
    let value: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    // conv: 3x16x16 in, 8x14x14 out, 216 weights, 4 bytes each, at 3350 GB/s; its operations take less
    let bytes = 4.0 * (3.0 * 256.0 + 8.0 * 196.0 + 216.0);
    let conv = &value["layers"][0];
    assert_eq!((&conv["macs"], &conv["bound"]), (&(8 * 196 * 27).into(), &"memory".into()));
    assert!((conv["memory_s"].as_f64().unwrap() - bytes / 3.35e12).abs() < 1e-15);
    assert_eq!(value["roofline"]["device"], "h100-sxm");
    assert_eq!(value["layers"].as_array().unwrap().len(), 5);
    inspect(&["--peak-tflops", "2", "--bandwidth-gbs", "50"])
        .success()
        .stdout(contains("50.0 GB/s"));
    inspect(&["--device", "l4", "--peak-tflops", "5"])
        .success()
        .stdout(contains("NVIDIA L4 data sheet, half of the sparse rates with --peak-tflops"));
    inspect(&["--device", "abacus"]).code(2).stderr(contains("jetson-orin-nano-super"));
    inspect(&["--peak-tflops", "2"]).code(2).stderr(contains("--bandwidth-gbs"));
    inspect(&["--peak-tflops=-2"]).code(2).stderr(contains("no positive number"));
    inspect(&["--shape", "z=1x3"]).code(2).stderr(contains("no input `z`"));
    inspect(&["--shape", "x=2x3x16x16"]).code(2).stderr(contains("does not fit input `x`"));
}
