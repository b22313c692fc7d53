//! What an engine consists of.

use std::ffi::c_int;
use std::fmt;
use std::ops::Deref;

use crate::abi::call::{Text, call};
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

    /// Asks about the engine as one context sees it: with the shapes that were set there.
    ///
    /// # Errors
    /// Where the context is of another engine or the library refuses it.
    pub fn set_execution_context<'c>(
        &'c mut self,
        context: &'c ExecutionContext,
    ) -> Result<InContext<'c>> {
        let object = context.object(self.child.engine())?;
        let slot = self.child.owned().slots().engine_inspector.set_execution_context;
        let turn = self.child.turn();
        // SAFETY: a living `IEngineInspector`; the context is borrowed until `InContext` is dropped,
        // which takes it away again.
        let set = || unsafe { call!(self.child.owned().this(), slot, object) };
        self.child.owned().confirmed("setExecutionContext", set)?;
        drop(turn);
        Ok(InContext { inspector: self })
    }

    fn answer(
        &self,
        call: &'static str,
        ask: impl FnOnce(crate::abi::Ptr) -> Text,
    ) -> Result<String> {
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

/// An inspector that sees its engine through a context.
///
/// The context stays borrowed:
/// ```compile_fail
/// # fn f(mut inspector: tensorrt::EngineInspector, context: tensorrt::ExecutionContext) -> tensorrt::Result<()> {
/// let there = inspector.set_execution_context(&context)?;
/// drop(context);
/// there.engine_information(tensorrt::LayerInformationFormat::Json)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct InContext<'c> {
    inspector: &'c mut EngineInspector,
}

impl Deref for InContext<'_> {
    type Target = EngineInspector;

    fn deref(&self) -> &EngineInspector {
        self.inspector
    }
}

impl Drop for InContext<'_> {
    fn drop(&mut self) {
        let owned = self.inspector.child.owned();
        let slot = owned.slots().engine_inspector.set_execution_context;
        let _turn = self.inspector.child.turn();
        // SAFETY: a living `IEngineInspector`; null takes the context away.
        unsafe { call!(owned.this(), slot, std::ptr::null_mut()) };
    }
}
