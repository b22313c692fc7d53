//! `ICudaEngine`.

use std::ffi::{CString, c_int};
use std::sync::OnceLock;

use tensorrt::abi::Ptr;
use tensorrt::abi::call::Text;
use tensorrt::abi::enums::{AllocationStrategy, ProfileSelector, TensorIoMode, TensorLocation};
use tensorrt::abi::types::Dims;

use crate::builder::HostMemory;
use crate::callback::{Log, read};
use crate::context::Context;
use crate::inspector::Inspector;
use crate::object::{Class, argument, create, must_outlive, object_of, state};
use crate::plan::{Io, Plan};
use crate::runtime_config::RuntimeConfig;
use crate::settings::slots;
use crate::table::{Table, Vtable, method};

/// `ICudaEngine`.
pub(crate) struct Engine {
    pub(crate) log: Log,
    pub(crate) plan: Plan,
    name: CString,
    /// Name and format of every tensor, as long as the engine.
    texts: Vec<(CString, CString)>,
}

impl Engine {
    pub(crate) fn new(log: Log, plan: Plan) -> Self {
        let text = |text: &str| CString::new(text.replace('\0', " ")).unwrap_or_default();
        let texts = plan.io.iter().map(|io| {
            let format = format!("{} (kLINEAR)", io.tensor.format_name());
            (text(&io.tensor.name), text(&format))
        });
        Self { log, name: text(&plan.name), texts: texts.collect(), plan }
    }

    /// Where a tensor stands in the list; an error in the log where there is none.
    pub(crate) fn find(&self, call: &str, name: Text) -> Option<usize> {
        let name = read(name)?;
        let found = self.plan.io.iter().position(|io| io.tensor.name == name);
        if found.is_none() {
            self.log.error(&format!("{call}: there is no tensor {name}"));
        }
        found
    }

    /// The name of a tensor as it is given out.
    pub(crate) fn name_at(&self, index: usize) -> Text {
        self.texts.get(index).map_or(std::ptr::null(), |(name, _)| name.as_ptr())
    }

    fn io(&self, call: &str, name: Text) -> Option<&Io> {
        self.find(call, name).and_then(|index| self.plan.io.get(index))
    }
}

impl Class for Engine {
    const NAME: &'static str = "VCudaEngine";

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let mut table = Vtable::new(Engine::NAME);
            fill_facts(&mut table);
            fill_tensors(&mut table);
            fill_places(&mut table);
            fill_children(&mut table);
            table.finish()
        })
    }
}

fn fill_facts(table: &mut Vtable) {
    let rows = slots().engine;
    table.set(
        rows.get_nb_layers,
        method!((this: Ptr) -> i32 { state::<Engine>(this).plan.layers.len() as i32 }),
    );
    table.set(rows.get_name, method!((this: Ptr) -> Text { state::<Engine>(this).name.as_ptr() }));
    table.set(
        rows.get_device_memory_size_v2,
        method!((this: Ptr) -> i64 { state::<Engine>(this).plan.layers.len() as i64 * 4096 }),
    );
    table.set(
        rows.get_nb_optimization_profiles,
        method!((this: Ptr) -> i32 { state::<Engine>(this).plan.profiles as i32 }),
    );
    table.set(
        rows.get_profiling_verbosity,
        method!((this: Ptr) -> c_int { state::<Engine>(this).plan.verbosity }),
    );
    table.set(
        rows.get_nb_aux_streams,
        method!((this: Ptr) -> i32 {
            state::<Engine>(this);
            0
        }),
    );
}

fn fill_tensors(table: &mut Vtable) {
    let rows = slots().engine;
    table.set(
        rows.get_nb_io_tensors,
        method!((this: Ptr) -> i32 { state::<Engine>(this).plan.io.len() as i32 }),
    );
    table.set(
        rows.get_io_tensor_name,
        method!((this: Ptr, index: i32) -> Text {
            let engine = state::<Engine>(this);
            usize::try_from(index).map_or(std::ptr::null(), |index| engine.name_at(index))
        }),
    );
    table.set(
        rows.get_tensor_shape,
        method!((this: Ptr, name: Text) -> Dims {
            let engine = state::<Engine>(this);
            let io = engine.io("getTensorShape", name);
            io.and_then(|io| Dims::new(&io.tensor.dims)).unwrap_or(Dims::UNKNOWN)
        }),
    );
    table.set(
        rows.get_tensor_data_type,
        method!((this: Ptr, name: Text) -> c_int {
            let engine = state::<Engine>(this);
            engine.io("getTensorDataType", name).map_or(0, |io| io.tensor.data_type)
        }),
    );
}

fn fill_places(table: &mut Vtable) {
    let rows = slots().engine;
    table.set(
        rows.get_tensor_location,
        method!((this: Ptr, name: Text) -> c_int {
            state::<Engine>(this).io("getTensorLocation", name);
            TensorLocation::DEVICE.0
        }),
    );
    table.set(
        rows.get_tensor_io_mode,
        method!((this: Ptr, name: Text) -> c_int {
            let engine = state::<Engine>(this);
            engine.io("getTensorIOMode", name).map_or(TensorIoMode::NONE.0, |io| {
                if io.input { TensorIoMode::INPUT.0 } else { TensorIoMode::OUTPUT.0 }
            })
        }),
    );
    table.set(
        rows.get_tensor_format_desc,
        method!((this: Ptr, name: Text) -> Text {
            let engine = state::<Engine>(this);
            let index = engine.find("getTensorFormatDesc", name);
            let texts = index.and_then(|index| engine.texts.get(index));
            texts.map_or(std::ptr::null(), |(_, format)| format.as_ptr())
        }),
    );
    table.set(rows.get_profile_shape, profile_shape);
}

extern "C" fn profile_shape(this: Ptr, name: Text, profile: i32, select: c_int) -> Dims {
    let engine = state::<Engine>(this);
    let io = engine.io("getProfileShape", name);
    let shapes = usize::try_from(profile).ok().zip(io).and_then(|(index, io)| io.shapes.get(index));
    let shape = shapes.zip(ProfileSelector::of(select));
    let dims = shape.and_then(|(three, select)| Dims::new(&three[select.value() as usize]));
    dims.unwrap_or_else(|| {
        engine.log.error(&format!("getProfileShape: there is no shape in profile {profile}"));
        Dims::UNKNOWN
    })
}

fn fill_children(table: &mut Vtable) {
    let rows = slots().engine;
    table.set(
        rows.serialize,
        method!((this: Ptr) -> Ptr {
            create(HostMemory(state::<Engine>(this).plan.to_bytes()), None)
        }),
    );
    table.set(
        rows.create_execution_context,
        method!((this: Ptr, strategy: c_int) -> Ptr {
            let engine = state::<Engine>(this);
            if AllocationStrategy::of(strategy).is_none() {
                engine.log.error(&format!("createExecutionContext: no strategy {strategy}"));
                return std::ptr::null_mut();
            }
            create(Context::new(engine), Some(object_of(this)))
        }),
    );
    table.set_if(
        rows.create_execution_context_with_runtime_config,
        method!((this: Ptr, config: Ptr) -> Ptr {
            let engine = state::<Engine>(this);
            argument::<RuntimeConfig>(config).compile(&engine);
            let context = create(Context::new(engine), Some(object_of(this)));
            must_outlive(config, context);
            context
        }),
    );
    table.set(
        rows.create_engine_inspector,
        method!((this: Ptr) -> Ptr {
            create(Inspector::new(state::<Engine>(this)), Some(object_of(this)))
        }),
    );
    table.set_if(
        rows.create_runtime_config,
        method!((this: Ptr) -> Ptr {
            let log = state::<Engine>(this).log;
            create(RuntimeConfig::new(log), Some(object_of(this)))
        }),
    );
}
