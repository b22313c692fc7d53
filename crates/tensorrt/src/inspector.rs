//! What an engine consists of.

use std::ffi::c_int;
use std::fmt;

use crate::abi::Ptr;
use crate::abi::call::{Bool, Text, call};
use crate::abi::enums::LayerInformationFormat;
use crate::child::Child;
use crate::context::ExecutionContext;
use crate::error::{Error, Result};
use crate::library::text;

/// Says what an engine consists of (`IEngineInspector`), as much as the engine's profiling verbosity
/// allows: nothing, names of layers, or everything.
pub struct EngineInspector {
    child: Child,
}

// SAFETY: an `IEngineInspector` is bound to no thread; it is not shared, and calls happen in the engine's
// turn.
unsafe impl Send for EngineInspector {}

impl EngineInspector {
    /// # Safety
    /// `child` is an `IEngineInspector`.
    pub(crate) unsafe fn new(child: Child) -> Self {
        Self { child }
    }

    /// The whole engine.
    ///
    /// # Errors
    /// What the library logged, where it answers nothing.
    pub fn engine_information(&self, format: LayerInformationFormat) -> Result<String> {
        let slot = self.child.owned().slots().engine_inspector.get_engine_information;
        self.answer("getEngineInformation", |this| {
            // SAFETY: `this` is a living `IEngineInspector`.
            unsafe { call!(this, slot, format.value()) }
        })
    }

    /// One layer; they count from 0.
    ///
    /// # Errors
    /// What the library logged, where there is no such layer.
    pub fn layer_information(
        &self,
        layer: usize,
        format: LayerInformationFormat,
    ) -> Result<String> {
        let slot = self.child.owned().slots().engine_inspector.get_layer_information;
        let layer = c_int::try_from(layer).unwrap_or(c_int::MAX);
        self.answer("getLayerInformation", |this| {
            // SAFETY: `this` is a living `IEngineInspector`.
            unsafe { call!(this, slot, layer, format.value()) }
        })
    }

    /// Asks about the engine as one context sees it: with the shapes that were set there. The library
    /// sees the context while `ask` runs and no longer.
    ///
    /// # Errors
    /// Where the context is of another engine or the library refuses it.
    pub fn with_execution_context<R>(
        &mut self,
        context: &ExecutionContext,
        ask: impl FnOnce(&Self) -> R,
    ) -> Result<R> {
        /// Takes the context away again, also when `ask` panics.
        struct Guard<'a>(&'a EngineInspector);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                // SAFETY: null is no context.
                unsafe { self.0.set_context(std::ptr::null_mut()) };
            }
        }
        let object = context.object(self.child.engine())?;
        // before the call: whatever it answers, the library may have kept the pointer
        let guard = Guard(self);
        // SAFETY: the context is borrowed until after the guard took it away.
        let set = || unsafe { guard.0.set_context(object) };
        guard.0.child.owned().confirmed("setExecutionContext", set)?;
        Ok(ask(guard.0))
    }

    /// # Safety
    /// `context` is null or a living context of the same engine, and is taken away before it is deleted.
    unsafe fn set_context(&self, context: Ptr) -> Bool {
        let owned = self.child.owned();
        let slot = owned.slots().engine_inspector.set_execution_context;
        let _turn = self.child.turn();
        // SAFETY: a living `IEngineInspector`; the caller says what the context is.
        unsafe { call!(owned.this(), slot, context) }
    }

    fn answer(&self, call: &'static str, ask: impl FnOnce(Ptr) -> Text) -> Result<String> {
        let owned = self.child.owned();
        let _turn = self.child.turn();
        let mark = owned.logger().mark();
        // SAFETY: the answer is null or a string of the inspector that lives until the next question,
        // and questions wait for their turn.
        let answer = unsafe { text(ask(owned.this())) };
        answer.ok_or_else(|| Error::Call { call, reason: owned.logger().reason(mark) })
    }
}

impl fmt::Debug for EngineInspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inspector of {:?}", self.child.engine())
    }
}
