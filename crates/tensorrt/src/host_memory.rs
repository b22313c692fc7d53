//! Bytes that the library made: a plan, a serialised cache.

use std::fmt;
use std::ops::Deref;

use crate::abi::call::call;
use crate::owned::Owned;

/// Bytes that the library owns (`IHostMemory`). They are freed with this value.
pub struct HostMemory {
    owned: Owned,
}

// SAFETY: the bytes never change, and freeing them needs no particular thread; the library and the
// log behind it are made for several threads.
unsafe impl Send for HostMemory {}
// SAFETY: as above; there is only shared reading.
unsafe impl Sync for HostMemory {}

impl HostMemory {
    /// # Safety
    /// `owned` is an `IHostMemory`.
    pub(crate) unsafe fn new(owned: Owned) -> Self {
        Self { owned }
    }
}

impl Deref for HostMemory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let slots = self.owned.slots().host_memory;
        let this = self.owned.this();
        // SAFETY: `this` is a living `IHostMemory` (`new`); both methods take nothing.
        let (data, size) = unsafe { (call!(this, slots.data), call!(this, slots.size)) };
        if data.is_null() || size == 0 {
            return &[];
        }
        // SAFETY: the library says that `size` bytes lie there, and they live as long as the object.
        unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) }
    }
}

impl fmt::Debug for HostMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of the library", self.len())
    }
}
