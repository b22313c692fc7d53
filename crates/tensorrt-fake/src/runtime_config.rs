//! `IRuntimeConfig` and `IRuntimeCache`. The cache is text: `tensorrt-fake runtime cache <version> <device>`,
//! then sorted names of kernels. A context that is made with a cache "compiles" what is not in it.

use std::collections::BTreeSet;
use std::ffi::{c_int, c_void};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tensorrt::abi::Ptr;
use tensorrt::abi::call::Bool;

use crate::builder::HostMemory;
use crate::callback::{Log, bytes};
use crate::engine::Engine;
use crate::object::{Class, argument, create, must_outlive, need_not_outlive, object_of, state};
use crate::settings::{self, slots};
use crate::table::{Table, Vtable, method};

/// `IRuntimeConfig`.
pub(crate) struct RuntimeConfig {
    log: Log,
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    strategy: c_int,
    specialization: c_int,
    graphs: c_int,
    cache: Option<usize>,
}

impl RuntimeConfig {
    pub(crate) fn new(log: Log) -> Self {
        Self { log, content: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What making a context does: kernels that the cache lacks are compiled and put there.
    pub(crate) fn compile(&self, engine: &Engine) {
        let cache = self.lock().cache.map(std::ptr::with_exposed_provenance_mut);
        let cache = cache.map(argument::<RuntimeCache>);
        let kernels: BTreeSet<&str> =
            engine.plan.layers.iter().map(|layer| layer.tactic.as_str()).collect();
        let (mut hits, mut misses) = (0, 0);
        for kernel in &kernels {
            let new = cache.as_ref().is_none_or(|cache| cache.lock().insert((*kernel).to_owned()));
            if new {
                misses += 1;
                let ms = settings::number(settings::BUILD_MS).unwrap_or(0);
                std::thread::sleep(Duration::from_millis(ms));
            } else {
                hits += 1;
            }
        }
        if cache.is_some() {
            self.log.verbose(&format!("runtime cache: {hits} hits, {misses} misses"));
        }
    }
}

impl Class for RuntimeConfig {
    const NAME: &'static str = "VRuntimeConfig";

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let mut table = Vtable::new(RuntimeConfig::NAME);
            fill(&mut table);
            fill_cache(&mut table);
            table.finish()
        })
    }
}

fn fill(table: &mut Vtable) {
    let rows = slots().runtime_config;
    table.set_if(
        rows.set_execution_context_allocation_strategy,
        method!((this: Ptr, value: c_int) { state::<RuntimeConfig>(this).lock().strategy = value; }),
    );
    table.set_if(
        rows.get_execution_context_allocation_strategy,
        method!((this: Ptr) -> c_int { state::<RuntimeConfig>(this).lock().strategy }),
    );
    table.set_if(
        rows.set_dynamic_shapes_kernel_specialization_strategy,
        method!((this: Ptr, value: c_int) {
            state::<RuntimeConfig>(this).lock().specialization = value;
        }),
    );
    table.set_if(
        rows.get_dynamic_shapes_kernel_specialization_strategy,
        method!((this: Ptr) -> c_int { state::<RuntimeConfig>(this).lock().specialization }),
    );
    table.set_if(
        rows.set_cuda_graph_strategy,
        method!((this: Ptr, value: c_int) -> Bool {
            state::<RuntimeConfig>(this).lock().graphs = value;
            true.into()
        }),
    );
    table.set_if(
        rows.get_cuda_graph_strategy,
        method!((this: Ptr) -> c_int { state::<RuntimeConfig>(this).lock().graphs }),
    );
}

fn fill_cache(table: &mut Vtable) {
    let rows = slots().runtime_config;
    table.set_if(
        rows.create_runtime_cache,
        method!((this: Ptr) -> Ptr {
            let log = state::<RuntimeConfig>(this).log;
            create(RuntimeCache { log, kernels: Mutex::default() }, None)
        }),
    );
    table.set_if(
        rows.set_runtime_cache,
        method!((this: Ptr, cache: Ptr) -> Bool {
            argument::<RuntimeCache>(cache);
            let config = state::<RuntimeConfig>(this);
            let before = config.lock().cache.replace(cache.expose_provenance());
            if let Some(before) = before {
                need_not_outlive(std::ptr::with_exposed_provenance_mut(before), object_of(this));
            }
            must_outlive(cache, object_of(this));
            true.into()
        }),
    );
}

/// `IRuntimeCache`.
struct RuntimeCache {
    log: Log,
    kernels: Mutex<BTreeSet<String>>,
}

impl RuntimeCache {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.kernels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn header() -> String {
    format!("tensorrt-fake runtime cache {} {}\n", settings::version(), settings::device())
}

impl Class for RuntimeCache {
    const NAME: &'static str = "VRuntimeCache";

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let (rows, mut table) = (slots().runtime_cache, Vtable::new(RuntimeCache::NAME));
            table.set_if(
                rows.serialize,
                method!((this: Ptr) -> Ptr {
                    let lines = state::<RuntimeCache>(this).lock().iter().fold(header(), |text, line| text + line + "\n");
                    create(HostMemory(lines.into_bytes()), None)
                }),
            );
            table.set_if(rows.deserialize, deserialize);
            table.set_if(
                rows.reset,
                method!((this: Ptr) -> Bool {
                    state::<RuntimeCache>(this).lock().clear();
                    true.into()
                }),
            );
            table.finish()
        })
    }
}

extern "C" fn deserialize(this: Ptr, blob: *const c_void, size: usize) -> Bool {
    let cache = state::<RuntimeCache>(this);
    let text = std::str::from_utf8(bytes(blob, size)).unwrap_or_default();
    let body = text.strip_prefix(&header()).filter(|body| body.is_empty() || body.ends_with('\n'));
    let Some(body) = body else {
        cache.log.error("deserialize: no runtime cache of this version and device, or torn");
        return false.into();
    };
    cache.lock().extend(body.lines().map(str::to_owned));
    true.into()
}
