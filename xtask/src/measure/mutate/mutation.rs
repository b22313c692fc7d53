//! Damaged ONNX files from whole ones: a pure function of the file and a seed.
//!
//! ONNX is protobuf: a file is a row of fields, each a key, and for most of them a length and that many
//! bytes. Damage of bytes alone is caught by the first layer of any reader; the last four kinds keep the file
//! well-formed, so that they reach what stands behind it.

use std::fmt;

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// 1 to 8 bits are turned over.
    Bits,
    /// The end is cut off.
    Cut,
    /// A piece is copied over another place.
    Splice,
    /// The length of a field is made another number, up to 2⁶³.
    Length,
    /// A node of the graph stands twice.
    Twice,
    /// A node of the graph is gone.
    Gone,
    /// Bits are turned over inside of one node, where its names and attributes are.
    Node,
    /// A dimension, a type or an integer attribute becomes another one, up to 2⁶⁴ − 1.
    Number,
}

impl Kind {
    /// All kinds, in the order in which they take turns.
    pub(super) const ALL: [Self; 8] = [
        Self::Bits,
        Self::Cut,
        Self::Splice,
        Self::Length,
        Self::Twice,
        Self::Gone,
        Self::Node,
        Self::Number,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bits => "bits flipped",
            Self::Cut => "cut off",
            Self::Splice => "spliced",
            Self::Length => "length changed",
            Self::Twice => "node twice",
            Self::Gone => "node gone",
            Self::Node => "bits of a node",
            Self::Number => "number changed",
        })
    }
}

/// The file with damage of one kind; the same for the same seed.
pub(super) fn damage(file: &[u8], kind: Kind, seed: u64) -> Vec<u8> {
    let mut dice = Dice(seed);
    let mut bytes = file.to_vec();
    if bytes.is_empty() {
        return bytes;
    }
    match kind {
        Kind::Bits => flip(&mut bytes, &mut dice),
        Kind::Cut => bytes.truncate(dice.below(file.len())),
        Kind::Splice => {
            let length = 1 + dice.below(file.len().min(512));
            let from = dice.below(file.len() + 1 - length);
            let to = dice.below(file.len() + 1 - length);
            bytes.copy_within(from..from + length, to);
        }
        Kind::Length => lengthen(&mut bytes, &mut dice),
        Kind::Twice | Kind::Gone | Kind::Node => change_node(&mut bytes, kind, &mut dice),
        Kind::Number => change_number(&mut bytes, &mut dice),
    }
    bytes
}

fn flip(bytes: &mut [u8], dice: &mut Dice) {
    for _ in 0..=dice.below(8) {
        let at = dice.below(bytes.len());
        bytes[at] ^= 1 << dice.below(8);
    }
}

/// A length field of the model or of its graph gets a number that is too large, too small or absurd.
fn lengthen(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let top = fields(bytes, 0, bytes.len());
    let graph = top.iter().find(|field| field.number == GRAPH);
    let inner = graph.map(|graph| fields(bytes, graph.body, graph.end)).unwrap_or_default();
    let with_length: Vec<&Field> =
        top.iter().chain(&inner).filter(|field| field.length_at < field.body).collect();
    if with_length.is_empty() {
        return;
    }
    let field = with_length[dice.below(with_length.len())];
    let length = (field.end - field.body) as u64;
    let wrong =
        [length + 1, length.saturating_sub(1), length * 2 + 100, 1 << 31, 1 << 40, 1 << 63, 0];
    let number = varint(wrong[dice.below(wrong.len())]);
    bytes.splice(field.length_at..field.body, number);
}

/// Field of the model that holds the graph, and field of the graph that holds a node.
const GRAPH: u64 = 7;
const NODE: u64 = 1;
/// The numbers that shape a network: integers of attributes, dimensions and element types of weights,
/// dimensions and element types of inputs.
const NUMBERS: [&[u64]; 6] = [
    &[GRAPH, NODE, 5, 3],
    &[GRAPH, NODE, 5, 8],
    &[GRAPH, 5, 1],
    &[GRAPH, 5, 2],
    &[GRAPH, 11, 2, 1, 2, 1, 1],
    &[GRAPH, 11, 2, 1, 1],
];

fn change_node(bytes: &mut Vec<u8>, kind: Kind, dice: &mut Dice) {
    let changed = rewrite(bytes, &[GRAPH, NODE], dice, &mut |node, dice| match kind {
        Kind::Twice => [node, node].concat(),
        Kind::Gone => Vec::new(),
        _ => {
            let mut node = node.to_vec();
            let body = fields(&node, 0, node.len()).first().map_or(0, |field| field.body);
            flip(&mut node[body..], dice);
            node
        }
    });
    if let Some(changed) = changed {
        *bytes = changed;
    }
}

fn change_number(bytes: &mut Vec<u8>, dice: &mut Dice) {
    const ABSURD: [u64; 9] =
        [0, 1, 2, 7, 255, 1 << 31, (1 << 31) - 1, 1 << 62, (-1_i64).cast_unsigned()];
    let first = dice.below(NUMBERS.len());
    for path in NUMBERS.iter().cycle().skip(first).take(NUMBERS.len()) {
        let changed = rewrite(bytes, path, dice, &mut |field, dice| {
            let found = fields(field, 0, field.len());
            let Some(found) = found.first() else { return field.to_vec() };
            let number = varint(ABSURD[dice.below(ABSURD.len())]);
            // several numbers may stand in one field, with a length
            let head = if found.length_at < found.body {
                [&field[..found.length_at], &varint(number.len() as u64)].concat()
            } else {
                field[..found.body].to_vec()
            };
            [head, number].concat()
        });
        if let Some(changed) = changed {
            *bytes = changed;
            return;
        }
    }
}

/// What is done to a field, its key included.
type Change<'a> = &'a mut dyn FnMut(&[u8], &mut Dice) -> Vec<u8>;

/// The message with one field changed that lies on the path of field numbers; one is chosen where there
/// are several. The lengths around it are set anew. `None` when there is no such field.
fn rewrite(message: &[u8], path: &[u64], dice: &mut Dice, change: Change<'_>) -> Option<Vec<u8>> {
    let (number, rest) = path.split_first()?;
    let all = fields(message, 0, message.len());
    let here: Vec<&Field> = all.iter().filter(|field| field.number == *number).collect();
    let first = dice.below(here.len());
    for field in here.iter().cycle().skip(first).take(here.len()) {
        let new = if rest.is_empty() {
            Some(change(&message[field.start..field.end], dice))
        } else if let Some(body) = rewrite(&message[field.body..field.end], rest, dice, change) {
            let key = &message[field.start..field.length_at];
            Some([key, &varint(body.len() as u64), &body].concat())
        } else {
            None
        };
        if let Some(new) = new {
            return Some([&message[..field.start], &new, &message[field.end..]].concat());
        }
    }
    None
}

/// A field of a message, by offsets into the file.
#[derive(Debug, PartialEq, Eq)]
struct Field {
    number: u64,
    /// Of the key.
    start: usize,
    /// Of the length, where it has one; else the same as `body`.
    length_at: usize,
    body: usize,
    end: usize,
}

/// The fields between two offsets, as far as they make sense.
fn fields(bytes: &[u8], from: usize, to: usize) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut at = from;
    while at < to {
        let start = at;
        let Some((key, next)) = read_varint(bytes, at, to) else { break };
        let (length_at, body, end) = match key & 7 {
            0 => match read_varint(bytes, next, to) {
                Some((_, end)) => (next, next, end),
                None => break,
            },
            1 => (next, next, next + 8),
            2 => match read_varint(bytes, next, to) {
                Some((length, body)) => {
                    (next, body, body.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)))
                }
                None => break,
            },
            5 => (next, next, next + 4),
            _ => break,
        };
        if end > to {
            break;
        }
        fields.push(Field { number: key >> 3, start, length_at, body, end });
        at = end;
    }
    fields
}

fn read_varint(bytes: &[u8], from: usize, to: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.get(from..to)?.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if byte & 0x80 == 0 {
            return Some((value, from + index + 1));
        }
    }
    None
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// SplitMix64: good enough to choose places, and the same everywhere.
struct Dice(u64);

impl Dice {
    /// A number below `n`; 0 for 0.
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % (n.max(1) as u64)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tiny model of the repository.
    fn tiny() -> Vec<u8> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        std::fs::read(root.join("pipelines/models/tiny.onnx")).unwrap()
    }

    fn nodes(bytes: &[u8]) -> usize {
        let top = fields(bytes, 0, bytes.len());
        let graph = top.iter().find(|field| field.number == GRAPH).unwrap();
        fields(bytes, graph.body, graph.end).iter().filter(|f| f.number == NODE).count()
    }

    #[test]
    fn the_walk_covers_the_file() {
        let bytes = tiny();
        let top = fields(&bytes, 0, bytes.len());
        assert_eq!(top.first().map(|field| field.start), Some(0));
        assert_eq!(top.last().map(|field| field.end), Some(bytes.len()));
        assert!(nodes(&bytes) > 3, "{}", nodes(&bytes));
    }

    #[test]
    fn every_kind_changes_the_file_and_a_seed_repeats_it() {
        let bytes = tiny();
        for kind in Kind::ALL {
            let changed = (0..20).filter(|&seed| damage(&bytes, kind, seed) != bytes).count();
            assert!(changed >= 17, "{kind}: {changed}");
            assert_eq!(damage(&bytes, kind, 7), damage(&bytes, kind, 7));
        }
    }

    #[test]
    fn nodes_come_and_go_in_a_well_formed_file() {
        let bytes = tiny();
        for (kind, difference) in
            [(Kind::Twice, 1), (Kind::Gone, -1), (Kind::Node, 0), (Kind::Number, 0)]
        {
            for seed in 0..20 {
                let changed = damage(&bytes, kind, seed);
                let top = fields(&changed, 0, changed.len());
                assert_eq!(top.last().map(|field| field.end), Some(changed.len()), "{kind}");
                assert_eq!(nodes(&changed) as i64 - nodes(&bytes) as i64, difference, "{kind}");
            }
        }
    }

    #[test]
    fn any_bytes_can_be_damaged() {
        for file in [&b""[..], b"x", b"\x08", &[0xff; 40]] {
            for kind in Kind::ALL {
                for seed in 0..50 {
                    damage(file, kind, seed);
                }
            }
        }
        assert_eq!(varint(300), [0xac, 2]);
        assert_eq!(read_varint(&[0xac, 2], 0, 2), Some((300, 2)));
    }
}
