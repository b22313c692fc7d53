//! Compiled kernels of TensorRT for RTX, kept for the next start.

use std::fmt;
use std::sync::Arc;

use crate::abi::Ptr;
use crate::abi::call::call;
use crate::child::Child;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::host_memory::HostMemory;

/// Compiled kernels (`IRuntimeCache`). Clones are the same cache; configurations keep the one that was set.
#[derive(Clone)]
pub struct RuntimeCache(Arc<Inner>);

struct Inner {
    child: Child,
}

// SAFETY: an `IRuntimeCache` is made to be used by the contexts of several threads; our own calls happen in
// the engine's turn.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl RuntimeCache {
    /// # Safety
    /// `child` is an `IRuntimeCache`.
    pub(crate) unsafe fn new(child: Child) -> Self {
        Self(Arc::new(Inner { child }))
    }

    /// Its content, opaque.
    ///
    /// # Errors
    /// What the library logged.
    pub fn serialize(&self) -> Result<HostMemory> {
        let slot = self.slots().serialize.ok_or_else(|| self.unsupported())?;
        let owned = self.0.child.owned();
        let _turn = self.0.child.turn();
        // SAFETY: a living `IRuntimeCache`; new `IHostMemory` is ours to delete.
        unsafe { Ok(HostMemory::new(owned.child("serialize", || call!(owned.this(), slot))?)) }
    }

    /// Takes over what an earlier cache serialized; call it before a context uses the cache.
    ///
    /// # Errors
    /// Where the bytes are of another version or device, or are torn.
    pub fn deserialize(&self, bytes: &[u8]) -> Result<()> {
        let slot = self.slots().deserialize.ok_or_else(|| self.unsupported())?;
        let owned = self.0.child.owned();
        let _turn = self.0.child.turn();
        let (data, size) = (bytes.as_ptr().cast(), bytes.len());
        // SAFETY: a living `IRuntimeCache`; the bytes live during the call and are copied.
        owned.confirmed("deserialize", || unsafe { call!(owned.this(), slot, data, size) })
    }

    /// Empties it.
    ///
    /// # Errors
    /// What the library logged.
    pub fn reset(&self) -> Result<()> {
        let slot = self.slots().reset.ok_or_else(|| self.unsupported())?;
        let owned = self.0.child.owned();
        let _turn = self.0.child.turn();
        // SAFETY: a living `IRuntimeCache`.
        owned.confirmed("reset", || unsafe { call!(owned.this(), slot) })
    }

    /// The object, for something of `engine` that takes it.
    pub(crate) fn object(&self, engine: &Engine) -> Result<Ptr> {
        self.0.child.object(engine, "runtime cache")
    }

    fn slots(&self) -> &crate::abi::slots::RuntimeCacheSlots {
        &self.0.child.owned().slots().runtime_cache
    }

    fn unsupported(&self) -> Error {
        self.0.child.owned().library().unsupported("IRuntimeCache")
    }
}

impl fmt::Debug for RuntimeCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("runtime cache")
    }
}
