//! Progress of a build, and the way to end it.

use std::ffi::{CStr, c_char, c_int};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::abi::Ptr;
use crate::abi::call::{Bool, Text};
use crate::abi::callback::{Callback, Method, progress_monitor_info};
use crate::abi::types::CallbackLayout;
use crate::error::{Error, Result};
use crate::unwind::caught;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// Go on.
    Continue,
    /// End the build as soon as the library can.
    Cancel,
}

/// Hears how far a build is (`IProgressMonitor`). Phases nest, and the library may call from several
/// threads. A panic ends the build and is told by its error.
pub trait ProgressMonitor: Send + Sync {
    /// A phase of `steps` steps begins, inside `parent` if there is one.
    fn phase_start(&self, phase: &str, parent: Option<&str>, steps: i32);
    /// A step of a phase is done; they count from 0.
    fn step_complete(&self, phase: &str, step: i32) -> Flow;
    /// A phase ends, possibly before its last step. It is told after a cancellation as well.
    fn phase_finish(&self, phase: &str);
}

struct State<'m> {
    monitor: Box<dyn ProgressMonitor + 'm>,
    cancelled: AtomicBool,
    panicked: Mutex<Option<String>>,
}

/// An `IProgressMonitor` that calls ours.
pub(crate) struct Monitor<'m>(Callback<State<'m>>);

impl<'m> Monitor<'m> {
    pub(crate) fn new(monitor: Box<dyn ProgressMonitor + 'm>) -> Self {
        let methods = [
            phase_start as extern "C" fn(Ptr, Text, Text, c_int) as Method,
            step_complete as extern "C" fn(Ptr, Text, c_int) -> Bool as Method,
            phase_finish as extern "C" fn(Ptr, Text) as Method,
        ];
        let state =
            State { monitor, cancelled: AtomicBool::new(false), panicked: Mutex::new(None) };
        Self(Callback::new(CallbackLayout::Versioned, progress_monitor_info, &methods, state))
    }

    pub(crate) fn as_ptr(&self) -> Ptr {
        self.0.as_ptr()
    }

    /// Forgets how the last build ended.
    pub(crate) fn begin(&self) {
        let state = self.0.state();
        state.cancelled.store(false, Ordering::Relaxed);
        *state.panicked.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// An error where the monitor ended the build.
    pub(crate) fn end(&self) -> Result<()> {
        let state = self.0.state();
        let panicked = state.panicked.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(message) = panicked {
            return Err(Error::Panicked { callback: "progress monitor", message });
        }
        if state.cancelled.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }
}

impl State<'_> {
    /// Calls the monitor, unless it panicked before.
    fn call<R>(&self, body: impl FnOnce(&dyn ProgressMonitor) -> R) -> Option<R> {
        let panicked = || self.panicked.lock().unwrap_or_else(PoisonError::into_inner);
        if panicked().is_some() {
            return None;
        }
        let called = caught(|| body(&*self.monitor));
        called.map_err(|message| *panicked() = Some(message)).ok()
    }
}

extern "C" fn phase_start(this: Ptr, phase: Text, parent: Text, steps: c_int) {
    // SAFETY: the library calls it on the pointer of `Monitor::as_ptr`, which outlives the
    // configuration that it was set on.
    let state = unsafe { Callback::<State<'_>>::state_of(this) };
    state.call(|monitor| {
        // SAFETY: the library gives strings that live during the call, or null.
        let (phase, parent) = unsafe { (name(phase), name(parent)) };
        monitor.phase_start(&phase.unwrap_or_default(), parent.as_deref(), steps);
    });
}

extern "C" fn step_complete(this: Ptr, phase: Text, step: c_int) -> Bool {
    // SAFETY: as in `phase_start`.
    let state = unsafe { Callback::<State<'_>>::state_of(this) };
    if state.cancelled.load(Ordering::Relaxed) {
        return Bool::from(false);
    }
    let flow = state.call(|monitor| {
        // SAFETY: as in `phase_start`.
        let phase = unsafe { name(phase) };
        monitor.step_complete(&phase.unwrap_or_default(), step)
    });
    let go_on = flow == Some(Flow::Continue);
    if !go_on {
        state.cancelled.store(true, Ordering::Relaxed);
    }
    Bool::from(go_on)
}

extern "C" fn phase_finish(this: Ptr, phase: Text) {
    // SAFETY: as in `phase_start`.
    let state = unsafe { Callback::<State<'_>>::state_of(this) };
    state.call(|monitor| {
        // SAFETY: as in `phase_start`.
        let phase = unsafe { name(phase) };
        monitor.phase_finish(&phase.unwrap_or_default());
    });
}

/// # Safety
/// `text` is null or a string that ends with NUL and outlives `'a`.
unsafe fn name<'a>(text: *const c_char) -> Option<std::borrow::Cow<'a, str>> {
    // SAFETY: the caller says so.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// Writes down what it hears; cancels or panics at a step.
    struct Heard {
        lines: Arc<Mutex<Vec<String>>>,
        cancel: i32,
        panic: i32,
    }

    impl ProgressMonitor for Heard {
        fn phase_start(&self, phase: &str, parent: Option<&str>, steps: i32) {
            self.lines.lock().unwrap().push(format!("{phase} in {parent:?}: {steps}"));
        }

        fn step_complete(&self, phase: &str, step: i32) -> Flow {
            self.lines.lock().unwrap().push(format!("{phase} {step}"));
            assert_ne!(step, self.panic, "asked for");
            if step == self.cancel { Flow::Cancel } else { Flow::Continue }
        }

        fn phase_finish(&self, phase: &str) {
            self.lines.lock().unwrap().push(format!("{phase} ends"));
        }
    }

    /// A phase of three steps: what was heard, what the steps answered, how it ended.
    fn phase(cancel: i32, panic: i32) -> (Vec<String>, Vec<bool>, Result<()>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let monitor = Monitor::new(Box::new(Heard { lines: Arc::clone(&lines), cancel, panic }));
        monitor.begin();
        let this = monitor.as_ptr();
        phase_start(this, c"outer".as_ptr(), std::ptr::null(), 3);
        phase_start(this, c"inner".as_ptr(), c"outer".as_ptr(), 0);
        let steps = (0..3).map(|step| step_complete(this, c"outer".as_ptr(), step).is_true());
        let steps = steps.collect();
        phase_finish(this, c"outer".as_ptr());
        let end = monitor.end();
        monitor.begin();
        assert!(monitor.end().is_ok(), "the next build begins anew");
        let heard = lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (heard, steps, end)
    }

    #[test]
    fn phases_and_steps_are_told_in_order() {
        let (lines, steps, end) = phase(-1, -1);
        let expected =
            ["outer in None: 3", "inner in Some(\"outer\"): 0", "outer 0", "outer 1", "outer 2"];
        assert_eq!(lines[..5], expected);
        assert_eq!((lines[5].as_str(), steps, end), ("outer ends", vec![true; 3], Ok(())));
    }

    #[test]
    fn a_cancelled_build_stays_cancelled_and_its_phases_end() {
        let (lines, steps, end) = phase(1, -1);
        assert_eq!((steps, end), (vec![true, false, false], Err(Error::Cancelled)));
        assert_eq!(lines.last().unwrap(), "outer ends");
        assert!(!lines.contains(&"outer 2".to_owned()));
    }

    #[test]
    fn a_panic_ends_the_build_and_is_told() {
        let (lines, steps, end) = phase(-1, 1);
        assert_eq!(steps, [true, false, false]);
        assert_eq!(lines.last().unwrap(), "outer 1", "a monitor that panicked hears no more");
        let error = end.unwrap_err().to_string();
        assert!(error.starts_with("the progress monitor panicked: "), "{error}");
        assert!(error.contains("asked for"), "{error}");
    }
}
