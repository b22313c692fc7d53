//! The one `ILogger` that a library gets, and the logs that its lines go to.
//!
//! A library writes to one logger at a time: the first that it is given, for as long as any builder or
//! runtime lives, whatever logger the later ones bring (it warns, and ignores theirs). A logger that
//! belonged to one object would therefore be called after that object was gone. So each library has one
//! relay, which lives until the process ends, and every object listens to it with a log of its own.

use std::ffi::{CStr, c_char, c_int};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::abi::callback::{Callback, Method, logger_info};
use crate::abi::enums::Severity;
use crate::abi::{Ptr, Table};
use crate::logger::Log;
use crate::unwind::caught;

/// An `ILogger` for the rest of the process.
pub(crate) struct Relay(Callback<Listeners>);

/// The logs of the objects that live.
#[derive(Default)]
struct Listeners(Mutex<Vec<Weak<Log>>>);

/// The relays, each with the identity of its library.
static RELAYS: Mutex<Vec<(usize, &'static Relay)>> = Mutex::new(Vec::new());

impl Relay {
    /// The relay of the library with this identity; loaded twice, a library has one all the same.
    pub(crate) fn of(identity: usize, table: Table) -> &'static Self {
        let mut relays = RELAYS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, relay)) = relays.iter().find(|(known, _)| *known == identity) {
            return relay;
        }
        let relay = Self::new(table);
        relays.push((identity, relay));
        relay
    }

    pub(crate) fn new(table: Table) -> &'static Self {
        let log = log as extern "C" fn(Ptr, c_int, *const c_char) as Method;
        let layout = table.logger_layout();
        Box::leak(Box::new(Self(Callback::new(layout, logger_info, &[log], Listeners::default()))))
    }

    pub(crate) fn as_ptr(&self) -> Ptr {
        self.0.as_ptr()
    }

    /// Lets a log hear every line from now on, for as long as somebody keeps it.
    pub(crate) fn add(&self, log: &Arc<Log>) {
        let mut listeners = self.0.state().lock();
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Arc::downgrade(log));
    }
}

impl Listeners {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Log>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The logs that want lines of this severity. The lock is not held while they are written to, nor
    /// while one is dropped: a sink may make a builder.
    fn wanting(&self, severity: Severity) -> Vec<Arc<Log>> {
        let live = self.lock().iter().filter_map(Weak::upgrade).collect::<Vec<_>>();
        live.into_iter().filter(|log| log.wants(severity)).collect()
    }
}

/// The line as an event; "info" and "verbose" are for whoever works on a model.
fn trace(severity: Severity, line: &str) {
    match severity {
        Severity::INTERNAL_ERROR | Severity::ERROR => tracing::error!(target: "tensorrt", "{line}"),
        Severity::WARNING => tracing::warn!(target: "tensorrt", "{line}"),
        Severity::INFO => tracing::debug!(target: "tensorrt", "{line}"),
        _ => tracing::trace!(target: "tensorrt", "{line}"),
    }
}

extern "C" fn log(this: Ptr, severity: c_int, line: *const c_char) {
    // SAFETY: the library calls it on the pointer of `Relay::as_ptr`, which is never freed.
    let listeners = unsafe { Callback::<Listeners>::state_of(this) };
    let severity = Severity(severity);
    if line.is_null() {
        return;
    }
    // SAFETY: the library gives a string that ends with NUL and lives during the call.
    let line = unsafe { CStr::from_ptr(line) };
    // a subscriber of `tracing` that panics must not reach the library either
    let _ = caught(|| {
        let logs = listeners.wanting(severity);
        if logs.is_empty() {
            return;
        }
        let line = line.to_string_lossy();
        for log in &logs {
            log.pass_on(severity, &line);
        }
        trace(severity, &line);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logger::LogOptions;

    fn write(relay: &Relay, severity: Severity, line: &CStr) {
        log(relay.as_ptr(), severity.0, line.as_ptr());
    }

    #[test]
    fn every_living_log_hears_every_line() {
        let relay = Relay::new(Table::V10);
        let first = Log::new(relay, LogOptions::default());
        write(relay, Severity::ERROR, c"one");
        let second = Log::new(relay, LogOptions::default());
        write(relay, Severity::ERROR, c"two");
        assert_eq!(first.errors(), ["one", "two"]);
        // the first object goes; the library still writes to the logger that it was given first
        drop(first);
        write(relay, Severity::ERROR, c"three");
        assert_eq!(second.errors(), ["two", "three"]);
        drop(second);
        write(relay, Severity::ERROR, c"nobody listens");
    }

    #[test]
    fn a_library_has_one_relay() {
        let (one, other) = (Relay::of(0x1000, Table::V11), Relay::of(0x2000, Table::V11));
        assert!(std::ptr::eq(one, Relay::of(0x1000, Table::V11)) && !std::ptr::eq(one, other));
    }

    #[test]
    fn a_sink_may_listen_anew() {
        let relay = Relay::new(Table::V11);
        let sink = move |_: Severity, _: &str| drop(Log::new(relay, LogOptions::default()));
        let options = LogOptions { verbose: false, sink: Some(Arc::new(sink)) };
        let log = Log::new(relay, options);
        write(relay, Severity::WARNING, c"a line");
        assert!(log.errors().is_empty());
    }
}
