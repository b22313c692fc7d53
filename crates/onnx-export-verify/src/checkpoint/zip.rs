//! The zip form: `NAME/data.pkl` says which tensors there are, `NAME/data/<key>` holds a storage each.
//!
//! The archive is read here and not by a library, because its sizes are claims of a stranger: each is compared
//! with the file before anything is reserved. Members are found by their whole name within the archive and are
//! never written anywhere, so that a name such as `../../x` is a name like any other.

mod directory;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

use flate2::read::DeflateDecoder;

use self::directory::{Member, directory, locate};
use super::error::{Error, Result};
use super::pickle::{Heap, Storage, load};
use super::source::Extent;
use super::{Limits, Parts, of_pickle, torch};

/// Most bytes that deflated data can become: 258 for 2 bits, and a block's own cost.
const MOST_INFLATED: u64 = 1040;

/// Reads the list of tensors.
pub(super) fn read(path: &Path, file: &mut File, size: u64, limits: &Limits) -> Result<Parts> {
    let members = directory(path, file, size, limits)?;
    let folder = folder(path, &members)?;
    let swapped = byte_order(path, file, size, &members, &folder)?;
    let pickle = &members[&format!("{folder}data.pkl")];
    if pickle.size > limits.pickle_bytes {
        let reason = format!("its list of objects has {} bytes", pickle.size);
        return Err(Error::damaged(path, reason));
    }
    let extent = extent(path, file, size, "data.pkl", pickle)?;
    let mut heap = Heap::default();
    let mut reader = BufReader::new(opened(path, file, extent)?);
    let root = load(&mut reader, &mut heap, limits).map_err(|error| of_pickle(path, error))?;
    drop(reader);

    let mut extents = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut locate = |storage: &Storage| -> Result<(usize, u64)> {
        if let Some(&index) = known.get(&storage.key) {
            return Ok((index, extents.get(index).map_or(0, |extent: &Extent| extent.bytes)));
        }
        let name = format!("{folder}data/{}", storage.key);
        let missing = || Error::damaged(path, format!("the archive has no member `{name}`"));
        let member = members.get(&name).ok_or_else(missing)?;
        let extent = self::extent(path, file, size, &name, member)?;
        extents.push(extent);
        known.insert(storage.key.clone(), extents.len() - 1);
        Ok((extents.len() - 1, extent.bytes))
    };
    let entries = torch::entries(path, &heap, root, limits, &mut locate)?;
    Ok(Parts { entries, extents, swapped })
}

/// The folder of the archive in which the checkpoint is, with its slash.
fn folder(path: &Path, members: &HashMap<String, Member>) -> Result<String> {
    let of = |name: &str| name.strip_suffix("data.pkl").map(str::to_owned);
    let inside = |folder: &String| folder.is_empty() || folder.ends_with('/');
    let mut folders: Vec<String> =
        members.keys().filter_map(|name| of(name)).filter(inside).collect();
    folders.sort_by_key(|folder| (folder.matches('/').count(), folder.clone()));
    let has = |end: &str| members.keys().any(|name| name.ends_with(end));
    if has("/constants.pkl") || members.keys().any(|name| name.contains("/code/__torch__")) {
        return Err(Error::unknown(
            path,
            "a TorchScript program, which is more than weights",
            "give the state dictionary of the model it was made from",
        ));
    }
    match folders.into_iter().next() {
        Some(folder) => Ok(folder),
        None if has(".npy") => Err(Error::unknown(
            path,
            "an archive of numpy arrays, not a checkpoint",
            "save the weights with torch.save(…) or as .safetensors",
        )),
        None => Err(Error::unknown(
            path,
            "a zip archive without data.pkl: not a checkpoint of PyTorch",
            "give a file that torch.save wrote",
        )),
    }
}

/// Whether elements are big-endian.
fn byte_order(
    path: &Path,
    file: &mut File,
    size: u64,
    members: &HashMap<String, Member>,
    folder: &str,
) -> Result<bool> {
    let Some(member) = members.get(&format!("{folder}byteorder")) else { return Ok(false) };
    let extent = extent(path, file, size, "byteorder", member)?;
    let mut text = String::new();
    let failed = |source| Error::io(path, source);
    opened(path, file, extent)?.take(16).read_to_string(&mut text).map_err(failed)?;
    match text.trim() {
        "little" => Ok(false),
        "big" => Ok(true),
        other => Err(Error::damaged(path, format!("byte order {other:?} is not known"))),
    }
}

/// Where a member's bytes are.
fn extent(path: &Path, file: &mut File, size: u64, name: &str, member: &Member) -> Result<Extent> {
    let wrong = |reason: &str| Error::damaged(path, format!("member `{name}` {reason}"));
    if member.encrypted {
        return Err(wrong("is encrypted"));
    }
    let start = locate(path, file, size, member).map_err(|error| match error {
        Error::Damaged { reason, .. } => wrong(&reason),
        other => other,
    })?;
    let deflated = match member.method {
        0 if member.size != member.packed => {
            return Err(wrong("is stored, but has two different sizes"));
        }
        0 => None,
        8 if member.size / MOST_INFLATED > member.packed => {
            return Err(wrong(&format!(
                "claims to be {} bytes out of {}, more than deflate can give",
                member.size, member.packed
            )));
        }
        8 => Some(member.packed),
        method => return Err(wrong(&format!("is packed by method {method}, which is not read"))),
    };
    Ok(Extent { start, bytes: member.size, deflated })
}

/// A member's bytes.
fn opened<'a>(path: &Path, file: &'a mut File, extent: Extent) -> Result<Box<dyn Read + 'a>> {
    file.seek(SeekFrom::Start(extent.start)).map_err(|source| Error::io(path, source))?;
    Ok(match extent.deflated {
        None => Box::new(file.take(extent.bytes)),
        Some(packed) => Box::new(DeflateDecoder::new(file.take(packed)).take(extent.bytes)),
    })
}
