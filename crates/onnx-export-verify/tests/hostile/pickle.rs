//! Pickles instruction by instruction.

use super::dice::Dice;

/// All instructions up to protocol 5.
const OPCODES: &[u8] = b"(.012FIJKLMNPQRSTUVXabc}defghijlopqrstu)]\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98BGC";

const GLOBALS: &[&str] = &[
    "torch._utils\n_rebuild_tensor_v2\n",
    "collections\nOrderedDict\n",
    "torch\nFloatStorage\n",
    "torch\nHalfStorage\n",
    "torch.storage\nUntypedStorage\n",
    "posix\nsystem\n",
    "torch._utils\n_rebuild_parameter\n",
    "builtins\neval\n",
    "torch\nSize\n",
    "torch\ndevice\n",
    "\n\n",
    "numpy.core.multiarray\nscalar\n",
];

/// An instruction with an argument of about the right form.
fn instruction(dice: &mut Dice) -> Vec<u8> {
    let opcode = *dice.pick(OPCODES);
    let mut bytes = vec![opcode];
    match opcode {
        b'J' | b'r' | b'j' => bytes.extend((dice.number() as u32).to_le_bytes()),
        b'K' | b'q' | b'h' | b'\x80' | b'\x82' => bytes.push(dice.byte()),
        b'M' | b'\x83' => bytes.extend((dice.number() as u16).to_le_bytes()),
        b'X' | b'T' | b'B' | b'\x8b' => text(dice, &mut bytes, 4),
        b'U' | b'C' | b'\x8a' | b'\x8c' => text(dice, &mut bytes, 1),
        b'\x8d' | b'\x8e' | b'\x95' | b'\x96' => text(dice, &mut bytes, 8),
        b'G' => bytes.extend(dice.bits().to_be_bytes()),
        b'c' | b'i' => bytes.extend(dice.pick(GLOBALS).as_bytes()),
        b'I' | b'L' | b'F' | b'g' | b'p' => bytes.extend(format!("{}\n", dice.number()).as_bytes()),
        b'V' | b'S' | b'P' => bytes.extend(b"'text'\n"),
        _ => {}
    }
    bytes
}

/// A length of so many bytes, true or not, and as many bytes as there are.
fn text(dice: &mut Dice, bytes: &mut Vec<u8>, width: usize) {
    let length = dice.below(20);
    let claim = if dice.one_in(4) { dice.number() as u64 } else { length as u64 };
    bytes.extend(&claim.to_le_bytes()[..width]);
    bytes.extend(dice.noise(length));
}

/// Puts instructions into a pickle, or takes its place with a bomb.
pub(super) fn mutate(dice: &mut Dice, pickle: &mut Vec<u8>) {
    if dice.one_in(8) {
        *pickle = bomb(dice);
        return;
    }
    for _ in 0..=dice.below(5) {
        let at = dice.below(pickle.len() + 1);
        let new = instruction(dice);
        let end = if dice.one_in(2) { (at + new.len()).min(pickle.len()) } else { at };
        pickle.splice(at..end, new);
    }
}

/// What grows or nests without end.
fn bomb(dice: &mut Dice) -> Vec<u8> {
    let count = dice.below(20_000);
    let many = |part: &[u8]| part.repeat(count);
    let body = match dice.below(9) {
        0 => many(b"("),
        1 => many(b"]"),
        // lists in lists, and tuples of twice the same
        2 => [many(b"]"), many(b"a")].concat(),
        3 => [b"]".to_vec(), many(b"2\x86")].concat(),
        4 => [b"]q\0".to_vec(), many(b"h\0h\0\x86q\0")].concat(),
        // dictionaries that hold themselves
        5 => b"}q\0U\x01ah\0s".repeat(count / 8 + 1),
        6 => many(b"}U\x01a"),
        7 => [b"\x80\x02X".to_vec(), u32::MAX.to_le_bytes().to_vec(), vec![b'a'; 100]].concat(),
        _ => (0..count as u32 / 4)
            .flat_map(|n| [b"Nr".to_vec(), n.wrapping_mul(99_991).to_le_bytes().to_vec()].concat())
            .collect(),
    };
    [b"\x80\x02".to_vec(), body, b".".to_vec()].concat()
}
