//! Several inputs and outputs of every element type, scalars, empty tensors, state and weights in several files.

use prost::Message as _;

use super::{backends, options};
use crate::input::{Feeds, Fixed, fill};
use crate::onnx::node::{self, node, value_info};
use crate::onnx::proto::{
    GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
};
use crate::onnx::shape::Dim;
use crate::onnx::tensor::from_f32;
use crate::{BackendId, BuildRequest, ElementType, Error, OpenOptions, Precision, Session};

/// Element types with their codes; each has an input and an output that is equal to it.
const TYPES: [(&str, i32, ElementType); 8] = [
    ("f32", 1, ElementType::F32),
    ("u8", 2, ElementType::U8),
    ("i8", 3, ElementType::I8),
    ("i32", 6, ElementType::I32),
    ("i64", 7, ElementType::I64),
    ("bool", 9, ElementType::Bool),
    ("f16", 10, ElementType::F16),
    ("f64", 11, ElementType::F64),
];

fn model(graph: GraphProto) -> ModelProto {
    ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        ..ModelProto::default()
    }
}

fn write(folder: &std::path::Path, graph: GraphProto) -> std::path::PathBuf {
    let path = folder.join("model.onnx");
    std::fs::write(&path, model(graph).encode_to_vec()).unwrap();
    path
}

/// Feeds all inputs and returns all outputs by name.
fn run(session: &mut dyn Session, feeds: &Feeds, seed: u64) -> Vec<(String, Vec<f32>)> {
    for index in 0..session.inputs().len() {
        let spec = session.inputs()[index].clone();
        session.set_input(index, &fill(feeds, seed, index, &spec)).unwrap();
    }
    session.poison_outputs().unwrap();
    session.infer().unwrap();
    let names = session.outputs().iter().map(|spec| spec.name.clone()).collect::<Vec<_>>();
    names.into_iter().enumerate().map(|(k, name)| (name, session.output(k).unwrap())).collect()
}

#[test]
fn every_element_type_crosses_the_border() {
    let folder = tempfile::tempdir().unwrap();
    let dims = [Dim::Fixed(2), Dim::Fixed(3)];
    let same = |name: &str| node("Identity", name, &[name], &[&format!("{name}_out")], vec![]);
    let path = write(
        folder.path(),
        GraphProto {
            input: TYPES
                .iter()
                .map(|(name, code, _)| value_info(name, *code, Some(&dims)))
                .collect(),
            output: TYPES
                .iter()
                .map(|(name, code, _)| value_info(&format!("{name}_out"), *code, Some(&dims)))
                .collect(),
            node: TYPES.iter().map(|(name, ..)| same(name)).collect(),
            ..GraphProto::default()
        },
    );
    for backend in backends() {
        let engine = folder.path().join(format!("{}.onnx", backend.id()));
        backend.build(&BuildRequest::new(&path, Precision::Fp32), &engine).unwrap();
        let mut session = backend.open(&engine, &options(1)).unwrap();
        let specs = session.inputs().to_vec();
        for (spec, (name, _, element)) in specs.iter().zip(TYPES) {
            assert_eq!((spec.name.as_str(), spec.element), (name, element), "{}", backend.id());
        }
        let answers = run(session.as_mut(), &Feeds::default(), 1);
        if backend.id() == BackendId::Sim {
            continue;
        }
        for (index, (spec, (name, found))) in specs.iter().zip(&answers).enumerate() {
            let mut fed = fill(&Feeds::default(), 1, index, spec);
            if spec.element == ElementType::F16 && backend.id() != BackendId::Rten {
                for value in &mut fed {
                    *value = half::f16::from_f32(*value).to_f32();
                }
            }
            assert_eq!(&fed, found, "{name} on {}", backend.id());
        }
        session.poison_outputs().unwrap();
        for (index, (_, answer)) in answers.iter().enumerate() {
            assert_ne!(&session.output(index).unwrap(), answer, "poison shows");
        }
    }
}

/// `next = state + x · f(sr)` where only 8000 and 16000 have a row of factors: any other `sr` is an index out of range.
fn recurrent() -> GraphProto {
    let symbol = |name: &str| Dim::Symbol(name.into());
    let sizes = [symbol("batch"), symbol("samples")];
    GraphProto {
        initializer: vec![
            from_f32("factors", &[2], &[2.0, 0.5]),
            crate::onnx::tensor::from_i64("unit", &[], &[8000]),
            crate::onnx::tensor::from_i64("two", &[], &[2]),
        ],
        input: vec![
            value_info("x", 1, Some(&sizes)),
            value_info("state", 1, Some(&sizes)),
            value_info("sr", 7, Some(&[])),
        ],
        node: vec![
            node("Div", "div", &["sr", "unit"], &["units"], vec![]),
            node("Sub", "sub", &["two", "units"], &["row"], vec![]),
            node(
                "Gather",
                "gather",
                &["factors", "row"],
                &["factor"],
                vec![node::attr_int("axis", 0)],
            ),
            node("Mul", "mul", &["x", "factor"], &["scaled"], vec![]),
            node("Add", "add", &["state", "scaled"], &["next"], vec![]),
        ],
        // the second size is nothing that the model tells
        output: vec![
            value_info("next", 1, Some(&[symbol("batch"), symbol("n")])),
            value_info("factor", 1, Some(&[])),
        ],
        ..GraphProto::default()
    }
}

#[test]
fn scalars_and_state_are_fed_as_they_are_fixed() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), recurrent());
    let shapes = ["x", "state"].map(|name| (name.to_owned(), vec![2, 5])).to_vec();
    let fixed = [("sr".to_owned(), Fixed::Value(16_000.0)), ("state".to_owned(), Fixed::Zeros)];
    let feeds = Feeds { fixed: fixed.into(), ..Feeds::default() };
    let with = OpenOptions { shapes: shapes.clone(), feeds: feeds.clone(), ..options(1) };
    for backend in backends().into_iter().filter(|backend| backend.id() != BackendId::Sim) {
        let engine = folder.path().join(format!("{}.onnx", backend.id()));
        let request = BuildRequest { shapes: &shapes, ..BuildRequest::new(&path, Precision::Fp32) };
        backend.build(&request, &engine).unwrap();
        let mut session = backend.open(&engine, &with).unwrap();
        assert_eq!(session.outputs()[0].dims, [2, 5], "{}", backend.id());
        assert_eq!(session.outputs()[1].dims, [0; 0], "{}", backend.id());
        let answers = run(session.as_mut(), &feeds, 1);
        let x = fill(&feeds, 1, 0, &session.inputs()[0]);
        let doubled: Vec<f32> = x.iter().map(|v| 2.0 * v).collect();
        assert_eq!(answers[0].1, doubled, "{}", backend.id());
        assert_eq!(answers[1].1, [2.0]);
        // a drawn scalar is no row: the engine refuses, and the error says which input was drawn; at the start
        // where a first run shows the sizes of the outputs, else at the first inference
        let drawn = OpenOptions { shapes: shapes.clone(), ..options(1) };
        let error = backend
            .open(&engine, &drawn)
            .and_then(|mut session| {
                for index in 0..session.inputs().len() {
                    let spec = session.inputs()[index].clone();
                    session.set_input(index, &fill(&drawn.feeds, 1, index, &spec))?;
                }
                session.infer()
            })
            .unwrap_err();
        assert!(matches!(error, Error::Drawn { .. }), "{error:?}");
        assert!(error.to_string().contains("drawn at random: `sr` (int64)"), "{error}");
        assert!(error.hint().unwrap().contains("--input NAME=VALUE"));
        assert_eq!(error.exit_code(), 2);
        // a fixed value for an input that is not there
        let feeds = Feeds { fixed: [("rate".to_owned(), Fixed::Zeros)].into(), ..Feeds::default() };
        let error = backend.open(&engine, &OpenOptions { feeds, ..with.clone() }).err().unwrap();
        assert!(error.to_string().contains("its inputs are `x`, `state`, `sr`"), "{error}");
    }
}

#[test]
fn an_empty_tensor_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let past = [Dim::Fixed(0), Dim::Fixed(3)];
    let path = write(
        folder.path(),
        GraphProto {
            input: vec![
                value_info("past", 1, Some(&past)),
                value_info("x", 1, Some(&[Dim::Fixed(2), Dim::Fixed(3)])),
            ],
            output: vec![
                value_info("all", 1, Some(&[Dim::Fixed(2), Dim::Fixed(3)])),
                value_info("same", 1, Some(&past)),
            ],
            node: vec![
                node("Concat", "c", &["past", "x"], &["all"], vec![node::attr_int("axis", 0)]),
                node("Identity", "i", &["past"], &["same"], vec![]),
            ],
            ..GraphProto::default()
        },
    );
    for backend in backends() {
        let mut session = backend.open_model(&path, &options(1)).unwrap();
        let answers = run(session.as_mut(), &Feeds::default(), 1);
        assert_eq!(answers[0].1.len(), 6, "{}", backend.id());
        assert_eq!(answers[1].1.len(), 0, "{}", backend.id());
    }
}

/// Two weights in two files, one of them behind other bytes.
#[test]
fn weights_may_lie_in_several_files_at_an_offset() {
    let folder = tempfile::tempdir().unwrap();
    let entry =
        |key: &str, value: &str| StringStringEntryProto { key: key.into(), value: value.into() };
    let external = |name: &str, file: &str, offset: usize, values: &[f32]| {
        let mut bytes = vec![0xff; offset];
        bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend([0xff; 8]);
        std::fs::write(folder.path().join(file), bytes).unwrap();
        let (offset, length) = (offset.to_string(), (4 * values.len()).to_string());
        TensorProto {
            name: name.into(),
            dims: vec![values.len() as i64],
            data_type: 1,
            data_location: 1,
            external_data: vec![
                entry("location", file),
                entry("offset", &offset),
                entry("length", &length),
            ],
            ..TensorProto::default()
        }
    };
    let dims = [Dim::Fixed(1), Dim::Fixed(3)];
    let path = write(
        folder.path(),
        GraphProto {
            initializer: vec![
                external("scale", "a.bin", 0, &[1.0, 2.0, 3.0]),
                external("shift", "b.bin", 64, &[10.0, 20.0, 30.0]),
            ],
            input: vec![value_info("x", 1, Some(&dims))],
            output: vec![value_info("y", 1, Some(&dims))],
            node: vec![
                node("Mul", "m", &["x", "scale"], &["s"], vec![]),
                node("Add", "a", &["s", "shift"], &["y"], vec![]),
            ],
            ..GraphProto::default()
        },
    );
    for backend in backends().into_iter().filter(|backend| backend.id() != BackendId::Sim) {
        let elsewhere = tempfile::tempdir().unwrap();
        let engine = elsewhere.path().join("engine.onnx");
        backend.build(&BuildRequest::new(&path, Precision::Fp32), &engine).unwrap();
        let sessions = [backend.open(&engine, &options(1)), backend.open_model(&path, &options(1))];
        for mut session in sessions.map(Result::unwrap) {
            session.set_input(0, &[1.0, 1.0, 1.0]).unwrap();
            session.infer().unwrap();
            assert_eq!(session.output(0).unwrap(), [11.0, 22.0, 33.0], "{}", backend.id());
        }
    }
}
