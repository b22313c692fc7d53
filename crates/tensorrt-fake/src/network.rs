//! `INetworkDefinition` and `ITensor`.

use std::ffi::{CString, c_int};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tensorrt::abi::Ptr;
use tensorrt::abi::call::Text;
use tensorrt::abi::enums::DataType;
use tensorrt::abi::types::Dims;

use crate::object::{Class, create, state};
use crate::onnx::{Graph, Value};
use crate::settings::slots;
use crate::table::{Table, Vtable};

/// `INetworkDefinition`.
pub(crate) struct Network {
    /// Whether types come from the model alone.
    pub(crate) strongly_typed: bool,
    content: Mutex<Content>,
}

/// What a parser put into a network.
#[derive(Default)]
pub(crate) struct Content {
    pub(crate) graph: Graph,
    name: CString,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
}

impl Network {
    pub(crate) fn new(strongly_typed: bool) -> Self {
        Self { strongly_typed, content: Mutex::default() }
    }

    pub(crate) fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills the network, whose `I…` pointer is `object`.
    pub(crate) fn fill(&self, object: Ptr, graph: Graph) {
        let tensors = |values: &[Value]| -> Vec<usize> {
            let make = |value: &Value| create(Tensor::new(value), Some(object)).expose_provenance();
            values.iter().map(make).collect()
        };
        let content = Content {
            name: CString::new(graph.name.replace('\0', " ")).unwrap_or_default(),
            inputs: tensors(&graph.inputs),
            outputs: tensors(&graph.outputs),
            graph,
        };
        *self.content() = content;
    }
}

impl Class for Network {
    const NAME: &'static str = "VNetworkDefinition";

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let (rows, mut table) = (slots().network, Vtable::new(Network::NAME));
            table.set(rows.get_nb_layers, nb_layers);
            table.set(rows.get_nb_inputs, nb_inputs);
            table.set(rows.get_input, input);
            table.set(rows.get_nb_outputs, nb_outputs);
            table.set(rows.get_output, output);
            table.set(rows.get_name, name);
            table.finish()
        })
    }
}

extern "C" fn nb_layers(this: Ptr) -> i32 {
    state::<Network>(this).content().graph.nodes.len() as i32
}

extern "C" fn nb_inputs(this: Ptr) -> i32 {
    state::<Network>(this).content().inputs.len() as i32
}

extern "C" fn nb_outputs(this: Ptr) -> i32 {
    state::<Network>(this).content().outputs.len() as i32
}

fn at(tensors: &[usize], index: i32) -> Ptr {
    let found = usize::try_from(index).ok().and_then(|index| tensors.get(index));
    found.map_or(std::ptr::null_mut(), |tensor| std::ptr::with_exposed_provenance_mut(*tensor))
}

extern "C" fn input(this: Ptr, index: i32) -> Ptr {
    at(&state::<Network>(this).content().inputs, index)
}

extern "C" fn output(this: Ptr, index: i32) -> Ptr {
    at(&state::<Network>(this).content().outputs, index)
}

extern "C" fn name(this: Ptr) -> Text {
    state::<Network>(this).content().name.as_ptr() // lives until the network is filled again
}

/// `ITensor`, which the network owns.
struct Tensor {
    name: CString,
    dims: Dims,
    data_type: DataType,
}

impl Tensor {
    fn new(value: &Value) -> Self {
        Self {
            name: CString::new(value.name.replace('\0', " ")).unwrap_or_default(),
            dims: Dims::new(&value.dims).unwrap_or(Dims::UNKNOWN),
            data_type: value.data_type,
        }
    }
}

impl Class for Tensor {
    const NAME: &'static str = "VTensor";
    const OWNED: bool = true;

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let (rows, mut table) = (slots().tensor, Vtable::new(Tensor::NAME));
            table.set(rows.get_name, tensor_name);
            table.set(rows.get_dimensions, tensor_dims);
            table.set(rows.get_type, tensor_type);
            table.finish()
        })
    }
}

extern "C" fn tensor_name(this: Ptr) -> Text {
    state::<Tensor>(this).name.as_ptr()
}

extern "C" fn tensor_dims(this: Ptr) -> Dims {
    state::<Tensor>(this).dims
}

extern "C" fn tensor_type(this: Ptr) -> c_int {
    state::<Tensor>(this).data_type.0
}
