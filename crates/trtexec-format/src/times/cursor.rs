//! One row of the text, byte by byte.
//!
//! No tree is built: keys of a row nearly always come in the order of the row before, so a comparison finds
//! them; a number becomes whole nanoseconds without passing through a float.

use super::{LONGEST_NS, Row};

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

/// The keys of the row before, in its order: with quotes, and the entry of [`NAMES`] where it is known.
#[derive(Debug, Default)]
pub(super) struct Layout(Vec<(Vec<u8>, Option<usize>)>);

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

    /// A row, from its `{` to its `}`; the outer `Err` is the buffer's, the inner one the row's.
    pub(super) fn row(&mut self, layout: &mut Layout) -> Step<Row> {
        let start = self.at;
        self.at += 1;
        let mut values = Values::default();
        let mut place = 0;
        while self.space()? != b'}' || place > 0 {
            self.pair(layout, place, &mut values)?;
            place += 1;
            match self.space()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return self.wrong("`,` or `}`"),
            }
        }
        self.at += 1;
        let row = values.row();
        row.fault().map_or(Ok(row), |what| Err(Stop::Wrong { at: start, what }))
    }

    fn pair(&mut self, layout: &mut Layout, place: usize, values: &mut Values) -> Step<()> {
        if self.space()? != b'"' {
            return self.wrong("a key");
        }
        let known = self.key(layout, place)?;
        self.expect(b':', "`:`")?;
        self.space()?;
        let Some((name, slot, of_seven)) = known.map(|entry| NAMES[entry]) else {
            return self.skip();
        };
        if self.literal(b"null")? {
            return Ok(());
        }
        if values.present[slot] {
            return Err(Stop::Wrong { at: self.at, what: format!("{name} stands twice in a row") });
        }
        values.ns[slot] = self.nanos(name)?;
        values.present[slot] = true;
        values.of_seven |= of_seven;
        Ok(())
    }

    /// Takes a key; which of [`NAMES`] it is.
    fn key(&mut self, layout: &mut Layout, place: usize) -> Step<Option<usize>> {
        if let Some((text, entry)) = layout.0.get(place)
            && self.bytes[self.at..].starts_with(text)
        {
            self.at += text.len();
            return Ok(*entry);
        }
        let start = self.at;
        self.string()?;
        let text = &self.bytes[start..self.at];
        let name = &text[1..text.len() - 1];
        let entry = NAMES.iter().position(|(known, ..)| known.as_bytes() == name);
        if place < layout.0.len() {
            layout.0[place] = (text.to_vec(), entry);
        } else if place == layout.0.len() && place < REMEMBERED {
            layout.0.push((text.to_vec(), entry));
        }
        Ok(entry)
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

    /// A number of milliseconds as nanoseconds, rounded half away from zero.
    fn nanos(&mut self, name: &str) -> Step<i64> {
        let start = self.at;
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative);
        // the value is digits · 10^scale ns
        let (mut digits, mut scale, first) = (0_u64, 6_i32, self.at);
        self.digits(&mut digits, |kept| i32::from(!kept), &mut scale)?;
        if self.at == first {
            self.at = start;
            return self.wrong(&format!("a number for {name}"));
        }
        if self.peek()? == b'.' {
            self.at += 1;
            self.digits(&mut digits, |kept| -i32::from(kept), &mut scale)?;
        }
        if matches!(self.peek()?, b'e' | b'E') {
            self.at += 1;
            scale = scale.saturating_add(self.exponent()?);
        }
        let ns = scaled(digits, scale).filter(|&ns| ns <= LONGEST_NS);
        let Some(ns) = ns else {
            let text = String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned();
            let what = format!("{name} is {text:.40} ms, which is above 115 days");
            return Err(Stop::Wrong { at: start, what });
        };
        Ok(if negative { -ns } else { ns })
    }

    /// Takes digits; those beyond 17 only count for the scale, by what `step` says of a kept and a lost one.
    fn digits(
        &mut self,
        digits: &mut u64,
        step: impl Fn(bool) -> i32,
        scale: &mut i32,
    ) -> Step<()> {
        loop {
            let digit = self.peek()?.wrapping_sub(b'0');
            if digit > 9 {
                return Ok(());
            }
            let kept = *digits < 100_000_000_000_000_000;
            if kept {
                *digits = *digits * 10 + u64::from(digit);
            }
            *scale = scale.saturating_add(step(kept));
            self.at += 1;
        }
    }

    fn exponent(&mut self) -> Step<i32> {
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative || self.peek()? == b'+');
        let (first, mut value) = (self.at, 0_i32);
        while let digit @ 0..=9 = self.peek()?.wrapping_sub(b'0') {
            value = value.saturating_mul(10).saturating_add(i32::from(digit)).min(100_000);
            self.at += 1;
        }
        if self.at == first {
            return self.wrong("digits of an exponent");
        }
        Ok(if negative { -value } else { value })
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

/// digits · 10^scale, rounded half up; `None` when it is beyond 64 bits.
fn scaled(digits: u64, scale: i32) -> Option<i64> {
    if digits == 0 {
        return Some(0);
    }
    let power = scale.unsigned_abs();
    if scale >= 0 {
        let factor = 10_u64.checked_pow(power)?;
        return i64::try_from(digits.checked_mul(factor)?).ok();
    }
    // digits are below 10^18
    let Some(divisor) = 10_u64.checked_pow(power).filter(|_| power <= 18) else { return Some(0) };
    i64::try_from((digits + divisor / 2) / divisor).ok()
}
