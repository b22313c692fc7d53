//! How long each layer took.

use std::ffi::c_float;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::abi::call::Text;
use crate::abi::callback::{Callback, Method, profiler_info};
use crate::abi::{Ptr, Table};
use crate::error::{Error, Result};
use crate::library::text;
use crate::unwind::caught;

/// Hears how long each layer took (`IProfiler`). A context with a profiler waits for each layer, so its
/// executions are slower than without. A panic is caught, told by the next execution, and ends the reports.
pub trait Profiler: Send {
    /// A layer took `ms` milliseconds of one execution.
    fn report_layer_time(&mut self, layer: &str, ms: f32);
}

impl<F: FnMut(&str, f32) + Send> Profiler for F {
    fn report_layer_time(&mut self, layer: &str, ms: f32) {
        self(layer, ms);
    }
}

struct State {
    /// `None` after a panic.
    profiler: Option<Box<dyn Profiler>>,
    panicked: Option<String>,
}

/// An `IProfiler` that calls ours.
pub(crate) struct ProfilerObject(Callback<Mutex<State>>);

impl ProfilerObject {
    pub(crate) fn new(table: Table, profiler: Box<dyn Profiler>) -> Self {
        let report = report as extern "C" fn(Ptr, Text, c_float) as Method;
        let state = State { profiler: Some(profiler), panicked: None };
        let layout = table.logger_layout();
        Self(Callback::new(layout, profiler_info, &[report], Mutex::new(state)))
    }

    pub(crate) fn as_ptr(&self) -> Ptr {
        self.0.as_ptr()
    }

    /// An error where the profiler panicked since the last question.
    pub(crate) fn unharmed(&self) -> Result<()> {
        match lock(self.0.state()).panicked.take() {
            Some(message) => Err(Error::Panicked { callback: "profiler", message }),
            None => Ok(()),
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

extern "C" fn report(this: Ptr, layer: Text, ms: c_float) {
    // SAFETY: the library calls it on the pointer of `ProfilerObject::as_ptr`, which outlives the context
    // that it was given to.
    let state = unsafe { Callback::<Mutex<State>>::state_of(this) };
    // SAFETY: the library gives a string that ends with NUL and lives during the call.
    let layer = unsafe { text(layer) }.unwrap_or_default();
    let mut state = lock(state);
    let Some(profiler) = state.profiler.as_deref_mut() else { return };
    if let Err(message) = caught(|| profiler.report_layer_time(&layer, ms)) {
        state.panicked = Some(message);
        let broken = state.profiler.take();
        if let Err(message) = caught(|| drop(broken)) {
            state.panicked = Some(message);
        }
    }
}
