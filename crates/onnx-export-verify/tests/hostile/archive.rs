//! Zip archives that lie about their members.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::dice::Dice;

/// A file in an archive.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) content: Vec<u8>,
    pub(super) deflated: bool,
}

/// The members of an archive as its list gives them; those that are damaged are left out.
pub(super) fn members(bytes: &[u8]) -> Vec<Member> {
    let mut found = Vec::new();
    let Ok(mut archive) = zip::ZipArchive::new(std::io::Cursor::new(bytes)) else { return found };
    for index in 0..archive.len() {
        let Ok(mut file) = archive.by_index(index) else { continue };
        let Ok(name) = file.name().map(std::borrow::Cow::into_owned) else { continue };
        let deflated = file.compression() != zip::CompressionMethod::Stored;
        let mut content = Vec::new();
        if std::io::copy(&mut file, &mut content).is_ok() {
            found.push(Member { name, content, deflated });
        }
    }
    found
}

/// An archive; with `lies` its numbers are not always true.
pub(super) fn write(dice: &mut Dice, members: &[Member], lies: bool) -> Vec<u8> {
    let lie = |dice: &mut Dice, truth: u64| -> u32 {
        let value = if lies && dice.one_in(12) { dice.number() as u64 } else { truth };
        value as u32
    };
    let (mut bytes, mut list) = (Vec::new(), Vec::new());
    for member in members {
        let packed =
            if member.deflated { deflate(&member.content) } else { member.content.clone() };
        let start = bytes.len() as u64;
        let method = if lies && dice.one_in(30) {
            dice.byte().into()
        } else {
            u16::from(member.deflated) * 8
        };
        let flags = u16::from(lies && dice.one_in(40));
        let (small, large) =
            (lie(dice, packed.len() as u64), lie(dice, member.content.len() as u64));
        let name = lie(dice, member.name.len() as u64) as u16;
        let extra = if lies && dice.one_in(10) { zip64(dice) } else { Vec::new() };
        let numbers = |out: &mut Vec<u8>| {
            for number in [0, u32::from(flags), u32::from(method)] {
                out.extend((number as u16).to_le_bytes());
            }
            for number in [0, 0, small, large] {
                out.extend(number.to_le_bytes());
            }
            out.extend(name.to_le_bytes());
        };
        bytes.extend(b"PK\x03\x04");
        numbers(&mut bytes);
        bytes.extend([0, 0]);
        bytes.extend(member.name.as_bytes());
        bytes.extend(&packed);
        list.extend(b"PK\x01\x02\0\0");
        numbers(&mut list);
        list.extend((extra.len() as u16).to_le_bytes());
        list.extend([0; 10]);
        list.extend(lie(dice, start).to_le_bytes());
        list.extend(member.name.as_bytes());
        list.extend(extra);
    }
    let start = bytes.len() as u64;
    let size = list.len() as u64;
    bytes.extend(list);
    if lies && dice.one_in(8) {
        end64(dice, &mut bytes);
    }
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        bytes.extend((lie(dice, members.len() as u64) as u16).to_le_bytes());
    }
    bytes.extend(lie(dice, size).to_le_bytes());
    bytes.extend(lie(dice, start).to_le_bytes());
    bytes.extend((lie(dice, 0) as u16).to_le_bytes());
    bytes
}

/// An extra field with 64-bit sizes.
fn zip64(dice: &mut Dice) -> Vec<u8> {
    let numbers: Vec<u8> = (0..dice.below(4)).flat_map(|_| dice.number().to_le_bytes()).collect();
    [[1, 0].to_vec(), (numbers.len() as u16).to_le_bytes().to_vec(), numbers].concat()
}

/// The record with 64-bit numbers, and what points at it.
fn end64(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let at = if dice.one_in(2) { bytes.len() as i64 } else { dice.number() };
    bytes.extend(b"PK\x06\x06");
    bytes.extend([0; 20]);
    for _ in 0..4 {
        bytes.extend(dice.number().to_le_bytes());
    }
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(at.to_le_bytes());
    bytes.extend([1, 0, 0, 0]);
}

/// As a zip archive holds it.
pub(super) fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Zeros that take a thousandth of their size.
pub(super) fn bomb(dice: &mut Dice) -> Vec<u8> {
    vec![*dice.pick(b"\0(.]N"); 1 << (10 + dice.below(14))]
}

/// Changes, doubles, renames and removes members.
pub(super) fn mutate(dice: &mut Dice, members: &mut Vec<Member>) {
    const NAMES: [&str; 8] = [
        "../../x",
        "/etc/passwd",
        "archive/data.pkl",
        "a/data.pkl",
        "byteorder",
        "archive/byteorder",
        "",
        "archive/data/0",
    ];
    for _ in 0..=dice.below(2) {
        if members.is_empty() {
            return;
        }
        let at = dice.below(members.len());
        match dice.below(8) {
            0 => members[at].deflated ^= true,
            1 => {
                let again = members[at].clone();
                members.push(again);
            }
            2 => members[at].name = (*dice.pick(&NAMES)).to_owned(),
            3 => drop(members.remove(at)),
            4 => (members[at].content, members[at].deflated) = (bomb(dice), true),
            _ => super::bytes::mutate(dice, &mut members[at].content),
        }
    }
}
