//! Models and run folders that are wrong: the right code, the name of the file, what to do.

use std::fs;

use crate::support::{Ended, Project, run};

/// Runs only the first stage on a model.
fn take(project: &Project, model: &str) -> Ended {
    let set = format!("onnx-export-verify.onnx={model}");
    run(&mut project.smoke("r", &["--set", &set]))
}

#[test]
fn a_model_that_is_not_there() {
    let project = Project::real();
    take(&project, "nowhere.onnx")
        .with_exit(2)
        .saying(&["nowhere.onnx", "stage onnx-export-verify failed (exit 2"]);
}

#[test]
fn a_model_that_is_cut_short_or_is_none() {
    let project = Project::real();
    let whole = fs::read(project.root().join("pipelines/models/tiny.onnx")).unwrap();
    let cut = [1, 100, 1000, whole.len() / 2, whole.len() - 1];
    let mut cases: Vec<Vec<u8>> = cut.iter().map(|&at| whole[..at].to_vec()).collect();
    cases.push(Vec::new());
    cases.push(b"this is a letter, not a model\n".to_vec());
    cases.push(vec![0xff; 4096]);
    for (index, bytes) in cases.iter().enumerate() {
        let name = format!("case-{index}.onnx");
        fs::write(project.root().join(&name), bytes).unwrap();
        take(&project, &name).with_exit(2).saying(&[&name, "onnx-export-verify failed (exit 2"]);
    }
    fs::create_dir(project.root().join("folder.onnx")).unwrap();
    take(&project, "folder.onnx").with_exit(2).saying(&["folder.onnx"]);
}

#[test]
fn a_model_with_an_operator_that_nobody_knows() {
    let project = Project::real();
    let bytes = fs::read(project.root().join("pipelines/models/tiny.onnx")).unwrap();
    let bytes = replaced(&bytes, b"\x22\x04Relu", b"\x22\x04Rolu");
    fs::write(project.root().join("rolu.onnx"), bytes).unwrap();
    let sets = ["onnx-export-verify.onnx=rolu.onnx", "onnx-export-verify.precision=[\"fp32\"]"];
    run(&mut project.smoke("r", &["--set", sets[0], "--set", sets[1]]))
        .with_exit(2)
        .saying(&["Rolu", "onnx-export-verify failed"]);
}

#[test]
fn a_model_whose_external_data_is_missing() {
    let project = Project::real();
    fs::write(project.root().join("outside.onnx"), with_external_weight()).unwrap();
    take(&project, "outside.onnx").with_exit(2).saying(&["outside.onnx", "weights.bin"]);
}

#[test]
fn a_stage_before_its_input_exists() {
    let project = Project::real();
    for (stage, before) in
        [("engine-build", "onnx-export-verify"), ("runner", "engine-build"), ("analysis", "runner")]
    {
        let folder = format!("empty-{stage}");
        fs::create_dir(project.root().join(&folder)).unwrap();
        let args = ["run", "--pipeline", "pipelines/smoke.toml", "--run", &folder];
        run(&mut project.stage(stage, &args))
            .with_exit(2)
            .saying(&["does not exist", &format!("run the stage {before}")]);
    }
}

#[test]
fn a_run_folder_of_a_newer_version() {
    let project = Project::real();
    run(&mut project.smoke("r", &[])).with_exit(0);
    for (artifact, stage) in
        [("models", "engine-build"), ("engines", "runner"), ("cases", "analysis")]
    {
        let path = project.root().join(format!("r/{artifact}.parquet"));
        let old = fs::read(&path).unwrap();
        // the footer's key and its value of one digit, as Thrift's compact form writes them
        let key = b"tailmark.version-of-artifact\x18\x01";
        let new =
            replaced(&old, &[key.as_slice(), b"1"].concat(), &[key.as_slice(), b"9"].concat());
        fs::write(&path, new).unwrap();
        run(&mut project.stage(stage, &["run", "--run", "r"])).with_exit(2).saying(&[
            &format!("{artifact}.parquet"),
            "version 9",
            "reads up to version 1",
        ]);
        fs::write(&path, old).unwrap();
    }
}

/// The bytes with every `from` replaced; fails when there is none.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut new = bytes.to_vec();
    let mut found = 0;
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            new[at..at + to.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found > 0, "the pattern is not in the file");
    new
}

/// One field of a protobuf message with a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).ok().filter(|length| *length < 128).unwrap();
    [&[number << 3 | 2, length], content].concat()
}

/// One small integer field.
fn number(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

/// `output = input + weight`, with the weight in a file `weights.bin` that does not exist.
fn with_external_weight() -> Vec<u8> {
    let entry = |key: &str, value: &str| {
        field(13, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat())
    };
    let weight = [
        number(1, 4), // dims
        number(2, 1), // float
        field(8, b"weight"),
        entry("location", "weights.bin"),
        entry("length", "16"),
        number(14, 1), // external
    ]
    .concat();
    let dimension = field(1, &number(1, 4));
    let tensor = [number(1, 1), field(2, &dimension)].concat();
    let value = |name: &str| [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat();
    let node =
        [field(1, b"input"), field(1, b"weight"), field(2, b"output"), field(4, b"Add")].concat();
    let graph = [
        field(1, &node),
        field(2, b"outside"),
        // 5: initializers; a message longer than 127 bytes would need a longer length
        field(5, &weight),
        field(11, &value("input")),
        field(12, &value("output")),
    ]
    .concat();
    // the graph is longer than 127 bytes: its length takes two bytes
    let length = [(graph.len() & 0x7f | 0x80) as u8, (graph.len() >> 7) as u8];
    let graph = [&[7 << 3 | 2, length[0], length[1]], graph.as_slice()].concat();
    [number(1, 8), graph, field(8, &number(2, 17))].concat()
}
