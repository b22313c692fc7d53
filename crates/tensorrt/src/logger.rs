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

/// How many error lines are kept.
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

/// The error lines so far: how many, and the last of them.
#[derive(Default)]
struct Errors {
    count: u64,
    last: VecDeque<String>,
}

struct State {
    options: LogOptions,
    errors: Mutex<Errors>,
    broken: AtomicBool,
}

/// An `ILogger`. It outlives every object that was made with it.
pub(crate) struct Logger(Callback<State>);

/// A moment in the log: error lines after it belong to the call that is made now.
#[derive(Clone, Copy)]
pub(crate) struct Mark(u64);

impl Logger {
    pub(crate) fn new(table: Table, options: LogOptions) -> Arc<Self> {
        let state = State { options, errors: Mutex::default(), broken: AtomicBool::new(false) };
        let log = log as extern "C" fn(Ptr, c_int, *const c_char) as Method;
        Arc::new(Self(Callback::new(table.logger_layout(), logger_info, &[log], state)))
    }

    pub(crate) fn as_ptr(&self) -> Ptr {
        self.0.as_ptr()
    }

    /// Now.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.0.state().lock().count)
    }

    /// The last error lines.
    pub(crate) fn errors(&self) -> Vec<String> {
        self.0.state().lock().last.iter().cloned().collect()
    }

    /// The reason of a failure: what was logged since `mark`, in one line.
    pub(crate) fn reason(&self, mark: Mark) -> String {
        self.since(mark).unwrap_or_else(|| "the library logged no reason".to_owned())
    }

    /// The error lines since `mark`, in one line; `None` where there are none.
    pub(crate) fn since(&self, mark: Mark) -> Option<String> {
        let errors = self.0.state().lock();
        let new = usize::try_from(errors.count - mark.0).unwrap_or(usize::MAX).min(REPEATED);
        let first = errors.last.len().saturating_sub(new);
        let lines: Vec<&str> = errors.last.range(first..).map(String::as_str).collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, Errors> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, line: &str) {
        let mut errors = self.lock();
        errors.count += 1;
        if errors.last.len() == KEPT {
            errors.last.pop_front();
        }
        errors.last.push_back(line.to_owned());
    }

    fn pass_on(&self, severity: Severity, line: &str) {
        if severity <= Severity::ERROR {
            self.keep(line);
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
        // the build goes on without a sink that panics; the error lines tell
        state.keep(&format!("the log sink panicked and gets no more lines: {message}"));
    }
}
