//! `IBuilder`, `IHostMemory` and `IOptimizationProfile`.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::sync::{Mutex, OnceLock, PoisonError};

use tensorrt::abi::Ptr;
use tensorrt::abi::call::{Bool, Text};
use tensorrt::abi::enums::{NetworkDefinitionCreationFlag, ProfileSelector};
use tensorrt::abi::types::Dims;

use crate::build;
use crate::callback::{Log, read};
use crate::config::Config;
use crate::network::Network;
use crate::object::{Class, argument, create, object_of, state};
use crate::settings::{self, slots};
use crate::table::{Table, Vtable};

/// `IBuilder`.
pub(crate) struct Builder {
    pub(crate) log: Log,
}

impl Builder {
    pub(crate) fn new(log: Log) -> Self {
        Self { log }
    }
}

impl Class for Builder {
    const NAME: &'static str = "VBuilder";

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let (rows, mut table) = (slots().builder, Vtable::new(Builder::NAME));
            table.set(rows.create_builder_config, create_builder_config);
            table.set(rows.create_network_v2, create_network);
            table.set(rows.create_optimization_profile, create_profile);
            table.set(rows.build_serialized_network, build_serialized_network);
            table.set(rows.set_max_threads, set_max_threads);
            table.finish()
        })
    }
}

extern "C" fn create_builder_config(this: Ptr) -> Ptr {
    let builder = state::<Builder>(this);
    create(Config::new(builder.log, object_of(this)), Some(object_of(this)))
}

extern "C" fn create_network(this: Ptr, flags: u32) -> Ptr {
    let builder = state::<Builder>(this);
    let (table, version) = (settings::table(), settings::version().number());
    let known = NetworkDefinitionCreationFlag::ALL
        .iter()
        .filter_map(|flag| flag.value(table, version))
        .fold(0, |mask, bit| mask | 1 << bit);
    if flags & !known != 0 {
        builder.log.error(&format!("createNetworkV2: unknown flags {:#x}", flags & !known));
        return std::ptr::null_mut();
    }
    let strong = NetworkDefinitionCreationFlag::StronglyTyped.value(table, version);
    let strong =
        table != tensorrt::abi::Table::V10 || strong.is_some_and(|bit| flags & 1 << bit != 0);
    create(Network::new(strong), Some(object_of(this)))
}

extern "C" fn create_profile(this: Ptr) -> Ptr {
    let builder = state::<Builder>(this);
    create(Profile { log: builder.log, shapes: Mutex::default() }, Some(object_of(this)))
}

extern "C" fn build_serialized_network(this: Ptr, network: Ptr, config: Ptr) -> Ptr {
    let builder = state::<Builder>(this);
    let (network, config) = (argument::<Network>(network), argument::<Config>(config));
    match build::build(builder.log, &network, &config) {
        Ok(plan) => create(HostMemory(plan), None),
        Err(build::Failed) => std::ptr::null_mut(),
    }
}

extern "C" fn set_max_threads(this: Ptr, threads: i32) -> Bool {
    state::<Builder>(this);
    (threads > 0).into()
}

/// `IHostMemory`.
pub(crate) struct HostMemory(pub(crate) Vec<u8>);

impl Class for HostMemory {
    const NAME: &'static str = "VHostMemory";

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let (rows, mut table) = (slots().host_memory, Vtable::new(HostMemory::NAME));
            table.set(rows.data, data);
            table.set(rows.size, size);
            table.finish()
        })
    }
}

extern "C" fn data(this: Ptr) -> Ptr {
    state::<HostMemory>(this).0.as_ptr().cast_mut().cast()
}

extern "C" fn size(this: Ptr) -> usize {
    state::<HostMemory>(this).0.len()
}

/// `IOptimizationProfile`, which the builder owns.
pub(crate) struct Profile {
    log: Log,
    shapes: Mutex<BTreeMap<String, [Option<Dims>; 3]>>,
}

impl Profile {
    /// Smallest, usual and largest shape of every input that was given.
    pub(crate) fn shapes(&self) -> BTreeMap<String, [Option<Dims>; 3]> {
        self.shapes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Class for Profile {
    const NAME: &'static str = "VOptimizationProfile";
    const OWNED: bool = true;

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let (rows, mut table) = (slots().optimization_profile, Vtable::new(Profile::NAME));
            table.set(rows.set_dimensions, set_dimensions);
            table.set(rows.is_valid, is_valid);
            table.set_if(rows.set_shape_values_v2, set_shape_values);
            table.finish()
        })
    }
}

extern "C" fn set_dimensions(this: Ptr, input: Text, select: c_int, dims: *const Dims) -> Bool {
    let profile = state::<Profile>(this);
    // SAFETY: the caller passes a reference to a live struct.
    let dims = unsafe { *dims };
    let (Some(name), Some(select)) = (read(input), ProfileSelector::of(select)) else {
        return false.into();
    };
    if dims.as_slice().is_none_or(|sizes| sizes.iter().any(|size| *size < 0)) {
        profile.log.error(&format!("setDimensions: {name}: a shape of a profile is known"));
        return false.into();
    }
    let mut shapes = profile.shapes.lock().unwrap_or_else(PoisonError::into_inner);
    shapes.entry(name).or_default()[select.value() as usize] = Some(dims);
    true.into()
}

extern "C" fn set_shape_values(this: Ptr, _: Text, _: c_int, _: *const i64, _: i32) -> Bool {
    state::<Profile>(this).log.error("setShapeValuesV2: the fake has no shape tensors");
    false.into()
}

extern "C" fn is_valid(this: Ptr) -> Bool {
    let shapes = state::<Profile>(this).shapes();
    shapes.values().all(|three| three.iter().all(Option::is_some)).into()
}
