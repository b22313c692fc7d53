//! Runs a program to its end, reads what it says, and leaves nothing of it behind.
//!
//! The program gets a process group of its own, so that a Ctrl-C on the terminal reaches us and not it,
//! and so that whatever it started can be ended with it: SIGTERM to the group, SIGKILL after a grace
//! time, and SIGKILL to what is left of the group when the program itself has ended. On Linux the kernel
//! kills the program when the thread that started it ends, also when we are killed ourselves; what the
//! program started is out of reach then.
//!
//! Standard output and standard error share one pipe, so that lines keep their order and no pipe can
//! fill up while the other is read. A group's number stays taken until its leader is reaped, so signals
//! are sent before that and never to a stranger.

use std::ffi::OsString;
use std::io::{self, PipeReader};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::traits::Flow;

/// How often the process and its limits are looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long after the program's end its children may keep the pipe open.
const STRAGGLE: Duration = Duration::from_millis(500);
/// How long a killed process may take to vanish; a driver can hold it longer.
const REAP: Duration = Duration::from_secs(10);
/// Lines between the reader and us.
const QUEUE: usize = 1024;

/// What to run.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) program: &'a Path,
    pub(crate) arguments: &'a [OsString],
    /// Working directory: files that the program drops unasked stay in it.
    pub(crate) folder: &'a Path,
    /// Most time it may take.
    pub(crate) time_limit: Option<Duration>,
    /// Time between SIGTERM and SIGKILL.
    pub(crate) grace: Duration,
}

/// What is passed on while it runs.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// A line, without its end; longer ones come in pieces, foreign bytes are replaced.
    Line(&'a str),
    /// Time has passed.
    Tick,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself.
    Exited(ExitStatus),
    /// We ended it: its time was up.
    TimedOut,
    /// We ended it: [`Flow::Cancel`].
    Cancelled,
}

/// Runs `job`; `watch` is called for each line and every few milliseconds.
///
/// # Errors
/// When the program cannot be started or waited for.
pub(crate) fn run(job: &Job<'_>, watch: &mut dyn FnMut(Event<'_>) -> Flow) -> io::Result<End> {
    let (reader, mut group) = start(job)?;
    let (sender, lines) = sync_channel(QUEUE);
    std::thread::Builder::new()
        .name("trtexec log".to_owned())
        .spawn(move || trtexec_format::lines::read(reader, |line| sender.send(line).is_ok()))?;
    let start = Instant::now();
    let mut ended = None;
    let mut open = true;
    let mut next_look = start;
    loop {
        let flow = match lines.recv_timeout(TICK) {
            Ok(line) => watch(Event::Line(&line)),
            Err(RecvTimeoutError::Timeout) => watch(Event::Tick),
            Err(RecvTimeoutError::Disconnected) => {
                open = false;
                std::thread::sleep(TICK);
                watch(Event::Tick)
            }
        };
        if ended.is_none() && flow == Flow::Cancel {
            group.end(job.grace, &lines, watch);
            return group.reap().map(|_| End::Cancelled);
        }
        let now = Instant::now();
        if now < next_look && open {
            continue;
        }
        next_look = now + TICK;
        if ended.is_none() && group.has_exited()? {
            ended = Some(now);
        }
        match ended {
            Some(since) if !open || now - since > STRAGGLE => break,
            None if job.time_limit.is_some_and(|limit| now - start > limit) => {
                group.end(job.grace, &lines, watch);
                return group.reap().map(|_| End::TimedOut);
            }
            _ => {}
        }
    }
    group.kill();
    group.reap().map(End::Exited)
}

fn start(job: &Job<'_>) -> io::Result<(PipeReader, Group)> {
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(job.program);
    command
        .args(job.arguments)
        .current_dir(job.folder)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    die_with_us(&mut command);
    // the command is dropped here, and with it our ends of the pipe that are not for reading
    Ok((reader, Group { child: command.spawn()?, reaped: false }))
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "there is no safe way to make a child die with its parent")]
fn die_with_us(command: &mut Command) {
    use rustix::process::{getpid, getppid, set_parent_process_death_signal};
    let parent = getpid();
    let in_child = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // we may have died before the line above: then nobody would tell
        if getppid() == Some(parent) { Ok(()) } else { Err(io::Error::from_raw_os_error(3)) }
    };
    // SAFETY: between fork and exec the closure makes two system calls and compares two numbers: it takes no
    // lock, allocates nothing and touches no memory of other threads.
    unsafe { command.pre_exec(in_child) };
}

#[cfg(not(target_os = "linux"))]
fn die_with_us(_command: &mut Command) {}

/// A program and the process group that it leads; ended and reaped at the latest when dropped.
#[derive(Debug)]
struct Group {
    child: Child,
    reaped: bool,
}

impl Group {
    fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Whether the leader has ended; it stays a zombie, and the group's number taken.
    fn has_exited(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        Ok(waitid(WaitId::Pid(self.id()), options)?.is_some())
    }

    /// SIGTERM, and after the grace time SIGKILL, to the whole group. What it still says is passed on.
    fn end(
        &mut self,
        grace: Duration,
        lines: &Receiver<String>,
        watch: &mut dyn FnMut(Event<'_>) -> Flow,
    ) {
        let _ = kill_process_group(self.id(), Signal::TERM);
        let deadline = Instant::now() + grace;
        while Instant::now() < deadline && !self.has_exited().unwrap_or(true) {
            match lines.recv_timeout(TICK / 5) {
                Ok(line) => drop(watch(Event::Line(&line))),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(TICK / 5),
            }
        }
        self.kill();
        while let Ok(line) = lines.recv_timeout(TICK / 5) {
            let _ = watch(Event::Line(&line));
        }
    }

    /// SIGKILL to whatever is left of the group.
    fn kill(&self) {
        if !self.reaped {
            let _ = kill_process_group(self.id(), Signal::KILL);
        }
    }

    /// Waits for the leader, but not for ever: a process that is stuck in a driver cannot even be killed.
    fn reap(&mut self) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + REAP;
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.reaped = true;
                return Ok(status);
            }
            if Instant::now() > deadline {
                let id = self.child.id();
                let what =
                    format!("process {id} was killed but does not end: it hangs in the driver");
                // nothing more can be done; a second wait would be no shorter
                self.reaped = true;
                return Err(io::Error::new(io::ErrorKind::TimedOut, what));
            }
            std::thread::sleep(TICK / 10);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            let _ = self.reap();
        }
    }
}

/// Exit code or signal in words.
pub(crate) fn describe(status: ExitStatus) -> String {
    let name = |signal: i32| match signal {
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL: out of memory?",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        _ => "",
    };
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) if name(signal).is_empty() => format!("killed by signal {signal}"),
        (None, Some(signal)) => format!("killed by signal {signal} ({})", name(signal)),
        (None, None) => status.to_string(),
    }
}
