//! `IRuntime`.

use std::ffi::c_void;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tensorrt::abi::Ptr;
use tensorrt::abi::call::Bool;

use crate::callback::{Log, bytes};
use crate::engine::Engine;
use crate::object::{Class, create, object_of, state};
use crate::plan::Plan;
use crate::settings::{self, slots};
use crate::table::{Table, Vtable, method};

/// `IRuntime`.
pub(crate) struct Runtime {
    log: Log,
    host_code: AtomicBool,
}

impl Runtime {
    pub(crate) fn new(log: Log) -> Self {
        Self { log, host_code: AtomicBool::new(false) }
    }
}

impl Class for Runtime {
    const NAME: &'static str = "VRuntime";

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let (rows, mut table) = (slots().runtime, Vtable::new(Runtime::NAME));
            table.set(rows.deserialize_cuda_engine, deserialize);
            table.set(
                rows.set_max_threads,
                method!((this: Ptr, threads: i32) -> Bool {
                    state::<Runtime>(this);
                    (threads > 0).into()
                }),
            );
            table.set(
                rows.set_engine_host_code_allowed,
                method!((this: Ptr, allowed: bool) {
                    state::<Runtime>(this).host_code.store(allowed, Ordering::Relaxed);
                }),
            );
            table.set(
                rows.get_engine_host_code_allowed,
                method!((this: Ptr) -> Bool {
                    state::<Runtime>(this).host_code.load(Ordering::Relaxed).into()
                }),
            );
            table.finish()
        })
    }
}

extern "C" fn deserialize(this: Ptr, blob: *const c_void, size: usize) -> Ptr {
    let log = state::<Runtime>(this).log;
    match read(bytes(blob, size)) {
        Ok(plan) => create(Engine::new(log, plan), Some(object_of(this))),
        Err(why) => {
            log.error(&format!("IRuntime::deserializeCudaEngine: Error Code 1: {why}"));
            std::ptr::null_mut()
        }
    }
}

/// The plan, if this library would read it.
fn read(blob: &[u8]) -> Result<Plan, String> {
    if settings::fault("deserialize") {
        return Err("Serialization (the fault `deserialize` was asked for)".into());
    }
    let plan = Plan::parse(blob).map_err(|why| {
        format!("Serialization (Serialization assertion magicTagRead == kMAGIC_TAG failed: {why})")
    })?;
    let (version, device) = (settings::version().to_string(), settings::device());
    if plan.version != version {
        return Err(format!(
            "Serialization (the engine plan file is not compatible with this version, expecting \
             library version {version} got {}, please rebuild)",
            plan.version
        ));
    }
    if plan.device != device {
        return Err(format!(
            "Internal Error (the engine plan file is generated on an incompatible device, expecting \
             {device} got {}, please rebuild)",
            plan.device
        ));
    }
    Ok(plan)
}
