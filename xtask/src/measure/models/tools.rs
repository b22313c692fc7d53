//! The programs, called in a project of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::list::{File, Model};
use super::row::{Kind, Outcome};
use crate::binaries::Binaries;
use crate::project::Project;
use crate::setup;

/// The file of a model, fetched where it is missing.
pub(super) fn files(project: &Project, model: &Model) -> anyhow::Result<PathBuf> {
    match model.file {
        File::Onnx(name) => Ok(setup::models(project)?.join(name)),
        File::Ocr(name) => Ok(setup::trained_models(project)?[0].join(name)),
        File::Voice(name) => Ok(setup::trained_models(project)?[1].join(name)),
    }
}

/// Programs and a scratch project; removed when it is dropped.
pub(super) struct Tools<'a> {
    binaries: &'a Binaries,
    scratch: tempfile::TempDir,
    /// The model's file.
    pub(super) model: PathBuf,
    /// ONNX Runtime, where it is.
    pub(super) onnxruntime: Option<PathBuf>,
    /// TensorRT-RTX, where it is.
    pub(super) rtx: Option<PathBuf>,
}

/// How a program ended.
pub(super) struct Ended {
    exit: Option<i32>,
    /// What it wrote to stdout.
    pub(super) stdout: String,
    stderr: String,
}

impl<'a> Tools<'a> {
    pub(super) fn new(
        project: &Project,
        binaries: &'a Binaries,
        model: &Path,
    ) -> anyhow::Result<Self> {
        let scratch = tempfile::tempdir()?;
        for folder in ["pipelines", "data", "models"] {
            fs::create_dir_all(scratch.path().join(folder))?;
        }
        let given = std::env::var_os("TENSORRT_RTX_LIB").filter(|value| !value.is_empty());
        Ok(Self {
            binaries,
            model: model.to_owned(),
            scratch,
            onnxruntime: project.onnxruntime(),
            rtx: given.map(PathBuf::from).or_else(|| project.tensorrt_rtx()),
        })
    }

    /// A file in the scratch project.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Runs a program to its end.
    pub(super) fn call<S: AsRef<std::ffi::OsStr>>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = S>,
    ) -> anyhow::Result<Ended> {
        let mut command = Command::new(self.binaries.program(program));
        command.args(args).current_dir(self.scratch.path()).stdin(Stdio::null());
        command.env("TAILMARK_ROOT", self.scratch.path()).env("NO_COLOR", "1");
        // the programs are there, beside this one
        command.env("TAILMARK_BIN_DIR", self.binaries.folder());
        if let Some(library) = &self.onnxruntime {
            command.env("ORT_DYLIB_PATH", library);
        }
        if let Some(library) = &self.rtx {
            command.env("TENSORRT_RTX_LIB", library);
        }
        let output = command.output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        Ok(Ended { exit: output.status.code(), stdout, stderr })
    }
}

impl Ended {
    /// Whether all is well.
    pub(super) fn ok(&self) -> bool {
        self.exit == Some(0)
    }

    /// A step that did not end well: with a reason and an exit code that says so, or broken.
    pub(super) fn outcome(&self) -> Outcome {
        let reason = self.reason();
        let kind = match self.exit {
            Some(0) => Kind::Passed,
            Some(2..=4) if reason.is_some() => Kind::Refused,
            _ => Kind::Broken,
        };
        let how = self.exit.map_or_else(|| "ended by a signal".to_owned(), |e| format!("exit {e}"));
        let reason = reason.unwrap_or_else(|| self.last_line());
        Outcome { kind, note: format!("{how}: {}", shortened(&reason)) }
    }

    fn reason(&self) -> Option<String> {
        let line = self.stderr.lines().find_map(|line| line.strip_prefix("error: "));
        line.map(str::to_owned).filter(|line| !line.trim().is_empty())
    }

    fn last_line(&self) -> String {
        self.stderr.lines().last().unwrap_or_default().to_owned()
    }

    /// The rows that `verify --json` printed.
    pub(super) fn rows(&self) -> Vec<Value> {
        let line = self.stdout.lines().find(|line| line.starts_with('['));
        line.and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
    }
}

/// The beginning of a reason: files of damaged models have names as long as a page.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 240;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}
