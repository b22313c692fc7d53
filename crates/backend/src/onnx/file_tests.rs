//! Model files as users break them.

use super::super::node::{node, value_info};
use super::super::proto::{OperatorSetIdProto, StringStringEntryProto};
use super::super::shape::Dim;
use super::super::tensor::{from_f32, values_f32};
use super::*;

fn tiny() -> ModelProto {
    let dims = [Dim::Fixed(1), Dim::Fixed(4)];
    ModelProto {
        ir_version: 8,
        graph: Some(GraphProto {
            name: "tiny".into(),
            node: vec![node("Add", "/Add", &["x", "w"], &["y"], vec![])],
            input: vec![value_info("x", 1, Some(&dims))],
            output: vec![value_info("y", 1, Some(&dims))],
            initializer: vec![from_f32("w", &[4], &[1.0, 2.0, 3.0, 4.0])],
            ..GraphProto::default()
        }),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        ..ModelProto::default()
    }
}

fn external(location: &str, offset: &str) -> ModelProto {
    let mut model = tiny();
    let tensor = &mut model.graph.as_mut().unwrap().initializer[0];
    tensor.raw_data = None;
    tensor.data_location = 1;
    let entry =
        |key: &str, value: &str| StringStringEntryProto { key: key.into(), value: value.into() };
    tensor.external_data = vec![entry("location", location), entry("offset", offset)];
    model
}

#[test]
fn a_saved_model_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/tiny.onnx");
    save(&path, &tiny()).unwrap();
    assert_eq!(load(&path).unwrap(), tiny());
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file");
    assert_eq!(digest(&path).unwrap().len(), 64);
    assert_eq!(load_with_digest(&path).unwrap(), (tiny(), digest(&path).unwrap()));
}

#[test]
fn broken_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.onnx");
    let refuse = |what: &str| {
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains("m.onnx") && error.contains(what), "{error}");
    };
    refuse("no such model file");
    fs::write(&path, b"").unwrap();
    refuse("empty");
    let whole = tiny().encode_to_vec();
    for cut in 1..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        refuse("truncated");
    }
    fs::write(&path, b"%PDF-1.7 this is no model at all").unwrap();
    refuse("not an ONNX model");
    fs::write(&path, [0_u8; 64]).unwrap();
    refuse("not an ONNX model");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refuse("is a folder");
}

#[test]
fn external_data_is_found_checked_and_inlined() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.onnx");
    save(&path, &external("w.bin", "4")).unwrap();
    let error = load(&path).unwrap_err().to_string();
    assert!(error.contains("w.bin is missing") && error.contains("tensor `w`"), "{error}");

    let bytes: Vec<u8> = [9.0_f32, 1.0, 2.0, 3.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    fs::write(dir.path().join("w.bin"), &bytes).unwrap();
    let error = load(&path).unwrap_err().to_string();
    assert!(error.contains("too short: 16 bytes of at least 20"), "{error}");

    let before = digest(&path).unwrap();
    fs::write(dir.path().join("w.bin"), [bytes, 4.0_f32.to_le_bytes().to_vec()].concat()).unwrap();
    assert_ne!(digest(&path).unwrap(), before, "the digest covers external data");
    let (mut model, together) = load_with_digest(&path).unwrap();
    assert_eq!(together, digest(&path).unwrap());
    assert_eq!(model, load(&path).unwrap());
    inline_external(&path, &mut model).unwrap();
    let tensor = &model.graph.as_ref().unwrap().initializer[0];
    assert_eq!(values_f32(tensor).unwrap(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(model, tiny());
}

#[test]
fn external_data_stays_inside_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.onnx");
    for location in ["../w.bin", "/etc/passwd", ""] {
        save(&path, &external(location, "0")).unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains("not inside the model's folder"), "{error}");
    }
}

#[test]
#[cfg(unix)]
fn links_and_pipes_do_not_lead_out_of_the_folder() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    fs::create_dir(&folder).unwrap();
    let bytes = [0; 16];
    fs::write(dir.path().join("outside.bin"), bytes).unwrap();
    fs::write(folder.join("inside.bin"), bytes).unwrap();
    symlink("../outside.bin", folder.join("link.bin")).unwrap();
    symlink("..", folder.join("up")).unwrap();
    symlink("/dev/zero", folder.join("zero")).unwrap();
    symlink("inside.bin", folder.join("alias.bin")).unwrap();
    let path = folder.join("m.onnx");
    for location in ["link.bin", "up/outside.bin", "zero"] {
        save(&path, &external(location, "0")).unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains("not inside the model's folder"), "{location}: {error}");
        assert!(
            digest(&path).is_err() && inline_external(&path, &mut external(location, "0")).is_err()
        );
    }
    fs::create_dir(folder.join("folder")).unwrap();
    save(&path, &external("folder", "0")).unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("no plain file"));
    save(&path, &external("alias.bin", "0")).unwrap();
    load(&path).unwrap();
    // a store of blobs: the model and its data are links into one folder
    let store = dir.path().join("store");
    fs::create_dir(&store).unwrap();
    fs::rename(&path, store.join("a1")).unwrap();
    fs::write(store.join("b2"), bytes).unwrap();
    symlink("../store/a1", &path).unwrap();
    fs::remove_file(folder.join("alias.bin")).unwrap();
    symlink("../store/b2", folder.join("alias.bin")).unwrap();
    load(&path).unwrap();
}
