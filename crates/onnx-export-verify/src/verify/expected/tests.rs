//! Files that numpy wrote, files of the ONNX layout, and files that nobody should trust.

use std::io::Write as _;
use std::path::Path;

use backend::ElementType;
use backend::onnx::tensor::{from_f32, from_i64};
use prost::Message as _;

use super::*;

fn arrays() -> ExpectedSet {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/expected/arrays.npz");
    Expected::open(&path).unwrap().sets.remove(0)
}

#[test]
fn what_numpy_writes_is_read() {
    let set = arrays();
    let plain: Vec<f32> = (0_i16..24).map(|v| f32::from(v - 7)).collect();
    for named in &set.outputs {
        let expected: Vec<f32> = match named.name.as_str() {
            "u1" | "u8" => plain.iter().map(|v| v.rem_euclid(256.0)).collect(),
            "flags" => plain.iter().map(|v| f32::from(u8::from(v % 2.0 == 0.0))).collect(),
            "scalar" => vec![2.5],
            "one" => vec![1.5],
            "empty" => vec![],
            _ => plain.clone(),
        };
        assert_eq!(named.values, expected, "{}", named.name);
    }
    let dims = |name: &str| set.output(0, name).unwrap().dims.clone();
    assert_eq!(set.outputs.len(), 16);
    assert_eq!(
        (dims("fortran"), dims("scalar"), dims("empty")),
        (vec![2, 3, 4], vec![], vec![0, 3])
    );
}

fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
    bytes.extend((header.len() as u32).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn hostile_arrays_are_refused() {
    let refuse = |bytes: &[u8], what: &str| {
        let error = npy::parse(bytes).unwrap_err();
        assert!(error.contains(what), "{error}");
    };
    let header = |descr: &str, shape: &str| {
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n")
    };
    assert_eq!(npy::parse(&npy(&header("<f4", "(1,)"), &[0, 0, 128, 63])).unwrap().1, [1.0]);
    refuse(b"", "no .npy array");
    refuse(b"\x93NUMPY\x01", "truncated");
    refuse(b"\x93NUMPY\x09\x00", "version 9");
    refuse(&npy(&header("<f4", "(2,)"), &[0; 4]), "4 bytes of elements");
    refuse(&npy(&header("<f4", "(1099511627776,)"), &[0; 4]), "too large");
    refuse(&npy(&header("<f4", "(4294967296, 4294967296, 2)"), &[0; 4]), "too large");
    for order in ["True", "False"] {
        let shape = "(0, 4294967296, 4294967296)";
        let empty = format!("{{'descr': '<f4', 'fortran_order': {order}, 'shape': {shape}}}");
        assert!(npy::parse(&npy(&empty, &[])).unwrap().1.is_empty());
    }
    refuse(&npy(&header("|O", "(1,)"), &[0; 8]), "not read");
    refuse(&npy(&header("<c8", "(1,)"), &[0; 8]), "not read");
    refuse(&npy(&header("<f4", "(-1,)"), &[0; 4]), "not read");
    refuse(
        &npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", &[]),
        "not read",
    );
    refuse(&npy("{'descr': '<f4'}", &[0; 4]), "not read");
    refuse(&npy("{'shape': (1,), 'shape': (1,)}", &[0; 4]), "not read");
    refuse(&npy("{", &[]), "not read");
    let mut long = npy("", &[]);
    long[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    refuse(&long, "a header of 4294967295 bytes");
}

#[test]
fn archives_that_are_none_or_hold_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("e.npz");
    let refuse = |what: &str| {
        let error = format!("{:#}", Expected::open(&path).unwrap_err());
        assert!(error.contains(what), "{error}");
    };
    refuse("e.npz");
    std::fs::write(&path, b"no archive").unwrap();
    refuse("is no .npz archive");
    let zipped = |name: &str, bytes: &[u8]| {
        let mut writer = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        let stored = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        writer.start_file(name, stored).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap();
    };
    zipped("../evil.txt", b"x");
    refuse("which is no array");
    zipped("x.npy", b"\x93NUMPY");
    refuse("`x`: truncated");
}

#[test]
fn a_folder_of_the_onnx_layout() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("test_data_set_0");
    std::fs::create_dir(&set).unwrap();
    let error = format!("{:#}", Expected::open(folder.path()).unwrap_err());
    assert!(error.contains("holds no output_K.pb"), "{error}");
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(set.join(name), bytes).unwrap();
    write("input_0.pb", from_f32("x", &[1, 2], &[1.0, 2.0]).encode_to_vec());
    write("input_1.pb", from_i64("", &[1], &[3]).encode_to_vec());
    write("output_0.pb", from_f32("y", &[2], &[0.5, 0.25]).encode_to_vec());
    let read = Expected::open(folder.path()).unwrap().sets.remove(0);
    assert_eq!(read.label, "test_data_set_0");
    let spec = |name: &str, dims: &[usize]| TensorSpec {
        name: name.into(),
        element: ElementType::F32,
        dims: dims.to_vec(),
    };
    assert_eq!(read.input(0, &spec("x", &[1, 2])).unwrap().values, [1.0, 2.0]);
    assert_eq!(read.input(1, &spec("unnamed", &[1])).unwrap().values, [3.0], "by place");
    assert!(read.input(0, &spec("x", &[2, 1])).unwrap_err().to_string().contains("[2, 1]"));
    assert!(read.input(2, &spec("z", &[1])).is_err());
    assert_eq!(read.output(0, "y").unwrap().values, [0.5, 0.25]);
    assert_eq!(read.output(0, "other").unwrap().dims, [2], "by place");
    assert!(read.output(1, "other").is_none());
    let one = Expected::open(&set.join("output_0.pb")).unwrap().sets.remove(0);
    assert_eq!((one.inputs.len(), one.outputs.len()), (2, 1));

    let refuse = |tensor: backend::onnx::proto::TensorProto, what: &str| {
        write("output_0.pb", tensor.encode_to_vec());
        let error = format!("{:#}", Expected::open(&set).unwrap_err());
        assert!(error.contains(what), "{error}");
    };
    let good = from_f32("y", &[2], &[0.5, 0.25]);
    refuse(backend::onnx::proto::TensorProto { dims: vec![1 << 40], ..good.clone() }, "impossible");
    refuse(
        backend::onnx::proto::TensorProto { dims: vec![i64::MAX; 2], ..good.clone() },
        "impossible",
    );
    refuse(backend::onnx::proto::TensorProto { dims: vec![3], ..good.clone() }, "need 12");
    refuse(backend::onnx::proto::TensorProto { data_type: 0, ..good.clone() }, "no element type");
    refuse(backend::onnx::proto::TensorProto { data_location: 1, ..good }, "another file");
}
