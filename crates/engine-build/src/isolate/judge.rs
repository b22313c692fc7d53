//! What became of a child, in words: from what it said, how it ended and who ended it. Knows no process.

use std::time::Duration;

use pipeline::{Exit, Fault};

use super::limits::ByteSize;
use super::lines::shorten;
use super::wire::{Done, Failed};

/// Why the parent ended the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It used too much memory: this many bytes.
    Memory { used: u64, limit: ByteSize },
    /// It took too long.
    Time { limit: Duration },
    /// The user asked to stop.
    Interrupt,
}

/// What is no message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Nonsense {
    /// A whole line of something else.
    Foreign(String),
    /// A line without its end.
    Torn(String),
    /// The output was closed while the process went on.
    Closed,
}

/// How the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Code(i32),
    Signal(i32),
}

/// Everything that is known of a child that is gone.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) stop: Option<Stop>,
    pub(super) answer: Option<Result<Done, Failed>>,
    pub(super) nonsense: Option<Nonsense>,
    pub(super) end: End,
    /// The phase of the build that was last begun; may be empty.
    pub(super) phase: String,
    /// The last lines of its log; may be empty.
    pub(super) log: String,
    /// Whether there is an engine with something in it.
    pub(super) engine: bool,
}

impl Life {
    /// Whether the process itself ended well, whatever it said.
    pub(super) fn ended_well(&self) -> bool {
        self.end == End::Code(0)
    }
}

/// The exit code of a Rust program that panicked.
const PANIC: i32 = 101;

/// The result of the build, or the error of its row.
///
/// # Errors
/// The backend's own, with its exit code; exit 5 after an interruption; exit 1 when our own code in the
/// child panicked; exit 4 for every other end.
pub(super) fn judge(life: Life) -> Result<Done, Fault> {
    if let Some(stop) = life.stop {
        return Err(stopped(stop, &life));
    }
    match life.answer {
        Some(Ok(done)) if life.engine => Ok(done),
        Some(Ok(_)) => {
            Err(Fault::environment("the builder says that it is done, but it left no engine")
                .hint("is the disk full?"))
        }
        Some(Err(failed)) => {
            Err(Fault::from_code(failed.exit, failed.error, failed.hint.as_deref()))
        }
        None => Err(silent(&life)),
    }
}

/// The parent ended it.
fn stopped(stop: Stop, life: &Life) -> Fault {
    match stop {
        Stop::Memory { used, limit } => {
            let used = used >> 20;
            let what = format!(
                "the builder used {used} MiB of memory, more than memory-limit = \"{limit}\" allows, and was ended"
            );
            Fault::environment(what + &context(life, false))
                .hint("raise memory-limit in [engine-build], or lower optimization-level")
        }
        Stop::Time { limit } => {
            let limit = humantime::format_duration(limit);
            let what =
                format!("the builder was not done after time-limit = \"{limit}\" and was ended");
            Fault::environment(what + &context(life, true))
                .hint("raise time-limit in [engine-build], or lower optimization-level")
        }
        Stop::Interrupt => Fault::incomplete("interrupted while the builder was at work"),
    }
}

/// It ended without a result.
fn silent(life: &Life) -> Fault {
    let (what, hint) = match (&life.nonsense, life.end) {
        (Some(Nonsense::Foreign(line)), _) => {
            let line = shorten(line, 80);
            (format!("the builder said what is no message of it: `{line}`"), REPORT)
        }
        (Some(Nonsense::Closed), _) => {
            ("the builder closed its output without a result".to_owned(), REPORT)
        }
        (_, End::Signal(9)) => (
            "the builder was killed by SIGKILL (signal 9), but not by its limits".to_owned(),
            "the kernel does that when memory runs out: give a memory-limit below the machine's memory, or lower optimization-level",
        ),
        (_, End::Signal(signal)) => {
            let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
            let what = format!("the builder was killed by {name} (signal {signal})");
            (
                what,
                "the library crashed on this model: TAILMARK_LOG=debug shows what it did before, isolation = \"none\" lets a debugger see it",
            )
        }
        (_, End::Code(PANIC)) => ("the builder panicked".to_owned(), REPORT),
        (Some(Nonsense::Torn(line)), End::Code(code)) => {
            let line = shorten(line, 80);
            (
                format!(
                    "the builder ended with exit code {code} in the middle of a message: `{line}`"
                ),
                REPORT,
            )
        }
        (None, End::Code(code)) => {
            (format!("the builder ended with exit code {code} and without a result"), REPORT)
        }
    };
    let exit = if life.end == End::Code(PANIC) { Exit::Bug } else { Exit::Environment };
    Fault::new(exit, what + &context(life, true)).hint(hint)
}

const REPORT: &str = "TAILMARK_LOG=debug shows what it did before";

/// What the child was doing and what it wrote last.
fn context(life: &Life, log: bool) -> String {
    let phase = match shorten(&life.phase, 80) {
        phase if phase.is_empty() => String::new(),
        phase => format!(" in the phase \"{phase}\""),
    };
    if log && !life.log.is_empty() {
        format!("{phase}; last lines of its log: {}", life.log)
    } else {
        phase
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backend::Built;

    fn life(end: End) -> Life {
        Life {
            stop: None,
            answer: None,
            nonsense: None,
            end,
            phase: "tactics".into(),
            log: "a | b".into(),
            engine: true,
        }
    }

    fn done() -> Done {
        Done { built: Built::default(), cache: false, build_ns: 1, peak_memory: None }
    }

    fn refused(life: Life) -> (Exit, String) {
        let fault = judge(life).unwrap_err();
        (fault.exit(), fault.to_string())
    }

    #[test]
    fn a_crash_says_signal_phase_and_log() {
        let (exit, text) = refused(life(End::Signal(11)));
        assert_eq!(exit, Exit::Environment);
        assert_eq!(
            text,
            "the builder was killed by SIGSEGV (signal 11) in the phase \"tactics\"; last lines of its log: a | b"
        );
        let (exit, text) = refused(life(End::Signal(9)));
        assert!(exit == Exit::Environment && text.contains("not by its limits"), "{text}");
    }

    #[test]
    fn every_silent_end_has_its_words() {
        let foreign = Nonsense::Foreign("hello\n".into());
        let torn = || Nonsense::Torn("{\"say\"".into());
        for (nonsense, end, exit, expected) in [
            (Some(foreign), End::Signal(9), Exit::Environment, "`hello `"),
            (Some(torn()), End::Code(0), Exit::Environment, "middle of a message: `{\"say\"`"),
            (Some(torn()), End::Signal(6), Exit::Environment, "SIGABRT (signal 6)"),
            (Some(Nonsense::Closed), End::Signal(9), Exit::Environment, "closed its output"),
            (None, End::Code(3), Exit::Environment, "exit code 3 and without a result"),
            (None, End::Code(PANIC), Exit::Bug, "panicked"),
        ] {
            let (found, text) = refused(Life { nonsense, ..life(end) });
            assert!(found == exit && text.contains(expected), "{text}");
        }
    }

    #[test]
    fn limits_and_interruptions_come_first() {
        let limit = "1GiB".parse().unwrap();
        for (stop, exit, expected) in [
            (
                Stop::Memory { used: 3 << 30, limit },
                Exit::Environment,
                "used 3072 MiB of memory, more than memory-limit = \"1GiB\"",
            ),
            (
                Stop::Time { limit: Duration::from_mins(10) },
                Exit::Environment,
                "time-limit = \"10m\"",
            ),
            (Stop::Interrupt, Exit::Incomplete, "interrupted"),
        ] {
            let (found, text) = refused(Life {
                stop: Some(stop),
                answer: Some(Ok(done())),
                ..life(End::Signal(9))
            });
            assert!(found == exit && text.contains(expected), "{text}");
        }
    }

    #[test]
    fn an_answer_counts_when_the_engine_is_there() {
        // a crash after the answer, when the library is unloaded, spoils nothing
        assert!(judge(Life { answer: Some(Ok(done())), ..life(End::Signal(11)) }).is_ok());
        let (exit, text) =
            refused(Life { answer: Some(Ok(done())), engine: false, ..life(End::Code(0)) });
        assert!(exit == Exit::Environment && text.contains("left no engine"), "{text}");
        let failed = Failed { error: "no such input".into(), exit: 2, hint: None };
        let (exit, text) = refused(Life { answer: Some(Err(failed)), ..life(End::Code(0)) });
        assert!(exit == Exit::Config && text == "no such input", "{text}");
    }
}
