//! What a pickle builds: plain values, and containers in one arena, so that neither sharing, nor a list
//! that holds itself, nor a million nested tuples can cost more than what was read.

use super::globals::Global;
use crate::checkpoint::Element;

/// Index into one of the arenas of a [`Heap`].
pub(in crate::checkpoint) type Id = usize;

/// One value; containers by index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::checkpoint) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits, as little-endian bytes.
    Long(Id),
    Float(f64),
    Text(Id),
    Bytes(Id),
    /// A list, tuple or set.
    Sequence(Id),
    Dict(Id),
    Global(Global),
    Storage(Id),
    Tensor(Id),
    /// Something that is of no use here and was not made.
    Opaque,
}

/// A run of elements in the file.
#[derive(Clone, Debug)]
pub(in crate::checkpoint) struct Storage {
    /// Name in the file.
    pub(in crate::checkpoint) key: String,
    /// Type of its elements; `None` = bytes of no type.
    pub(in crate::checkpoint) element: Option<Element>,
    /// Number of elements that it claims.
    pub(in crate::checkpoint) count: u64,
    /// Where it begins in the storage `key`, in elements.
    pub(in crate::checkpoint) offset: u64,
}

/// A view of a storage.
#[derive(Clone, Debug)]
pub(in crate::checkpoint) struct Tensor {
    pub(in crate::checkpoint) storage: Id,
    pub(in crate::checkpoint) element: Element,
    /// First element in the storage.
    pub(in crate::checkpoint) offset: u64,
    pub(in crate::checkpoint) shape: Vec<u64>,
    /// Elements between neighbours of each axis.
    pub(in crate::checkpoint) strides: Vec<u64>,
}

/// Everything that was built.
#[derive(Debug, Default)]
pub(in crate::checkpoint) struct Heap {
    pub(in crate::checkpoint) texts: Vec<Box<str>>,
    pub(in crate::checkpoint) bytes: Vec<Box<[u8]>>,
    pub(in crate::checkpoint) sequences: Vec<Vec<Value>>,
    pub(in crate::checkpoint) dicts: Vec<Vec<(Value, Value)>>,
    pub(in crate::checkpoint) storages: Vec<Storage>,
    pub(in crate::checkpoint) tensors: Vec<Tensor>,
}

impl Heap {
    pub(in crate::checkpoint) fn text(&self, value: Value) -> Option<&str> {
        match value {
            Value::Text(id) => self.texts.get(id).map(|text| &**text),
            _ => None,
        }
    }

    pub(in crate::checkpoint) fn sequence(&self, value: Value) -> Option<&[Value]> {
        match value {
            Value::Sequence(id) => self.sequences.get(id).map(Vec::as_slice),
            _ => None,
        }
    }

    pub(in crate::checkpoint) fn dict(&self, value: Value) -> Option<&[(Value, Value)]> {
        match value {
            Value::Dict(id) => self.dicts.get(id).map(Vec::as_slice),
            _ => None,
        }
    }

    pub(super) fn new_text(&mut self, text: impl Into<Box<str>>) -> Value {
        self.texts.push(text.into());
        Value::Text(self.texts.len() - 1)
    }

    pub(super) fn new_bytes(&mut self, bytes: Vec<u8>) -> Value {
        self.bytes.push(bytes.into());
        Value::Bytes(self.bytes.len() - 1)
    }

    pub(super) fn new_sequence(&mut self, items: Vec<Value>) -> Value {
        self.sequences.push(items);
        Value::Sequence(self.sequences.len() - 1)
    }

    pub(super) fn new_dict(&mut self, items: Vec<(Value, Value)>) -> Value {
        self.dicts.push(items);
        Value::Dict(self.dicts.len() - 1)
    }
}
