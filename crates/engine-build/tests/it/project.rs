//! A project folder of its own for each test, and models of a few operators.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use assert_cmd::Command;
use backend::onnx::node;
use backend::onnx::proto::{DataType, GraphProto, ModelProto, OperatorSetIdProto};
use backend::onnx::shape::Dim;
use backend::onnx::tensor;
use pipeline::artifact::{self, EngineRow, ModelRow};
use pipeline::{Digest, Provenance, RunDir};
use prost::Message as _;

/// A project folder with a run folder in it.
pub(crate) struct Project {
    root: tempfile::TempDir,
}

impl Project {
    pub(crate) fn new(backend: &str) -> Self {
        let project = Self { root: tempfile::tempdir().unwrap() };
        fs::create_dir(project.path("pipelines")).unwrap();
        project.configure(&format!("backend = \"{backend}\""));
        project
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn run_dir(&self) -> RunDir {
        RunDir::new(self.path("run"))
    }

    pub(crate) fn configure(&self, table: &str) {
        let text = format!("[pipeline]\nname = \"it\"\n[engine-build]\n{table}\n");
        fs::write(self.path("pipelines/it.toml"), text).unwrap();
    }

    /// Puts models into `models.parquet` and their blobs into place, as stage 1 does.
    pub(crate) fn export(&self, models: &[(&str, Vec<u8>)]) {
        self.export_to("run", models);
    }

    /// As [`Project::export`], into a run folder by name.
    pub(crate) fn export_to(&self, run: &str, models: &[(&str, Vec<u8>)]) {
        let rows: Vec<ModelRow> =
            models.iter().map(|(precision, bytes)| self.model_row(precision, bytes)).collect();
        let run = RunDir::new(self.path(run));
        artifact::write(&run, &rows, &Provenance::default()).unwrap();
    }

    fn model_row(&self, precision: &str, bytes: &[u8]) -> ModelRow {
        let digest = Digest::of_bytes(bytes);
        let path = format!("data/models/{digest}.onnx");
        fs::create_dir_all(self.path("data/models")).unwrap();
        fs::write(self.path(&path), bytes).unwrap();
        ModelRow {
            model_digest: digest.to_string(),
            name: "tiny".into(),
            precision: precision.into(),
            source: "synthetic".into(),
            seed: Some(1),
            path,
            opset: 17,
            inputs: vec!["input: f32[1,3,8,8]".into()],
            outputs: vec!["output: f32[1,4,8,8]".into()],
            parameters: 112,
            flops: None,
            bytes: bytes.len() as i64,
        }
    }

    /// The binary with the fake TensorRT in reach, and nothing else of the caller's environment.
    pub(crate) fn process(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("engine-build"));
        command.current_dir(self.root.path()).env("TAILMARK_ROOT", self.root.path());
        command.env_remove("ORT_DYLIB_PATH").env_remove("TAILMARK_SIM").args(args);
        command
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        Command::from_std(self.process(args))
    }

    pub(crate) fn stage(&self, extra: &[&str]) -> Command {
        let mut command = self.command(&["run", "--pipeline", "pipelines/it.toml", "--run", "run"]);
        command.args(extra);
        command
    }

    pub(crate) fn engines(&self) -> Vec<EngineRow> {
        artifact::read(&self.run_dir()).unwrap()
    }

    /// The stage on a run folder by name, with the fake TensorRT, whose builds take `layer_ms` a layer. What it
    /// times is called after the folder, so that builds in two folders share no entry of a cache.
    pub(crate) fn build(&self, run: &str, layer_ms: u32) -> std::process::Command {
        let mut command = self.process(&["run", "--pipeline", "pipelines/it.toml", "--run", run]);
        command.env("TENSORRT_LIB", tensorrt_fake::library_path().unwrap());
        command.env("TENSORRT_FAKE_BUILD_MS", layer_ms.to_string());
        command.env("TENSORRT_FAKE_KEY", format!("{run}-"));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Files of the timing-cache store, but for its lock.
    pub(crate) fn cache_files(&self) -> Vec<PathBuf> {
        let index = self.path("data/caches/v1");
        let folders = files(&index).into_iter().filter(|name| name.starts_with("timing-"));
        let inside = folders.flat_map(|folder| {
            let folder = index.join(folder);
            files(&folder).into_iter().map(move |name| folder.join(name))
        });
        inside.filter(|path| path.file_name().is_some_and(|name| name != ".lock")).collect()
    }

    /// Layers in the stored timing cache, read in the format of the fake library as a build would take it:
    /// the blob that the meta names, whole and with its digest. Empty when nothing is stored.
    pub(crate) fn cached_layers(&self) -> BTreeSet<String> {
        let files = self.cache_files();
        let is_meta = |path: &&PathBuf| path.to_string_lossy().ends_with(".meta.json");
        let metas: Vec<&PathBuf> = files.iter().filter(is_meta).collect();
        assert!(metas.len() <= 1, "one key: {metas:?}");
        let Some(path) = metas.first() else { return BTreeSet::new() };
        let meta: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let blob = fs::read(path.with_file_name(meta["blob"].as_str().unwrap())).unwrap();
        assert_eq!(meta["sha256"].as_str(), Some(Digest::of_bytes(&blob).as_str()));
        let entries = tensorrt_fake::Entries::parse(&blob).unwrap();
        entries.times.into_keys().collect()
    }
}

/// A chain of 1×1 convolutions, each of a shape of its own: the fake TensorRT takes `layers` timings for it.
/// Chains with other numbers are other models of the same shapes.
pub(crate) fn chain(number: usize, layers: usize) -> Vec<u8> {
    let channels = |k: usize| if k == 0 { 3 } else { 4 + k };
    let float = DataType::Float as i32;
    let dims = |channels| [1, channels, 2, 2].map(Dim::Fixed);
    let name = |k: usize| match k {
        0 => "input".to_owned(),
        k if k == layers => "output".to_owned(),
        k => format!("x{k}"),
    };
    let conv = |k: usize| {
        let (from, to, weight) = (name(k), name(k + 1), format!("w{k}"));
        let window = vec![node::attr_ints("kernel_shape", &[1, 1])];
        node::node("Conv", &format!("conv{k}"), &[&from, &weight], &[&to], window)
    };
    let weight = |k: usize| {
        let dims = [channels(k + 1), channels(k), 1, 1];
        let values: Vec<f32> =
            (0..dims[0] * dims[1]).map(|v| ((v + number) as f32).sin() / 9.0).collect();
        tensor::from_f32(&format!("w{k}"), &dims, &values)
    };
    encode(GraphProto {
        name: format!("chain{number}"),
        node: (0..layers).map(conv).collect(),
        initializer: (0..layers).map(weight).collect(),
        input: vec![node::value_info("input", float, Some(&dims(3)))],
        output: vec![node::value_info("output", float, Some(&dims(channels(layers))))],
        ..GraphProto::default()
    })
}

fn encode(graph: GraphProto) -> Vec<u8> {
    let model = ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        ..ModelProto::default()
    };
    model.encode_to_vec()
}

/// Conv → `activation`, 3 channels to 4, on 8×8.
pub(crate) fn model(activation: &str, batch: &Dim) -> Vec<u8> {
    let values: Vec<f32> = (0..108).map(|k| (k as f32).sin()).collect();
    let dims = |channels| [batch.clone(), Dim::Fixed(channels), Dim::Fixed(8), Dim::Fixed(8)];
    let float = DataType::Float as i32;
    let window = vec![
        node::attr_ints("kernel_shape", &[3, 3]),
        node::attr_ints("pads", &[1, 1, 1, 1]),
        node::attr_ints("strides", &[1, 1]),
    ];
    encode(GraphProto {
        name: "tiny".into(),
        node: vec![
            node::node("Conv", "conv", &["input", "w"], &["c"], window),
            node::node(activation, "act", &["c"], &["output"], vec![]),
        ],
        initializer: vec![tensor::from_f32("w", &[4, 3, 3, 3], &values)],
        input: vec![node::value_info("input", float, Some(&dims(3)))],
        output: vec![node::value_info("output", float, Some(&dims(4)))],
        ..GraphProto::default()
    })
}

pub(crate) fn relu() -> Vec<u8> {
    model("Relu", &Dim::Fixed(1))
}

pub(crate) fn files(folder: &Path) -> Vec<String> {
    let listed = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        listed.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
