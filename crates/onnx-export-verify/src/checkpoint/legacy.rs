//! The legacy form: five pickles one after another (magic number, version, machine, objects, keys of the
//! storages), then each storage in the order of its key: the number of its elements (8 bytes, little-endian)
//! and the elements.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::error::{Error, Result};
use super::pickle::{Heap, Storage, Value, load};
use super::source::Extent;
use super::{Limits, Parts, of_pickle, torch};

/// 0x1950a86a20f9469cfc6c, as a pickle writes it.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The only version there is.
const VERSION: i64 = 1001;

/// Reads the list of tensors.
pub(super) fn read(path: &Path, file: &mut File, size: u64, limits: &Limits) -> Result<Parts> {
    let failed = |source| Error::io(path, source);
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut reader = BufReader::new(&mut *file);
    let mut heap = Heap::default();
    let mut next = || load(&mut reader, &mut heap, limits);
    let magic = next();
    let is_magic = match magic {
        Ok(Value::Long(id)) => heap.bytes.get(id).is_some_and(|bytes| **bytes == MAGIC),
        _ => false,
    };
    if !is_magic {
        // a plain pickle of something else; what it asks for is worth telling
        if let Err(error @ super::pickle::PickleError::Refused(_)) = magic {
            return Err(of_pickle(path, error));
        }
        return Err(Error::unknown(
            path,
            "a pickle, but not one that torch.save wrote",
            "save the weights with torch.save(model.state_dict(), …) or as .safetensors",
        ));
    }
    let mut next = || load(&mut reader, &mut heap, limits).map_err(|error| of_pickle(path, error));
    match next()? {
        Value::Int(VERSION) => {}
        Value::Int(other) => {
            let reason = format!("version {other} of the legacy form is not known");
            return Err(Error::damaged(path, reason));
        }
        _ => return Err(Error::damaged(path, "the legacy form without its version")),
    }
    // what machine wrote it: storages are little-endian whatever it says
    next()?;
    let root = next()?;
    let keys = next()?;
    let start = reader.stream_position().map_err(failed)?;
    drop(reader);

    let extents = storages(path, file, start, size, &heap, keys)?;
    let index: HashMap<&str, usize> =
        extents.iter().enumerate().map(|(index, (key, _))| (key.as_str(), index)).collect();
    let mut locate = |storage: &Storage| {
        let missing = || Error::damaged(path, format!("the file has no storage `{}`", storage.key));
        let &index = index.get(storage.key.as_str()).ok_or_else(missing)?;
        Ok((index, extents[index].1.bytes))
    };
    let entries = torch::entries(path, &heap, root, limits, &mut locate)?;
    let extents = extents.into_iter().map(|(_, extent)| extent).collect();
    Ok(Parts { entries, extents, swapped: false })
}

/// Follows the storages through the file.
fn storages(
    path: &Path,
    file: &mut File,
    start: u64,
    size: u64,
    heap: &Heap,
    keys: Value,
) -> Result<Vec<(String, Extent)>> {
    let failed = |source| Error::io(path, source);
    let unit = |storage: &Storage| storage.element.map_or(1, super::Element::size);
    let units: HashMap<&str, u64> =
        heap.storages.iter().map(|storage| (storage.key.as_str(), unit(storage))).collect();
    let keys = heap.sequence(keys).ok_or_else(|| Error::damaged(path, "no list of storages"))?;
    let mut at = start;
    let mut extents = Vec::new();
    for &key in keys {
        let key = match key {
            Value::Int(key) => key.to_string(),
            key => heap.text(key).unwrap_or_default().to_owned(),
        };
        let unknown = || Error::damaged(path, format!("storage `{key}` belongs to no tensor"));
        let unit = *units.get(key.as_str()).ok_or_else(unknown)?;
        file.seek(SeekFrom::Start(at)).map_err(failed)?;
        let mut count = [0; 8];
        file.read_exact(&mut count).map_err(failed)?;
        let count = u64::from_le_bytes(count);
        let begin = at.saturating_add(8);
        let bytes = count.checked_mul(unit);
        let end = bytes.and_then(|bytes| begin.checked_add(bytes)).filter(|&end| end <= size);
        let (Some(bytes), Some(end)) = (bytes, end) else {
            let left = size.saturating_sub(begin);
            let reason = format!(
                "storage `{key}` claims {count} elements of {unit} bytes, but the file has {left} bytes left"
            );
            return Err(Error::damaged(path, reason));
        };
        extents.push((key, Extent { start: begin, bytes, deflated: None }));
        at = end;
    }
    Ok(extents)
}
