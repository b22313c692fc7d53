//! A machine with a stand-in of one version, a model, and a look at the process table.

use std::path::{Path, PathBuf};

use backend::onnx::proto::{
    DataType, GraphProto, ModelProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};
use backend::onnx::{self, node, proto};
use backend::trtexec::Trtexec;

/// The versions that the stand-in plays.
pub(crate) const VERSIONS: [&str; 5] = ["8.2.1", "8.6.1", "10.3.0", "10.16.0", "11.1.0"];

/// A folder with a stand-in.
pub(crate) struct Machine {
    pub(crate) folder: tempfile::TempDir,
}

impl Machine {
    pub(crate) fn new(version: &str) -> Self {
        Self::with(version, "")
    }

    /// `more` are further lines of its settings.
    pub(crate) fn with(version: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(stand_in(), folder.path().join("trtexec")).unwrap();
        let machine = Self { folder };
        machine.settings(version, more);
        machine
    }

    pub(crate) fn settings(&self, version: &str, more: &str) {
        let text = format!("version={version}\n{more}\n");
        std::fs::write(self.folder.path().join("stand-in.txt"), text).unwrap();
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.folder.path().join("trtexec")
    }

    pub(crate) fn open(&self) -> Trtexec {
        Trtexec::at(&self.program()).unwrap()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Processes whose command line names this folder.
    pub(crate) fn processes(&self) -> Vec<String> {
        let marker = self.folder.path().display().to_string();
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        entries
            .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(&marker))
            .collect()
    }
}

/// Where cargo puts the stand-in: `examples/` beside the folder of this test.
pub(crate) fn stand_in() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("examples/trtexec-stand-in");
    assert!(program.is_file(), "{}: `cargo test -p backend` builds it", program.display());
    program
}

/// Conv and Gemm over an input whose batch is open when `open`.
pub(crate) fn model(folder: &Path, half: bool, open: bool) -> PathBuf {
    let element = if half { DataType::Float16 } else { DataType::Float };
    let size = if half { 2 } else { 4 };
    let weight = |name: &str, dims: &[i64]| TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: element as i32,
        raw_data: Some(vec![0; dims.iter().product::<i64>() as usize * size]),
        ..TensorProto::default()
    };
    let graph = GraphProto {
        name: "tiny".into(),
        node: vec![
            node::node("Conv", "conv", &["input", "w"], &["c"], vec![]),
            node::node("Relu", "act", &["c"], &["r"], vec![]),
            node::node("GlobalAveragePool", "pool", &["r"], &["p"], vec![]),
            node::node("Flatten", "flat", &["p"], &["f"], vec![]),
            node::node("Gemm", "fc", &["f", "fw"], &["output"], vec![]),
        ],
        initializer: vec![weight("w", &[4, 3, 3, 3]), weight("fw", &[4, 5])],
        input: vec![value("input", element, &[(!open).then_some(1), Some(3), Some(8), Some(8)])],
        output: vec![value("output", element, &[(!open).then_some(1), Some(5)])],
        ..GraphProto::default()
    };
    let model = ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        ..ModelProto::default()
    };
    let path = folder.join("model.onnx");
    onnx::save(&path, &model).unwrap();
    path
}

fn value(name: &str, element: DataType, dims: &[Option<i64>]) -> ValueInfoProto {
    let dim = |size: &Option<i64>| proto::Dimension {
        value: Some(match size {
            Some(size) => proto::DimensionValue::DimValue(*size),
            None => proto::DimensionValue::DimParam("batch".into()),
        }),
        ..proto::Dimension::default()
    };
    let tensor = proto::TensorType {
        elem_type: element as i32,
        shape: Some(proto::TensorShapeProto { dim: dims.iter().map(dim).collect() }),
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(proto::TypeProto {
            value: Some(proto::TypeValue::Tensor(tensor)),
            ..proto::TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}
