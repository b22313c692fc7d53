//! An engine: a plan that was read.

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::abi::Ptr;
use crate::abi::call::call;
use crate::abi::enums::{
    AllocationStrategy, DataType, ProfileSelector, ProfilingVerbosity, TensorIoMode, TensorLocation,
};
use crate::child::Child;
use crate::context::ExecutionContext;
use crate::error::{Error, Result};
use crate::host_memory::HostMemory;
use crate::inspector::EngineInspector;
use crate::library::text;
use crate::owned::Owned;
use crate::profile::name;
use crate::runtime::Runtime;
use crate::runtime_config::RuntimeConfig;

/// A plan that was read (`ICudaEngine`). Clones are the same engine; contexts, inspectors and
/// configurations keep it alive.
///
/// Questions from several threads are answered one at a time. Executions are not: each thread takes an
/// [`ExecutionContext`] of its own.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    owned: ManuallyDrop<Owned>,
    turn: Mutex<()>,
    runtime: Runtime,
}

// SAFETY: an `ICudaEngine` is bound to no thread; calls, the making and deleting of its children (`turn`)
// and its own deletion (the runtime's turn) happen one at a time. Contexts only read it.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        let _turn = self.runtime.turn();
        // SAFETY: dropped once, here; nothing holds the engine any more.
        unsafe { ManuallyDrop::drop(&mut self.owned) }
    }
}

/// An input or output of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineTensor {
    /// Its name.
    pub name: String,
    /// Whether it goes in or out.
    pub mode: TensorIoMode,
    /// Its shape; −1 where a profile leaves the dimension open.
    pub dims: Vec<i64>,
    /// The type of its values.
    pub data_type: DataType,
    /// Whether its address is one of the device or of the host.
    pub location: TensorLocation,
    /// The layout of its values in the library's words.
    pub format: String,
}

impl Engine {
    /// # Safety
    /// `owned` is an `ICudaEngine` of `runtime`.
    pub(crate) unsafe fn new(runtime: &Runtime, owned: Owned) -> Self {
        let runtime = runtime.clone();
        Self(Arc::new(Inner { owned: ManuallyDrop::new(owned), turn: Mutex::new(()), runtime }))
    }

    /// Its name: that of the network.
    pub fn name(&self) -> String {
        let (this, slot) = (self.this(), self.owned().slots().engine.get_name);
        let _turn = self.turn();
        // SAFETY: a living `ICudaEngine`, which owns the string.
        unsafe { text(call!(this, slot)) }.unwrap_or_default()
    }

    /// How many layers it has after fusion.
    pub fn num_layers(&self) -> usize {
        let (this, slot) = (self.this(), self.owned().slots().engine.get_nb_layers);
        let _turn = self.turn();
        // SAFETY: a living `ICudaEngine`.
        usize::try_from(unsafe { call!(this, slot) }).unwrap_or(0)
    }

    /// How many optimisation profiles it was built with; one at least.
    pub fn num_optimization_profiles(&self) -> usize {
        let (this, slot) = (self.this(), self.owned().slots().engine.get_nb_optimization_profiles);
        let _turn = self.turn();
        // SAFETY: a living `ICudaEngine`.
        usize::try_from(unsafe { call!(this, slot) }).unwrap_or(0)
    }

    /// How many further streams an execution uses beside the caller's.
    pub fn num_aux_streams(&self) -> usize {
        let (this, slot) = (self.this(), self.owned().slots().engine.get_nb_aux_streams);
        let _turn = self.turn();
        // SAFETY: a living `ICudaEngine`.
        usize::try_from(unsafe { call!(this, slot) }).unwrap_or(0)
    }

    /// Bytes of device memory that one execution context needs, the largest of its profiles.
    pub fn device_memory_size(&self) -> u64 {
        let (this, slot) = (self.this(), self.owned().slots().engine.get_device_memory_size_v2);
        let _turn = self.turn();
        // SAFETY: a living `ICudaEngine`.
        u64::try_from(unsafe { call!(this, slot) }).unwrap_or(0)
    }

    /// How much its inspector tells; `None` for a value that is not known here.
    pub fn profiling_verbosity(&self) -> Option<ProfilingVerbosity> {
        let (this, slot) = (self.this(), self.owned().slots().engine.get_profiling_verbosity);
        let _turn = self.turn();
        // SAFETY: a living `ICudaEngine`.
        ProfilingVerbosity::of(unsafe { call!(this, slot) })
    }

    /// Its inputs and outputs, in the order of the engine.
    ///
    /// # Errors
    /// Where the engine does not name one of its tensors.
    pub fn io_tensors(&self) -> Result<Vec<EngineTensor>> {
        let (this, slots) = (self.this(), self.owned().slots().engine);
        let _turn = self.turn();
        // SAFETY: a living `ICudaEngine`.
        let count = unsafe { call!(this, slots.get_nb_io_tensors) };
        // SAFETY: an index below the count.
        (0..count).map(|index| unsafe { self.tensor(index) }).collect()
    }

    /// # Safety
    /// `index` is below the number of tensors; the caller has its turn.
    unsafe fn tensor(&self, index: i32) -> Result<EngineTensor> {
        let (this, slots) = (self.this(), self.owned().slots().engine);
        // SAFETY: a living `ICudaEngine`; the name that it gave is its own and is passed back to it.
        unsafe {
            let pointer = call!(this, slots.get_io_tensor_name, index);
            let name = text(pointer).ok_or_else(|| Error::Call {
                call: "getIOTensorName",
                reason: format!("tensor {index} has no name"),
            })?;
            let dims = call!(this, slots.get_tensor_shape, pointer);
            Ok(EngineTensor {
                name,
                mode: TensorIoMode(call!(this, slots.get_tensor_io_mode, pointer)),
                dims: dims.as_slice().unwrap_or_default().to_vec(),
                data_type: DataType(call!(this, slots.get_tensor_data_type, pointer)),
                location: TensorLocation(call!(this, slots.get_tensor_location, pointer)),
                format: text(call!(this, slots.get_tensor_format_desc, pointer))
                    .unwrap_or_default(),
            })
        }
    }

    /// The smallest, usual or largest shape of an input in a profile.
    ///
    /// # Errors
    /// Where there is no such input or profile.
    pub fn profile_shape(
        &self,
        input: &str,
        profile: usize,
        which: ProfileSelector,
    ) -> Result<Vec<i64>> {
        let (this, slot) = (self.this(), self.owned().slots().engine.get_profile_shape);
        let input = name(input)?;
        let profile = i32::try_from(profile).unwrap_or(i32::MAX);
        let logger = self.owned().logger();
        let _turn = self.turn();
        let mark = logger.mark();
        // SAFETY: a living `ICudaEngine`; the name lives during the call.
        let dims = unsafe { call!(this, slot, input.as_ptr(), profile, which.value()) };
        let dims = dims.as_slice().map(<[i64]>::to_vec);
        dims.ok_or_else(|| Error::Call { call: "getProfileShape", reason: logger.reason(mark) })
    }

    /// The plan again.
    ///
    /// # Errors
    /// What the library logged.
    pub fn serialize(&self) -> Result<HostMemory> {
        let (this, slot) = (self.this(), self.owned().slots().engine.serialize);
        let _turn = self.turn();
        // SAFETY: a living `ICudaEngine`; new `IHostMemory` is ours to delete.
        unsafe { Ok(HostMemory::new(self.owned().child("serialize", || call!(this, slot))?)) }
    }

    /// A place to execute it, with memory for its largest profile.
    ///
    /// # Errors
    /// What the library logged: mostly that memory is short.
    pub fn create_execution_context(&self) -> Result<ExecutionContext> {
        let (this, slot) = (self.this(), self.owned().slots().engine.create_execution_context);
        let strategy = AllocationStrategy::Static.value();
        // SAFETY: a living `ICudaEngine`; a new `IExecutionContext` is ours to delete.
        let child =
            unsafe { self.child("createExecutionContext", || call!(this, slot, strategy))? };
        // SAFETY: it is a context of this engine.
        Ok(unsafe { ExecutionContext::new(child, None) })
    }

    /// A place to execute it, made as `config` says.
    ///
    /// # Errors
    /// Where the configuration is of another engine, and as
    /// [`Engine::create_execution_context`].
    pub fn create_execution_context_with(
        &self,
        config: &RuntimeConfig,
    ) -> Result<ExecutionContext> {
        let object = config.object(self)?;
        let slot = self.owned().slots().engine.create_execution_context_with_runtime_config;
        let slot = slot.ok_or_else(|| self.unsupported("createExecutionContext"))?;
        let this = self.this();
        // SAFETY: a living `ICudaEngine` and a configuration of it; a new `IExecutionContext` is ours
        // to delete, and keeps the configuration.
        let child = unsafe { self.child("createExecutionContext", || call!(this, slot, object))? };
        // SAFETY: it is a context of this engine.
        Ok(unsafe { ExecutionContext::new(child, Some(config.another())) })
    }

    /// Something that says what the engine consists of.
    ///
    /// # Errors
    /// What the library logged.
    pub fn create_inspector(&self) -> Result<EngineInspector> {
        let (this, slot) = (self.this(), self.owned().slots().engine.create_engine_inspector);
        // SAFETY: a living `ICudaEngine`; a new `IEngineInspector` is ours to delete.
        let child = unsafe { self.child("createEngineInspector", || call!(this, slot))? };
        // SAFETY: it is an inspector of this engine.
        Ok(unsafe { EngineInspector::new(child) })
    }

    /// A configuration for execution contexts.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before TensorRT 10.11.
    pub fn create_runtime_config(&self) -> Result<RuntimeConfig> {
        let (this, slot) = (self.this(), self.owned().slots().engine.create_runtime_config);
        let slot = slot.ok_or_else(|| self.unsupported("createRuntimeConfig"))?;
        // SAFETY: a living `ICudaEngine`; a new `IRuntimeConfig` is ours to delete.
        let child = unsafe { self.child("createRuntimeConfig", || call!(this, slot))? };
        // SAFETY: it is a configuration of this engine.
        Ok(unsafe { RuntimeConfig::new(child) })
    }

    /// The runtime that read it.
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    /// Waits until no other thread is in the engine.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn unsupported(&self, call: &str) -> Error {
        let what = format!("{call} with a runtime configuration (TensorRT 10.11 and RTX have it)");
        self.owned().library().unsupported(what)
    }

    fn owned(&self) -> &Owned {
        &self.0.owned
    }

    fn this(&self) -> Ptr {
        self.owned().this()
    }

    /// # Safety
    /// As [`Owned::child`], and the object is a child of this engine.
    pub(crate) unsafe fn child(
        &self,
        call: &'static str,
        make: impl FnOnce() -> Ptr,
    ) -> Result<Child> {
        let _turn = self.turn();
        // SAFETY: as for this function.
        let owned = unsafe { self.owned().child(call, make)? };
        Ok(Child::new(owned, self))
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "engine {:?} of {} layers", self.name(), self.num_layers())
    }
}
