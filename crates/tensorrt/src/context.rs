//! A place to execute an engine.

use std::ffi::{CString, c_void};
use std::fmt;

use crate::abi::Ptr;
use crate::abi::call::{Text, call};
use crate::abi::types::Dims;
use crate::child::Child;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::library::text;
use crate::logger::Mark;
use crate::profile::name;
use crate::profiler::{Profiler, ProfilerObject};
use crate::runtime_config::RuntimeConfig;

/// A place to execute an engine (`IExecutionContext`): shapes, addresses and memory for intermediate
/// results. One per stream: it can be sent to a thread, but not shared by two.
///
/// ```compile_fail
/// fn shared<T: Sync>() {}
/// shared::<tensorrt::ExecutionContext>();
/// ```
/// ```
/// fn sent<T: Send>() {}
/// sent::<tensorrt::ExecutionContext>();
/// ```
pub struct ExecutionContext {
    // deleted before all that follows
    child: Child,
    profiler: Option<ProfilerObject>,
    _config: Option<RuntimeConfig>,
    /// The last moment at which the log was looked at, so that an execution need not do so.
    seen: Mark,
}

// SAFETY: an `IExecutionContext` is bound to no thread. It is not `Sync`, so one thread at a time uses it;
// its profiler is `Send`.
unsafe impl Send for ExecutionContext {}

impl ExecutionContext {
    /// # Safety
    /// `child` is an `IExecutionContext`, made with `config` if there is one.
    pub(crate) unsafe fn new(child: Child, config: Option<RuntimeConfig>) -> Self {
        let seen = child.owned().logger().mark();
        Self { child, profiler: None, _config: config, seen }
    }

    /// Sets the shape of an input that the engine leaves open.
    ///
    /// # Errors
    /// Where the profile in use does not allow the shape, or there is no such input.
    pub fn set_input_shape(&mut self, input: &str, dims: &[i64]) -> Result<()> {
        let slot = self.child.owned().slots().context.set_input_shape;
        let input = name(input)?;
        let dims = Dims::new(dims).ok_or_else(|| Error::Argument {
            what: format!("input {input:?}: a shape has at most {} dimensions", Dims::MAX),
        })?;
        // SAFETY: a living `IExecutionContext`; name and shape live during the call and are copied.
        let set = || unsafe { call!(self.this(), slot, input.as_ptr(), &raw const dims) };
        self.child.owned().confirmed("setInputShape", set)
    }

    /// The shape of a tensor; −1 where it depends on a shape that was not set.
    ///
    /// # Errors
    /// Where there is no such tensor.
    pub fn tensor_shape(&self, tensor: &str) -> Result<Vec<i64>> {
        let slot = self.child.owned().slots().context.get_tensor_shape;
        let tensor = name(tensor)?;
        let logger = self.child.owned().logger();
        let mark = logger.mark();
        // SAFETY: a living `IExecutionContext`; the name lives during the call.
        let dims = unsafe { call!(self.this(), slot, tensor.as_ptr()) };
        let dims = dims.as_slice().map(<[i64]>::to_vec);
        dims.ok_or_else(|| Error::Call { call: "getTensorShape", reason: logger.reason(mark) })
    }

    /// The inputs without which the shapes of the outputs cannot be told: their shape, or the values of
    /// one that is a shape, is missing. At most 64 are named.
    ///
    /// # Errors
    /// Where shapes contradict each other.
    pub fn infer_shapes(&mut self) -> Result<Vec<String>> {
        let slot = self.child.owned().slots().context.infer_shapes;
        let mut names: [Text; 64] = [std::ptr::null(); 64];
        let room = names.len() as i32;
        let logger = self.child.owned().logger();
        let mark = logger.mark();
        // SAFETY: a living `IExecutionContext`, and room for as many names as we say.
        let missing = unsafe { call!(self.this(), slot, room, names.as_mut_ptr()) };
        let Ok(missing) = usize::try_from(missing) else {
            return Err(Error::Call { call: "inferShapes", reason: logger.reason(mark) });
        };
        let names = names.iter().take(missing);
        // SAFETY: the names that it wrote are the engine's.
        Ok(names.filter_map(|name| unsafe { text(*name) }).collect())
    }

    /// Whether every input has a shape.
    pub fn all_input_dimensions_specified(&self) -> bool {
        let slot = self.child.owned().slots().context.all_input_dimensions_specified;
        // SAFETY: a living `IExecutionContext`.
        unsafe { call!(self.this(), slot) }.is_true()
    }

    /// The most bytes that an output can need with the shapes that are set.
    ///
    /// # Errors
    /// Where there is no such output, or shapes are missing.
    pub fn max_output_size(&self, output: &str) -> Result<u64> {
        let slot = self.child.owned().slots().context.get_max_output_size;
        let output = name(output)?;
        let logger = self.child.owned().logger();
        let mark = logger.mark();
        // SAFETY: a living `IExecutionContext`; the name lives during the call.
        let size = unsafe { call!(self.this(), slot, output.as_ptr()) };
        u64::try_from(size)
            .ok()
            .ok_or_else(|| Error::Call { call: "getMaxOutputSize", reason: logger.reason(mark) })
    }

    /// Says where the values of an input lie, or where those of an output go.
    ///
    /// # Safety
    /// Until it is set anew or the context is dropped, and while an execution runs, `address` is valid for
    /// the values of the tensor, on the side (device or host) that the engine says, and nothing else
    /// writes there.
    ///
    /// # Errors
    /// Where there is no such tensor.
    pub unsafe fn set_tensor_address(&mut self, tensor: &str, address: *mut c_void) -> Result<()> {
        let slot = self.child.owned().slots().context.set_tensor_address;
        let tensor = name(tensor)?;
        // SAFETY: a living `IExecutionContext`; the caller promises the address.
        let set = || unsafe { call!(self.this(), slot, tensor.as_ptr(), address) };
        self.child.owned().confirmed("setTensorAddress", set)
    }

    /// The address of a tensor; null where none is set or there is no such tensor.
    pub fn tensor_address(&self, tensor: &str) -> *mut c_void {
        let slot = self.child.owned().slots().context.get_tensor_address;
        let Ok(tensor) = CString::new(tensor) else { return std::ptr::null_mut() };
        // SAFETY: a living `IExecutionContext`; the name lives during the call.
        unsafe { call!(self.this(), slot, tensor.as_ptr()) }
    }

    /// Puts an execution on a stream and returns; does nothing else, so it can be timed.
    ///
    /// # Safety
    /// `stream` is a CUDA stream of the engine's device, not the default one. Every tensor has an
    /// address that stays valid until the execution is done, and the context is neither used nor
    /// dropped before.
    ///
    /// # Errors
    /// What the library logged, or [`Error::Panicked`] by the profiler.
    pub unsafe fn enqueue(&mut self, stream: *mut c_void) -> Result<()> {
        let slot = self.child.owned().slots().context.enqueue_v3;
        // SAFETY: a living `IExecutionContext`; the caller promises stream and addresses.
        let done = unsafe { call!(self.this(), slot, stream) };
        if !done.is_true() {
            return Err(self.failed("enqueueV3"));
        }
        self.profiler.as_ref().map_or(Ok(()), ProfilerObject::unharmed)
    }

    /// Whether executions on the stream can be captured as a CUDA graph. TensorRT for RTX only.
    ///
    /// # Safety
    /// `stream` is a CUDA stream of the engine's device.
    ///
    /// # Errors
    /// [`Error::Unsupported`] elsewhere.
    pub unsafe fn is_stream_capturable(&self, stream: *mut c_void) -> Result<bool> {
        let slot = self.child.owned().slots().context.is_stream_capturable;
        let slot = slot.ok_or_else(|| self.unsupported("isStreamCapturable (RTX has it)"))?;
        // SAFETY: a living `IExecutionContext`; the caller promises the stream.
        Ok(unsafe { call!(self.this(), slot, stream) }.is_true())
    }

    /// Lets `profiler` hear how long each layer takes, or nobody.
    pub fn set_profiler(&mut self, profiler: Option<Box<dyn Profiler>>) {
        let slot = self.child.owned().slots().context.set_profiler;
        let table = self.child.owned().table();
        let object = profiler.map(|profiler| ProfilerObject::new(table, profiler));
        let pointer = object.as_ref().map_or(std::ptr::null_mut(), ProfilerObject::as_ptr);
        // SAFETY: a living `IExecutionContext`; the profiler lives until another one is set or the
        // context is gone.
        unsafe { call!(self.this(), slot, pointer) };
        self.profiler = object; // the one before is dropped when nothing knows it any more
    }

    /// Whether each execution reports to the profiler (the default), or only
    /// [`ExecutionContext::report_to_profiler`] does.
    pub fn set_enqueue_emits_profile(&mut self, emits: bool) {
        let slot = self.child.owned().slots().context.set_enqueue_emits_profile;
        // SAFETY: a living `IExecutionContext`.
        unsafe { call!(self.this(), slot, emits) }
    }

    /// Whether each execution reports to the profiler.
    pub fn enqueue_emits_profile(&self) -> bool {
        let slot = self.child.owned().slots().context.get_enqueue_emits_profile;
        // SAFETY: a living `IExecutionContext`.
        unsafe { call!(self.this(), slot) }.is_true()
    }

    /// Reports the layers of the last execution to the profiler; waits for it to be done.
    ///
    /// # Errors
    /// Without a profiler or an execution, or where the profiler panicked.
    pub fn report_to_profiler(&mut self) -> Result<()> {
        let slot = self.child.owned().slots().context.report_to_profiler;
        // SAFETY: a living `IExecutionContext`.
        let report = || unsafe { call!(self.this(), slot) };
        self.child.owned().confirmed("reportToProfiler", report)?;
        self.profiler.as_ref().map_or(Ok(()), ProfilerObject::unharmed)
    }

    /// Chooses the optimisation profile; shapes have to be set again afterwards.
    ///
    /// # Safety
    /// `stream` is a CUDA stream of the engine's device; executions on other streams wait for it.
    ///
    /// # Errors
    /// Where there is no such profile, or another context uses it.
    pub unsafe fn set_optimization_profile(
        &mut self,
        profile: usize,
        stream: *mut c_void,
    ) -> Result<()> {
        let slot = self.child.owned().slots().context.set_optimization_profile_async;
        let profile = i32::try_from(profile).unwrap_or(i32::MAX);
        let _turn = self.child.turn();
        // SAFETY: a living `IExecutionContext`; the caller promises the stream.
        let set = || unsafe { call!(self.this(), slot, profile, stream) };
        self.child.owned().confirmed("setOptimizationProfileAsync", set)
    }

    /// The optimisation profile in use; `None` where none is chosen yet.
    pub fn optimization_profile(&self) -> Option<usize> {
        let slot = self.child.owned().slots().context.get_optimization_profile;
        // SAFETY: a living `IExecutionContext`.
        usize::try_from(unsafe { call!(self.this(), slot) }).ok()
    }

    /// The engine that it executes.
    pub fn engine(&self) -> &Engine {
        self.child.engine()
    }

    /// The object, for something of `engine` that takes it.
    pub(crate) fn object(&self, engine: &Engine) -> Result<Ptr> {
        self.child.object(engine, "execution context")
    }

    fn this(&self) -> Ptr {
        self.child.owned().this()
    }

    fn unsupported(&self, what: &str) -> Error {
        self.child.owned().library().unsupported(what)
    }

    #[cold]
    fn failed(&mut self, call: &'static str) -> Error {
        let logger = self.child.owned().logger();
        let reason = logger.reason(self.seen);
        self.seen = logger.mark();
        Error::Call { call, reason }
    }
}

impl fmt::Debug for ExecutionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "execution context of {:?}", self.engine())
    }
}
