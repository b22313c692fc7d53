//! Expected answers: `.npz` archives of arrays, and tensors in `.pb` files.

use std::fs;
use std::path::Path;

use onnx_export_verify::verify::expected::Expected;
use prost::Message as _;

use super::archive::{self, Member};
use super::dice::Dice;
use super::{bytes, graph};

/// Writes `answers.npz`, or two `.pb` files.
pub(super) fn write(dice: &mut Dice, folder: &Path) {
    let (npz, set) = (folder.join("answers.npz"), folder.join("set"));
    if npz.exists() {
        fs::remove_file(&npz).unwrap();
    }
    if dice.one_in(2) {
        fs::create_dir_all(&set).unwrap();
        for name in ["input_0.pb", "output_0.pb"] {
            fs::write(set.join(name), tensor(dice)).unwrap();
        }
        return;
    }
    let name = |n: usize| ["x.npy", "y.npy", "../z.npy", "", "x"][n].to_owned();
    let mut members: Vec<Member> = (0..=dice.below(3))
        .map(|n| Member { name: name(n), content: array(dice), deflated: dice.one_in(2) })
        .collect();
    if dice.one_in(3) {
        archive::mutate(dice, &mut members);
    }
    let lies = dice.one_in(3);
    fs::write(npz, archive::write(dice, &members, lies)).unwrap();
}

fn tensor(dice: &mut Dice) -> Vec<u8> {
    let mut tensor = graph::weight(dice, "y");
    if dice.one_in(4) {
        tensor.dims = dice.numbers();
    }
    if dice.one_in(4) {
        tensor.data_type = dice.below(30) as i32 - 2;
    }
    let mut file = tensor.encode_to_vec();
    if dice.one_in(3) {
        bytes::mutate(dice, &mut file);
    }
    file
}

/// An array whose header may promise anything.
fn array(dice: &mut Dice) -> Vec<u8> {
    const KINDS: [&str; 12] =
        ["<f4", "<f4", "<f8", "<i8", "|u1", ">f4", "|b1", "<f2", "|O", "<U9", "<c8", "f4"];
    let sizes: Vec<usize> = (0..dice.below(4)).map(|_| dice.below(5)).collect();
    let shape: Vec<String> = if dice.one_in(5) {
        dice.numbers().iter().map(ToString::to_string).collect()
    } else {
        sizes.iter().map(ToString::to_string).collect()
    };
    let comma = if shape.len() == 1 { "," } else { "" };
    let order = *dice.pick(&["False", "False", "True", "None"]);
    let mut header = format!(
        "{{'descr': '{}', 'fortran_order': {order}, 'shape': ({}{comma}), }}",
        dice.pick(&KINDS),
        shape.join(", ")
    )
    .into_bytes();
    if dice.one_in(10) {
        header = (*dice.pick(&["(", "{'a':", "["])).repeat(dice.below(20_000)).into_bytes();
    }
    header.push(b'\n');
    let claim = if dice.one_in(8) { dice.number() as u32 } else { header.len() as u32 };
    let mut file = b"\x93NUMPY".to_vec();
    if dice.one_in(2) {
        file.extend([1, 0]);
        file.extend((claim as u16).to_le_bytes());
    } else {
        file.extend([dice.below(4) as u8, 0]);
        file.extend(claim.to_le_bytes());
    }
    file.extend(header);
    let length = sizes.iter().product::<usize>() * *dice.pick(&[1, 2, 4, 4, 4, 8]);
    file.extend(dice.noise(length));
    if dice.one_in(4) {
        bytes::mutate(dice, &mut file);
    }
    file
}

/// Reads the answers.
pub(super) fn read(folder: &Path) -> bool {
    let npz = folder.join("answers.npz");
    let path = if npz.exists() { npz } else { folder.join("set/output_0.pb") };
    let Ok(expected) = Expected::open(&path) else { return false };
    for set in &expected.sets {
        let _ = set.shapes(&["x".to_owned(), "y".to_owned()]);
        for named in set.inputs.iter().chain(&set.outputs) {
            let count: usize = named.dims.iter().product();
            assert_eq!(
                named.values.len(),
                count,
                "`{}` has another size than its shape",
                named.name
            );
        }
    }
    true
}
