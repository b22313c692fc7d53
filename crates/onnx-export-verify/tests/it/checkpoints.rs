//! Weights out of a file, through the whole stage and through `export`.

use std::path::Path;

use onnx_export_verify::architecture::Architecture;
use onnx_export_verify::weights::Role;
use pipeline::RunDir;
use pipeline::artifact::{ModelRow, VerifyRow, read};
use predicates::str::contains;

use super::{Project, noise};

/// A `.safetensors` file with seeded weights for an architecture; `change` may alter a tensor.
fn write(
    path: &Path,
    architecture: &str,
    classes: usize,
    prefix: &str,
    change: &dyn Fn(&str, &mut Vec<f32>),
) {
    let (mut header, mut bytes) = (serde_json::Map::new(), Vec::new());
    let parameters = Architecture::named(architecture).unwrap().parameters(classes);
    for (seed, parameter) in (1..).zip(&parameters) {
        let count: usize = parameter.shape.iter().product();
        let mut values = noise(seed, count);
        let scale = match parameter.role {
            Role::Conv { .. } => 4.0 / ((count / parameter.shape[1]) as f32).sqrt(),
            Role::Linear { inputs } => 4.0 / (inputs as f32).sqrt(),
            _ => 0.2,
        };
        let middle = match parameter.role {
            Role::Scale { .. } | Role::RunningVariance => 1.0,
            _ => 0.0,
        };
        for value in &mut values {
            *value = middle + scale * *value;
        }
        change(&parameter.name, &mut values);
        let start = bytes.len();
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let info = serde_json::json!({
            "dtype": "F32", "shape": parameter.shape, "data_offsets": [start, bytes.len()],
        });
        header.insert(format!("{prefix}{}", parameter.name), info);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let whole = [&(header.len() as u64).to_le_bytes()[..], &header, &bytes].concat();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, whole).unwrap();
}

fn as_they_are(_: &str, _: &mut Vec<f32>) {}

const TABLE: &str = "architecture = \"resnet18\"\nweights = \"w.safetensors\"\ninput-sets = 1";

#[test]
fn a_checkpoint_of_five_classes_goes_through_the_stage() {
    let project = Project::new();
    write(&project.path("w.safetensors"), "resnet18", 5, "module.", &as_they_are);
    project.run(TABLE).arg("--check").assert().success().stderr(contains("5 classes"));
    let run = project.run(TABLE).assert().success();
    run.stderr(contains(
        "weights of w.safetensors (safetensors, tensors under `module`), 5 classes",
    ));
    let models: Vec<ModelRow> = read(&RunDir::new(project.path("out"))).unwrap();
    let digest = pipeline::Digest::of_file(&project.path("w.safetensors")).unwrap();
    assert_eq!(models.len(), 2);
    for model in &models {
        assert_eq!(model.source, format!("w.safetensors (sha256 {digest})"));
        assert_eq!(
            (model.seed, model.outputs.as_slice()),
            (None, &["output: f32[1,5]".into()][..])
        );
        assert_eq!(model.parameters, 11_689_512 - 995 * 513);
    }
    let rows: Vec<VerifyRow> = read(&RunDir::new(project.path("out"))).unwrap();
    assert!(rows.iter().all(|row| row.verdict == pipeline::Verdict::Valid));

    // both files in one call, out of the store; other weights under the same name are another model
    let export = |out: &[&str]| {
        let mut command = project.command();
        command.args(["export", "--architecture", "resnet18", "--weights", "w.safetensors"]);
        command.args(["--precision", "fp16,fp32"]).args(out).assert()
    };
    export(&["--out", "both/"]).success().stderr(contains("served from the store"));
    let digest = |file: &str| pipeline::Digest::of_file(&project.path(file)).unwrap().to_string();
    let made = |precision| models.iter().find(|model| model.precision == precision).unwrap();
    assert_eq!(digest("both/resnet18-fp16.onnx"), made("fp16").model_digest);
    assert_eq!(digest("both/resnet18-fp32.onnx"), made("fp32").model_digest);
    let change = |name: &str, values: &mut Vec<f32>| {
        if name == "fc.bias" {
            values[0] += 1.0;
        }
    };
    write(&project.path("w.safetensors"), "resnet18", 5, "", &change);
    export(&["--out", "h.onnx", "--out", "f.onnx"]).success();
    assert_ne!(digest("f.onnx"), made("fp32").model_digest);
    let refused = export(&["--out", "h.onnx"]).code(2);
    refused.stderr(contains("1 files for 2 precisions")).stderr(contains("--out DIR/"));
}

#[test]
fn weights_that_cannot_be_meant() {
    let project = Project::with_one_engine();
    let file = project.path("w.safetensors");
    let nan = |name: &str, values: &mut Vec<f32>| {
        if name == "layer2.0.conv1.weight" {
            values[7] = f32::NAN;
        }
    };
    write(&file, "resnet18", 5, "", &nan);
    project
        .run(TABLE)
        .assert()
        .code(2)
        .stderr(contains("tensor `layer2.0.conv1.weight` holds NaN"));
    let other = TABLE.replace("resnet18", "resnet34");
    let run = project.run(&other).arg("--check").assert().code(2);
    run.stderr(contains("missing (")).stderr(contains("did you mean resnet18?"));
    // a known name with other contents, chosen by `auto`
    std::fs::create_dir_all(project.path("data/models")).unwrap();
    std::fs::rename(&file, project.path("data/models/resnet18-f37072fd.pth")).unwrap();
    let auto = project.run("architecture = \"resnet18\"").assert().code(2);
    auto.stderr(contains("but the name says f37072fd…")).stderr(contains("setup weights resnet18"));
}

#[test]
fn a_file_that_would_run_code_is_refused() {
    let project = Project::with_one_engine();
    let hostile =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoints/hostile-system.pth");
    let table = format!("architecture = \"resnet18\"\nweights = {hostile:?}");
    let run = project.run(&table).arg("--check").assert().code(2);
    run.stderr(contains("nothing was run: the file asks for `posix.system`"));
}
