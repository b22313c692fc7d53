//! The log of one builder or runtime: what it passes on, and what it keeps for error messages.
//!
//! Every line also becomes an event of target `tensorrt`: errors and warnings with their own level,
//! TensorRT's "info" as debug and its "verbose" as trace. Lines come from many threads at once, and
//! those of all builders and runtimes of one library come together (see [`crate::relay`]).

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use crate::abi::enums::Severity;
use crate::relay::Relay;
use crate::unwind::caught;

/// How many lines are kept, of errors and of warnings each.
const KEPT: usize = 64;
/// How many of them an error message repeats.
const REPEATED: usize = 8;

/// A function that gets every line, from many threads; those of other builders and runtimes of the
/// same library too, because a library has one log for all of them.
pub type Sink = Arc<dyn Fn(Severity, &str) + Send + Sync>;

/// What to do with the log beyond `tracing`.
#[derive(Clone, Default)]
pub struct LogOptions {
    /// Whether verbose lines are passed on; a build writes thousands of them.
    pub verbose: bool,
    /// Gets every line that is passed on.
    pub sink: Option<Sink>,
}

impl fmt::Debug for LogOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogOptions")
            .field("verbose", &self.verbose)
            .field("sink", &self.sink.as_ref().map(|_| "a function"))
            .finish()
    }
}

/// Lines so far: how many, and the last of them.
#[derive(Default)]
struct Lines {
    count: u64,
    last: VecDeque<(ThreadId, String)>,
}

#[derive(Default)]
struct Kept {
    errors: Lines,
    warnings: Lines,
}

/// The log of one object. It hears the library's relay, which outlives everything.
pub(crate) struct Log {
    options: LogOptions,
    kept: Mutex<Kept>,
    broken: AtomicBool,
}

/// A moment in the log: lines after it belong to the call that is made now.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    errors: u64,
    warnings: u64,
}

impl Log {
    pub(crate) fn new(relay: &Relay, options: LogOptions) -> Arc<Self> {
        let broken = AtomicBool::new(false);
        let log = Arc::new(Self { options, kept: Mutex::default(), broken });
        relay.add(&log);
        log
    }

    /// Now.
    pub(crate) fn mark(&self) -> Mark {
        let kept = self.lock();
        Mark { errors: kept.errors.count, warnings: kept.warnings.count }
    }

    /// The last error lines.
    pub(crate) fn errors(&self) -> Vec<String> {
        self.lock().errors.last.iter().map(|(_, line)| line.clone()).collect()
    }

    /// The reason of a failure: what was logged since `mark`, in one line.
    pub(crate) fn reason(&self, mark: Mark) -> String {
        let lines = self.lock().errors.since(mark.errors, |_| true);
        lines.unwrap_or_else(|| "the library logged no reason".to_owned())
    }

    /// The error lines of this thread since `mark`, in one line; `None` where there are none. Those of
    /// another thread may be about another builder.
    pub(crate) fn errors_since(&self, mark: Mark) -> Option<String> {
        self.lock().errors.since(mark.errors, |thread| thread == thread::current().id())
    }

    /// The warnings of this thread since `mark`, likewise.
    pub(crate) fn warnings_since(&self, mark: Mark) -> Option<String> {
        self.lock().warnings.since(mark.warnings, |thread| thread == thread::current().id())
    }

    /// Whether lines of this severity are passed on.
    pub(crate) fn wants(&self, severity: Severity) -> bool {
        severity < Severity::VERBOSE || self.options.verbose
    }

    /// Keeps a line and gives it to the sink. Never panics.
    pub(crate) fn pass_on(&self, severity: Severity, line: &str) {
        if severity <= Severity::ERROR {
            self.lock().errors.keep(line);
        } else if severity == Severity::WARNING {
            self.lock().warnings.keep(line);
        }
        let Some(sink) = self.options.sink.as_ref() else { return };
        if self.broken.load(Ordering::Relaxed) {
            return;
        }
        if let Err(message) = caught(|| sink(severity, line))
            && !self.broken.swap(true, Ordering::Relaxed)
        {
            // the build goes on without a sink that panics; the warnings tell
            let line = format!("the log sink panicked and gets no more lines: {message}");
            self.lock().warnings.keep(&line);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn keep(&mut self, line: &str) {
        self.count += 1;
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back((thread::current().id(), line.to_owned()));
    }

    fn since(&self, count: u64, of: impl Fn(ThreadId) -> bool) -> Option<String> {
        let new = usize::try_from(self.count - count).unwrap_or(usize::MAX);
        let first = self.last.len().saturating_sub(new);
        let lines = self.last.range(first..).filter(|(thread, _)| of(*thread));
        let lines: Vec<&str> = lines.map(|(_, line)| line.as_str()).collect();
        let last = &lines[lines.len().saturating_sub(REPEATED)..];
        (!last.is_empty()).then(|| last.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::abi::Table;

    fn logger(verbose: bool, sink: impl Fn(Severity, &str) + Send + Sync + 'static) -> Arc<Log> {
        let options = LogOptions { verbose, sink: Some(Arc::new(sink)) };
        Log::new(Relay::new(Table::V11), options)
    }

    fn write(log: &Log, severity: Severity, line: &str) {
        log.pass_on(severity, line);
    }

    #[test]
    fn a_failure_repeats_the_errors_since_its_call_only() {
        let logger = logger(false, |_, _| {});
        write(&logger, Severity::ERROR, "before");
        let mark = logger.mark();
        assert_eq!(logger.reason(mark), "the library logged no reason");
        write(&logger, Severity::WARNING, "no error");
        write(&logger, Severity::INTERNAL_ERROR, "one");
        write(&logger, Severity::ERROR, "two");
        assert_eq!(logger.reason(mark), "one; two");
        assert_eq!(logger.warnings_since(mark).unwrap(), "no error");
        assert_eq!(logger.errors(), ["before", "one", "two"]);
    }

    #[test]
    fn a_flood_of_errors_stays_bounded() {
        let logger = logger(false, |_, _| {});
        let mark = logger.mark();
        for _ in 0..1000 {
            write(&logger, Severity::ERROR, "x");
        }
        assert_eq!(logger.errors().len(), KEPT);
        assert_eq!(logger.reason(mark).split("; ").count(), REPEATED);
    }

    #[test]
    fn verbose_lines_pass_only_where_asked() {
        for verbose in [false, true] {
            let logger = logger(verbose, |_, _| {});
            assert!(logger.wants(Severity::INFO) && logger.wants(Severity::ERROR));
            assert_eq!(logger.wants(Severity::VERBOSE), verbose);
        }
    }

    #[test]
    fn a_call_fails_by_errors_of_its_own_thread() {
        let logger = logger(false, |_, _| {});
        let mark = logger.mark();
        let other = Arc::clone(&logger);
        let wrote = std::thread::spawn(move || write(&other, Severity::ERROR, "elsewhere"));
        wrote.join().unwrap();
        assert_eq!(logger.errors_since(mark), None);
        assert_eq!(logger.reason(mark), "elsewhere");
    }

    #[test]
    fn a_sink_that_panics_is_told_and_left_alone() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let logger = logger(false, move |_, line| {
            counter.fetch_add(1, Ordering::Relaxed);
            panic!("about {line}");
        });
        let mark = logger.mark();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let logger = Arc::clone(&logger);
                std::thread::spawn(move || write(&logger, Severity::ERROR, "a line"))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        write(&logger, Severity::ERROR, "another");
        assert!((1..=4).contains(&calls.load(Ordering::Relaxed)));
        let told = logger.lock().warnings.since(mark.warnings, |_| true);
        assert!(told.unwrap().contains("panicked"), "told as a warning");
        assert_eq!(logger.errors().len(), 5, "lines are kept all the same");
    }
}
