//! `IEngineInspector`.

use std::ffi::{CString, c_int};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tensorrt::abi::Ptr;
use tensorrt::abi::call::{Bool, Text};
use tensorrt::abi::enums::{LayerInformationFormat, ProfilingVerbosity};

use crate::context::Context;
use crate::engine::Engine;
use crate::inspect;
use crate::object::{Class, argument, must_outlive, need_not_outlive, object_of, state};
use crate::plan::Plan;
use crate::settings::{self, slots};
use crate::table::{Table, Vtable};

/// `IEngineInspector`.
pub(crate) struct Inspector {
    engine: Arc<Engine>,
    context: Mutex<Option<usize>>,
    /// The last answer, which the caller still reads.
    answer: Mutex<CString>,
}

impl Inspector {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, context: Mutex::new(None), answer: Mutex::default() }
    }

    fn context(&self) -> Option<usize> {
        *self.context.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plan with the shapes of the context, if one is set.
    fn plan(&self) -> Plan {
        let mut plan = self.engine.plan.clone();
        let context = self.context().map(std::ptr::with_exposed_provenance_mut);
        let Some(context) = context.map(argument::<Context>) else { return plan };
        for (io, shape) in plan.io.iter_mut().zip(context.shapes()) {
            for layer in &mut plan.layers {
                for tensor in layer.inputs.iter_mut().chain(&mut layer.outputs) {
                    if tensor.name == io.tensor.name {
                        tensor.dims.clone_from(&shape);
                    }
                }
            }
            io.tensor.dims = shape;
        }
        plan
    }

    fn answer(&self, text: Option<String>) -> Text {
        let Some(text) = text else {
            self.engine.log.error("IEngineInspector: nothing to tell");
            return std::ptr::null();
        };
        let text = CString::new(text.replace('\0', " ")).unwrap_or_default();
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        *answer = text;
        answer.as_ptr()
    }
}

impl Class for Inspector {
    const NAME: &'static str = "VEngineInspector";

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let (rows, mut table) = (slots().engine_inspector, Vtable::new(Inspector::NAME));
            table.set(rows.set_execution_context, set_context);
            table.set(rows.get_layer_information, layer_information);
            table.set(rows.get_engine_information, engine_information);
            table.finish()
        })
    }
}

extern "C" fn set_context(this: Ptr, context: Ptr) -> Bool {
    let inspector = state::<Inspector>(this);
    if !context.is_null() {
        argument::<Context>(context);
        must_outlive(context, object_of(this));
    }
    let new = (!context.is_null()).then(|| context.expose_provenance());
    let mut place = inspector.context.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(before) = std::mem::replace(&mut *place, new) {
        need_not_outlive(std::ptr::with_exposed_provenance_mut(before), object_of(this));
    }
    true.into()
}

extern "C" fn layer_information(this: Ptr, layer: i32, format: c_int) -> Text {
    let inspector = state::<Inspector>(this);
    let plan = inspector.plan();
    let layer = usize::try_from(layer).ok().and_then(|index| plan.layers.get(index));
    let told = layer.filter(|_| plan.verbosity() != ProfilingVerbosity::None);
    let table = settings::table();
    inspector.answer(told.and_then(|layer| match LayerInformationFormat::of(format)? {
        LayerInformationFormat::Oneline => Some(inspect::layer_line(&plan, layer, table)),
        LayerInformationFormat::Json => Some(inspect::layer_json(&plan, layer, table)),
    }))
}

extern "C" fn engine_information(this: Ptr, format: c_int) -> Text {
    let inspector = state::<Inspector>(this);
    let plan = inspector.plan();
    let format = LayerInformationFormat::of(format);
    let format = format.filter(|_| plan.verbosity() != ProfilingVerbosity::None);
    let table = settings::table();
    inspector.answer(format.map(|format| match format {
        LayerInformationFormat::Oneline => inspect::engine_lines(&plan, table),
        LayerInformationFormat::Json => inspect::engine_json(&plan, table),
    }))
}
