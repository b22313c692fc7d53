//! ONNX models through everything that reads them without an engine.

use std::fs;
use std::path::Path;
use std::process::Command;

use backend::onnx::cost::{costs, weight_bytes};
use backend::onnx::file::{encode, inline_external};
use backend::onnx::node::subgraphs;
use backend::onnx::proto::{GraphProto, ModelProto, StringStringEntryProto, TensorProto};
use backend::onnx::{digest, load, shape, upgrade};
use onnx_export_verify::inspect::device::Device;
use onnx_export_verify::inspect::{Inspection, Request};
use onnx_export_verify::{fp16, verify};
use prost::Message as _;

use super::dice::Dice;
use super::{bombs, bytes, graph};

/// What lies beside the model's folder and must never be seen.
const SECRET: &[u8] = b"outside the folder of the model ";

/// A folder with the model and what lures it outside: links to a file, to a folder and to a device, and a pipe
/// whose reader waits for ever.
pub(super) fn prepare(folder: &Path) {
    let model = folder.join("model");
    fs::create_dir(&model).unwrap();
    fs::write(folder.join("outside.bin"), SECRET.repeat(64)).unwrap();
    fs::write(model.join("w.bin"), [0x3c; 4096]).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink("../outside.bin", model.join("link.bin")).unwrap();
        symlink("..", model.join("up")).unwrap();
        symlink("/dev/zero", model.join("zero")).unwrap();
        symlink("loop", model.join("loop")).unwrap();
        assert!(Command::new("mkfifo").arg(model.join("pipe")).status().unwrap().success());
    }
}

/// Writes the model of a case.
pub(super) fn write(dice: &mut Dice, folder: &Path) {
    let bytes = match dice.below(8) {
        0 => bombs::raw(dice),
        1 => bombs::model(dice).encode_to_vec(),
        kind => {
            let mut model = graph::model(dice);
            if dice.one_in(3) {
                external(dice, &mut model);
            }
            graph::mutate(dice, &mut model);
            let mut bytes = model.encode_to_vec();
            if kind < 4 {
                bytes::mutate(dice, &mut bytes);
            }
            bytes
        }
    };
    fs::write(folder.join("model/m.onnx"), bytes).unwrap();
}

/// Moves weights into another file, more or less.
fn external(dice: &mut Dice, model: &mut ModelProto) {
    const PLACES: [&str; 16] = [
        "w.bin",
        "w.bin",
        "w.bin",
        "./w.bin",
        "../outside.bin",
        "/etc/passwd",
        "link.bin",
        "up/outside.bin",
        "zero",
        "pipe",
        "loop",
        ".",
        "",
        "missing.bin",
        "w.bin/../../outside.bin",
        "m.onnx",
    ];
    let Some(graph) = &mut model.graph else { return };
    for tensor in &mut graph.initializer {
        if dice.one_in(2) {
            continue;
        }
        let mut entry = |key: &str, value: String| {
            tensor.external_data.push(StringStringEntryProto { key: key.into(), value });
        };
        entry("location", (*dice.pick(&PLACES)).to_owned());
        for key in ["offset", "length"] {
            let text = match dice.below(6) {
                0 => dice.number().to_string(),
                1 => (*dice.pick(&[
                    "",
                    "-1",
                    "1e9",
                    "0x10",
                    "18446744073709551615",
                    "99999999999999999999999",
                ]))
                .to_owned(),
                2 => dice.below(5000).to_string(),
                _ => continue,
            };
            entry(key, text);
        }
        tensor.data_location = 1;
        if dice.one_in(2) {
            tensor.raw_data = None;
        }
    }
}

/// The pure path: load, digest, shapes, cost, inspection, external data, float16, rounding, upgrade, encode.
pub(super) fn read(folder: &Path) -> bool {
    let path = folder.join("model/m.onnx");
    let Ok(mut model) = load(&path) else { return false };
    let digest = digest(&path).unwrap_or_default();
    let shapes = shape::infer(&model, &[]);
    let _ = (costs(&model, &shapes), weight_bytes(&model));
    let device = Device::named("h100-sxm").ok();
    let request = Request { path: path.clone(), device, tf32: true, ..Request::default() };
    if let Ok(inspection) = Inspection::of(model.clone(), digest, &request) {
        let _ = (inspection.lines(), inspection.json());
    }
    if inline_external(&path, &mut model).is_ok() {
        no_secret(&model);
    }
    if let Ok((half, _)) = fp16::convert(&model, &fp16::Options::default()) {
        let bytes = encode(&half).unwrap();
        assert!(ModelProto::decode(bytes.as_slice()).is_ok(), "a converted model does not decode");
    }
    let _ = verify::rounded::rounded(&model);
    let _ = upgrade::upgrade(model, 17);
    true
}

/// Nothing of the file outside may have become a weight.
fn no_secret(model: &ModelProto) {
    let leaks = |tensor: &TensorProto| {
        let raw = tensor.raw_data.as_deref().unwrap_or_default();
        raw.windows(12).any(|part| part == &SECRET[..12])
    };
    let mut found = Vec::new();
    if let Some(graph) = &model.graph {
        tensors(graph, &mut found);
    }
    assert!(!found.into_iter().any(leaks), "a file outside the model's folder was read");
}

fn tensors<'a>(graph: &'a GraphProto, found: &mut Vec<&'a TensorProto>) {
    found.extend(&graph.initializer);
    for attribute in graph.node.iter().flat_map(|node| &node.attribute) {
        found.extend(attribute.t.iter().chain(&attribute.tensors));
    }
    graph.node.iter().flat_map(subgraphs).for_each(|inner| tensors(inner, found));
}
