//! What an engine made.

use std::mem::ManuallyDrop;
use std::sync::MutexGuard;

use crate::abi::Ptr;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::owned::Owned;

/// An object that an engine made. It keeps the engine, and is deleted in the engine's turn.
pub(crate) struct Child {
    owned: ManuallyDrop<Owned>,
    engine: Engine,
}

impl Child {
    pub(crate) fn new(owned: Owned, engine: &Engine) -> Self {
        Self { owned: ManuallyDrop::new(owned), engine: engine.clone() }
    }

    pub(crate) fn owned(&self) -> &Owned {
        &self.owned
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The object, for something of `engine` that takes it; `what` names it in the error.
    pub(crate) fn object(&self, engine: &Engine, what: &str) -> Result<Ptr> {
        if self.engine.is(engine) {
            return Ok(self.owned.object());
        }
        Err(Error::Argument { what: format!("the {what} belongs to another engine") })
    }

    /// Waits until no other thread is in the engine.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.engine.turn()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _turn = self.engine.turn();
        // SAFETY: dropped once, here.
        unsafe { ManuallyDrop::drop(&mut self.owned) }
    }
}
