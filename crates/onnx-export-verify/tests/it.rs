//! The binary as a user runs it: exit codes, messages, artifacts.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, helpers included")]

#[path = "it/bad_input.rs"]
mod bad_input;
#[path = "it/checkpoints.rs"]
mod checkpoints;
#[path = "it/convert.rs"]
mod convert;
#[path = "it/kinds.rs"]
mod kinds;
#[path = "it/models.rs"]
mod models;
#[path = "it/opsets.rs"]
mod opsets;
#[path = "it/run.rs"]
mod run;
#[path = "it/verification.rs"]
mod verification;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use backend::onnx::node::{attr_int, attr_ints, node, value_info};
use backend::onnx::proto::{DataType, GraphProto, ModelProto, OperatorSetIdProto, TensorProto};
use backend::onnx::shape::Dim;
use backend::onnx::tensor::from_f32;
use tempfile::TempDir;

/// A project of its own: store, pipeline file, run folder.
struct Project {
    folder: TempDir,
    one_engine: bool,
}

impl Project {
    /// With the engines of this machine: ONNX Runtime too when `data/runtime` of the workspace has it.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("pipelines")).unwrap();
        std::fs::create_dir_all(folder.path().join("data")).unwrap();
        let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/runtime");
        #[cfg(unix)]
        if runtime.exists() {
            let link = folder.path().join("data/runtime");
            std::os::unix::fs::symlink(runtime.canonicalize().unwrap(), link).unwrap();
        }
        Self { folder, one_engine: false }
    }

    /// With rten alone.
    fn with_one_engine() -> Self {
        Self { one_engine: true, ..Self::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("onnx-export-verify"));
        command.current_dir(self.folder.path()).env("TAILMARK_ROOT", self.folder.path());
        command.env("NO_COLOR", "1").env_remove("TAILMARK_LOG");
        if self.one_engine {
            command.env("ORT_DYLIB_PATH", self.path("no-such-library.so"));
        }
        command
    }

    /// Runs the stage with the given table.
    fn run(&self, table: &str) -> Command {
        let text =
            format!("[pipeline]\nname = \"test\"\nseed = 3\n\n[onnx-export-verify]\n{table}\n");
        std::fs::write(self.path("pipelines/p.toml"), text).unwrap();
        let mut command = self.command();
        command.args(["run", "--pipeline", "pipelines/p.toml", "--run", "out"]);
        command
    }

    fn save(&self, name: &str, model: &ModelProto) -> PathBuf {
        let path = self.path(name);
        backend::onnx::save(&path, model).unwrap();
        path
    }

    /// Whether two engines verify here.
    fn has_two_engines(&self) -> bool {
        !self.one_engine
            && backend::open_backend(
                backend::BackendId::OnnxruntimeCpu,
                &backend::Environment { data: self.path("data") },
            )
            .is_ok()
    }
}

/// Numbers without a pattern, the same on every machine.
fn noise(seed: u32, count: usize) -> Vec<f32> {
    let mut state = u64::from(seed) * 2 + 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

/// Convolution, ReLU, mean, ten classes, on `x: f32[1,3,16,16]`.
fn tiny(seed: u32) -> ModelProto {
    let weight = |name: &str, dims: &[usize], seed| {
        from_f32(name, dims, &noise(seed, dims.iter().product()))
    };
    let dims = |sizes: &[usize]| sizes.iter().copied().map(Dim::Fixed).collect::<Vec<_>>();
    let float = DataType::Float as i32;
    let graph = GraphProto {
        name: "tiny".into(),
        input: vec![value_info("x", float, Some(&dims(&[1, 3, 16, 16])))],
        output: vec![value_info("logits", float, Some(&dims(&[1, 10])))],
        initializer: vec![
            weight("conv.weight", &[8, 3, 3, 3], seed),
            weight("fc.weight", &[10, 8], seed + 1),
            weight("fc.bias", &[10], seed + 2),
        ],
        node: vec![
            node(
                "Conv",
                "/conv/Conv",
                &["x", "conv.weight"],
                &["c"],
                vec![
                    attr_ints("strides", &[1; 2]),
                    attr_ints("dilations", &[1; 2]),
                    attr_ints("pads", &[0; 4]),
                ],
            ),
            node("Relu", "/relu/Relu", &["c"], &["r"], vec![]),
            node("GlobalAveragePool", "/pool", &["r"], &["p"], vec![]),
            node("Flatten", "/Flatten", &["p"], &["f"], vec![]),
            node(
                "Gemm",
                "/fc/Gemm",
                &["f", "fc.weight", "fc.bias"],
                &["logits"],
                vec![attr_int("transB", 1)],
            ),
        ],
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        ..ModelProto::default()
    }
}

fn tensor<'a>(model: &'a mut ModelProto, name: &str) -> &'a mut TensorProto {
    let graph = model.graph.as_mut().unwrap();
    graph.initializer.iter_mut().find(|tensor| tensor.name == name).unwrap()
}

/// The model with one weight replaced.
fn planted(mut model: ModelProto, name: &str, value: f32) -> ModelProto {
    tensor(&mut model, name).raw_data.as_mut().unwrap()[..4].copy_from_slice(&value.to_le_bytes());
    model
}
