//! Builds with the stand-in library in the three versions whose tables differ.

mod cache;
mod real;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tensorrt_fake::Loaded;

use super::*;
use crate::tiny::Tiny;
use crate::traits::{BuildOptions, Flow, Progress};

const VERSIONS: [(&str, BackendId); 3] = [
    ("10.3.0", BackendId::Tensorrt),
    ("11.1.0", BackendId::Tensorrt),
    ("rtx-1.6.1", BackendId::TensorrtRtx),
];

/// A copy of the stand-in, with settings of its own; at the end nothing of it may live.
struct Fake {
    folder: TempDir,
    backend: TensorRt,
}

impl Fake {
    fn new(version: &str, id: BackendId) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = tensorrt_fake::install(folder.path(), version).unwrap();
        let library = Library::load(&path).unwrap();
        Self { folder, backend: TensorRt { id, library } }
    }

    fn ten() -> Self {
        Self::new("10.3.0", BackendId::Tensorrt)
    }

    fn set(&self, name: &str, value: &str) {
        Loaded::open(self.backend.library.path()).unwrap().set(name, value).unwrap();
    }

    fn model(&self, tiny: Tiny) -> PathBuf {
        tiny.write(self.folder.path())
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("engine.plan")
    }

    fn build(&self, request: &BuildRequest<'_>) -> Result<Built> {
        self.backend.build(request, &self.out())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let live = Loaded::open(self.backend.library.path()).unwrap().live().unwrap();
            assert!(live.is_empty(), "{live:?}");
        }
    }
}

fn fp16(model: &Path) -> BuildRequest<'_> {
    BuildRequest::new(model, Precision::Fp16)
}

fn by_flag(model: &Path) -> BuildRequest<'_> {
    let options = BuildOptions { fp16_route: Fp16Route::Flag, ..BuildOptions::default() };
    BuildRequest { options, ..fp16(model) }
}

#[test]
fn every_version_builds_what_the_model_says_and_tells_it() {
    for (version, id) in VERSIONS {
        let fake = Fake::new(version, id);
        for (tiny, precision) in [(Tiny::fp32(), Precision::Fp32), (Tiny::fp16(), Precision::Fp16)]
        {
            let model = fake.model(tiny);
            let built = fake.build(&BuildRequest::new(&model, precision)).unwrap();
            assert_eq!(built.precision_achieved, precision.as_str(), "{version}: {built:?}");
            assert_eq!(built.precision_share, Some(1.0), "{version}");
            assert!(built.layers.len() >= 3, "{version}: {:?}", built.layers);
            let from = if id == BackendId::Tensorrt { "inspector" } else { "build log" };
            assert!(built.layers_from == from || device::gpu().is_ok(), "{version}: {built:?}");
            assert!(built.flags.contains(&"typing=strong".to_owned()), "{:?}", built.flags);
            assert_eq!((built.cache, built.timing_cache), (None, None), "{version}: no cache");
            assert!(fake.out().metadata().unwrap().len() > 0);
        }
        assert!(fake.backend.detail().contains("fake library, for tests"));
        assert!(fake.backend.detail().contains(CANNOT_RUN));
    }
}

#[test]
fn a_float32_model_is_no_float16_engine() {
    for (version, id) in VERSIONS {
        let fake = Fake::new(version, id);
        let model = fake.model(Tiny::fp32());
        let built = fake.build(&fp16(&model)).unwrap();
        assert_eq!((built.precision_achieved.as_str(), built.precision_share), ("fp32", Some(0.0)));
        assert!(fake.backend.capabilities().native_fp16);
    }
}

#[test]
fn the_flag_lowers_a_float32_model_where_the_version_has_it() {
    let ten = Fake::ten();
    let model = ten.model(Tiny::fp32());
    let built = ten.build(&by_flag(&model)).unwrap();
    assert_eq!((built.precision_achieved.as_str(), built.precision_share), ("fp16", Some(1.0)));
    let flags = ["typing=weak", "builder-flag=fp16"].map(str::to_owned);
    assert!(flags.iter().all(|flag| built.flags.contains(flag)), "{:?}", built.flags);
    ten.set("TENSORRT_FAKE_FAULT", "no-fp16");
    let built = ten.build(&by_flag(&model)).unwrap();
    assert_eq!((built.precision_achieved.as_str(), built.precision_share), ("fp32", Some(0.0)));
    for (version, id) in &VERSIONS[1..] {
        let fake = Fake::new(version, *id);
        let error = fake.build(&by_flag(&model)).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        let number = version.trim_start_matches("rtx-");
        assert!(error.to_string().contains(number), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}

/// Cancels at a step, counts all.
struct Steps {
    last: u32,
    seen: AtomicU32,
    phases: Mutex<Vec<String>>,
}

impl Progress for Steps {
    fn update(&self, phase: &str, done: u32, _total: u32) -> Flow {
        let mut phases = self.phases.lock().unwrap();
        if !phases.iter().any(|known| known == phase) {
            phases.push(phase.to_owned());
        }
        if done > 0 && self.seen.fetch_add(1, Ordering::Relaxed) >= self.last {
            return Flow::Cancel;
        }
        Flow::Continue
    }
}

fn steps(last: u32) -> Steps {
    Steps { last, seen: AtomicU32::new(0), phases: Mutex::default() }
}

#[test]
fn progress_is_told_and_cancels() {
    for (version, id) in VERSIONS {
        let fake = Fake::new(version, id);
        let model = fake.model(Tiny::fp16());
        let all = steps(u32::MAX);
        fake.build(&BuildRequest { progress: Some(&all), ..fp16(&model) }).unwrap();
        assert!(all.seen.load(Ordering::Relaxed) > 2 && all.phases.lock().unwrap().len() >= 2);
        std::fs::remove_file(fake.out()).unwrap();
        let early = steps(1);
        let error =
            fake.build(&BuildRequest { progress: Some(&early), ..fp16(&model) }).unwrap_err();
        assert!(matches!(&error, Error::Cancelled { why, .. } if why == "as asked"), "{error}");
        assert_eq!(error.exit_code(), 5);
        assert!(!fake.out().exists());
    }
}

#[test]
fn a_time_limit_ends_a_slow_build() {
    let fake = Fake::ten();
    fake.set("TENSORRT_FAKE_BUILD_MS", "30");
    let model = fake.model(Tiny::fp16());
    let time_limit = Some(Duration::from_millis(10));
    let options = BuildOptions { time_limit, ..BuildOptions::default() };
    let error = fake.build(&BuildRequest { options, ..fp16(&model) }).unwrap_err();
    assert!(error.to_string().contains("longer than 0.01 s"), "{error}");
}

#[test]
fn open_sizes_are_settled_by_a_profile_or_named() {
    let fake = Fake::ten();
    let model = fake.model(Tiny { batch: None, ..Tiny::fp16() });
    fake.build(&fp16(&model)).unwrap();
    let shapes = vec![("input".to_owned(), vec![4, Tiny::CHANNELS, Tiny::SIZE, Tiny::SIZE])];
    fake.build(&BuildRequest { shapes: &shapes, ..fp16(&model) }).unwrap();
    let wrong = vec![("input".to_owned(), vec![4, 1, 1, 1])];
    let error = fake.build(&BuildRequest { shapes: &wrong, ..fp16(&model) }).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
}

#[test]
fn failures_are_told_apart() {
    let fake = Fake::ten();
    let good = fake.model(Tiny::fp16());
    let unwritable = fake.backend.build(&fp16(&good), Path::new("/proc/x.plan")).unwrap_err();
    assert!(unwritable.to_string().contains("/proc/x.plan"), "{unwritable}");
    let cut = fake.folder.path().join("cut.onnx");
    let bytes = std::fs::read(&good).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let error = fake.build(&fp16(&cut)).unwrap_err();
    assert_eq!((error.exit_code(), matches!(error, Error::Model { .. })), (2, true), "{error}");
    for fault in ["build", "no-driver", "oom"] {
        fake.set("TENSORRT_FAKE_MEGABYTES", "1");
        fake.set("TENSORRT_FAKE_FAULT", fault);
        let error = fake.build(&fp16(&good)).unwrap_err();
        assert_eq!(error.exit_code(), 4, "{fault}: {error}");
    }
    let lone = TensorRt { id: BackendId::TensorrtRtx, library: fake.backend.library.clone() };
    assert!(lone.open(&good, &open_options()).err().unwrap().to_string().contains(CANNOT_RUN));
    assert!(lone.open_model(&good, &open_options()).is_err());
}

fn open_options() -> OpenOptions {
    OpenOptions::default()
}

#[test]
fn the_newest_folder_of_the_project_comes_first() {
    let data = tempfile::tempdir().unwrap();
    for name in ["tensorrt-rtx-1.9", "tensorrt-rtx-1.10.1", "tensorrt-10.3.0", "tensorrt-rtx-x"] {
        std::fs::create_dir_all(data.path().join("runtime").join(name)).unwrap();
    }
    let found = |id| -> Vec<String> {
        let names = own_folders(id, data.path()).into_iter();
        names.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(found(BackendId::TensorrtRtx), ["tensorrt-rtx-1.10.1", "tensorrt-rtx-1.9"]);
    assert_eq!(found(BackendId::Tensorrt), ["tensorrt-10.3.0"]);
}

#[test]
fn an_engine_tells_about_itself() {
    for (version, id) in VERSIONS {
        let fake = Fake::new(version, id);
        let model = fake.model(Tiny::fp16());
        fake.build(&fp16(&model)).unwrap();
        let plan = std::fs::read(fake.out()).unwrap();
        let told = inspect::describe(&fake.backend, &plan).unwrap();
        assert_eq!(
            (told.inputs[0].as_str(), told.outputs[0].as_str()),
            ("input: f32[1,3,8,8]", "output: f32[1,5]")
        );
        assert_eq!(told.precision, "fp16", "{version}: {:?}", told.layers);
        assert!(told.kind.contains("read with"), "{}", told.kind);
        fake.set("TENSORRT_FAKE_FAULT", "deserialize");
        let error = inspect::describe(&fake.backend, &plan).unwrap_err();
        assert_eq!(error.exit_code(), 4, "{error}");
        let built = fake.build(&fp16(&model)).unwrap();
        assert_eq!(
            (built.layers_from.as_str(), built.precision_achieved.as_str()),
            ("build log", "fp16")
        );
    }
}
