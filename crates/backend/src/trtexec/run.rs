//! One run of the program: its log is kept and read, its end is judged.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::traits::{Flow, Progress};

use super::ID;
use super::command::Command;
use super::lines::LogFile;
use super::process::{self, End, Event, Job};
use trtexec_format::log::{Log, Verdict};

/// Time that a program gets to end by itself before it is killed: a driver closes its context in less.
const GRACE: Duration = Duration::from_secs(3);
/// How often a progress is told that time has passed.
const BEAT: Duration = Duration::from_millis(200);

/// What limits a run, and who watches it.
#[derive(Clone, Copy, Default)]
pub struct Limits<'a> {
    /// Most time it may take.
    pub time_limit: Option<Duration>,
    /// Told what is going on, several times a second; may end the run.
    pub progress: Option<&'a dyn Progress>,
}

impl std::fmt::Debug for Limits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits").field("time_limit", &self.time_limit).finish_non_exhaustive()
    }
}

/// A run that has ended, well or not.
#[derive(Debug)]
pub(crate) struct Ran {
    program: PathBuf,
    pub(crate) end: End,
    pub(crate) log: Log,
    /// The log as a file in the run's folder.
    file: PathBuf,
    /// The command line as a shell would take it.
    pub(crate) line: String,
    took: Duration,
}

/// Runs a command in `folder`, which keeps its log.
///
/// # Errors
/// When it cannot be started; a program that fails is no error here, see [`Ran::check`].
pub(crate) fn run(
    program: &Path,
    command: &Command,
    folder: &Path,
    limits: Limits<'_>,
) -> Result<Ran> {
    let file = folder.join("trtexec.log");
    let line = command.line(program);
    let io = |source| Error::Io { path: file.clone(), source };
    let mut kept = LogFile::create(&file, &line).map_err(io)?;
    let mut log = Log::default();
    let mut failed = None;
    let start = Instant::now();
    let mut beat = start;
    let mut watch = |event: Event<'_>| {
        if let Event::Line(text) = event {
            log.line(text);
            if let Err(error) = kept.line(text) {
                failed.get_or_insert(error);
            }
        }
        let now = Instant::now();
        match limits.progress {
            Some(progress) if now >= beat => {
                beat = now + BEAT;
                // the log tells phases but no share of the work
                progress.update(log.phase().as_str(), 0, 0)
            }
            _ => Flow::Continue,
        }
    };
    tracing::debug!(command = line, "trtexec starts");
    let job = Job {
        program,
        arguments: &command.arguments,
        folder,
        time_limit: limits.time_limit,
        grace: GRACE,
    };
    let end = process::run(&job, &mut watch).map_err(|error| not_run(program, &error))?;
    failed.map_or_else(|| kept.finish(), Err).map_err(io)?;
    Ok(Ran { program: program.to_owned(), end, log, file, line, took: start.elapsed() })
}

fn not_run(program: &Path, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::TimedOut {
        return Error::Engine { backend: ID, what: "ending trtexec", reason: error.to_string() };
    }
    let reason = format!("{} could not be run: {error}", program.display());
    Error::Unavailable {
        backend: ID,
        reason,
        hint: "set TRTEXEC to a trtexec that runs here".to_owned(),
    }
}

impl Ran {
    /// Judges the end: good is exit code 0 and `&&&& PASSED`. The whole log of a run that failed is
    /// kept at `keep`, and the error has its last words.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when we ended it; [`Error::Unavailable`] when the program, its libraries or its
    /// device do not work here; [`Error::Model`] when it did not take the model; else [`Error::Engine`].
    pub(crate) fn check(&self, what: &'static str, model: &Path, keep: &Path) -> Result<()> {
        let status = match self.end {
            End::Exited(status)
                if status.success() && self.log.verdict == Some(Verdict::Passed) =>
            {
                return Ok(());
            }
            End::Exited(status) => status,
            End::TimedOut => return Err(self.cancelled("its time limit is over", keep)),
            End::Cancelled => return Err(self.cancelled("on request", keep)),
        };
        if let Some(error) = unusable(&self.program, &self.log) {
            return Err(error);
        }
        let ended = match self.log.verdict {
            None if status.success() => "it ended without saying PASSED".to_owned(),
            _ => process::describe(status),
        };
        let reason = self.explain(&ended, keep);
        let refused_model =
            self.log.errors().iter().any(|line| line.contains("Failed to parse onnx file"));
        Err(if refused_model {
            Error::Model {
                path: model.to_owned(),
                reason: format!("trtexec cannot read it: {reason}"),
            }
        } else {
            Error::Engine { backend: ID, what, reason }
        })
    }

    fn cancelled(&self, why: &str, keep: &Path) -> Error {
        let phase = self.log.phase().as_str();
        let why = self
            .explain(&format!("{why} after {:.1} s, while {phase}", self.took.as_secs_f64()), keep);
        Error::Cancelled { backend: ID, why }
    }

    /// What happened, the last lines that matter, and where the rest is.
    fn explain(&self, what: &str, keep: &Path) -> String {
        let mut text = what.to_owned();
        for line in self.log.last_words() {
            text.push_str("\n    ");
            text.push_str(line);
        }
        match std::fs::copy(&self.file, keep) {
            Ok(_) => text + "\n  its whole log: " + &keep.display().to_string(),
            Err(_) => text + "\n  its command: " + &self.line,
        }
    }
}

/// The error of a program that cannot work here at all, whatever it is asked.
pub(crate) fn unusable(program: &Path, log: &Log) -> Option<Error> {
    let cause = |words: &[&str]| {
        log.last_words().into_iter().find(|line| words.iter().any(|word| line.contains(word)))
    };
    let found = |reason: String, hint: &str| {
        Some(Error::Unavailable { backend: ID, reason, hint: hint.to_owned() })
    };
    let library = [
        "error while loading shared libraries",
        "Could not load library",
        "Unable to open library",
    ];
    if let Some(line) = cause(&library) {
        let hint = format!(
            "add {} to LD_LIBRARY_PATH, or install the TensorRT of this trtexec",
            libraries_of(program)
        );
        return found(format!("trtexec lacks a library: {line}"), &hint);
    }
    let device = [
        "no CUDA-capable device",
        "Cannot find any available devices",
        "CUDA driver version is insufficient",
    ];
    if let Some(line) = cause(&device) {
        let hint = "run it where an NVIDIA GPU and its driver are, or choose another backend";
        return found(format!("trtexec finds no GPU: {line}"), hint);
    }
    None
}

/// The folder of the libraries that came with a program: `lib` beside its `bin` in NVIDIA's archives.
fn libraries_of(program: &Path) -> String {
    let real = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    let bin = real.parent();
    let folder = bin.and_then(Path::parent).map(|root| root.join("lib"));
    match folder.filter(|folder| folder.is_dir()) {
        Some(folder) => folder.display().to_string(),
        None => "the folder of libnvinfer.so".to_owned(),
    }
}
