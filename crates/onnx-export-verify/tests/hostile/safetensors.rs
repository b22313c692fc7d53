//! `.safetensors` files with headers that lie.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use super::dice::Dice;
use super::{bytes, checkpoint};

/// Writes a file.
pub(super) fn write(dice: &mut Dice, folder: &Path) {
    static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| checkpoint::seeds("safetensors"));
    let seed = dice.pick(&SEEDS).clone();
    let length = seed.first_chunk().map_or(0, |b| u64::from_le_bytes(*b)) as usize;
    let end = length.saturating_add(8).min(seed.len());
    let (mut header, mut data) = (seed[8..end].to_vec(), seed[end..].to_vec());
    for _ in 0..dice.below(3) {
        change(dice, &mut header);
    }
    if dice.one_in(4) {
        bytes::mutate(dice, &mut data);
    }
    let claim = if dice.one_in(8) { dice.number() as u64 } else { header.len() as u64 };
    let mut file = [claim.to_le_bytes().to_vec(), header, data].concat();
    if dice.one_in(8) {
        bytes::mutate(dice, &mut file);
    }
    fs::write(folder.join("weights.bin"), file).unwrap();
}

/// Another number, another name, more braces.
fn change(dice: &mut Dice, header: &mut Vec<u8>) {
    let digits: Vec<usize> = (0..header.len()).filter(|&at| header[at].is_ascii_digit()).collect();
    match dice.below(8) {
        0..=2 if !digits.is_empty() => {
            let start = *dice.pick(&digits);
            let end = (start..header.len())
                .find(|&at| !header[at].is_ascii_digit())
                .unwrap_or(header.len());
            header.splice(start..end, dice.number().to_string().into_bytes());
        }
        3 => {
            let kinds = ["F32", "F16", "I64", "F8_E4M3", "BOOL", "X", "F64", "BF16"];
            let new = *dice.pick(&kinds);
            if let Some(at) = header.windows(3).position(|part| part == b"F32") {
                header.splice(at..at + 3, new.bytes());
            }
        }
        4 => {
            let deep = *dice.pick(&["[", "{\"a\":", "{\"shape\":["]);
            let at = dice.below(header.len() + 1);
            header.splice(at..at, deep.repeat(dice.below(8000)).into_bytes());
        }
        5 => {
            // a part twice: names that repeat
            let text = header.clone();
            if text.len() > 2 {
                header.pop();
                header.push(b',');
                header.extend(&text[1..]);
            }
        }
        _ => bytes::mutate(dice, header),
    }
}
