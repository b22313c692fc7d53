//! Overflow, underflow and what is not a number.

use std::path::{Path, PathBuf};

use backend::onnx::proto::StringStringEntryProto;
use backend::onnx::tensor::values_f32;
use pipeline::fault::{Exit, exit_of};

use super::*;

fn sum(weights: &[TensorProto]) -> ModelProto {
    let names: Vec<&str> =
        std::iter::once("x").chain(weights.iter().map(|w| w.name.as_str())).collect();
    let nodes = vec![node("Sum", "s", &names, &["y"], vec![])];
    model(nodes, weights.to_vec())
}

#[test]
fn all_tensors_that_overflow_are_named_at_once() {
    let old = sum(&[
        from_f32("a", &[2], &[7e4, 1.0]),
        from_f32("b", &[1], &[65504.0]),
        from_f32("c", &[2], &[-1e9, 65519.0]),
    ]);
    let error = convert(&old, &Options::default()).unwrap_err();
    assert_eq!(exit_of(&error), Exit::Config);
    let text = error.to_string();
    assert!(
        text.contains("in 2 tensors: `a` (1 of 2, up to 7e4), `c` (1 of 2, up to 1e9)"),
        "{text}"
    );
    let options = Options { on_overflow: OnOverflow::Saturate, ..Options::default() };
    let (new, report) = convert_checked(&old, &options);
    let graph = new.graph.unwrap();
    assert_eq!(values_f32(&graph.initializer[0]).unwrap(), [65504.0, 1.0]);
    assert_eq!(values_f32(&graph.initializer[2]).unwrap(), [-65504.0, 65504.0]);
    assert_eq!(report.weights.overflow.len(), 2);
    assert!(
        report
            .lines()
            .iter()
            .any(|line| line.contains("`c`: 1 of 2 weights set to ±65504 (up to 1e9)"))
    );
}

#[test]
fn infinity_is_kept_and_nan_is_refused() {
    let (new, _) = convert_checked(
        &sum(&[from_f32("m", &[2], &[f32::NEG_INFINITY, 0.0])]),
        &Options::default(),
    );
    assert_eq!(values_f32(&new.graph.unwrap().initializer[0]).unwrap(), [f32::NEG_INFINITY, 0.0]);
    let old = sum(&[from_f32("n", &[1], &[f32::NAN])]);
    let options = Options { on_overflow: OnOverflow::Saturate, ..Options::default() };
    assert!(convert(&old, &options).unwrap_err().to_string().contains("weights hold NaN: `n`"));
}

#[test]
fn the_tensors_that_lose_most_are_named() {
    let old = sum(&[
        from_f32("fine", &[2], &[1.0, 0.0]),
        from_f32("tiny", &[4], &[1e-9, 1e-9, 1e-6, 1.0]),
        from_f32("small", &[4], &[1e-6, 1.0, 1.0, 1.0]),
    ]);
    let (_, report) = convert_checked(&old, &Options::default());
    let worst: Vec<&str> = report.weights.worst.iter().map(|loss| loss.tensor.as_str()).collect();
    assert_eq!(worst, ["tiny", "small"]);
    assert_eq!((report.weights.subnormal, report.weights.vanished), (2, 2));
    let json = report.json();
    assert_eq!(json["weights"]["worst"][0]["vanished"], 2);
    assert_eq!(json["left_in_float32"].as_array().unwrap().len(), 0);
}

#[test]
fn rounding_is_to_nearest_even_and_unused_weights_are_dropped() {
    let mut old = sum(&[from_f32("a", &[3], &[1.000_488_3, 1.001_464_8, 2049.0])]);
    old.graph.as_mut().unwrap().initializer.push(from_f32("unused", &[1], &[1.0]));
    let (new, _) = convert_checked(&old, &Options::default());
    let graph = new.graph.unwrap();
    assert_eq!(graph.initializer.len(), 1);
    assert_eq!(values_f32(&graph.initializer[0]).unwrap(), [1.0, 1.001_953_1, 2048.0]);
}

/// Saves a model, each of its weights in a file of its own.
fn save_outside(folder: &Path, model: &mut ModelProto) -> PathBuf {
    for weight in &mut model.graph.as_mut().unwrap().initializer {
        let file = format!("{}.bin", weight.name);
        std::fs::write(folder.join(&file), weight.raw_data.take().unwrap()).unwrap();
        weight.data_location = 1;
        weight.external_data = vec![StringStringEntryProto { key: "location".into(), value: file }];
    }
    let path = folder.join("m.onnx");
    backend::onnx::save(&path, model).unwrap();
    path
}

#[test]
fn external_data_is_read_on_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let mut old = sum(&[from_f32("a", &[2], &[0.5, -4.0])]);
    let path = save_outside(dir.path(), &mut old);
    let (new, _) = convert_file(&path, &Options::default()).unwrap();
    let weight = &new.graph.unwrap().initializer[0];
    assert_eq!((weight.data_location, values_f32(weight).unwrap()), (0, vec![0.5, -4.0]));
    let error = convert(&old, &Options::default()).unwrap_err();
    assert!(error.to_string().contains("`a`: its values are in another file"), "{error:#}");
}

#[test]
fn a_variance_beyond_the_range_does_not_fail() {
    let channels = |name, values: [f32; 3]| from_f32(name, &[3], &values);
    let nodes = vec![node("BatchNormalization", "n", &["x", "s", "b", "m", "v"], &["y"], vec![])];
    let weights = vec![
        channels("s", [1.0, 1.0, 1.0]),
        channels("b", [0.0; 3]),
        channels("m", [0.0; 3]),
        channels("v", [1.0, 9.8e7, 1e-9]),
    ];
    let mut old = model(nodes, weights);
    let in_one_file = convert_checked(&old, &Options::default());
    let dir = tempfile::tempdir().unwrap();
    let path = save_outside(dir.path(), &mut old);
    for (new, report) in [in_one_file, convert_file(&path, &Options::default()).unwrap()] {
        assert_eq!((report.rescaled, report.weights.vanished), (2, 0));
        let scale = values_f32(&new.graph.unwrap().initializer[0]).unwrap();
        assert_eq!(scale, [1.0, 1.0 / 8192.0, 512.0]);
    }
}
