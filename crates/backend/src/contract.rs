//! What every backend must do, checked on a tiny model: one test file for all of them.

mod borders;

use std::path::{Path, PathBuf};

use prost::Message as _;

use crate::input::image_like;
use crate::onnx::proto::StringStringEntryProto;
use crate::tiny::Tiny;
use crate::{
    Backend, BackendId, BuildRequest, Built, Environment, Error, OpenOptions, Precision, Session,
    open_backend,
};

/// The project's own `data` folder, where an optional library may be.
pub(crate) fn environment() -> Environment {
    Environment { data: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data") }
}

/// The backends that work here; the others are named as skipped.
fn backends() -> Vec<Box<dyn Backend>> {
    [BackendId::OnnxruntimeCpu, BackendId::Rten, BackendId::Sim]
        .into_iter()
        .filter_map(|id| match open_backend(id, &environment()) {
            Ok(backend) => Some(backend),
            Err(error) => {
                eprintln!("skipped {id}: {error}");
                None
            }
        })
        .collect()
}

fn options(threads: usize) -> OpenOptions {
    OpenOptions { threads, ..OpenOptions::default() }
}

fn build(backend: &dyn Backend, model: &Path, precision: Precision) -> (Built, PathBuf) {
    let engine = model.with_file_name(format!("engine-{}.onnx", backend.id()));
    let request = BuildRequest::new(model, precision);
    (backend.build(&request, &engine).unwrap(), engine)
}

fn answer(session: &mut dyn Session, seed: u64) -> Vec<f32> {
    let dims = session.inputs()[0].dims.clone();
    session.set_input(0, &image_like(seed, &dims)).unwrap();
    session.poison_outputs().unwrap();
    assert!(session.output(0).unwrap().iter().all(|v| v.is_nan()), "poison shows");
    session.infer().unwrap();
    session.output(0).unwrap()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn engines_answer_like_their_model_and_depend_on_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let model = Tiny::fp32().write(folder.path());
    let mut answers = Vec::new();
    for backend in backends() {
        let (built, engine) = build(backend.as_ref(), &model, Precision::Fp32);
        assert_eq!(built.precision_achieved, "fp32", "{}", backend.id());
        assert_eq!(built.precision_share, Some(1.0), "{}", backend.id());
        assert!(built.layers.len() >= 2, "{:?}", built.layers);
        let mut session = backend.open(&engine, &options(1)).unwrap();
        assert_eq!(session.inputs()[0].dims, [1, Tiny::CHANNELS, Tiny::SIZE, Tiny::SIZE]);
        assert_eq!(session.outputs()[0].dims, [1, Tiny::CLASSES]);
        let first = answer(session.as_mut(), 1);
        let second = answer(session.as_mut(), 2);
        assert!(largest_difference(&first, &second) > 1e-3, "{}", backend.id());
        assert_eq!(answer(session.as_mut(), 1), first, "{}", backend.id());
        let mut plain = backend.open_model(&model, &options(2)).unwrap();
        assert!(largest_difference(&answer(plain.as_mut(), 1), &first) < 1e-5, "{}", backend.id());
        if backend.id() != BackendId::Sim {
            answers.push(first);
        }
    }
    assert!(answers.iter().all(|a| largest_difference(a, &answers[0]) < 1e-5), "{answers:?}");
}

#[test]
fn float16_on_a_processor_is_computed_in_float32_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let model = Tiny::fp16().write(folder.path());
    let wide = tempfile::tempdir().unwrap();
    let reference = Tiny::fp32().write(wide.path());
    for backend in backends() {
        if backend.id() == BackendId::Sim {
            continue;
        }
        let (built, engine) = build(backend.as_ref(), &model, Precision::Fp16);
        if cfg!(target_arch = "x86_64") {
            let found = (built.precision_achieved.as_str(), built.precision_share);
            assert_eq!(found, ("fp32", Some(0.0)), "{}: {:?}", backend.id(), built.layers);
        }
        let mut session = backend.open(&engine, &options(1)).unwrap();
        let mut wide = backend.open_model(&reference, &options(1)).unwrap();
        let difference =
            largest_difference(&answer(session.as_mut(), 3), &answer(wide.as_mut(), 3));
        assert!((1e-7..1e-2).contains(&difference), "{}: {difference}", backend.id());
        backend.open_model(&model, &options(1)).unwrap();
    }
}

#[test]
fn an_open_batch_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let model = Tiny { batch: None, ..Tiny::fp32() }.write(folder.path());
    let dims = vec![2, Tiny::CHANNELS, Tiny::SIZE, Tiny::SIZE];
    let shapes = vec![("input".to_owned(), dims.clone())];
    for backend in backends() {
        let mut plain = backend.open_model(&model, &options(1)).unwrap();
        assert_eq!(plain.outputs()[0].dims, [1, Tiny::CLASSES], "{}", backend.id());
        let one = answer(plain.as_mut(), 1);
        assert_eq!(one.len(), Tiny::CLASSES);
        let engine = folder.path().join("engine.onnx");
        let request =
            BuildRequest { shapes: &shapes, ..BuildRequest::new(&model, Precision::Fp32) };
        backend.build(&request, &engine).unwrap();
        let with = OpenOptions { shapes: shapes.clone(), ..options(1) };
        let mut session = backend.open(&engine, &with).unwrap();
        assert_eq!(session.inputs()[0].dims, dims, "{}", backend.id());
        assert_eq!(session.outputs()[0].dims, [2, Tiny::CLASSES], "{}", backend.id());
        assert_eq!(answer(session.as_mut(), 1).len(), 2 * Tiny::CLASSES);
        let wrong = vec![("input".to_owned(), vec![2, 1, 1, 1])];
        let error =
            backend.open_model(&model, &OpenOptions { shapes: wrong, ..options(1) }).err().unwrap();
        assert!(matches!(error, Error::Shape { .. }), "{error}");
    }
}

#[test]
fn sessions_run_on_other_threads_and_count_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let model = Tiny::fp32().write(folder.path());
    for backend in backends() {
        let (_, engine) = build(backend.as_ref(), &model, Precision::Fp32);
        let handles: Vec<_> = (1..=2)
            .map(|threads| {
                let mut session = backend.open(&engine, &options(threads)).unwrap();
                if backend.capabilities().host_threads {
                    assert_eq!(session.threads(), Some(threads));
                }
                std::thread::spawn(move || answer(session.as_mut(), 1))
            })
            .collect();
        let answers: Vec<Vec<f32>> = handles.into_iter().map(|h| h.join().unwrap()).collect();
        assert!(largest_difference(&answers[0], &answers[1]) < 1e-5);
    }
}

#[test]
fn wrong_lengths_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = Tiny::fp32().write(folder.path());
    for backend in backends() {
        let mut session = backend.open_model(&model, &options(1)).unwrap();
        let error = session.set_input(0, &[1.0]).unwrap_err();
        assert!(error.to_string().contains("expected 192 values, got 1"), "{error}");
    }
}

/// Bad models: what the error says, for every backend.
#[test]
fn bad_models_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let good = std::fs::read(Tiny::fp32().write(folder.path())).unwrap();
    let missing = folder.path().join("nowhere.onnx");
    let truncated = write("truncated.onnx", &good[..good.len() / 2]);
    let text = write("text.onnx", b"this is no model");
    for backend in backends() {
        let refuse = |path: &Path, what: &str| {
            let out = folder.path().join("out.onnx");
            let request = BuildRequest::new(path, Precision::Fp32);
            let built = backend.build(&request, &out).unwrap_err();
            let opened = backend.open_model(path, &options(1)).err().unwrap();
            for error in [built, opened] {
                assert_eq!(error.exit_code(), 2, "{}: {error:?}", backend.id());
                assert!(error.to_string().contains(what), "{}: {error}", backend.id());
            }
        };
        refuse(&missing, "there is no such model");
        refuse(&truncated, "truncated");
        refuse(&text, "not an ONNX model");
        if backend.id() != BackendId::Sim {
            let unknown = tempfile::tempdir().unwrap();
            let path = Tiny { activation: "Frobnicate", ..Tiny::fp32() }.write(unknown.path());
            refuse(&path, "Frobnicate");
        }
    }
}

/// The tiny model with its convolution's weights in `weights.bin` beside it.
fn with_external_data(folder: &Path) -> PathBuf {
    let mut model = Tiny::fp32().model();
    let weight = &mut model.graph.as_mut().unwrap().initializer[0];
    let bytes = weight.raw_data.take().unwrap();
    let entry = |key: &str, value: String| StringStringEntryProto { key: key.into(), value };
    weight.data_location = 1;
    weight.external_data = vec![
        entry("location", "weights.bin".into()),
        entry("offset", "0".into()),
        entry("length", bytes.len().to_string()),
    ];
    std::fs::write(folder.join("weights.bin"), bytes).unwrap();
    let path = folder.join("external.onnx");
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    path
}

#[test]
fn external_data_goes_into_the_engine_or_is_missed_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let inline = Tiny::fp32().write(folder.path());
    let model = with_external_data(folder.path());
    for backend in backends() {
        let elsewhere = tempfile::tempdir().unwrap();
        let engine = elsewhere.path().join("engine.onnx");
        let request = BuildRequest::new(&model, Precision::Fp32);
        std::fs::rename(folder.path().join("weights.bin"), folder.path().join("gone")).unwrap();
        let error = backend.build(&request, &engine).unwrap_err();
        assert!(error.to_string().contains("weights.bin is missing"), "{error}");
        assert_eq!(error.exit_code(), 2);
        std::fs::rename(folder.path().join("gone"), folder.path().join("weights.bin")).unwrap();
        backend.build(&request, &engine).unwrap();
        let mut session = backend.open(&engine, &options(1)).unwrap();
        let found = answer(session.as_mut(), 1);
        if backend.id() != BackendId::Sim {
            let mut plain = backend.open_model(&inline, &options(1)).unwrap();
            let difference = largest_difference(&answer(plain.as_mut(), 1), &found);
            assert!(difference < 1e-5, "{}: {difference}", backend.id());
        }
    }
}

#[test]
fn an_engine_that_cannot_be_written_is_no_fault_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let model = Tiny::fp32().write(folder.path());
    for backend in backends() {
        let out = Path::new("/proc/engine.onnx");
        let request = BuildRequest::new(&model, Precision::Fp32);
        let error = backend.build(&request, out).unwrap_err();
        assert!(error.to_string().contains("/proc"), "{}: {error}", backend.id());
        assert!(!error.to_string().contains("model.onnx"), "{}: {error}", backend.id());
    }
}

#[test]
fn old_operator_sets_are_refused_where_they_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let model = Tiny { opset: 6, ..Tiny::fp32() }.write(folder.path());
    let rten = open_backend(BackendId::Rten, &environment()).unwrap();
    let error = rten.open_model(&model, &options(1)).err().unwrap();
    assert!(error.to_string().contains("opset 6"), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn the_version_of_rten_is_the_pinned_one() {
    let manifest =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml"));
    let version = open_backend(BackendId::Rten, &environment()).unwrap().version();
    assert!(manifest.unwrap().contains(&format!("rten = {{ version = \"={version}\"")));
}
