//! TensorRT's log, passed on to `tracing` and kept for error messages.
//!
//! Every line becomes an event of target `tensorrt`: errors and warnings with their own level,
//! TensorRT's "info" as debug and its "verbose" as trace, because both are for whoever works on a
//! model and not for whoever uses it. Lines come from many threads at once.

use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_int};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::abi::callback::{Callback, Method, logger_info};
use crate::abi::enums::Severity;
use crate::abi::{Ptr, Table};
use crate::unwind::caught;

/// How many lines are kept, of errors and of warnings each.
const KEPT: usize = 64;
/// How many of them an error message repeats.
const REPEATED: usize = 8;

/// A function that gets every line, from many threads.
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
    last: VecDeque<String>,
}

#[derive(Default)]
struct Kept {
    errors: Lines,
    warnings: Lines,
}

struct State {
    options: LogOptions,
    kept: Mutex<Kept>,
    broken: AtomicBool,
}

/// An `ILogger`. It outlives every object that was made with it.
pub(crate) struct Logger(Callback<State>);

/// A moment in the log: lines after it belong to the call that is made now.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    errors: u64,
    warnings: u64,
}

impl Logger {
    pub(crate) fn new(table: Table, options: LogOptions) -> Arc<Self> {
        let state = State { options, kept: Mutex::default(), broken: AtomicBool::new(false) };
        let log = log as extern "C" fn(Ptr, c_int, *const c_char) as Method;
        Arc::new(Self(Callback::new(table.logger_layout(), logger_info, &[log], state)))
    }

    pub(crate) fn as_ptr(&self) -> Ptr {
        self.0.as_ptr()
    }

    /// Now.
    pub(crate) fn mark(&self) -> Mark {
        let kept = self.0.state().lock();
        Mark { errors: kept.errors.count, warnings: kept.warnings.count }
    }

    /// The last error lines.
    pub(crate) fn errors(&self) -> Vec<String> {
        self.0.state().lock().errors.last.iter().cloned().collect()
    }

    /// The reason of a failure: what was logged since `mark`, in one line.
    pub(crate) fn reason(&self, mark: Mark) -> String {
        self.errors_since(mark).unwrap_or_else(|| "the library logged no reason".to_owned())
    }

    /// The error lines since `mark`, in one line; `None` where there are none.
    pub(crate) fn errors_since(&self, mark: Mark) -> Option<String> {
        self.0.state().lock().errors.since(mark.errors)
    }

    /// The warnings since `mark`, in one line; `None` where there are none.
    pub(crate) fn warnings_since(&self, mark: Mark) -> Option<String> {
        self.0.state().lock().warnings.since(mark.warnings)
    }
}

impl Lines {
    fn keep(&mut self, line: &str) {
        self.count += 1;
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }

    fn since(&self, count: u64) -> Option<String> {
        let new = usize::try_from(self.count - count).unwrap_or(usize::MAX).min(REPEATED);
        let first = self.last.len().saturating_sub(new);
        let lines: Vec<&str> = self.last.range(first..).map(String::as_str).collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass_on(&self, severity: Severity, line: &str) {
        if severity <= Severity::ERROR {
            self.lock().errors.keep(line);
        } else if severity == Severity::WARNING {
            self.lock().warnings.keep(line);
        }
        match severity {
            Severity::INTERNAL_ERROR | Severity::ERROR => {
                tracing::error!(target: "tensorrt", "{line}");
            }
            Severity::WARNING => tracing::warn!(target: "tensorrt", "{line}"),
            Severity::INFO => tracing::debug!(target: "tensorrt", "{line}"),
            _ => tracing::trace!(target: "tensorrt", "{line}"),
        }
        if let Some(sink) = &self.options.sink
            && !self.broken.load(Ordering::Relaxed)
        {
            sink(severity, line);
        }
    }
}

extern "C" fn log(this: Ptr, severity: c_int, line: *const c_char) {
    // SAFETY: the library calls it on the pointer of `Logger::as_ptr`, which outlives its objects.
    let state = unsafe { Callback::<State>::state_of(this) };
    let severity = Severity(severity);
    if line.is_null() || (severity >= Severity::VERBOSE && !state.options.verbose) {
        return;
    }
    // SAFETY: the library gives a string that ends with NUL and lives during the call.
    let line = unsafe { CStr::from_ptr(line) };
    let passed = caught(|| state.pass_on(severity, &line.to_string_lossy()));
    if let Err(message) = passed
        && !state.broken.swap(true, Ordering::Relaxed)
    {
        // the build goes on without a sink that panics; the warnings tell
        let line = format!("the log sink panicked and gets no more lines: {message}");
        state.lock().warnings.keep(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn logger(verbose: bool, sink: impl Fn(Severity, &str) + Send + Sync + 'static) -> Arc<Logger> {
        Logger::new(Table::V11, LogOptions { verbose, sink: Some(Arc::new(sink)) })
    }

    fn write(logger: &Logger, severity: Severity, line: &CStr) {
        log(logger.as_ptr(), severity.0, line.as_ptr());
    }

    #[test]
    fn a_failure_repeats_the_errors_since_its_call_only() {
        let logger = logger(false, |_, _| {});
        write(&logger, Severity::ERROR, c"before");
        let mark = logger.mark();
        assert_eq!(logger.reason(mark), "the library logged no reason");
        write(&logger, Severity::WARNING, c"no error");
        write(&logger, Severity::INTERNAL_ERROR, c"one");
        write(&logger, Severity::ERROR, c"two \xff");
        assert_eq!(logger.reason(mark), "one; two \u{fffd}");
        assert_eq!(logger.warnings_since(mark).unwrap(), "no error");
        assert_eq!(logger.errors(), ["before", "one", "two \u{fffd}"]);
    }

    #[test]
    fn a_flood_of_errors_stays_bounded() {
        let logger = logger(false, |_, _| {});
        let mark = logger.mark();
        for _ in 0..1000 {
            write(&logger, Severity::ERROR, c"x");
        }
        assert_eq!(logger.errors().len(), KEPT);
        assert_eq!(logger.reason(mark).split("; ").count(), REPEATED);
    }

    #[test]
    fn verbose_lines_pass_only_where_asked() {
        for (verbose, expected) in [(false, 2), (true, 3)] {
            let count = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&count);
            let logger = logger(verbose, move |_, _| {
                counter.fetch_add(1, Ordering::Relaxed);
            });
            for severity in [Severity::VERBOSE, Severity::INFO, Severity::WARNING] {
                write(&logger, severity, c"line");
            }
            log(logger.as_ptr(), 0, std::ptr::null());
            assert_eq!(count.load(Ordering::Relaxed), expected);
        }
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
                std::thread::spawn(move || write(&logger, Severity::ERROR, c"a line"))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        write(&logger, Severity::ERROR, c"another");
        assert!((1..=4).contains(&calls.load(Ordering::Relaxed)));
        assert!(logger.warnings_since(mark).unwrap().contains("panicked"), "told as a warning");
        assert_eq!(logger.errors().len(), 5, "lines are kept all the same");
    }
}
