//! What users get wrong: each has its exit code and a message that names it.

use std::time::Duration;

use backend::onnx::node::node;
use backend::onnx::proto::StringStringEntryProto;
use predicates::str::contains;

use super::{Project, tensor, tiny};

/// Runs the stage with a table and expects exit 2 with this message.
fn refuse(table: &str, message: &str) {
    Project::new().run(table).assert().code(2).stderr(contains(message));
}

#[test]
fn tables_that_cannot_be_meant() {
    refuse("architecture = \"resnet5\"", "did you mean \"resnet50\"");
    refuse("architecture = \"resnet50\"\nprecision = [\"fp61\"]", "did you mean \"fp16\"");
    refuse("architecture = \"resnet50\"\nprecision = []", "the list is empty");
    refuse("architecture = \"resnet50\"\nprecision = [\"fp16\", \"fp16\"]", "twice");
    refuse("architecture = \"resnet50\"\nbatch = 0", "expected 1 to 1024 or \"dynamic\"");
    refuse("architecture = \"resnet50\"\nbatch = \"many\"", "expected 1 to 1024 or \"dynamic\"");
    refuse("architecture = \"resnet50\"\nopset = 9", "expected 13 to 21");
    refuse("architecture = \"resnet50\"\ninput-sets = 0", "expected 1 to 100");
    refuse("architecture = \"resnet50\"\ndistributions = []", "the list is empty");
    refuse("architecture = \"resnet50\"\ndistributions = [\"normal\", \"normal\"]", "twice");
    refuse("architecture = \"resnet50\"\ndistributions = [\"flat\"]", "unknown distribution");
    refuse("architecture = \"resnet50\"\nimages = 3", "true, false or the name of a folder");
    refuse("architecture = \"resnet50\"\nimages = \"nowhere\"", "nowhere: cannot be read");
    refuse("architecture = \"resnet50\"\ntolerance = 0.0", "is no tolerance");
    refuse("architecture = \"resnet50\"\nweigths = \"auto\"", "did you mean \"weights\"");
    refuse("architecture = \"resnet50\"\nonnx = \"m.onnx\"", "exclude each other");
    refuse("", "neither `architecture` nor `onnx`");
    refuse("onnx = \"m.onnx\"\nopset = 17", "`opset` goes with `architecture`");
    refuse("architecture = \"resnet50\"\nweights = \"r.pth\"", "r.pth: there is no such file");
}

#[test]
fn files_that_are_no_models() {
    let project = Project::new();
    let refuse = |what: &str| {
        let run = project.run("onnx = \"m.onnx\"").assert().code(2);
        run.stderr(contains("m.onnx")).stderr(contains(what));
    };
    refuse("no such model file");
    project.run("onnx = \"m.onnx\"").arg("--check").assert().code(2).stderr(contains("no such"));
    std::fs::write(project.path("m.onnx"), b"").unwrap();
    refuse("empty");
    std::fs::write(project.path("m.onnx"), b"just some text, no model").unwrap();
    refuse("not an ONNX model");
    let whole = std::fs::read(project.save("whole.onnx", &tiny(5))).unwrap();
    std::fs::write(project.path("m.onnx"), &whole[..whole.len() / 2]).unwrap();
    refuse("truncated");
}

#[test]
fn external_data_that_is_missing_is_named() {
    let project = Project::new();
    let mut model = tiny(5);
    let weight = tensor(&mut model, "fc.weight");
    let bytes = weight.raw_data.take().unwrap();
    weight.data_location = 1;
    weight.external_data =
        vec![StringStringEntryProto { key: "location".into(), value: "weights.bin".into() }];
    project.save("m.onnx", &model);
    let run = || project.run("onnx = \"m.onnx\"").assert();
    run().code(2).stderr(contains("weights.bin is missing")).stderr(contains("`fc.weight`"));
    // once it is there, the stored model stands alone
    std::fs::write(project.path("weights.bin"), bytes).unwrap();
    run().success();
    let stored = std::fs::read_dir(project.path("data/models")).unwrap().flatten();
    for file in stored {
        let model = backend::onnx::load(&file.path()).unwrap();
        assert!(model.graph.unwrap().initializer.iter().all(|t| t.data_location == 0));
    }
}

#[test]
fn an_operator_that_no_engine_knows() {
    let project = Project::new();
    let mut model = tiny(5);
    model.graph.as_mut().unwrap().node[1] = node("Frobnicate", "/f", &["c"], &["r"], vec![]);
    project.save("m.onnx", &model);
    project
        .run("onnx = \"m.onnx\"\nprecision = [\"fp32\"]")
        .assert()
        .code(2)
        .stderr(contains("no engine here can run"))
        .stderr(contains("Frobnicate"));
}

#[test]
fn sizes_that_contradict_the_model() {
    let project = Project::new();
    project.save("m.onnx", &tiny(5));
    let run = |table: &str| project.run(&format!("onnx = \"m.onnx\"\n{table}")).assert().code(2);
    run("batch = 4").stderr(contains("fixed first dimension of 1"));
    run("shapes = { x = [1, 3, 8, 8] }").stderr(contains("does not fit input `x`"));
    run("shapes = { y = [1] }").stderr(contains("no input `y`"));
    let shape = ["verify", "m.onnx", "--shape", "x=1x3x8x8"];
    project.command().args(shape).assert().code(2).stderr(contains("does not fit"));
    let shape = ["verify", "m.onnx", "--shape", "x=1x-3"];
    project.command().args(shape).assert().code(2).stderr(contains("is not NAME=SIZES"));
}

#[test]
fn command_lines_that_cannot_be_meant() {
    let project = Project::new();
    project.save("m.onnx", &tiny(5));
    let refuse = |args: &[&str], message: &str| {
        project.command().args(args).assert().code(2).stderr(contains(message));
    };
    refuse(&["verify", "none.onnx"], "no such model file");
    refuse(&["verify", "m.onnx", "--against", "e.npz"], "e.npz: No such file");
    refuse(&["verify", "m.onnx", "--against", "e.pb"], "e.pb: cannot be read: No such file");
    refuse(&["verify", "m.onnx", "--against", "."], "neither output_K.pb nor folders");
    refuse(&["verify", "m.onnx", "--distribution", "flat"], "unknown distribution `flat`");
    refuse(&["verify", "m.onnx", "--tolerance", "2"], "is no tolerance");
    refuse(&["verify", "m.onnx", "--images", "none"], "none: cannot be read");
    refuse(&["verify", "m.onnx", "--images", "pipelines"], "holds no PNG or JPEG file");
    refuse(&["inspect", "none.onnx"], "no such model file");
    refuse(
        &["convert", "m.onnx", "--precision", "fp32", "--out", "o"],
        "cannot be converted to fp32",
    );
    refuse(&["convert", "m.onnx", "--precision", "int8", "--out", "o"], "unknown precision `int8`");
    refuse(&["export", "--architecture", "resnet5", "--out", "o.onnx"], "resnet50");
    let weights = ["export", "--architecture", "resnet18", "--weights", "w.pth", "--out", "o.onnx"];
    refuse(&weights, "w.pth: there is no such file");
}

#[test]
#[cfg(unix)]
fn a_pipe_is_not_waited_for() {
    let project = Project::new();
    project.save("m.onnx", &tiny(5));
    std::fs::create_dir(project.path("photos")).unwrap();
    for name in ["e.npz", "e.pb", "photos/a.png"] {
        let made = std::process::Command::new("mkfifo").arg(project.path(name)).status().unwrap();
        assert!(made.success());
    }
    for (flag, value, message) in [
        ("--against", "e.npz", "e.npz: is no regular file"),
        ("--against", "e.pb", "e.pb: is no file of at most 1024 MiB"),
        ("--images", "photos", "a.png is no file of at most 256 MiB"),
    ] {
        let mut command = project.command();
        command.args(["verify", "m.onnx", flag, value]).timeout(Duration::from_secs(20));
        command.assert().code(2).stderr(contains(message));
    }
}

#[test]
#[cfg(unix)]
fn a_folder_that_cannot_be_written() {
    let project = Project::new();
    std::fs::write(project.path("out"), b"a file stands where the run folder should be").unwrap();
    project.save("m.onnx", &tiny(5));
    let run = project.run("onnx = \"m.onnx\"").assert().code(4);
    run.stderr(contains("cannot write into the run folder"));
}
