//! How execution contexts are made: TensorRT 10.11 and newer, and TensorRT for RTX.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::abi::call::call;
use crate::abi::enums::{AllocationStrategy, CudaGraphStrategy, KernelSpecialization};
use crate::abi::{Ptr, Slot};
use crate::child::Child;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::runtime_cache::RuntimeCache;

/// How execution contexts are made (`IRuntimeConfig`). Contexts keep it alive.
pub struct RuntimeConfig(Arc<Inner>);

struct Inner {
    child: Child,
    /// Every cache that was set: they outlive the configuration.
    caches: Mutex<Vec<RuntimeCache>>,
}

// SAFETY: an `IRuntimeConfig` is bound to no thread, and calls happen in the engine's turn.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

type Set<R> = Slot<unsafe extern "C" fn(Ptr, i32) -> R>;
type Get = Slot<unsafe extern "C" fn(Ptr) -> i32>;

impl RuntimeConfig {
    /// # Safety
    /// `child` is an `IRuntimeConfig`.
    pub(crate) unsafe fn new(child: Child) -> Self {
        Self(Arc::new(Inner { child, caches: Mutex::default() }))
    }

    /// Who allocates the memory of contexts. [`AllocationStrategy::UserManaged`] needs calls that are not
    /// bound here.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the library has no such setting.
    pub fn set_allocation_strategy(&mut self, strategy: AllocationStrategy) -> Result<()> {
        let slot = self.slots().set_execution_context_allocation_strategy;
        self.set(slot, "setExecutionContextAllocationStrategy", strategy.value())
    }

    /// Who allocates the memory of contexts; `None` for a value that is not known here.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the library has no such setting.
    pub fn allocation_strategy(&self) -> Result<Option<AllocationStrategy>> {
        let slot = self.slots().get_execution_context_allocation_strategy;
        Ok(AllocationStrategy::of(self.get(slot, "getExecutionContextAllocationStrategy")?))
    }

    /// When kernels for one shape are compiled. TensorRT for RTX only.
    ///
    /// # Errors
    /// [`Error::Unsupported`] elsewhere.
    pub fn set_kernel_specialization(&mut self, strategy: KernelSpecialization) -> Result<()> {
        let slot = self.slots().set_dynamic_shapes_kernel_specialization_strategy;
        self.set(slot, "setDynamicShapesKernelSpecializationStrategy", strategy.value())
    }

    /// When kernels for one shape are compiled. TensorRT for RTX only.
    ///
    /// # Errors
    /// [`Error::Unsupported`] elsewhere.
    pub fn kernel_specialization(&self) -> Result<Option<KernelSpecialization>> {
        let slot = self.slots().get_dynamic_shapes_kernel_specialization_strategy;
        let value = self.get(slot, "getDynamicShapesKernelSpecializationStrategy")?;
        Ok(KernelSpecialization::of(value))
    }

    /// Whether contexts capture their executions as CUDA graphs themselves. TensorRT for RTX only.
    ///
    /// # Errors
    /// [`Error::Unsupported`] elsewhere.
    pub fn set_cuda_graph_strategy(&mut self, strategy: CudaGraphStrategy) -> Result<()> {
        let slot = self.slots().set_cuda_graph_strategy;
        let slot = slot.ok_or_else(|| self.unsupported("setCudaGraphStrategy"))?;
        let owned = self.0.child.owned();
        let _turn = self.0.child.turn();
        // SAFETY: a living `IRuntimeConfig`.
        let set = || unsafe { call!(owned.this(), slot, strategy.value()) };
        owned.confirmed("setCudaGraphStrategy", set)
    }

    /// Whether contexts capture their executions as CUDA graphs themselves. TensorRT for RTX only.
    ///
    /// # Errors
    /// [`Error::Unsupported`] elsewhere.
    pub fn cuda_graph_strategy(&self) -> Result<Option<CudaGraphStrategy>> {
        let slot = self.slots().get_cuda_graph_strategy;
        Ok(CudaGraphStrategy::of(self.get(slot, "getCudaGraphStrategy")?))
    }

    /// An empty runtime cache. TensorRT for RTX only.
    ///
    /// # Errors
    /// [`Error::Unsupported`] elsewhere.
    pub fn create_runtime_cache(&self) -> Result<RuntimeCache> {
        let slot = self.slots().create_runtime_cache;
        let slot = slot.ok_or_else(|| self.unsupported("createRuntimeCache"))?;
        let engine = self.0.child.engine();
        let this = self.0.child.owned().this();
        // SAFETY: a living `IRuntimeConfig`; a new `IRuntimeCache` is ours to delete.
        let child = unsafe { engine.child("createRuntimeCache", || call!(this, slot))? };
        // SAFETY: it is a cache that this configuration made.
        Ok(unsafe { RuntimeCache::new(child) })
    }

    /// Lets contexts take compiled kernels from a cache and add to it. TensorRT for RTX only.
    ///
    /// # Errors
    /// [`Error::Unsupported`] elsewhere; where the cache is of another engine.
    pub fn set_runtime_cache(&mut self, cache: &RuntimeCache) -> Result<()> {
        let slot = self.slots().set_runtime_cache;
        let slot = slot.ok_or_else(|| self.unsupported("setRuntimeCache"))?;
        let owned = self.0.child.owned();
        let object = cache.object(self.0.child.engine())?;
        let mut caches = self.0.caches.lock().unwrap_or_else(PoisonError::into_inner);
        // before the call: whatever it answers, the library may have kept the pointer
        caches.push(cache.clone());
        let _turn = self.0.child.turn();
        // SAFETY: a living `IRuntimeConfig`, and a cache that is kept until the configuration is gone.
        owned.confirmed("setRuntimeCache", || unsafe { call!(owned.this(), slot, object) })
    }

    fn slots(&self) -> &crate::abi::slots::RuntimeConfigSlots {
        &self.0.child.owned().slots().runtime_config
    }

    fn set(&self, slot: Option<Set<()>>, call: &'static str, value: i32) -> Result<()> {
        let slot = slot.ok_or_else(|| self.unsupported(call))?;
        let owned = self.0.child.owned();
        let _turn = self.0.child.turn();
        // SAFETY: a living `IRuntimeConfig`; the callers pass slots of that class.
        owned.checked(call, || unsafe { call!(owned.this(), slot, value) })
    }

    fn get(&self, slot: Option<Get>, call: &'static str) -> Result<i32> {
        let slot = slot.ok_or_else(|| self.unsupported(call))?;
        let _turn = self.0.child.turn();
        // SAFETY: a living `IRuntimeConfig`; the callers pass slots of that class.
        Ok(unsafe { call!(self.0.child.owned().this(), slot) })
    }

    fn unsupported(&self, call: &str) -> Error {
        self.0.child.owned().library().unsupported(call)
    }

    /// The same configuration once more, for a context to keep.
    pub(crate) fn another(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// The object, for `engine`, whose it must be.
    pub(crate) fn object(&self, engine: &Engine) -> Result<Ptr> {
        self.0.child.object(engine, "runtime configuration")
    }
}

impl fmt::Debug for RuntimeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "runtime configuration of {:?}", self.0.child.engine())
    }
}
