//! `IBuilderConfig`.

use std::ffi::{c_int, c_void};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tensorrt::abi::Ptr;
use tensorrt::abi::call::Bool;
use tensorrt::abi::enums::BuilderFlag;

use crate::builder::Profile;
use crate::cache::{Entries, TimingCache};
use crate::callback::{Log, Monitor, bytes};
use crate::object::{Class, argument, create, must_outlive, need_not_outlive, object_of, state};
use crate::options::Options;
use crate::settings::{self, slots};
use crate::table::{Table, Vtable, method};

/// `IBuilderConfig`.
pub(crate) struct Config {
    log: Log,
    builder: usize,
    options: Mutex<Options>,
}

impl Config {
    /// A configuration; `builder` is its `I…` pointer.
    pub(crate) fn new(log: Log, builder: Ptr) -> Self {
        let tf32 = BuilderFlag::Tf32.value(settings::table(), settings::version().number());
        let options = Options {
            flags: tf32.map_or(0, |bit| 1 << bit),
            level: 3,
            average: 1,
            tactics: -1,
            ..Options::default()
        };
        Self { log, builder: builder.expose_provenance(), options: Mutex::new(options) }
    }

    fn lock(&self) -> MutexGuard<'_, Options> {
        self.options.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was set so far.
    pub(crate) fn options(&self) -> Options {
        self.lock().clone()
    }

    /// Whether this version has a flag of that number.
    fn knows(&self, flag: c_int) -> bool {
        let (table, version) = (settings::table(), settings::version().number());
        let known = BuilderFlag::ALL.iter().any(|known| known.value(table, version) == Some(flag));
        if !known {
            self.log.error(&format!("setFlag: this version has no builder flag {flag}"));
        }
        known
    }
}

impl Class for Config {
    const NAME: &'static str = "VBuilderConfig";

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let mut table = Vtable::new(Config::NAME);
            fill_flags(&mut table);
            fill_limits(&mut table);
            fill_cache(&mut table);
            table.finish()
        })
    }
}

fn fill_flags(table: &mut Vtable) {
    let rows = slots().builder_config;
    table.set(rows.set_flag, set_flag);
    table.set(rows.clear_flag, clear_flag);
    table.set(
        rows.get_flag,
        method!((this: Ptr, flag: c_int) -> Bool {
            (state::<Config>(this).lock().flags & 1u32.unbounded_shl(flag as u32) != 0).into()
        }),
    );
}

fn fill_limits(table: &mut Vtable) {
    let rows = slots().builder_config;
    table.set(
        rows.set_memory_pool_limit,
        method!((this: Ptr, pool: c_int, size: usize) {
            state::<Config>(this).lock().pools.insert(pool, size);
        }),
    );
    table.set(
        rows.get_memory_pool_limit,
        method!((this: Ptr, pool: c_int) -> usize {
            state::<Config>(this).lock().pools.get(&pool).copied().unwrap_or(usize::MAX)
        }),
    );
    table.set(
        rows.set_profiling_verbosity,
        method!((this: Ptr, value: c_int) {
            state::<Config>(this).lock().verbosity = value;
        }),
    );
    table.set(
        rows.get_profiling_verbosity,
        method!((this: Ptr) -> c_int { state::<Config>(this).lock().verbosity }),
    );
    table.set(
        rows.set_tactic_sources,
        method!((this: Ptr, value: u32) -> Bool {
            state::<Config>(this).lock().tactic_sources = value;
            true.into()
        }),
    );
    table.set(
        rows.set_preview_feature,
        method!((this: Ptr, feature: c_int, on: bool) {
            let config = state::<Config>(this);
            let mut options = config.lock();
            let bit = 1u32.unbounded_shl(feature as u32);
            options.preview = if on { options.preview | bit } else { options.preview & !bit };
        }),
    );
    table.set(
        rows.set_builder_optimization_level,
        method!((this: Ptr, level: i32) {
            state::<Config>(this).lock().level = level;
        }),
    );
    table.set(
        rows.get_builder_optimization_level,
        method!((this: Ptr) -> i32 { state::<Config>(this).lock().level }),
    );
    table.set(
        rows.set_hardware_compatibility_level,
        method!((this: Ptr, level: c_int) {
            state::<Config>(this).lock().hardware = level;
        }),
    );
    fill_search(table);
}

fn fill_search(table: &mut Vtable) {
    let rows = slots().builder_config;
    table.set(
        rows.set_avg_timing_iterations,
        method!((this: Ptr, count: i32) {
            state::<Config>(this).lock().average = count;
        }),
    );
    table.set_if(
        rows.set_max_nb_tactics,
        method!((this: Ptr, count: i32) {
            state::<Config>(this).lock().tactics = count;
        }),
    );
    table.set_if(
        rows.set_tiling_optimization_level,
        method!((this: Ptr, level: c_int) -> Bool {
            state::<Config>(this).lock().tiling = level;
            true.into()
        }),
    );
    table.set_if(
        rows.set_nb_compute_capabilities,
        method!((this: Ptr, count: i32) -> Bool {
            let count = usize::try_from(count).unwrap_or(0);
            state::<Config>(this).lock().capabilities.resize(count, 0);
            true.into()
        }),
    );
    table.set_if(
        rows.set_compute_capability,
        method!((this: Ptr, capability: c_int, index: i32) -> Bool {
            let config = state::<Config>(this);
            let mut options = config.lock();
            let place = usize::try_from(index).ok().and_then(|i| options.capabilities.get_mut(i));
            place.map(|place| *place = capability).is_some().into()
        }),
    );
}

fn fill_cache(table: &mut Vtable) {
    let rows = slots().builder_config;
    table.set(
        rows.add_optimization_profile,
        method!((this: Ptr, profile: Ptr) -> i32 {
            let config = state::<Config>(this);
            config.lock().profiles.push(argument::<Profile>(profile));
            config.lock().profiles.len() as i32 - 1
        }),
    );
    table.set(
        rows.get_nb_optimization_profiles,
        method!((this: Ptr) -> i32 {
            state::<Config>(this).lock().profiles.len() as i32
        }),
    );
    table.set(rows.create_timing_cache, create_timing_cache);
    table.set(rows.set_timing_cache, set_timing_cache);
    table.set(
        rows.set_progress_monitor,
        method!((this: Ptr, monitor: Ptr) {
            state::<Config>(this).lock().monitor = Monitor::new(monitor);
        }),
    );
}

extern "C" fn set_flag(this: Ptr, flag: c_int) {
    let config = state::<Config>(this);
    if config.knows(flag) {
        config.lock().flags |= 1 << flag;
    }
}

extern "C" fn clear_flag(this: Ptr, flag: c_int) {
    let config = state::<Config>(this);
    if config.knows(flag) {
        config.lock().flags &= !(1 << flag);
    }
}

extern "C" fn create_timing_cache(this: Ptr, blob: *const c_void, size: usize) -> Ptr {
    let config = state::<Config>(this);
    let entries = match bytes(blob, size) {
        [] => Ok(Entries::new()),
        blob => Entries::parse(blob),
    };
    let entries = entries.and_then(|entries| {
        let version = settings::version().to_string();
        let same = entries.version == version;
        same.then_some(entries).ok_or(format!("its version is not {version}"))
    });
    let entries = entries.unwrap_or_else(|why| {
        // what it cannot use becomes an empty cache and a warning, as in the real library
        config.log.warning(&format!("{why}. The timing cache will not be used!"));
        Entries::new()
    });
    create(TimingCache::new(config.log, entries), None)
}

extern "C" fn set_timing_cache(this: Ptr, cache: Ptr, ignore_mismatch: bool) -> Bool {
    let config = state::<Config>(this);
    let device = argument::<TimingCache>(cache).entries().device.clone();
    if device != settings::device() && !ignore_mismatch {
        config.log.error(&format!("setTimingCache: the cache is of the device {device}"));
        return false.into();
    }
    let before = config.lock().cache.replace(cache.expose_provenance());
    if let Some(before) = before {
        need_not_outlive(std::ptr::with_exposed_provenance_mut(before), object_of(this));
    }
    must_outlive(cache, object_of(this));
    must_outlive(cache, std::ptr::with_exposed_provenance_mut(config.builder));
    true.into()
}
