//! The run folder: the only place that knows file names.
//!
//! ```text
//! results/runs/pipeline=<name>/run=<utc>-<digest>/
//!   pipeline.toml              the pipeline file with all overrides applied
//!   <artifact>.parquet         one file an artifact, see [`crate::artifact`]
//!   samples/<case>.parquet     see [`crate::samples`]
//!   telemetry/host.parquet
//!   plots/*.svg, plots/*.png, report.html, report.md, manifest.json
//!   .lock                      held by the stage that writes
//! ```

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::fault::Fault;

/// A run folder that may or may not exist yet.
#[derive(Clone, Debug)]
pub struct RunDir {
    path: PathBuf,
}

/// Held while a stage writes; the lock ends with the process, however it ends.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunDir {
    /// Names a run folder; touches nothing.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The pipeline file as it was run.
    pub fn pipeline_toml(&self) -> PathBuf {
        self.path.join("pipeline.toml")
    }

    /// The file of an artifact by its name.
    pub fn artifact(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.parquet"))
    }

    /// The folder of the samples.
    pub fn samples(&self) -> PathBuf {
        self.path.join("samples")
    }

    /// The samples of one case, when it is complete.
    pub fn samples_of(&self, case: &str) -> PathBuf {
        self.samples().join(format!("{case}.parquet"))
    }

    /// The telemetry of the host.
    pub fn telemetry(&self) -> PathBuf {
        self.path.join("telemetry").join("host.parquet")
    }

    /// The folder of the plots.
    pub fn plots(&self) -> PathBuf {
        self.path.join("plots")
    }

    /// The report for a browser.
    pub fn report_html(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// The report as text.
    pub fn report_md(&self) -> PathBuf {
        self.path.join("report.md")
    }

    /// The list of files with their digests.
    pub fn manifest(&self) -> PathBuf {
        self.path.join("manifest.json")
    }

    /// Whether the folder can be written, without leaving anything in it.
    pub fn check_writable(&self) -> anyhow::Result<()> {
        let existing = self.path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
        if !existing.is_dir() {
            return Err(not_writable(&self.path, std::io::ErrorKind::NotADirectory.into()).into());
        }
        tempfile::Builder::new()
            .prefix(".tailmark-check")
            .tempfile_in(existing)
            .map(drop)
            .map_err(|error| not_writable(&self.path, error).into())
    }

    /// Creates the folder and locks it against a second writer.
    ///
    /// # Errors
    /// Exit 4 when the folder cannot be created or written, exit 2 when another process holds it.
    pub fn lock(&self) -> anyhow::Result<RunLock> {
        fs::create_dir_all(&self.path).map_err(|error| not_writable(&self.path, error))?;
        let file = File::create(self.path.join(".lock"))
            .map_err(|error| not_writable(&self.path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(RunLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Fault::config(format!(
                "another process is writing into the run folder {}",
                self.path.display()
            ))
            .hint("wait for it to end, or name another folder with --run")
            .into()),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", self.path.display()))
            }
        }
    }
}

fn not_writable(path: &Path, error: std::io::Error) -> Fault {
    Fault::environment(format!("cannot write into the run folder {}", path.display()))
        .hint("name a folder that you may write with --run DIR")
        .because(error)
}
