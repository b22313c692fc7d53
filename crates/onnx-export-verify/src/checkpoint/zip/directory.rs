//! The list of members at the end of a zip archive, with 64-bit sizes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::checkpoint::Limits;
use crate::checkpoint::error::{Error, Result};

/// A member as the archive's list describes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Where its own header begins.
    header: u64,
    /// Bytes that it takes.
    pub(super) packed: u64,
    /// Bytes that it gives.
    pub(super) size: u64,
    /// 0 stored, 8 deflated.
    pub(super) method: u16,
    pub(super) encrypted: bool,
}

/// The end record without its comment.
const END: usize = 22;
const LOCATOR: usize = 20;
const END64: usize = 56;
const ENTRY: usize = 46;
const HEADER: usize = 30;

/// All members by name.
pub(super) fn directory(
    path: &Path,
    file: &mut File,
    size: u64,
    limits: &Limits,
) -> Result<HashMap<String, Member>> {
    let (start, length, count) = end(path, file, size)?;
    let wrong = |reason: &str| Error::damaged(path, reason.to_owned());
    if start.checked_add(length).is_none_or(|end| end > size) {
        return Err(wrong("the archive's list of members is not inside the file: it is cut short"));
    }
    if length > limits.directory_bytes {
        return Err(wrong(&format!("the archive's list of members has {length} bytes")));
    }
    let bytes = bytes(path, file, start, length)?;
    let mut members = HashMap::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let (name, member, after) =
            entry(rest).ok_or_else(|| wrong("the archive's list of members is damaged"))?;
        if members.insert(name.clone(), member).is_some() {
            return Err(wrong(&format!("the archive has two members `{name}`")));
        }
        rest = after;
    }
    if members.len() as u64 != count {
        let found = members.len();
        return Err(wrong(&format!("the archive claims {count} members, but lists {found}")));
    }
    Ok(members)
}

/// Start, length and number of entries of the list.
fn end(path: &Path, file: &mut File, size: u64) -> Result<(u64, u64, u64)> {
    let cut = || Error::damaged(path, "a zip archive without its end: the file is cut short");
    let reach = size.min(END as u64 + u64::from(u16::MAX));
    let from = size.saturating_sub(reach);
    let tail = bytes(path, file, from, reach)?;
    let last = tail.len().checked_sub(END).ok_or_else(cut)?;
    let is_end = |&at: &usize| {
        let comment = u16_at(&tail, at + 20).map(usize::from);
        tail[at..].starts_with(b"PK\x05\x06") && comment == Some(tail.len() - at - END)
    };
    let at = (0..=last).rev().find(is_end).ok_or_else(cut)?;
    let number = |offset| u32_at(&tail, at + offset).map(u64::from).ok_or_else(cut);
    let count = u16_at(&tail, at + 10).map(u64::from).ok_or_else(cut)?;
    let (length, start) = (number(12)?, number(16)?);
    if count != 0xffff && length != 0xffff_ffff && start != 0xffff_ffff {
        return Ok((start, length, count));
    }
    let locator = (from + at as u64).checked_sub(LOCATOR as u64).ok_or_else(cut)?;
    let locator = bytes(path, file, locator, LOCATOR as u64)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok((start, length, count));
    }
    let at = u64_at(&locator, 8).ok_or_else(cut)?;
    if at.checked_add(END64 as u64).is_none_or(|end| end > size) {
        return Err(cut());
    }
    let end64 = bytes(path, file, at, END64 as u64)?;
    if !end64.starts_with(b"PK\x06\x06") {
        return Err(cut());
    }
    let number = |offset| u64_at(&end64, offset).ok_or_else(cut);
    Ok((number(48)?, number(40)?, number(32)?))
}

/// One entry of the list, and what follows it.
fn entry(bytes: &[u8]) -> Option<(String, Member, &[u8])> {
    if !bytes.starts_with(b"PK\x01\x02") {
        return None;
    }
    let number = |offset| u32_at(bytes, offset).map(u64::from);
    let length = |offset| u16_at(bytes, offset).map(usize::from);
    let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
    let mut member = Member {
        header: number(42)?,
        packed: number(20)?,
        size: number(24)?,
        method: u16_at(bytes, 10)?,
        encrypted: u16_at(bytes, 8)? & 1 != 0,
    };
    let rest = bytes.get(ENTRY..)?;
    let (name, rest) = rest.split_at_checked(name)?;
    let (extra, rest) = rest.split_at_checked(extra)?;
    widen(&mut member, extra)?;
    Some((String::from_utf8_lossy(name).into_owned(), member, rest.get(comment..)?))
}

/// Takes the 64-bit sizes of the extra field for those that did not fit.
fn widen(member: &mut Member, mut extra: &[u8]) -> Option<()> {
    while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let Some(field) = extra.get(4..4 + usize::from(length)) else { return Some(()) };
        if id == 1 {
            let mut at = 0;
            for value in [&mut member.size, &mut member.packed, &mut member.header] {
                if *value == 0xffff_ffff {
                    *value = u64_at(field, at)?;
                    at += 8;
                }
            }
        }
        extra = &extra[4 + usize::from(length)..];
    }
    Some(())
}

/// Where the bytes of a member begin.
pub(super) fn locate(path: &Path, file: &mut File, size: u64, member: &Member) -> Result<u64> {
    let outside = || Error::damaged(path, "is not inside the file: it is cut short");
    if member.header.checked_add(HEADER as u64).is_none_or(|end| end > size) {
        return Err(outside());
    }
    let header = bytes(path, file, member.header, HEADER as u64)?;
    let length = |offset| u16_at(&header, offset).map(u64::from).ok_or_else(outside);
    if !header.starts_with(b"PK\x03\x04") {
        return Err(Error::damaged(path, "has no header where it should be"));
    }
    let start = member.header + HEADER as u64 + length(26)? + length(28)?;
    if start.checked_add(member.packed).is_none_or(|end| end > size) {
        return Err(outside());
    }
    Ok(start)
}

/// `length` bytes, which the caller knows to be inside the file.
fn bytes(path: &Path, file: &mut File, start: u64, length: u64) -> Result<Vec<u8>> {
    let failed = |source| Error::io(path, source);
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let mut bytes = Vec::new();
    let there = file.take(length).read_to_end(&mut bytes).map_err(failed)?;
    if there as u64 == length {
        Ok(bytes)
    } else {
        Err(Error::damaged(path, "the file is cut short"))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b))
}
