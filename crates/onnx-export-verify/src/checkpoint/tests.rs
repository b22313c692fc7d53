//! Files that torch and safetensors wrote (`tests/data/checkpoints/make.py`), and files that must be refused.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoints")
}

fn number(value: &Value) -> f32 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        value => value.as_f64().unwrap() as f32,
    }
}

#[test]
fn every_file_is_read_as_torch_reads_it() {
    let text = std::fs::read_to_string(folder().join("expected.json")).unwrap();
    let expected: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    assert!(expected.len() >= 12);
    for (name, file) in expected {
        let checkpoint = Checkpoint::open(&folder().join(&name)).unwrap();
        let form = match checkpoint.form() {
            Form::Zip => "zip",
            Form::Legacy => "legacy",
            Form::Safetensors => "safetensors",
        };
        assert_eq!(form, file["form"], "{name}");
        let entries = file["entries"].as_array().unwrap();
        assert_eq!(checkpoint.entries().count(), entries.len(), "{name}");
        for entry in entries {
            let tensor = entry["name"].as_str().unwrap();
            let found = checkpoint.entry(tensor).unwrap_or_else(|| panic!("{name} {tensor}"));
            let shape: Vec<Value> = found.shape.iter().map(|&size| size.into()).collect();
            assert_eq!(Value::from(shape), entry["shape"], "{name} {tensor}");
            let Some(values) = entry.get("values") else {
                assert!(!found.element.is_float(), "{name} {tensor}");
                assert!(checkpoint.tensor(tensor).is_err());
                continue;
            };
            let values: Vec<f32> = values.as_array().unwrap().iter().map(number).collect();
            assert_eq!(checkpoint.tensor(tensor).unwrap(), values, "{name} {tensor}");
        }
    }
}

#[test]
fn dictionaries_around_a_tensor_are_told_from_its_name() {
    let checkpoint = Checkpoint::open(&folder().join("training.pth")).unwrap();
    let entry = checkpoint.entry("state_dict.conv.weight").unwrap();
    assert_eq!(entry.home(), "state_dict.");
    assert_eq!(checkpoint.entry("optimizer.state.0.exp_avg").unwrap().home(), "optimizer.state.0.");
    let checkpoint = Checkpoint::open(&folder().join("views.pth")).unwrap();
    let entry = |name| checkpoint.entry(name).unwrap();
    assert_eq!(entry("part").home(), "");
    assert!(entry("part").shares_storage_with(entry("tied")));
    assert!(!entry("part").shares_storage_with(entry("scalar")));
}

fn refused(name: &str) -> Error {
    Checkpoint::open(&folder().join(name)).unwrap_err()
}

#[test]
fn what_would_run_code_is_refused_by_name() {
    let error = refused("hostile-system.pth");
    assert!(
        error.to_string().contains("refused, nothing was run: the file asks for `posix.system`")
    );
    assert!(error.hint().unwrap().contains("runs a program"));
    let error = refused("hostile-legacy.pth").to_string();
    assert!(error.contains("eval`, `posix.system`"), "all are named: {error}");
    assert!(refused("hostile-pickle.pth").to_string().contains("`posix.system`"));
    let error = refused("hostile-module.pth");
    assert!(error.to_string().contains("`torch.nn.modules.linear.Linear`"), "{error}");
    assert!(error.hint().unwrap().contains("model.state_dict()"));
}

#[test]
fn claims_are_compared_with_the_file() {
    let says = |name: &str, what: &str| {
        let error = refused(name).to_string();
        assert!(error.contains(what), "{error}");
    };
    says("hostile-claim.pth", "claims 8589934588 bytes, but there are 24");
    says("hostile-claim.safetensors", "its tensors have 1000000000000 bytes, the file has 0");
    says("hostile-path.pth", "has no member `plain/data/0`");
    says("old-tar.pth", "tar form");
}

fn written(bytes: &[u8]) -> Result<Checkpoint> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    Checkpoint::open(file.path())
}

#[test]
fn other_files_are_told_apart() {
    let says = |bytes: &[u8], what: &str| {
        let error = written(bytes).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.hint().is_some(), "{error}");
    };
    says(b"", "the file is empty");
    says(b"<!DOCTYPE html><html>404", "a web page");
    says(b"version https://git-lfs.github.com/spec/v1", "Git LFS");
    says(b"{\"weight_map\": {}}", "index of several");
    says(b"\x08\x07\x12\x07pytorch", "neither a PyTorch checkpoint");
    says(b"\x80\x02}q\x00.", "not one that torch.save wrote");
    says(b"PK\x03\x04", "cut short");
    assert!(Checkpoint::open(&folder()).unwrap_err().to_string().contains("is no file"));
    let missing = Checkpoint::open(&folder().join("none.pth")).unwrap_err();
    assert_eq!(missing.exit_code(), 2);
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for name in ["plain.pth", "legacy.pth", "kinds.safetensors", "deflated.pth"] {
        let whole = std::fs::read(folder().join(name)).unwrap();
        for end in (0..whole.len()).step_by(13) {
            assert!(written(&whole[..end]).is_err(), "{name} up to {end}");
        }
    }
}

/// A pickle that torch could have written around `body`, in the legacy form.
fn legacy(body: &[u8]) -> Vec<u8> {
    let whole = std::fs::read(folder().join("legacy.pth")).unwrap();
    // magic number and version, then an empty dictionary for the machine
    let mut bytes = whole[..21].to_vec();
    bytes.extend(b"\x80\x02}.");
    bytes.extend(body);
    bytes
}

#[test]
fn bombs_end_quickly() {
    let many =
        |opcode: &[u8], count: usize| [b"\x80\x02)".as_slice(), &opcode.repeat(count)].concat();
    let bombs: [(&str, Vec<u8>); 6] = [
        ("open marks", many(b"(", 1 << 16)),
        ("values on its stack", many(b"N", 2 << 20)),
        ("objects", many(b"N0", 5 << 20)),
        ("nothing on the stack", b"\x80\x020.".to_vec()),
        ("more than 67108864 bytes", b"\x80\x02\x8d\xff\xff\xff\xff\x00\x00\x00\x00".to_vec()),
        ("cut short", many(b"\x85", 1 << 19)),
    ];
    for (what, bomb) in bombs {
        let start = Instant::now();
        let error = written(&legacy(&bomb)).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        assert!(start.elapsed().as_secs() < 5, "{what}");
    }
    // a list that holds itself, and dictionaries that hold each other twice, forty levels deep
    let mut doubled = b"\x80\x02]q\x00h\x00a0}q\x00".to_vec();
    for level in 0..40_u8 {
        doubled.extend([b'}', b'q', level + 1, b'(', b'K', 0, b'h', level, b'K', 1, b'h', level]);
        doubled.push(b'u');
    }
    doubled.extend(b".\x80\x02].");
    assert_eq!(written(&legacy(&doubled)).unwrap().entries().count(), 0);
}

/// Damages files at random; whatever comes of it, nothing panics, and what is read has the stated size.
#[test]
fn damaged_files_never_panic() {
    let names =
        ["plain.pth", "deflated.pth", "training-legacy.pth", "views.pth", "kinds.safetensors"];
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    let (mut opened, mut read) = (0, 0);
    for name in names {
        let whole = std::fs::read(folder().join(name)).unwrap();
        for _ in 0..600 {
            let mut bytes = whole.clone();
            for _ in 0..=next(4) {
                let at = next(bytes.len());
                match next(4) {
                    0 => bytes[at] ^= 1 << next(8),
                    1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][next(5)],
                    2 => bytes.truncate(at + 1),
                    _ => {
                        let from = next(bytes.len());
                        let part = bytes[from..bytes.len().min(from + next(40))].to_vec();
                        bytes.splice(at..at, part);
                    }
                }
            }
            std::fs::write(file.path(), &bytes).unwrap();
            let Ok(checkpoint) = Checkpoint::open(file.path()) else { continue };
            opened += 1;
            for entry in checkpoint.entries() {
                let Ok(values) = checkpoint.tensor(&entry.name) else { continue };
                assert_eq!(values.len(), entry.shape.iter().product::<usize>());
                read += 1;
            }
        }
    }
    assert!(opened > 200 && read > 1000, "the damage must not be total: {opened}, {read}");
}
