//! The programs of the stages: found beside this one, and built first where cargo and sources are.
//!
//! | situation | where they are |
//! |---|---|
//! | `TAILMARK_BIN_DIR` is set | there |
//! | a folder `bin` with all of them stands beside this program (a bundle) | there |
//! | under cargo | built, then in cargo's own output folder, which is where this program is |
//! | otherwise | beside this program |

use std::env;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fault::Fault;
use crate::project::{Project, STAGES};

/// The folder of the stage programs.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// Builds the programs when that is possible and needed, and checks that they are there.
    pub(crate) fn ready(project: &Project) -> anyhow::Result<Self> {
        let binaries = Self::locate()?;
        if env::var_os("TAILMARK_BIN_DIR").is_none()
            && !binaries.bundled()
            && env::var_os("CARGO").is_some_and(|cargo| !cargo.is_empty())
            && project.has_sources()
        {
            build(project)?;
        }
        binaries.complete()?;
        Ok(binaries)
    }

    /// Where the programs are or will be; builds nothing.
    pub(crate) fn locate() -> anyhow::Result<Self> {
        if let Some(folder) = env::var_os("TAILMARK_BIN_DIR") {
            return Ok(Self { folder: PathBuf::from(folder) });
        }
        let program = env::current_exe()?;
        let beside = program.parent().unwrap_or(Path::new(".")).to_owned();
        let bundled = Self { folder: beside.join("bin") };
        Ok(if bundled.complete().is_ok() { bundled } else { Self { folder: beside } })
    }

    /// The program of one stage.
    pub(crate) fn program(&self, stage: &str) -> PathBuf {
        self.folder.join(format!("{stage}{}", env::consts::EXE_SUFFIX))
    }

    /// The folder of the programs.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn bundled(&self) -> bool {
        self.folder.ends_with("bin") && self.complete().is_ok()
    }

    fn complete(&self) -> anyhow::Result<()> {
        let missing: Vec<&str> =
            STAGES.into_iter().filter(|stage| !self.program(stage).is_file()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("no program for {} in {}", missing.join(", "), self.folder.display());
        Err(Fault::environment(message)
            .hint("build them: cargo build --release --workspace --bins")
            .into())
    }
}

/// Builds all programs with the features and the profile that the tests use, so that nothing is compiled twice.
pub(crate) fn build(project: &Project) -> anyhow::Result<()> {
    let mut command = cargo(project);
    command.args(["build", "--release", "--workspace", "--bins"]);
    if !std::io::stderr().is_terminal() {
        command.arg("--quiet");
    }
    let status = command.status()?;
    if status.success() {
        return Ok(());
    }
    Err(Fault::environment("the programs of the stages could not be built")
        .hint("cargo's own messages are above")
        .into())
}

/// cargo in the project's folder.
pub(crate) fn cargo(project: &Project) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(project.root());
    command
}
