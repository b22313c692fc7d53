//! The runtime: reads plans.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::abi::call::call;
use crate::engine::Engine;
use crate::error::Result;
use crate::library::Library;
use crate::logger::{Log, LogOptions};
use crate::owned::Owned;

/// Reads plans (`IRuntime`). Clones are the same runtime; its engines keep it alive.
///
/// One thread at a time is in the runtime and in each of its engines; executions are another matter, see
/// [`crate::ExecutionContext`].
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    owned: Owned,
    turn: Mutex<()>,
}

// SAFETY: an `IRuntime` is bound to no thread; every call and its deletion happen one at a time (`turn`,
// and the deletion when nothing else holds it).
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Runtime {
    /// A runtime whose log goes to `tracing`.
    ///
    /// # Errors
    /// Where the library cannot make one (TensorRT 10 and 11 need a GPU).
    pub fn new(library: &Library) -> Result<Self> {
        Self::with_log(library, LogOptions::default())
    }

    /// A runtime whose log goes to `tracing` and where `options` say.
    ///
    /// # Errors
    /// As [`Runtime::new`].
    pub fn with_log(library: &Library, options: LogOptions) -> Result<Self> {
        let logger = Log::new(library.relay(), options);
        let owned = Owned::from_factory(library, &logger, c"createInferRuntime_INTERNAL")?;
        Ok(Self(Arc::new(Inner { owned, turn: Mutex::new(()) })))
    }

    /// Reads a plan. It must come from this version of the library, or be marked as compatible with
    /// others, and must be for this device; plans hold code, so read none that you do not trust.
    ///
    /// # Errors
    /// What the library logged: a plan of another version or device, damage, no driver.
    pub fn deserialize(&self, plan: &[u8]) -> Result<Engine> {
        let slot = self.0.owned.slots().runtime.deserialize_cuda_engine;
        let (data, size) = (plan.as_ptr().cast(), plan.len());
        let turn = self.turn();
        // SAFETY: a living `IRuntime`; the plan is `size` bytes and is copied; a new `ICudaEngine` is
        // ours to delete.
        let owned = unsafe {
            let (owned, call) = (&self.0.owned, "deserializeCudaEngine");
            owned.child(call, || call!(owned.this(), slot, data, size))?
        };
        drop(turn);
        // SAFETY: it is an engine of this runtime.
        Ok(unsafe { Engine::new(self, owned) })
    }

    /// Whether plans may run code of their own on the host, as plans that hold a lean runtime do.
    pub fn set_engine_host_code_allowed(&self, allowed: bool) {
        let slot = self.0.owned.slots().runtime.set_engine_host_code_allowed;
        let _turn = self.turn();
        // SAFETY: a living `IRuntime`.
        unsafe { call!(self.0.owned.this(), slot, allowed) }
    }

    /// Whether plans may run code of their own on the host.
    pub fn engine_host_code_allowed(&self) -> bool {
        let slot = self.0.owned.slots().runtime.get_engine_host_code_allowed;
        let _turn = self.turn();
        // SAFETY: a living `IRuntime`.
        unsafe { call!(self.0.owned.this(), slot) }.is_true()
    }

    /// How many threads reading a plan may use.
    ///
    /// # Errors
    /// Where the library refuses the number.
    pub fn set_max_threads(&self, threads: u16) -> Result<()> {
        let slot = self.0.owned.slots().runtime.set_max_threads;
        let _turn = self.turn();
        // SAFETY: a living `IRuntime`.
        let set = || unsafe { call!(self.0.owned.this(), slot, i32::from(threads)) };
        self.0.owned.confirmed("setMaxThreads", set)
    }

    /// The last error lines that the library logged, at most 64.
    pub fn last_errors(&self) -> Vec<String> {
        self.0.owned.logger().errors()
    }

    /// The library that it belongs to.
    pub fn library(&self) -> &Library {
        self.0.owned.library()
    }

    /// Waits until no other thread is in the runtime.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "runtime of {:?}", self.library())
    }
}
