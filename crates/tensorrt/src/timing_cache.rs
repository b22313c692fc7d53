//! The timing cache: what the builder measured, so that it need not measure it again.
//!
//! A cache is good for one device, one version of TensorRT and CUDA, and for equal settings. TensorRT
//! for RTX measures nothing when it builds: there a cache stays empty.

use std::fmt;
use std::rc::Rc;

use crate::abi::Ptr;
use crate::abi::call::call;
use crate::error::{Error, Result};
use crate::host_memory::HostMemory;
use crate::owned::Owned;

/// What to do with a cache that was made on another device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceMismatch {
    /// Refuse it.
    Refuse,
    /// Use it all the same; the engine may be slow, or fail where it runs.
    Ignore,
}

impl DeviceMismatch {
    pub(crate) fn ignored(self) -> bool {
        self == Self::Ignore
    }
}

/// A timing cache (`ITimingCache`). Whatever builder it was given to keeps it alive.
pub struct TimingCache(Rc<Inner>);

struct Inner {
    owned: Owned,
    warning: Option<String>,
}

impl TimingCache {
    /// # Safety
    /// `owned` is an `ITimingCache`.
    pub(crate) unsafe fn new(owned: Owned, warning: Option<String>) -> Self {
        Self(Rc::new(Inner { owned, warning }))
    }

    /// What the library warned about when it read the bytes. For bytes that are damaged, or of
    /// another version or device, it makes an empty cache and warns: then this is what is wrong.
    pub fn warning(&self) -> Option<&str> {
        self.0.warning.as_deref()
    }

    /// The cache as bytes, to be stored and given to
    /// [`BuilderConfig::create_timing_cache`](crate::BuilderConfig::create_timing_cache) later.
    ///
    /// # Errors
    /// Where the library cannot.
    pub fn serialize(&self) -> Result<HostMemory> {
        let (this, slot) = (self.0.owned.this(), self.0.owned.slots().timing_cache.serialize);
        // SAFETY: a living `ITimingCache`; new `IHostMemory` is ours to delete.
        let owned = unsafe { self.0.owned.child("serialize", || call!(this, slot))? };
        // SAFETY: `ITimingCache::serialize` gives an `IHostMemory`.
        Ok(unsafe { HostMemory::new(owned) })
    }

    /// Adds the entries of another cache; of an entry that is in both, ours stays. `false` where the
    /// library refuses, which it does for a cache of another version or device.
    ///
    /// # Errors
    /// Where the other cache belongs to another library.
    pub fn combine(&self, other: &Self, mismatch: DeviceMismatch) -> Result<bool> {
        if self.is(other) {
            return Ok(true);
        }
        other.belongs_to(&self.0.owned)?;
        let (this, slot) = (self.0.owned.this(), self.0.owned.slots().timing_cache.combine);
        // SAFETY: two living and different `ITimingCache` of one library; neither leaves this thread.
        let combined = unsafe { call!(this, slot, other.0.owned.object(), mismatch.ignored()) };
        Ok(combined.is_true())
    }

    /// Empties the cache.
    ///
    /// # Errors
    /// Where the library cannot.
    pub fn reset(&self) -> Result<()> {
        let (this, slot) = (self.0.owned.this(), self.0.owned.slots().timing_cache.reset);
        // SAFETY: a living `ITimingCache`.
        self.0.owned.confirmed("reset", || unsafe { call!(this, slot) })
    }

    /// How many entries it has, where the library tells: from TensorRT 10.8 on.
    pub fn num_keys(&self) -> Option<u64> {
        let slot = self.0.owned.slots().timing_cache.query_keys?;
        // SAFETY: a living `ITimingCache`; no buffer of no capacity asks for the count alone.
        let keys = unsafe { call!(self.0.owned.this(), slot, std::ptr::null_mut(), 0) };
        u64::try_from(keys).ok()
    }

    pub(crate) fn object(&self) -> Ptr {
        self.0.owned.object()
    }

    /// Another handle of the same cache.
    pub(crate) fn another(&self) -> Self {
        Self(Rc::clone(&self.0))
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// An error where it is from another library than `owned`.
    pub(crate) fn belongs_to(&self, owned: &Owned) -> Result<()> {
        if self.0.owned.library().is(owned.library()) {
            return Ok(());
        }
        Err(Error::Argument { what: "the timing cache belongs to another library".to_owned() })
    }
}

impl fmt::Debug for TimingCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.num_keys() {
            Some(keys) => write!(f, "timing cache with {keys} entries"),
            None => f.write_str("timing cache"),
        }
    }
}
