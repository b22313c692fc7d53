//! One row of the text, byte by byte.
//!
//! No tree is built. What stands between two numbers is nearly always what stood there in the row before, so one
//! comparison passes over it; a number becomes whole nanoseconds without passing through a float.

use super::Row;

/// Why a row could not be read.
#[derive(Debug)]
pub(super) enum Stop {
    /// The buffer ends within it.
    More,
    /// It is wrong here.
    Wrong {
        /// Offset in the buffer.
        at: usize,
        /// What was expected and what was found.
        what: String,
    },
}

pub(super) type Step<T> = Result<T, Stop>;

/// Containers within containers that are skipped below an unknown key.
const DEEPEST: usize = 32;
/// Keys whose order is remembered.
const REMEMBERED: usize = 32;
const KEYS: usize = 13;
const START_ENQUEUE: usize = 0;
const START_IN: usize = 2;

/// Key, its place in a row, and whether it is a name of 7.x.
const NAMES: [(&str, usize, bool); 19] = [
    ("startEnqMs", START_ENQUEUE, false),
    ("endEnqMs", 1, false),
    ("startH2dMs", START_IN, false),
    ("endH2dMs", 3, false),
    ("startComputeMs", 4, false),
    ("endComputeMs", 5, false),
    ("startD2hMs", 6, false),
    ("endD2hMs", 7, false),
    ("h2dMs", 8, false),
    ("computeMs", 9, false),
    ("d2hMs", 10, false),
    ("latencyMs", 11, false),
    ("endToEndMs", 12, false),
    ("startInMs", START_IN, true),
    ("endInMs", 3, true),
    ("startOutMs", 6, true),
    ("endOutMs", 7, true),
    ("inMs", 8, true),
    ("outMs", 10, true),
];

/// What stood before each number of the row before, from the end of the one to its left, and the entry of
/// [`NAMES`] whose value it is. The text was read and found right once, so it need not be read again.
#[derive(Debug, Default)]
pub(super) struct Layout(Vec<Option<(Vec<u8>, usize)>>);

/// Reads forward through a buffer.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

#[derive(Default)]
struct Values {
    ns: [i64; KEYS],
    present: [bool; KEYS],
    of_seven: bool,
}

impl Values {
    fn row(mut self) -> Row {
        // 7.2 prints the copy's stamps under the names of the enqueue call, and the other way round
        if self.of_seven && self.present[START_ENQUEUE] && self.present[START_IN] {
            for k in 0..2 {
                self.ns.swap(START_ENQUEUE + k, START_IN + k);
                self.present.swap(START_ENQUEUE + k, START_IN + k);
            }
        }
        let get = |place: usize| self.present[place].then_some(self.ns[place]);
        Row {
            start_enqueue_ns: get(0),
            end_enqueue_ns: get(1),
            start_h2d_ns: get(2),
            end_h2d_ns: get(3),
            start_compute_ns: get(4),
            end_compute_ns: get(5),
            start_d2h_ns: get(6),
            end_d2h_ns: get(7),
            h2d_ns: get(8),
            compute_ns: get(9),
            d2h_ns: get(10),
            latency_ns: get(11),
            end_to_end_ns: get(12),
        }
    }
}

impl Cursor<'_> {
    /// The byte here.
    pub(super) fn peek(&self) -> Step<u8> {
        self.bytes.get(self.at).copied().ok_or(Stop::More)
    }

    /// The next byte that is no white space, not yet taken.
    pub(super) fn space(&mut self) -> Step<u8> {
        loop {
            match self.peek()? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Ok(byte),
            }
        }
    }

    /// Something else stands here.
    pub(super) fn wrong<T>(&self, expected: &str) -> Step<T> {
        Err(Stop::Wrong {
            at: self.at,
            what: format!("expected {expected}, found {}", self.here()),
        })
    }

    fn here(&self) -> String {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let end = rest.iter().position(|&byte| !byte.is_ascii_graphic()).unwrap_or(rest.len());
        match rest.first() {
            None => "the end".to_owned(),
            Some(byte) if end == 0 => format!("the byte {byte:#04x}"),
            Some(_) => format!("`{}`", String::from_utf8_lossy(&rest[..end.min(20)])),
        }
    }

    fn expect(&mut self, byte: u8, name: &str) -> Step<()> {
        if self.space()? != byte {
            return self.wrong(name);
        }
        self.at += 1;
        Ok(())
    }

    /// A row, from its `{` to its `}`.
    pub(super) fn row(&mut self, layout: &mut Layout) -> Step<Row> {
        let start = self.at;
        self.at += 1;
        let mut values = Values::default();
        let mut place = 0;
        loop {
            if let Some((length, entry)) = self.as_before(layout, place) {
                self.at += length;
                self.value(entry, &mut values)?;
                place += 1;
                continue;
            }
            let before = self.at;
            match self.space()? {
                b'}' => break,
                b',' if place > 0 => self.at += 1,
                _ if place == 0 => {}
                _ => return self.wrong("`,` or `}`"),
            }
            self.pair(layout, (place, before), &mut values)?;
            place += 1;
        }
        self.at += 1;
        let row = values.row();
        row.fault().map_or(Ok(row), |what| Err(Stop::Wrong { at: start, what }))
    }

    /// Whether what stands here is what stood before this number in the row before: its length and its entry.
    fn as_before(&self, layout: &Layout, place: usize) -> Option<(usize, usize)> {
        let (text, entry) = layout.0.get(place)?.as_ref()?;
        let rest = self.bytes[self.at..].strip_prefix(text.as_slice())?;
        // `null` is looked at below
        rest.first().is_some_and(|byte| *byte != b'n').then_some((text.len(), *entry))
    }

    /// A key and its value; `place` is its number in the row and where the text before its value begins.
    fn pair(
        &mut self,
        layout: &mut Layout,
        (place, before): (usize, usize),
        values: &mut Values,
    ) -> Step<()> {
        if self.space()? != b'"' {
            return self.wrong("a key");
        }
        let start = self.at;
        self.string()?;
        let name = &self.bytes[start + 1..self.at - 1];
        let known = NAMES.iter().position(|(known, ..)| known.as_bytes() == name);
        self.expect(b':', "`:`")?;
        self.space()?;
        let text = &self.bytes[before..self.at];
        layout.0.resize(layout.0.len().max((place + 1).min(REMEMBERED)), None);
        if let Some(remembered) = layout.0.get_mut(place) {
            *remembered = known.map(|entry| (text.to_vec(), entry));
        }
        match known {
            None => self.skip(),
            Some(_) if self.literal(b"null")? => Ok(()),
            Some(entry) => self.value(entry, values),
        }
    }

    /// The number of a known key.
    fn value(&mut self, entry: usize, values: &mut Values) -> Step<()> {
        let (name, slot, of_seven) = NAMES[entry];
        if values.present[slot] {
            return Err(Stop::Wrong { at: self.at, what: format!("{name} stands twice in a row") });
        }
        values.ns[slot] = self.nanos(name)?;
        values.present[slot] = true;
        values.of_seven |= of_seven;
        Ok(())
    }

    /// Passes over a string, from quote to quote.
    fn string(&mut self) -> Step<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                0..0x20 => return self.wrong("a text without control characters"),
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Ok(())
    }

    /// Takes a word when it stands here.
    fn literal(&mut self, word: &[u8]) -> Step<bool> {
        let rest = &self.bytes[self.at..];
        if rest.len() < word.len() && word.starts_with(rest) {
            return Err(Stop::More);
        }
        let found = rest.starts_with(word);
        if found {
            self.at += word.len();
        }
        Ok(found)
    }

    /// Passes over the value of a key that is not known here.
    fn skip(&mut self) -> Step<()> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.space()? {
                b'"' => self.string()?,
                byte @ (b'{' | b'[') => {
                    if open.len() == DEEPEST {
                        return self.wrong("at most 32 values within each other");
                    }
                    open.push(if byte == b'{' { b'}' } else { b']' });
                    self.at += 1;
                    continue;
                }
                byte if open.last() == Some(&byte) => {
                    open.pop();
                    self.at += 1;
                }
                b',' | b':' if !open.is_empty() => {
                    self.at += 1;
                    continue;
                }
                byte if byte.is_ascii_alphanumeric() || byte == b'-' => self.word()?,
                _ => return self.wrong("a value"),
            }
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    /// Passes over a number or a literal.
    fn word(&mut self) -> Step<()> {
        while matches!(self.peek()?, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.') {
            self.at += 1;
        }
        Ok(())
    }
}
