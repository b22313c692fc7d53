//! The stage from a pipeline file to its artifacts.

use pipeline::RunDir;
use pipeline::Verdict;
use pipeline::artifact::{LayerErrorRow, ModelRow, OperatorRow, ReferenceRow, VerifyRow, read};
use predicates::str::contains;

use super::{Project, planted, tiny};

#[test]
fn resnet18_is_exported_verified_and_then_served_from_the_store() {
    let project = Project::new();
    let table = "architecture = \"resnet18\"\ninput-sets = 2";
    let first = project.run(table).assert().success();
    let text = String::from_utf8_lossy(&first.get_output().stderr).into_owned();
    assert!(text.contains("synthetic weights") && text.contains("3.628 GFLOP"), "{text}");

    let run = RunDir::new(project.path("out"));
    let models: Vec<ModelRow> = read(&run).unwrap();
    assert_eq!(models.iter().map(|m| m.precision.as_str()).collect::<Vec<_>>(), ["fp32", "fp16"]);
    assert_eq!(models[0].inputs, ["input: f32[1,3,224,224]"]);
    assert_eq!(models[1].outputs, ["output: f32[1,1000]"]);
    assert_eq!((models[0].parameters, models[0].seed), (11_689_512, Some(3)));
    for model in &models {
        let path = project.path(&model.path);
        assert_eq!(path.metadata().unwrap().len() as i64, model.bytes);
        assert_eq!(backend::onnx::digest(&path).unwrap(), model.model_digest);
    }
    let rows: Vec<VerifyRow> = read(&run).unwrap();
    assert!(rows.iter().all(|row| row.verdict == Verdict::Valid && row.max_abs > 0.0), "{rows:#?}");
    // two of each distribution and three photographs; fp16 once more with float16 activations
    let comparisons = if project.has_two_engines() { 4 } else { 3 };
    assert_eq!(rows.len(), comparisons * (4 * 2 + 3));
    let first = if project.has_two_engines() { "onnxruntime-cpu" } else { "rten" };
    let twin = rows.iter().find(|row| row.engine.ends_with(", float16 activations")).unwrap();
    assert!(twin.engine.starts_with(first), "{}", twin.engine);
    for row in &rows {
        let least = row.minimum_tolerance.unwrap();
        assert!(least < row.relative_tolerance && row.ulp.unwrap() > 0.0, "{row:#?}");
        assert_eq!(row.tolerance_from, "error model");
    }
    tells_inputs_apart(&run, &models);

    let operators: Vec<OperatorRow> = read(&run).unwrap();
    let flops: i64 = operators
        .iter()
        .filter(|row| row.model_digest == models[0].model_digest)
        .map(|row| row.flops.unwrap())
        .sum();
    assert_eq!(Some(flops), models[0].flops);

    let again = project.run(table).assert().success();
    again.stderr(contains("served from the store")).stderr(contains("verified before"));
    assert_eq!(read::<VerifyRow>(&run).unwrap(), rows);
    one_engine_compares_two_graphs(project);
}

/// Without the other engine, the model is compared with the one whose normalisation is not folded.
fn one_engine_compares_two_graphs(project: Project) {
    let project = Project { one_engine: true, ..project };
    let table = "architecture = \"resnet18\"\ninput-sets = 1\nprecision = [\"fp32\"]\nimages = false\ndistributions = [\"wide\"]\ntolerance = 0.001";
    project.run(table).assert().success().stderr(contains("only one engine verifies"));
    let rows: Vec<VerifyRow> = read(&RunDir::new(project.path("out"))).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].tolerance_from.as_str(), rows[0].relative_tolerance), ("given", 0.001));
    assert_eq!(rows[0].input_set, "wide, seed 3");
    assert!(rows[0].reference.ends_with("BatchNormalization kept"), "{rows:?}");
    assert!(rows[0].max_abs > 0.0 && rows[0].verdict == Verdict::Valid, "{rows:?}");
}

/// Synthetic weights are of use only when their outputs differ between classes and inputs.
fn tells_inputs_apart(run: &RunDir, models: &[ModelRow]) {
    let references: Vec<ReferenceRow> = read(run).unwrap();
    assert_eq!(references.len(), 2 * models.len());
    let of_model: Vec<&ReferenceRow> =
        references.iter().filter(|row| row.model_digest == models[1].model_digest).collect();
    assert_eq!((of_model[0].input_seed, of_model[1].input_seed), (3, 4));
    let top = |row: &ReferenceRow| {
        let largest = row.values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        largest.unwrap().0
    };
    assert_ne!(top(of_model[0]), top(of_model[1]));
    for row in of_model {
        assert_eq!(row.dims, [1, 1000]);
        let n = row.values.len() as f32;
        let mean = row.values.iter().sum::<f32>() / n;
        let deviation = (row.values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt();
        assert!((0.5..4.0).contains(&deviation), "{deviation}");
        assert!(
            row.tolerance > 0.0 && row.tolerance < f64::from(deviation) / 4.0,
            "{}",
            row.tolerance
        );
    }
}

#[test]
fn a_given_model_is_taken_in_both_precisions() {
    let project = Project::new();
    let path = project.save("models/tiny.onnx", &tiny(5));
    project.run("onnx = \"models/tiny.onnx\"").assert().success();
    let run = RunDir::new(project.path("out"));
    let models: Vec<ModelRow> = read(&run).unwrap();
    assert_eq!((models[0].name.as_str(), models[0].source.as_str()), ("tiny", "models/tiny.onnx"));
    assert_eq!(models[0].model_digest, backend::onnx::digest(&path).unwrap(), "bytes as they were");
    assert_eq!(models[1].precision, "fp16");
    let rows: Vec<VerifyRow> = read(&run).unwrap();
    assert_eq!(rows.iter().filter(|row| row.verdict == Verdict::Failed).count(), 0, "{rows:#?}");
    project.run("onnx = \"models/tiny.onnx\"").assert().success().stderr(contains("served"));
}

#[test]
fn layers_that_were_asked_for_but_cannot_be_compared_are_said() {
    let project = Project::new();
    project.save("wide.onnx", &tiny(5));
    let convert = ["convert", "wide.onnx", "--precision", "fp16", "--out", "half.onnx"];
    project.command().args(convert).assert().success();
    let asked = |table: &str| project.run(&format!("{table}\nper-layer = true")).assert().success();
    asked("onnx = \"half.onnx\"").stderr(contains("layers are not compared: the given model is"));
    asked("onnx = \"wide.onnx\"\nprecision = [\"fp32\"]")
        .stderr(contains("layers are not compared: no float16 model"));
    let rows: Vec<LayerErrorRow> = read(&RunDir::new(project.path("out"))).unwrap();
    assert_eq!(rows, [], "also where an earlier run left some");
}

#[test]
fn one_engine_and_one_graph_are_no_proof() {
    let project = Project::with_one_engine();
    project.save("tiny.onnx", &tiny(5));
    let table = "onnx = \"tiny.onnx\"\nprecision = [\"fp32\"]";
    project.run(table).assert().success().stderr(contains("only one engine"));
    let rows: Vec<VerifyRow> = read(&RunDir::new(project.path("out"))).unwrap();
    assert!(rows.iter().all(|row| row.verdict == Verdict::Uncertified && row.max_abs.is_nan()));
    project.run(table).arg("--strict").assert().code(5);
}

#[test]
fn nan_ends_with_exit_3_and_leaves_the_artifacts() {
    let project = Project::new();
    project.save("bad.onnx", &planted(tiny(5), "fc.bias", f32::NAN));
    project
        .run("onnx = \"bad.onnx\"\nprecision = [\"fp32\"]")
        .assert()
        .code(3)
        .stderr(contains("output `logits`"))
        .stderr(contains("1 NaN"))
        .stderr(contains("rten"));
    let rows: Vec<VerifyRow> = read(&RunDir::new(project.path("out"))).unwrap();
    assert!(rows.iter().all(|row| row.verdict == Verdict::Failed && row.nan_count == 1));
}

#[test]
fn a_check_starts_nothing_and_says_what_would_be_done() {
    let project = Project::new();
    let mut command = project.run("architecture = \"resnet50\"\nweights = \"synthetic\"");
    command.arg("--check").assert().success().stderr(contains("resnet50 fp32 and fp16, batch 1"));
    assert!(!project.path("out").exists() && !project.path("data/models").exists());
}
