//! A network: what an ONNX parser fills and a builder builds.

use std::fmt;

use crate::abi::call::{call, good, implementation};
use crate::abi::enums::DataType;
use crate::abi::{Ptr, Slot};
use crate::builder::Builder;
use crate::error::{Error, Result};
use crate::library::text;
use crate::owned::Owned;
use crate::parser::ParserObject;

/// An input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its shape; −1 where the dimension is not fixed.
    pub dims: Vec<i64>,
    /// The type of its values.
    pub data_type: DataType,
}

/// A network (`INetworkDefinition`).
pub struct Network<'b> {
    /// Weights of the network lie in its parsers, so they live as long; dropped first.
    parsers: Vec<ParserObject>,
    owned: Owned,
    builder: &'b Builder,
    broken: bool,
}

type Count = Slot<unsafe extern "C" fn(Ptr) -> i32>;
type Get = Slot<unsafe extern "C" fn(Ptr, i32) -> Ptr>;

impl<'b> Network<'b> {
    /// # Safety
    /// `owned` is an `INetworkDefinition` of `builder`.
    pub(crate) unsafe fn new(builder: &'b Builder, owned: Owned) -> Self {
        Self { parsers: Vec::new(), owned, builder, broken: false }
    }

    /// How many layers it has.
    pub fn num_layers(&self) -> usize {
        self.count(self.owned.slots().network.get_nb_layers)
    }

    /// Its name, as the model says.
    pub fn name(&self) -> String {
        // SAFETY: a living `INetworkDefinition`, which owns the string.
        unsafe { text(call!(self.owned.this(), self.owned.slots().network.get_name)) }
            .unwrap_or_default()
    }

    /// Its inputs, in the order of the model.
    pub fn inputs(&self) -> Vec<TensorInfo> {
        let slots = self.owned.slots().network;
        self.tensors(slots.get_nb_inputs, slots.get_input)
    }

    /// Its outputs, in the order of the model.
    pub fn outputs(&self) -> Vec<TensorInfo> {
        let slots = self.owned.slots().network;
        self.tensors(slots.get_nb_outputs, slots.get_output)
    }

    fn count(&self, slot: Count) -> usize {
        // SAFETY: a living `INetworkDefinition`; the callers pass slots of that class.
        let count = unsafe { call!(self.owned.this(), slot) };
        usize::try_from(count).unwrap_or(0)
    }

    fn tensors(&self, count: Count, get: Get) -> Vec<TensorInfo> {
        let count = i32::try_from(self.count(count)).unwrap_or(0);
        // SAFETY: a living `INetworkDefinition`, and an index below its count.
        let tensor = |index| unsafe { call!(self.owned.this(), get, index) };
        // SAFETY: what the network gives there is an `ITensor` of its own.
        (0..count)
            .filter_map(tensor_at(tensor))
            .map(|object| unsafe { self.info(object) })
            .collect()
    }

    /// # Safety
    /// `object` is an `ITensor` of this network.
    unsafe fn info(&self, object: Ptr) -> TensorInfo {
        let slots = self.owned.slots().tensor;
        // SAFETY: an `ITensor` has an implementation word; the methods take nothing, and the network
        // owns the string.
        unsafe {
            let this = implementation(object);
            let dims = call!(this, slots.get_dimensions);
            TensorInfo {
                name: text(call!(this, slots.get_name)).unwrap_or_default(),
                dims: dims.as_slice().unwrap_or_default().to_vec(),
                data_type: DataType(call!(this, slots.get_type)),
            }
        }
    }

    pub(crate) fn object(&self) -> Ptr {
        self.owned.object()
    }

    pub(crate) fn owned(&self) -> &Owned {
        &self.owned
    }

    /// Keeps a parser as long as the network.
    pub(crate) fn keep(&mut self, parser: ParserObject) {
        self.parsers.push(parser);
    }

    /// A parser began (`true`) or finished (`false`) to fill it.
    pub(crate) fn set_broken(&mut self, broken: bool) {
        self.broken = broken;
    }

    /// An error where it has no outputs: such a network cannot be built.
    pub(crate) fn not_empty(&self) -> Result<()> {
        let slots = self.owned.slots().network;
        if self.count(slots.get_nb_outputs) > 0 {
            return Ok(());
        }
        let what = format!("{} layers and no outputs were read from it", self.num_layers());
        Err(Error::EmptyModel { what })
    }

    /// Whether `builder` can build it.
    pub(crate) fn ready(&self, builder: &Builder) -> Result<()> {
        builder.is(self.builder, "network")?;
        if self.broken {
            let what = "the network is incomplete: the parser refused its model".to_owned();
            return Err(Error::Argument { what });
        }
        self.not_empty()
    }
}

/// Only pointers that can be objects.
fn tensor_at(get: impl Fn(i32) -> Ptr) -> impl FnMut(i32) -> Option<Ptr> {
    move |index| good(get(index))
}

impl fmt::Debug for Network<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "network {:?} with {} layers", self.name(), self.num_layers())
    }
}
