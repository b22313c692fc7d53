//! What a call in a pickle gives, by its global: a container, a view of a storage, or nothing of use.

use super::globals::Global;
use super::heap::{Storage, Tensor, Value};
use super::{Machine, Result, wrong};
use crate::checkpoint::Element;

/// Most dimensions of a tensor; torch's own limit.
const MOST_DIMENSIONS: usize = 64;

/// Longest name of a storage; torch counts them.
const MOST_LETTERS: usize = 200;

impl Machine<'_> {
    /// Globals, and what makes objects of them.
    pub(super) fn object(&mut self, opcode: u8) -> Result<()> {
        let value = match opcode {
            b'c' => {
                let (module, name) = (self.input.line()?, self.input.line()?);
                self.global(&module, &name)
            }
            0x93 => {
                let names = self.last(2)?;
                let text = |value| self.heap.text(value).map(str::to_owned);
                let (Some(module), Some(name)) = (text(names[0]), text(names[1])) else {
                    return Err(wrong("a global whose name is no text"));
                };
                self.global(&module, &name)
            }
            b'R' | 0x81 => {
                let items = self.last(2)?;
                self.call(items[0], items[1])?
            }
            0x92 => {
                let items = self.last(3)?;
                self.call(items[0], items[1])?
            }
            b'b' => {
                // attributes such as `_metadata` of a state dictionary: of no use here
                self.pop()?;
                self.top()?;
                return Ok(());
            }
            b'i' => {
                let (module, name) = (self.input.line()?, self.input.line()?);
                let class = self.global(&module, &name);
                let items = self.marked()?;
                let arguments = self.heap.new_sequence(items);
                self.call(class, arguments)?
            }
            b'o' => {
                let mut items = self.marked()?;
                if items.is_empty() {
                    return Err(wrong("an object without a class"));
                }
                let class = items.remove(0);
                let arguments = self.heap.new_sequence(items);
                self.call(class, arguments)?
            }
            _ => {
                let id = self.pop()?;
                self.storage(id)?
            }
        };
        self.push(value)
    }

    fn call(&mut self, callee: Value, arguments: Value) -> Result<Value> {
        let global = match callee {
            Value::Global(global) => global,
            Value::Opaque => return Ok(Value::Opaque),
            _ => return Err(wrong("a call of something that is no function")),
        };
        let arguments = self.heap.sequence(arguments);
        let arguments = arguments.ok_or_else(|| wrong("a call without arguments"))?;
        let first = arguments.first().copied();
        match global {
            Global::Inert | Global::Refused | Global::Element(_) | Global::Storage(_) => {
                Ok(Value::Opaque)
            }
            Global::Dict => self.new_dict(first),
            Global::Sequence => {
                let items = first.and_then(|items| self.heap.sequence(items));
                let items = items.unwrap_or_default().to_vec();
                self.count(items.len())?;
                Ok(self.heap.new_sequence(items))
            }
            Global::Parameter => match first {
                Some(tensor @ (Value::Tensor(_) | Value::Opaque)) => Ok(tensor),
                _ => Err(wrong("a parameter without a tensor")),
            },
            Global::Tensor => {
                let arguments = short(arguments)?;
                self.tensor(&arguments, None)
            }
            Global::TypedTensor => {
                let arguments = short(arguments)?;
                let Some(Value::Global(Global::Element(element))) = arguments.get(6) else {
                    return Err(wrong("a tensor without an element type"));
                };
                self.tensor(&arguments, Some(*element))
            }
            Global::FromType => match (first, arguments.get(2)) {
                // one level: the function of a subclass is never this one again
                (Some(Value::Global(inner)), Some(&inner_arguments))
                    if inner != Global::FromType =>
                {
                    self.call(Value::Global(inner), inner_arguments)
                }
                _ => Ok(Value::Opaque),
            },
            Global::Reconstructor => match first {
                Some(Value::Global(Global::Dict)) => self.new_dict(None),
                _ => Ok(Value::Opaque),
            },
        }
    }

    /// A dictionary of pairs, or of another dictionary; else an empty one (`defaultdict`).
    fn new_dict(&mut self, items: Option<Value>) -> Result<Value> {
        let pair = |item: &Value| match self.heap.sequence(*item) {
            Some([key, value]) => Some((*key, *value)),
            _ => None,
        };
        let items = match items {
            Some(value @ Value::Sequence(_)) => {
                self.heap.sequence(value).unwrap_or_default().iter().filter_map(pair).collect()
            }
            Some(value @ Value::Dict(_)) => self.heap.dict(value).unwrap_or_default().to_vec(),
            _ => Vec::new(),
        };
        self.count(items.len())?;
        Ok(self.heap.new_dict(items))
    }

    /// Copies cost as much as what is read.
    fn count(&mut self, items: usize) -> Result<()> {
        self.objects = self.objects.saturating_add(items as u64);
        if self.objects > self.limits.objects {
            return Err(super::limit("objects", self.limits.objects));
        }
        Ok(())
    }

    /// `("storage", class, key, location, number of elements[, view])`.
    fn storage(&mut self, id: Value) -> Result<Value> {
        let items =
            self.heap.sequence(id).ok_or_else(|| wrong("a persistent object of no kind"))?;
        let kind = items.first().and_then(|&kind| self.heap.text(kind)).unwrap_or_default();
        if kind == "module" {
            self.refused.insert("torch.nn.Module (a whole module with its source)".to_owned());
            return Ok(Value::Opaque);
        }
        let (class, count) = match items {
            [_, Value::Global(Global::Storage(class)), _, _, Value::Int(count), ..] => {
                (*class, u64::try_from(*count))
            }
            [_, Value::Global(Global::Refused), ..] => return Ok(Value::Opaque),
            _ => return Err(wrong("a persistent object that is no storage")),
        };
        let key = match items[2] {
            Value::Int(key) => key.to_string(),
            key => self.heap.text(key).ok_or_else(|| wrong("a storage without a name"))?.to_owned(),
        };
        if key.len() > MOST_LETTERS {
            return Err(wrong(format!("a storage with a name of {} letters", key.len())));
        }
        let count = count.map_err(|_negative| wrong("a storage of a negative size"))?;
        let mut storage = Storage { key, element: class, count, offset: 0 };
        if let Some(view) = items.get(5).and_then(|&view| self.heap.sequence(view)) {
            let [_, Value::Int(offset), Value::Int(size), ..] = view else {
                return Err(wrong("a view of a storage that is no view"));
            };
            let part = |number: i64| {
                u64::try_from(number).map_err(|_negative| wrong("a view of a negative size"))
            };
            (storage.offset, storage.count) = (part(*offset)?, part(*size)?);
        }
        self.heap.storages.push(storage);
        Ok(Value::Storage(self.heap.storages.len() - 1))
    }

    /// Storage, offset, size, stride, …
    fn tensor(&mut self, arguments: &[Value], element: Option<Element>) -> Result<Value> {
        let (storage, offset, shape, strides) = match *arguments {
            [Value::Storage(storage), Value::Int(offset), shape, strides, ..] => {
                (storage, offset, self.sizes(shape)?, self.sizes(strides)?)
            }
            [Value::Opaque, ..] => return Ok(Value::Opaque),
            _ => return Err(wrong("a tensor without storage, offset, size and stride")),
        };
        let own = self.heap.storages.get(storage).and_then(|storage| storage.element);
        let element = element.or(own).ok_or_else(|| wrong("a tensor of no element type"))?;
        let offset =
            u64::try_from(offset).map_err(|_negative| wrong("a tensor with a negative offset"))?;
        if shape.len() != strides.len() {
            return Err(wrong("a tensor whose size and stride differ in length"));
        }
        self.heap.tensors.push(Tensor { storage, element, offset, shape, strides });
        Ok(Value::Tensor(self.heap.tensors.len() - 1))
    }

    fn sizes(&mut self, value: Value) -> Result<Vec<u64>> {
        let items = self.heap.sequence(value).ok_or_else(|| wrong("a size that is no tuple"))?;
        if items.len() > MOST_DIMENSIONS {
            return Err(wrong(format!("a tensor of more than {MOST_DIMENSIONS} dimensions")));
        }
        let size = |item: &Value| match *item {
            Value::Int(size) => u64::try_from(size).ok(),
            _ => None,
        };
        let sizes: Option<Vec<u64>> = items.iter().map(size).collect();
        let sizes = sizes.ok_or_else(|| wrong("a size or stride below zero, or of no number"))?;
        self.count(sizes.len())?;
        Ok(sizes)
    }
}

/// The arguments that count; torch gives up to eight.
fn short(arguments: &[Value]) -> Result<Vec<Value>> {
    if arguments.len() > 16 {
        return Err(wrong("a tensor with too many arguments"));
    }
    Ok(arguments.to_vec())
}
