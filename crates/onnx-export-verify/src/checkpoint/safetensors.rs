//! The safetensors form: the length of a header (8 bytes, little-endian), the header as JSON, then the bytes of
//! all tensors without a gap.

use std::fmt;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::error::{Error, Result};
use super::source::{Extent, View};
use super::{Element, Entry, Limits, Parts};

/// Whether a file starts as this form does.
pub(super) fn is(start: &[u8], size: u64) -> bool {
    let Some((length, rest)) = start.split_first_chunk() else { return false };
    rest.first() == Some(&b'{') && u64::from_le_bytes(*length) <= size.max(1 << 40)
}

/// One tensor of the header.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Info {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// The header: tensors in its own order; a name that stands there twice stays twice.
#[derive(Debug)]
struct Header(Vec<(String, Info)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct HeaderVisitor;
        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Header, A::Error> {
                let mut infos = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        infos.push((name, map.next_value()?));
                    }
                }
                Ok(Header(infos))
            }
        }
        deserializer.deserialize_map(HeaderVisitor)
    }
}

/// Reads the list of tensors.
pub(super) fn read(path: &Path, file: &mut File, size: u64, limits: &Limits) -> Result<Parts> {
    let failed = |source| Error::io(path, source);
    let wrong = |reason: String| Error::damaged(path, reason);
    let mut length = [0; 8];
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    file.read_exact(&mut length).map_err(failed)?;
    let length = u64::from_le_bytes(length);
    let begin = length.checked_add(8).filter(|&begin| begin <= size);
    let Some(begin) = begin else {
        return Err(wrong(format!("its header claims {length} bytes, the file has {size}")));
    };
    if length > limits.pickle_bytes {
        return Err(wrong(format!("its header has {length} bytes")));
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text).map_err(failed)?;
    let header: Header = serde_json::from_slice(&text)
        .map_err(|error| wrong(format!("its header is not what it should be: {error}")))?;
    let infos = header.0;
    if infos.len() > limits.tensors {
        return Err(wrong(format!("more than {} tensors", limits.tensors)));
    }
    whole(path, &infos, size - begin)?;
    let mut parts = Parts { entries: Vec::new(), extents: Vec::new(), swapped: false };
    for (name, info) in infos {
        if name.len() > limits.name {
            return Err(wrong(format!("the name of a tensor is {} bytes long", name.len())));
        }
        let entry = entry(&name, &info, parts.extents.len());
        let [from, to] = info.data_offsets;
        let bytes = to.saturating_sub(from);
        parts.entries.push(entry.map_err(|reason| Error::tensor(path, &name, reason))?);
        parts.extents.push(Extent { start: begin.saturating_add(from), bytes, deflated: None });
    }
    Ok(parts)
}

/// Tensors must fill the file to its end, without gaps and without sharing.
fn whole(path: &Path, infos: &[(String, Info)], size: u64) -> Result<()> {
    let mut ranges: Vec<([u64; 2], &str)> =
        infos.iter().map(|(name, info)| (info.data_offsets, name.as_str())).collect();
    ranges.sort_unstable();
    let mut end = 0;
    for ([from, to], name) in ranges {
        if from != end || to < from {
            let reason = format!("lies at bytes {from} to {to}, where {end} comes next");
            return Err(Error::tensor(path, name, reason));
        }
        end = to;
    }
    if end == size {
        return Ok(());
    }
    let what = if end > size { ": it is cut short" } else { "" };
    Err(Error::damaged(path, format!("its tensors have {end} bytes, the file has {size}{what}")))
}

fn entry(name: &str, info: &Info, extent: usize) -> std::result::Result<Entry, String> {
    let element = match info.dtype.as_str() {
        "F64" => Element::F64,
        "F32" => Element::F32,
        "F16" => Element::F16,
        "BF16" => Element::Bf16,
        "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => Element::F8,
        "I64" => Element::I64,
        "I32" => Element::I32,
        "I16" => Element::I16,
        "I8" => Element::I8,
        "U64" => Element::U64,
        "U32" => Element::U32,
        "U16" => Element::U16,
        "U8" => Element::U8,
        "BOOL" => Element::Bool,
        "C64" => Element::C64,
        other => {
            let short: String = other.chars().take(20).collect();
            return Err(format!("element type {short:?} is not known"));
        }
    };
    let impossible = || "has an impossible size".to_owned();
    if info.shape.len() > 64 {
        return Err(impossible());
    }
    let count = info.shape.iter().try_fold(1_u64, |n, &size| n.checked_mul(size));
    let bytes = count.and_then(|count| count.checked_mul(element.size())).ok_or_else(impossible)?;
    let [from, to] = info.data_offsets;
    if to.checked_sub(from) != Some(bytes) {
        return Err(format!("needs {bytes} bytes, but lies at bytes {from} to {to}"));
    }
    let shape: Vec<usize> = info
        .shape
        .iter()
        .map(|&size| usize::try_from(size).ok())
        .collect::<Option<_>>()
        .ok_or_else(impossible)?;
    let mut strides = vec![0; shape.len()];
    let mut stride = 1_u64;
    for (place, &size) in strides.iter_mut().zip(&info.shape).rev() {
        *place = stride;
        stride = stride.saturating_mul(size);
    }
    let view = View { extent, start: 0, strides };
    Ok(Entry { name: name.to_owned(), shape, element, home: 0, view })
}
