//! The child as a process: pipes, threads that read them, limits, and its end.

use std::io::{BufReader, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use backend::Progress as _;
use pipeline::Fault;

use super::display::{Display, Printer};
use super::interrupt;
use super::judge::{End, Life, Nonsense, Stop};
use super::limits::Limits;
use super::lines::{self, Tail};
use super::wire::{CANCEL, Done, Failed, Message, Request};

/// How often the limits are looked at.
const TICK: Duration = Duration::from_millis(50);
/// Time that a child has to end by itself once it was asked to.
const GRACE: Duration = Duration::from_secs(2);
/// Time that a child has to end once it closed its output: drivers take a while to shut down.
const SETTLE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 20 });
/// Longest message: a model of ten thousand layers stays far below.
const MESSAGE: u64 = 64 << 20;
/// Longest line of a log.
const LOG_LINE: u64 = 64 << 10;

/// A child that builds; it is killed when this value goes.
pub(super) struct Builder {
    child: Child,
    /// Closed by taking it.
    stdin: Option<ChildStdin>,
    events: Receiver<Event>,
    tail: Tail,
    log: Option<JoinHandle<()>>,
    started: Instant,
}

enum Event {
    Message(Message),
    Nonsense(Nonsense),
}

impl Builder {
    /// Starts `program build-one` and hands it the request.
    ///
    /// # Errors
    /// Exit 4 when the program cannot be started.
    pub(super) fn start(
        program: &Path,
        request: &Request,
        display: &Display,
    ) -> anyhow::Result<Self> {
        let mut line = serde_json::to_string(request).context("a request without JSON")?;
        line.push('\n');
        let what = || {
            Fault::environment(format!("cannot start the builder {}", program.display()))
                .hint("isolation = \"none\" in [engine-build] builds without a process of its own")
        };
        let mut child = Command::new(program)
            .arg0("engine-build")
            .arg("build-one")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(what)?;
        let (mut stdin, tail) = (child.stdin.take(), Tail::default());
        let (sender, events) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || hear(stdout, &sender));
        }
        let log = child.stderr.take().map(|stderr| {
            // errors and warnings come back in the answer or with the tail: a reader sees them once,
            // unless the log was asked for
            let printer = std::env::var_os("TAILMARK_LOG").is_some().then(|| display.printer());
            let tail = tail.clone();
            std::thread::spawn(move || copy_log(stderr, &tail, printer.as_ref()))
        });
        // a child that is gone already shows by its end, not by this pipe
        if let Some(stdin) = &mut stdin {
            let _ = stdin.write_all(line.as_bytes());
        }
        Ok(Self { child, stdin, events, tail, log, started: Instant::now() })
    }

    /// Follows the child to its end, keeping its limits; `out` is the engine's file.
    ///
    /// # Errors
    /// When the system cannot say how the child ended.
    pub(super) fn follow(
        mut self,
        limits: &Limits,
        out: &Path,
        display: &Display,
    ) -> anyhow::Result<Life> {
        let (mut answer, mut nonsense): (Option<Result<Done, Failed>>, _) = (None, None);
        let mut stop: Option<(Stop, Instant)> = None;
        loop {
            match self.events.recv_timeout(TICK) {
                Ok(Event::Message(Message::Progress { phase, done, total })) => {
                    display.update(&phase, done, total);
                }
                Ok(Event::Message(Message::Done(done))) => answer = Some(Ok(done)),
                Ok(Event::Message(Message::Failed(failed))) => answer = Some(Err(failed)),
                Ok(Event::Nonsense(found)) => {
                    if matches!(found, Nonsense::Foreign(_)) {
                        self.kill();
                    }
                    nonsense = Some(found);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            match stop {
                Some((_, since)) if since.elapsed() > GRACE => self.kill(),
                Some(_) => {}
                None if answer.is_some() => {}
                None => stop = self.breach(limits).map(|stop| (stop, Instant::now())),
            }
        }
        let (status, killed) = self.end()?;
        if killed && answer.is_none() && nonsense.is_none() && stop.is_none() {
            nonsense = Some(Nonsense::Closed);
        }
        if stop.is_none() && answer.is_none() && interrupt::asked() {
            stop = Some((Stop::Interrupt, Instant::now()));
        }
        let engine = out.metadata().is_ok_and(|file| file.is_file() && file.len() > 0);
        let end = match (status.code(), status.signal()) {
            (Some(code), _) => End::Code(code),
            (None, signal) => End::Signal(signal.unwrap_or_default()),
        };
        Ok(Life {
            stop: stop.map(|(stop, _)| stop),
            answer,
            nonsense,
            end,
            phase: display.phase(),
            log: self.tail.text(),
            engine,
        })
    }

    /// Looks at the limits; a child beyond one is ended or asked to end.
    fn breach(&mut self, limits: &Limits) -> Option<Stop> {
        if interrupt::asked() {
            self.ask_to_end();
            return Some(Stop::Interrupt);
        }
        if let Some(limit) = limits.time.filter(|&limit| self.started.elapsed() > limit) {
            self.ask_to_end();
            return Some(Stop::Time { limit });
        }
        let limit = limits.memory?;
        let used = resident(self.child.id()).filter(|&used| used > limit.get())?;
        // it may be growing by gigabytes a second
        self.kill();
        Some(Stop::Memory { used, limit })
    }

    fn ask_to_end(&mut self) {
        if let Some(mut stdin) = self.stdin.take() {
            // a child that is gone need not be asked
            let _ = writeln!(stdin, "{CANCEL}");
        }
    }

    fn kill(&mut self) {
        // an error means that it is gone
        let _ = self.child.kill();
    }

    /// Waits for a child that closed its output; kills it when it stays, and says so.
    fn end(&mut self) -> anyhow::Result<(ExitStatus, bool)> {
        let what = "the system does not say how the builder ended";
        let since = Instant::now();
        let mut killed = false;
        let status = loop {
            if let Some(status) = self.child.try_wait().context(what)? {
                break status;
            }
            if since.elapsed() > SETTLE && !killed {
                self.kill();
                killed = true;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        // the log's last lines may still be in the pipe; a process that the child left behind may hold it open
        let since = Instant::now();
        while self.log.as_ref().is_some_and(|log| !log.is_finished())
            && since.elapsed() < Duration::from_millis(500)
        {
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok((status, killed))
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        self.kill();
        // reaps it; it was killed, so this does not last
        let _ = self.child.wait();
    }
}

/// Reads messages until the output is closed or makes no sense.
fn hear(stdout: ChildStdout, events: &Sender<Event>) {
    let mut source = BufReader::new(stdout);
    while let Ok(Some(line)) = lines::next(&mut source, MESSAGE) {
        let event = match serde_json::from_str(&line.text) {
            Ok(message) if line.whole => Event::Message(message),
            Err(_) if line.whole => Event::Nonsense(Nonsense::Foreign(line.text)),
            _ => Event::Nonsense(Nonsense::Torn(line.text)),
        };
        let last = matches!(event, Event::Nonsense(_));
        if events.send(event).is_err() || last {
            return;
        }
    }
}

/// Keeps the last lines of the child's log, and passes it on where there is somebody to read it.
fn copy_log(stderr: ChildStderr, tail: &Tail, printer: Option<&Printer>) {
    let mut source = BufReader::new(stderr);
    while let Ok(Some(line)) = lines::next(&mut source, LOG_LINE) {
        tail.push(&line.text);
        if let Some(printer) = printer {
            printer.line(&line.text);
        }
    }
}

/// Resident memory of a process, in bytes; `None` when it is gone.
fn resident(process: u32) -> Option<u64> {
    let process = procfs::process::Process::new(i32::try_from(process).ok()?).ok()?;
    Some(process.statm().ok()?.resident * procfs::page_size())
}
