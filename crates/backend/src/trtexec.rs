//! The machine's own `trtexec` as a subprocess: any version from 8.0 to 11.x builds and measures engines.
//!
//! | module | what it holds |
//! |---|---|
//! | [`command`] | command lines, as pure functions from a request and a version |
//! | [`trtexec_format`] | what its log tells and the files that it exports: a crate of its own, which the analysis shares |
//!
//! It runs whole benchmarks ([`Trtexec::bench`]) and no single inference, so it opens no session.

mod benchmark;
pub mod command;
mod engine;
mod find;
mod flags;
mod lineage;
mod lines;
mod process;
mod run;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::tensorrt::cuda;
use crate::traits::{Backend, BuildRequest, Built, CacheKind, OpenOptions, Session};
use crate::types::{BackendId, Capabilities};

pub use benchmark::BenchOutcome;
pub use command::{BenchSpec, Wait};
pub use run::Limits;
pub use trtexec_format::{Device, Metric, Summary, Version};

pub(crate) use find::find;

use command::Command;
use lineage::Lineage;

const ID: BackendId = BackendId::Trtexec;
/// Time for a question that builds nothing; starting CUDA takes seconds on a slow board.
const QUESTION: Duration = Duration::from_mins(1);

/// The answer to what it, or its version, cannot do.
pub(crate) fn unsupported(what: String) -> Error {
    Error::Unsupported { backend: ID, what }
}

/// A `trtexec` that runs here.
#[derive(Clone, Debug)]
pub struct Trtexec {
    program: PathBuf,
    version: Version,
    device: Device,
    lineage: Lineage,
}

impl Trtexec {
    /// Finds the machine's `trtexec` and asks it for its version and its device.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is none, it does not run, its version is not known here, or it
    /// finds no GPU.
    pub fn open() -> Result<Self> {
        Self::at(&find()?)
    }

    /// The same with a program that was found.
    ///
    /// # Errors
    /// As [`Trtexec::open`].
    pub fn at(program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()
            .map_err(|source| Error::Io { path: std::env::temp_dir(), source })?;
        let version = ask_version(program, folder.path())?;
        let device = ask_device(program, version, folder.path())?;
        Ok(Self { program: program.to_owned(), version, device, lineage: Lineage::default() })
    }

    /// The program's path.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its device, as it told it.
    pub fn told_device(&self) -> &Device {
        &self.device
    }

    /// Measures an engine. The log of a run that fails is kept at `log`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for what this version cannot do, [`Error::Model`] for an engine that is not
    /// there, [`Error::Cancelled`] when it was ended early, [`Error::Engine`] when trtexec fails or did not do
    /// what was asked.
    pub fn bench(
        &self,
        spec: &BenchSpec<'_>,
        limits: Limits<'_>,
        log: &Path,
    ) -> Result<BenchOutcome> {
        benchmark::bench(self, spec, limits, log)
    }
}

/// Asks for help: the banner comes first, whatever the exit code.
fn ask_version(program: &Path, folder: &Path) -> Result<Version> {
    let command = Command { arguments: vec!["--help".into()], notes: Vec::new() };
    let limits = Limits { time_limit: Some(QUESTION), progress: None };
    let ran = run::run(program, &command, folder, limits)?;
    if let Some(error) = run::unusable(program, &ran.log) {
        return Err(error);
    }
    let unavailable = |reason: String, hint: &str| Error::Unavailable {
        backend: ID,
        reason,
        hint: hint.to_owned(),
    };
    let place = program.display();
    match ran.log.version {
        Some(version) if version.is_known() => Ok(version),
        Some(version) => Err(unavailable(
            format!("{place} is of TensorRT {version}; 8.0 to 11.x are known here"),
            "set TRTEXEC to the trtexec of a TensorRT from 8 to 11",
        )),
        None if ran.end == process::End::TimedOut => Err(unavailable(
            format!("{place} does not answer --help within {} s", QUESTION.as_secs()),
            "run it by hand, or set TRTEXEC to another trtexec",
        )),
        None => {
            let words = ran.log.last_words().first().map(|line| format!(": it says `{line}`"));
            Err(unavailable(
                format!("{place} does not tell its version{}", words.unwrap_or_default()),
                "set TRTEXEC to NVIDIA's trtexec, whose first line has `[TensorRT v…]`",
            ))
        }
    }
}

/// Asks it to load an engine that is not there: the device is told before that fails.
fn ask_device(program: &Path, version: Version, folder: &Path) -> Result<Device> {
    let mut command = Command::default();
    let mut load = std::ffi::OsString::from("--loadEngine=");
    load.push(folder.join("no-engine"));
    command.arguments = vec![load, "--device=0".into()];
    let limits = Limits { time_limit: Some(QUESTION), progress: None };
    let ran = run::run(program, &command, folder, limits)?;
    if let Some(error) = run::unusable(program, &ran.log) {
        return Err(error);
    }
    if ran.log.device.is_known() {
        return Ok(ran.log.device);
    }
    let words = ran.log.last_words().join("; ");
    Err(Error::Unavailable {
        backend: ID,
        reason: format!("trtexec {version} does not tell its device: {words}"),
        hint: "run it by hand with `--loadEngine=none` and see what it says".to_owned(),
    })
}

impl Backend for Trtexec {
    fn id(&self) -> BackendId {
        ID
    }

    fn version(&self) -> String {
        self.version.to_string()
    }

    fn device(&self) -> String {
        self.device.identity()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::gpu()
    }

    fn build_flags(&self, request: &BuildRequest<'_>) -> Vec<String> {
        engine::build_flags(self.version, request)
    }

    fn cache_kind(&self) -> CacheKind {
        CacheKind::Timing
    }

    /// trtexec attaches a cache with `ignoreMismatch` from 9 on, so a foreign one would be used: the device,
    /// the version and the CUDA must agree before it gets one.
    fn cache_scope(&self, request: &BuildRequest<'_>) -> Vec<String> {
        let mut scope = vec![
            format!("device={}", self.device()),
            format!("version={}", self.version),
            format!("cuda={}", cuda()),
            "tf32=allowed".to_owned(),
        ];
        scope.extend(engine::typing(self.version, request));
        scope
    }

    /// Takes the wider of two caches, where one is known to contain the other.
    fn combine_caches(&self, ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>> {
        self.lineage.wider(ours, theirs).map(<[u8]>::to_vec).ok_or_else(|| {
            let what = "combine two timing caches: trtexec only adds to the one that it was given, and \
                        the stored one has changed since";
            unsupported(what.to_owned())
        })
    }

    fn build(&self, request: &BuildRequest<'_>, out: &Path) -> Result<Built> {
        engine::build(self, request, out)
    }

    fn open(&self, _engine: &Path, _options: &OpenOptions) -> Result<Box<dyn Session>> {
        Err(unsupported(NO_SESSION.to_owned()))
    }

    fn open_model(&self, _model: &Path, _options: &OpenOptions) -> Result<Box<dyn Session>> {
        Err(unsupported(NO_SESSION.to_owned()))
    }
}

const NO_SESSION: &str =
    "run single inferences: trtexec measures whole benchmarks in a process of its own";
