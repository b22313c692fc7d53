//! A long-lived process that parses models through our bindings, one after the other, and may crash.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::Context as _;

use crate::fault::Fault;

/// Longest time for one file of a few kilobytes.
const PATIENCE: Duration = Duration::from_mins(1);

/// What became of one file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A network, or an error in words.
    Said(String),
    /// The process is gone, by this signal or exit code.
    Crashed(String),
    /// No answer in time; the process was killed.
    Hung,
}

/// The process, started again when it is gone.
pub(super) struct Host {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, PathBuf)>,
    running: Option<Running>,
}

struct Running {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Host {
    /// A host of this program; it is started by the first question.
    pub(super) fn new(program: PathBuf, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self { program, arguments, environment: Vec::new(), running: None }
    }

    /// Sets a variable of the process.
    pub(super) fn environment(&mut self, name: &str, value: &Path) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The next question goes to a fresh process.
    pub(super) fn restart(&mut self) {
        self.running = None;
    }

    /// Asks about one file.
    pub(super) fn ask(&mut self, model: &Path) -> anyhow::Result<Answer> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        // a process that died before it read this shows by its silence
        let _ = writeln!(running.stdin, "{}", model.display());
        match running.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                let said = line.strip_prefix(&format!("{}: ", model.display()));
                let said = said.with_context(|| format!("an answer about another file: {line}"))?;
                let answer = Answer::Said(said.to_owned());
                self.running = Some(running);
                Ok(answer)
            }
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(Answer::Hung),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = running.child.wait()?;
                let how = match (status.signal(), status.code()) {
                    (Some(signal), _) => format!("signal {signal}"),
                    (None, code) => format!("exit code {}", code.unwrap_or_default()),
                };
                Ok(Answer::Crashed(how))
            }
        }
    }

    /// Resident memory of the process, in KiB.
    pub(super) fn resident(&self) -> anyhow::Result<u64> {
        let running = self.running.as_ref().context("nothing runs")?;
        let path = format!("/proc/{}/status", running.child.id());
        let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.with_context(|| format!("{path} has no VmRSS"))
    }

    fn start(&self) -> anyhow::Result<Running> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null()) // the library prints past its logger
            .spawn()
            .map_err(|error| {
                Fault::environment(format!("cannot start {}: {error}", self.program.display()))
            })?;
        let stdin = child.stdin.take().context("a child without stdin")?;
        let stdout = child.stdout.take().context("a child without stdout")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Running { child, stdin, lines })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // errors mean that it is gone already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
