//! From the values of a pickle to tensors by name, each view compared with its storage.

use std::collections::HashSet;
use std::path::Path;

use super::error::{Error, Result};
use super::pickle::{Heap, Id, Storage, Tensor, Value};
use super::source::{View, count_and_span};
use super::{Entry, Limits};

/// A view may repeat elements (stride 0) only up to this many; beyond, it may not be larger than its storage.
const REPEATED: u64 = 1 << 20;

/// Finds the extent of a storage and how many bytes it has.
pub(super) type Locate<'a> = dyn FnMut(&Storage) -> Result<(usize, u64)> + 'a;

/// All tensors below `root` in the order of the file.
///
/// # Errors
/// A view outside its storage, a storage outside its extent, more tensors or longer names than allowed.
pub(super) fn entries(
    path: &Path,
    heap: &Heap,
    root: Value,
    limits: &Limits,
    locate: &mut Locate<'_>,
) -> Result<Vec<Entry>> {
    let mut walk = Walk { path, heap, limits, locate, seen: HashSet::new(), entries: Vec::new() };
    walk.value(root, String::new(), 0, 0)?;
    Ok(walk.entries)
}

struct Walk<'a, 'b> {
    path: &'a Path,
    heap: &'a Heap,
    limits: &'a Limits,
    locate: &'a mut Locate<'b>,
    /// Containers that were visited: each is listed under its first name only.
    seen: HashSet<(bool, Id)>,
    entries: Vec<Entry>,
}

impl Walk<'_, '_> {
    fn value(&mut self, value: Value, name: String, home: usize, depth: u64) -> Result<()> {
        let heap = self.heap;
        match value {
            Value::Tensor(id) => self.tensor(id, name, home),
            Value::Dict(id) if self.enters(false, id, &name, depth)? => {
                // as in Python, the last value of a key counts, at the place of the first
                let mut items: Vec<(String, Value)> = Vec::new();
                let mut places = std::collections::HashMap::new();
                for &(key, value) in heap.dict(value).unwrap_or_default() {
                    if !matches!(value, Value::Tensor(_) | Value::Dict(_) | Value::Sequence(_)) {
                        continue;
                    }
                    let Some(key) = self.key(key)? else { continue };
                    if let Some(&place) = places.get(&key) {
                        items[place] = (key, value);
                    } else {
                        places.insert(key.clone(), items.len());
                        items.push((key, value));
                    }
                }
                for (key, value) in items {
                    let home = home_of(&name);
                    self.value(value, self.join(&name, &key)?, home, depth + 1)?;
                }
                Ok(())
            }
            Value::Sequence(id) if self.enters(true, id, &name, depth)? => {
                for (index, &value) in heap.sequence(value).unwrap_or_default().iter().enumerate() {
                    if matches!(value, Value::Tensor(_) | Value::Dict(_) | Value::Sequence(_)) {
                        let home = home_of(&name);
                        let name = self.join(&name, &index.to_string())?;
                        self.value(value, name, home, depth + 1)?;
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether a container is to be visited.
    fn enters(&mut self, sequence: bool, id: Id, name: &str, depth: u64) -> Result<bool> {
        if depth >= self.limits.depth {
            let reason = format!("`{name}` lies more than {} dictionaries deep", self.limits.depth);
            return Err(Error::damaged(self.path, reason));
        }
        Ok(self.seen.insert((sequence, id)))
    }

    fn key(&self, key: Value) -> Result<Option<String>> {
        match key {
            Value::Int(number) => Ok(Some(number.to_string())),
            key => match self.heap.text(key) {
                Some(text) if text.len() > self.limits.name => self.too_long(text).map(Some),
                text => Ok(text.map(str::to_owned)),
            },
        }
    }

    fn too_long(&self, name: &str) -> Result<String> {
        let start: String = name.chars().take(40).collect();
        Err(Error::damaged(self.path, format!("the name `{start}…` is {} bytes long", name.len())))
    }

    fn join(&self, name: &str, key: &str) -> Result<String> {
        let joined = if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
        if joined.len() > self.limits.name { self.too_long(&joined) } else { Ok(joined) }
    }

    fn tensor(&mut self, id: Id, name: String, home: usize) -> Result<()> {
        if self.entries.len() >= self.limits.tensors {
            let reason = format!("more than {} tensors", self.limits.tensors);
            return Err(Error::damaged(self.path, reason));
        }
        let wrong = |reason: String| Error::tensor(self.path, &name, reason);
        let no_tensor = || Error::damaged(self.path, "a tensor that was not made");
        let tensor = self.heap.tensors.get(id).ok_or_else(no_tensor)?;
        let storage = self.heap.storages.get(tensor.storage).ok_or_else(no_tensor)?;
        let (extent, there) = (self.locate)(storage)?;
        let start = checked(tensor, storage, there).map_err(wrong)?;
        let size = |&size: &u64| usize::try_from(size).ok();
        let shape: Option<Vec<usize>> = tensor.shape.iter().map(size).collect();
        let shape = shape.ok_or_else(|| wrong("has an impossible size".to_owned()))?;
        let view = View { extent, start, strides: tensor.strides.clone() };
        self.entries.push(Entry { name, shape, element: tensor.element, home, view });
        Ok(())
    }
}

/// The length of a dictionary's name and its dot.
fn home_of(name: &str) -> usize {
    if name.is_empty() { 0 } else { name.len() + 1 }
}

/// The first byte of a tensor in its extent of `there` bytes.
fn checked(tensor: &Tensor, storage: &Storage, there: u64) -> std::result::Result<u64, String> {
    let impossible = || "has an impossible size".to_owned();
    let unit = storage.element.map_or(1, super::Element::size);
    let (claimed, begin) = storage
        .count
        .checked_mul(unit)
        .zip(storage.offset.checked_mul(unit))
        .ok_or_else(impossible)?;
    if begin.checked_add(claimed).is_none_or(|end| end > there) {
        return Err(format!(
            "its storage `{}` claims {claimed} bytes, but there are {}",
            storage.key,
            there.saturating_sub(begin)
        ));
    }
    let shape: Vec<usize> = tensor
        .shape
        .iter()
        .map(|&size| usize::try_from(size).ok())
        .collect::<Option<_>>()
        .ok_or_else(impossible)?;
    let (count, span) = count_and_span(&shape, &tensor.strides).ok_or_else(impossible)?;
    let size = tensor.element.size();
    let first = tensor.offset.checked_mul(size).ok_or_else(impossible)?;
    let end = span.checked_mul(size).and_then(|bytes| bytes.checked_add(first));
    if end.is_none_or(|end| end > claimed) {
        return Err(format!(
            "reaches to element {} of a storage of {}",
            tensor.offset.saturating_add(span),
            claimed / size
        ));
    }
    if count > REPEATED && count > claimed / size {
        return Err(format!("has {count} elements in a storage of {}", claimed / size));
    }
    begin.checked_add(first).ok_or_else(impossible)
}
