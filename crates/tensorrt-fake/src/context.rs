//! `IExecutionContext`. An execution computes nothing: it checks what a real one needs, is counted, and
//! reports layer times that only depend on the layer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tensorrt::abi::Ptr;
use tensorrt::abi::call::{Bool, Text};
use tensorrt::abi::enums::DataType;
use tensorrt::abi::types::Dims;

use crate::build::fits;
use crate::callback::Profiler;
use crate::engine::Engine;
use crate::layers;
use crate::object::{Class, state};
use crate::settings::slots;
use crate::table::{Table, Vtable, method};

/// `IExecutionContext`.
pub(crate) struct Context {
    engine: Arc<Engine>,
    content: Mutex<Content>,
}

struct Content {
    profile: usize,
    shapes: BTreeMap<usize, Vec<i64>>,
    addresses: BTreeMap<usize, usize>,
    profiler: Option<Profiler>,
    emits: bool,
    /// Whether an execution waits to be reported.
    pending: bool,
}

impl Context {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        let content = Content {
            profile: 0,
            shapes: BTreeMap::new(),
            addresses: BTreeMap::new(),
            profiler: None,
            emits: true,
            pending: false,
        };
        Self { engine, content: Mutex::new(content) }
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, line: &str) {
        self.engine.log.error(line);
    }

    /// The shapes of all tensors, in order, as far as they are known.
    pub(crate) fn shapes(&self) -> Vec<Vec<i64>> {
        let content = self.lock();
        let io = &self.engine.plan.io;
        let input = |index: usize| {
            content.shapes.get(&index).cloned().unwrap_or_else(|| io[index].tensor.dims.clone())
        };
        // an open dimension of an output is that of the first input with one
        let open = io.iter().enumerate().filter(|(_, io)| io.input).find_map(|(index, io)| {
            let place = io.tensor.dims.iter().position(|size| *size == -1)?;
            input(index).get(place).copied()
        });
        let shape = |(index, io): (usize, &crate::plan::Io)| {
            if io.input {
                return input(index);
            }
            let size = |size: &i64| if *size == -1 { open.unwrap_or(-1) } else { *size };
            io.tensor.dims.iter().map(size).collect()
        };
        io.iter().enumerate().map(shape).collect()
    }

    /// Inputs whose shape is missing.
    fn missing(&self) -> Vec<usize> {
        let shapes = self.shapes();
        let inputs = self.engine.plan.io.iter().enumerate().filter(|(_, io)| io.input);
        inputs.map(|(index, _)| index).filter(|index| shapes[*index].contains(&-1)).collect()
    }

    fn report(&self, profiler: Profiler) {
        for layer in &self.engine.plan.layers {
            let time = layers::hash(&layers::key(layer)) % 1000;
            profiler.report(&layer.name, 0.001 * (1.0 + time as f32));
        }
    }
}

impl Class for Context {
    const NAME: &'static str = "VExecutionContext";

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let mut table = Vtable::new(Context::NAME);
            fill_shapes(&mut table);
            fill_execution(&mut table);
            fill_profile(&mut table);
            table.finish()
        })
    }
}

fn fill_shapes(table: &mut Vtable) {
    let rows = slots().context;
    table.set(rows.set_input_shape, set_input_shape);
    table.set(
        rows.get_tensor_shape,
        method!((this: Ptr, name: Text) -> Dims {
            let context = state::<Context>(this);
            let index = context.engine.find("getTensorShape", name);
            let shape = index.and_then(|index| Dims::new(&context.shapes()[index]));
            shape.unwrap_or(Dims::UNKNOWN)
        }),
    );
    table.set(
        rows.all_input_dimensions_specified,
        method!((this: Ptr) -> Bool { state::<Context>(this).missing().is_empty().into() }),
    );
    table.set(rows.infer_shapes, infer_shapes);
    table.set(rows.get_max_output_size, max_output_size);
    table.set(
        rows.get_optimization_profile,
        method!((this: Ptr) -> i32 { state::<Context>(this).lock().profile as i32 }),
    );
    table.set(
        rows.set_optimization_profile_async,
        method!((this: Ptr, profile: i32, _stream: Ptr) -> Bool {
            let context = state::<Context>(this);
            let known = usize::try_from(profile).ok();
            let known = known.filter(|index| *index < context.engine.plan.profiles);
            let Some(profile) = known else {
                context.error(&format!("setOptimizationProfileAsync: no profile {profile}"));
                return false.into();
            };
            let mut content = context.lock();
            content.profile = profile;
            content.shapes.clear();
            true.into()
        }),
    );
}

extern "C" fn set_input_shape(this: Ptr, name: Text, dims: *const Dims) -> Bool {
    let context = state::<Context>(this);
    let Some(index) = context.engine.find("setInputShape", name) else { return false.into() };
    let io = &context.engine.plan.io[index];
    // SAFETY: the caller passes a reference to a live struct.
    let dims = unsafe { *dims };
    let mut content = context.lock();
    let shape = dims.as_slice().filter(|shape| io.input && fits(shape, &io.tensor.dims));
    let shape = shape.filter(|shape| {
        io.shapes.get(content.profile).is_none_or(|[min, _, max]| {
            shape.iter().zip(min).zip(max).all(|((size, min), max)| size >= min && size <= max)
        })
    });
    let Some(shape) = shape else {
        context.error(&format!("setInputShape: {}: the shape is not allowed", io.tensor.name));
        return false.into();
    };
    content.shapes.insert(index, shape.to_vec());
    true.into()
}

extern "C" fn infer_shapes(this: Ptr, room: i32, names: *mut Text) -> i32 {
    let context = state::<Context>(this);
    let missing = context.missing();
    for (place, index) in missing.iter().take(usize::try_from(room).unwrap_or(0)).enumerate() {
        // SAFETY: the caller has room for `room` names.
        unsafe { names.add(place).write(context.engine.name_at(*index)) };
    }
    missing.len() as i32
}

extern "C" fn max_output_size(this: Ptr, name: Text) -> i64 {
    let context = state::<Context>(this);
    let Some(index) = context.engine.find("getMaxOutputSize", name) else { return -1 };
    let shape = &context.shapes()[index];
    let io = &context.engine.plan.io[index];
    if io.input || shape.contains(&-1) {
        context.error("getMaxOutputSize: no output, or shapes of inputs are missing");
        return -1;
    }
    let size = match io.tensor.data_type() {
        DataType::HALF | DataType::BF16 => 2,
        DataType::INT64 => 8,
        DataType::INT8 | DataType::BOOL | DataType::UINT8 | DataType::FP8 => 1,
        _ => 4,
    };
    shape.iter().product::<i64>() * size
}

fn fill_execution(table: &mut Vtable) {
    let rows = slots().context;
    table.set(
        rows.set_tensor_address,
        method!((this: Ptr, name: Text, address: Ptr) -> Bool {
            let context = state::<Context>(this);
            let index = context.engine.find("setTensorAddress", name);
            index.map(|index| context.lock().addresses.insert(index, address.expose_provenance()));
            index.is_some().into()
        }),
    );
    table.set(
        rows.get_tensor_address,
        method!((this: Ptr, name: Text) -> Ptr {
            let context = state::<Context>(this);
            let index = context.engine.find("getTensorAddress", name);
            let address = index.and_then(|index| context.lock().addresses.get(&index).copied());
            address.map_or(std::ptr::null_mut(), std::ptr::with_exposed_provenance_mut)
        }),
    );
    table.set(rows.enqueue_v3, enqueue);
    table.set_if(
        rows.is_stream_capturable,
        method!((this: Ptr, stream: Ptr) -> Bool {
            state::<Context>(this);
            (!stream.is_null()).into()
        }),
    );
}

extern "C" fn enqueue(this: Ptr, _stream: Ptr) -> Bool {
    let context = state::<Context>(this);
    if !context.missing().is_empty() {
        context.error("enqueueV3: shapes of inputs are missing");
        return false.into();
    }
    let io = context.engine.plan.io.iter().enumerate();
    let mut content = context.lock();
    let bare = io.map(|(index, io)| (content.addresses.get(&index), io));
    let bare = bare.filter(|(address, _)| address.is_none_or(|address| *address == 0));
    if let Some((_, io)) = bare.into_iter().next() {
        context.error(&format!("enqueueV3: {} has no address", io.tensor.name));
        return false.into();
    }
    crate::object::executed();
    content.pending = !content.emits;
    let profiler = content.profiler.filter(|_| content.emits);
    drop(content); // the profiler may ask the context something
    if let Some(profiler) = profiler {
        context.report(profiler);
    }
    true.into()
}

fn fill_profile(table: &mut Vtable) {
    let rows = slots().context;
    table.set(
        rows.set_profiler,
        method!((this: Ptr, profiler: Ptr) {
            state::<Context>(this).lock().profiler = Profiler::new(profiler);
        }),
    );
    table.set(
        rows.set_enqueue_emits_profile,
        method!((this: Ptr, emits: bool) { state::<Context>(this).lock().emits = emits; }),
    );
    table.set(
        rows.get_enqueue_emits_profile,
        method!((this: Ptr) -> Bool { state::<Context>(this).lock().emits.into() }),
    );
    table.set(
        rows.report_to_profiler,
        method!((this: Ptr) -> Bool {
            let context = state::<Context>(this);
            let mut content = context.lock();
            let Some(profiler) = content.profiler.filter(|_| content.pending) else {
                drop(content);
                context.error("reportToProfiler: no profiler, or no execution to report");
                return false.into();
            };
            content.pending = false;
            drop(content);
            context.report(profiler);
            true.into()
        }),
    );
}
