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
