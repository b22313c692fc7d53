//! Stages as processes: started in order, watched, never killed.
//!
//! Ctrl-C reaches the stage and xtask alike, since a terminal signals the whole group. xtask only takes
//! note of it: the runner closes its files and ends with 5, and analysis still reads what was measured.
//! SIGTERM and SIGHUP often reach xtask alone, from a supervisor; it passes them on to the stage.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::binaries::Binaries;
use crate::fault::{self, BUG, ENVIRONMENT, INCOMPLETE};
use crate::interrupt::{ASKS_TO_END, Interrupt};
use crate::project::Project;
use crate::ui;

/// Everything that the stages of one chain share.
pub(crate) struct Call<'a> {
    /// Where the programs are.
    pub(crate) binaries: &'a Binaries,
    /// The project.
    pub(crate) project: &'a Project,
    /// The pipeline file.
    pub(crate) file: &'a Path,
    /// The run folder.
    pub(crate) run: &'a Path,
    /// `--set` entries.
    pub(crate) overrides: &'a [String],
    /// `--strict`.
    pub(crate) strict: bool,
}

/// How one stage ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StageResult {
    /// The stage.
    pub(crate) name: &'static str,
    /// Its exit code.
    pub(crate) exit: u8,
    /// The signal that ended it, if one did.
    pub(crate) signal: Option<i32>,
    /// Its wall time.
    pub(crate) took: Duration,
}

impl StageResult {
    /// How it ended, in words.
    pub(crate) fn how(&self) -> String {
        match self.signal {
            Some(signal) if self.exit == INCOMPLETE => format!("interrupted by signal {signal}"),
            Some(9) => "killed by signal 9: out of memory?".to_owned(),
            Some(signal) => {
                format!("killed by signal {signal}: a crash in a library or in Tailmark")
            }
            None => format!("exit {}: {}", self.exit, fault::meaning(self.exit)),
        }
    }
}

/// When the words of a check are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// As they come.
    Always,
    /// Only those of a check that failed: the run itself will say them again.
    OnFailure,
}

/// Lets every stage check itself; stops at the first that cannot start.
pub(crate) fn check(call: &Call<'_>, stages: &[&'static str], show: Show) -> Vec<StageResult> {
    let mut results = Vec::new();
    for stage in stages {
        let started = Instant::now();
        let mut command = command(call, stage);
        command.arg("--check");
        let ended = if show == Show::Always { command.status() } else { quiet(&mut command) };
        let result = result_of(stage, ended, started, false);
        results.push(result);
        if result.exit != 0 {
            break;
        }
    }
    results
}

/// Runs the stages in order and stops where there is nothing to go on with.
pub(crate) fn run(
    call: &Call<'_>,
    stages: &[&'static str],
    interrupt: &Interrupt,
) -> Vec<StageResult> {
    let revision = call.project.revision();
    let mut results = Vec::new();
    for stage in stages {
        ui::heading(stage);
        let started = Instant::now();
        let mut command = command(call, stage);
        let child = command.env("TAILMARK_REVISION", &revision).spawn();
        let ended = child.and_then(|mut child| interrupt.wait(&mut child));
        let result = result_of(stage, ended, started, interrupt.seen());
        results.push(result);
        if result.exit == 0 {
            ui::done(stage, result.took);
        } else {
            ui::failed(stage, result.took);
        }
        // a runner that was interrupted has left something to analyse; another stage has not
        let keeps = match (result.exit, result.signal) {
            (0, _) => true,
            (INCOMPLETE, None) => *stage == "runner" || !interrupt.seen(),
            _ => false,
        };
        if !keeps {
            break;
        }
    }
    results
}

fn command(call: &Call<'_>, stage: &str) -> Command {
    let mut command = Command::new(call.binaries.program(stage));
    command.arg("run").arg("--pipeline").arg(call.file).arg("--run").arg(call.run);
    for entry in call.overrides {
        command.arg("--set").arg(entry);
    }
    if call.strict {
        command.arg("--strict");
    }
    command.env("TAILMARK_ROOT", call.project.root());
    command
}

/// Runs a command and shows what it said only when it failed.
fn quiet(command: &mut Command) -> std::io::Result<ExitStatus> {
    if anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never {
        command.env("CLICOLOR_FORCE", "1");
    }
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        ui::note(String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(output.status)
}

fn result_of(
    name: &'static str,
    ended: std::io::Result<ExitStatus>,
    started: Instant,
    interrupted: bool,
) -> StageResult {
    let took = started.elapsed();
    let (exit, signal) = match ended {
        Ok(status) => match (status.code(), signal_of(status)) {
            (Some(code), _) => (u8::try_from(code).unwrap_or(BUG), None),
            // a stage may be gone before xtask's own handler has taken note of the same Ctrl-C
            (None, Some(signal)) if interrupted || ASKS_TO_END.contains(&signal) => {
                (INCOMPLETE, Some(signal))
            }
            (None, signal) => (BUG, signal),
        },
        Err(error) => {
            ui::error(&format!("cannot start {name}: {error}"));
            (ENVIRONMENT, None)
        }
    };
    StageResult { name, exit, signal, took }
}

#[cfg(unix)]
fn signal_of(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal_of(_status: ExitStatus) -> Option<i32> {
    None
}
