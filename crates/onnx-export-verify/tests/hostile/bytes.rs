//! Mutations that know nothing of a format but its numbers.

use super::dice::Dice;

/// Larger files would only make cases slow.
pub(super) const LARGEST: usize = 64 << 10;

/// Changes bytes in one to four places.
pub(super) fn mutate(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..=dice.below(4) {
        once(dice, bytes);
        bytes.truncate(LARGEST);
    }
}

fn once(dice: &mut Dice, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        bytes.push(dice.byte());
        return;
    }
    let at = dice.below(bytes.len());
    match dice.below(10) {
        0 | 1 => bytes[at] ^= 1 << dice.below(8),
        2 => bytes[at] = *dice.pick(&[0, 1, 0x7f, 0x80, 0xfe, 0xff]),
        3 => overwrite(bytes, at, &(dice.number() as u64).to_le_bytes()),
        4 => overwrite(bytes, at, &(dice.number() as u32).to_le_bytes()),
        5 => {
            let number = varint(dice.number() as u64);
            let end = (at + dice.below(5)).min(bytes.len());
            bytes.splice(at..end, number);
        }
        6 => bytes.truncate(at),
        7 => {
            // a part once more, somewhere else
            let end = (at + dice.below(200)).min(bytes.len());
            let part = bytes[at..end].to_vec();
            let to = dice.below(bytes.len());
            bytes.splice(to..to, part);
        }
        8 => {
            let end = (at + dice.below(60)).min(bytes.len());
            bytes.drain(at..end);
        }
        _ => {
            let length = dice.below(16);
            let noise = dice.noise(length);
            bytes.splice(at..at, noise);
        }
    }
}

fn overwrite(bytes: &mut [u8], at: usize, new: &[u8]) {
    for (old, new) in bytes[at..].iter_mut().zip(new) {
        *old = *new;
    }
}

/// A number as protobuf writes it.
pub(super) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A protobuf field with a length, which may be a lie.
pub(super) fn field(tag: u64, length: u64, content: &[u8]) -> Vec<u8> {
    [varint(tag << 3 | 2), varint(length), content.to_vec()].concat()
}
