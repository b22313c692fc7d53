//! What the tests share: a project in a temporary folder, stand-in stages, readable assertions.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

/// The stages in the order of the chain.
pub(crate) const STAGES: [&str; 4] = ["onnx-export-verify", "engine-build", "runner", "analysis"];

/// A project root in a temporary folder.
pub(crate) struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    /// An empty project: `pipelines/` and `data/`.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["pipelines", "data"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        Self { dir }
    }

    /// A project with the committed pipeline files and the runtime libraries that this machine has.
    pub(crate) fn real() -> Self {
        let project = Self::new();
        let repository = repository();
        for file in ["smoke.toml", "resnet50.toml", "resnet18-quick.toml", "models/tiny.onnx"] {
            let name = Path::new("pipelines").join(file);
            fs::create_dir_all(project.root().join(&name).parent().unwrap()).unwrap();
            fs::copy(repository.join(&name), project.root().join(&name)).unwrap();
        }
        let runtime = repository.join("data").join("runtime");
        if runtime.is_dir() {
            std::os::unix::fs::symlink(runtime, project.root().join("data/runtime")).unwrap();
        }
        project
    }

    /// Whether the ONNX Runtime library is there.
    pub(crate) fn has_onnxruntime(&self) -> bool {
        let Ok(entries) = fs::read_dir(self.root().join("data/runtime")) else { return false };
        entries.flatten().any(|e| e.file_name().to_string_lossy().starts_with("onnxruntime-"))
    }

    /// A stage's own program in this project.
    pub(crate) fn stage(&self, name: &str, args: &[&str]) -> Command {
        let mut command = Command::new(stages().join(name));
        command.args(args).current_dir(self.root());
        for name in ["TAILMARK_ROOT", "ORT_DYLIB_PATH"] {
            command.env_remove(name);
        }
        command.env("NO_COLOR", "1");
        command
    }

    /// The smoke pipeline on the simulator into `run`, shortened, with more arguments.
    pub(crate) fn smoke(&self, run: &str, more: &[&str]) -> Command {
        let mut command = self.xtask(&["pipeline", "pipelines/smoke.toml", "--run", run]);
        for set in ["engine-build.backend=sim", "runner.duration=150ms", "runner.warm-up=10ms"] {
            command.args(["--set", set]);
        }
        command.args(more);
        command
    }

    /// The root.
    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file below the root and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes a program below the root.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.write(name, &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Text of a file below the root; empty when there is none.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.root().join(name)).unwrap_or_default()
    }

    /// xtask in this project, without network and without cargo.
    pub(crate) fn xtask(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(args).current_dir(self.root());
        for name in ["CARGO", "TAILMARK_ROOT", "TAILMARK_BIN_DIR", "ORT_DYLIB_PATH"] {
            command.env_remove(name);
        }
        command.env("TAILMARK_OFFLINE", "1").env("NO_COLOR", "1");
        command
    }
}

/// How a command ended, with everything it said.
pub(crate) struct Ended {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The exit code is as expected; shows what was said when it is not.
    #[track_caller]
    pub(crate) fn with_exit(self, exit: i32) -> Self {
        assert_eq!(self.exit, exit, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Each part stands somewhere in the messages.
    #[track_caller]
    pub(crate) fn saying(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "no \"{part}\" in:\n{}", self.stderr);
        }
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            exit: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ended {
    command.output().unwrap().into()
}

/// Starts a command in a process group of its own, as a terminal does.
pub(crate) fn in_group(command: &mut Command) -> Child {
    command.process_group(0).spawn().unwrap()
}

/// Interrupts the whole group of a child, as a terminal does.
#[track_caller]
pub(crate) fn press_ctrl_c(child: &Child) {
    let group = format!("-{}", child.id());
    assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
}

/// The sources of this workspace; known to tests only.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The folder of the programs that cargo built.
#[track_caller]
pub(crate) fn stages() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_xtask")).parent().unwrap().to_owned();
    for stage in STAGES {
        assert!(
            folder.join(stage).is_file(),
            "{stage} is not built: cargo build --release --workspace --bins"
        );
    }
    folder
}
