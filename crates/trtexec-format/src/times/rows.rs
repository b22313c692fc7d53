//! The rows of a file as a stream, in a buffer of fixed size.

use std::io::{ErrorKind, Read};

use super::cursor::{Cursor, Layout, Step, Stop};
use super::{Error, Row};

/// Bytes that are held at once; no row is longer.
const BUFFER: usize = 256 << 10;

/// How a file ended, once all its rows were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With the `]` of its array.
    Complete,
    /// Before that: its writer was killed, or the file was copied in part.
    CutOff {
        /// Where, in bytes of the text.
        at: u64,
        /// Where and how, in words.
        why: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the `[`.
    Array,
    /// A row or the `]`.
    First,
    /// After a row: `,` or the `]`.
    Between,
    /// After a `,`: a row.
    Row,
    /// After the `]`.
    After,
    /// Nothing more comes.
    Done,
}

/// Reads the rows of exported times one by one; after the last, [`Rows::end`] tells whether the file was whole.
///
/// Memory is one buffer of 256 KiB, whatever the file holds. Text that ends early is no error: the rows
/// before are good. Anything else that is not the format is one, and ends the stream.
#[derive(Debug)]
pub struct Rows<R> {
    from: R,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    /// Bytes before the buffer.
    before: u64,
    state: State,
    layout: Layout,
    count: u64,
    end: End,
}

impl<R: Read> Rows<R> {
    /// Starts at the beginning of a text; gzip is the caller's matter.
    pub fn new(from: R) -> Self {
        Self {
            from,
            buffer: vec![0; BUFFER],
            at: 0,
            filled: 0,
            before: 0,
            state: State::Array,
            layout: Layout::default(),
            count: 0,
            end: End::Complete,
        }
    }

    /// How the file ended; of use once all rows were read.
    pub fn end(&self) -> &End {
        &self.end
    }

    /// Rows so far.
    pub fn count_so_far(&self) -> u64 {
        self.count
    }

    /// The next row from what is in the buffer; `None` after the last.
    fn step(&mut self) -> Step<Option<Row>> {
        let mut cursor = Cursor { bytes: &self.buffer[..self.filled], at: self.at };
        loop {
            let byte = cursor.space();
            // white space is done with, however much of it there is
            self.at = cursor.at;
            let byte = byte?;
            self.state = match (self.state, byte) {
                (State::Array, b'[') => State::First,
                (State::First | State::Between, b']') => State::After,
                (State::Between, b',') => State::Row,
                (State::First | State::Row, b'{') => {
                    let row = cursor.row(&mut self.layout)?;
                    self.at = cursor.at;
                    self.state = State::Between;
                    return Ok(Some(row));
                }
                (State::Array, _) => return cursor.wrong("`[`, with which exported times begin"),
                (State::First, _) => return cursor.wrong("a row `{ … }` or `]`"),
                (State::Between, _) => return cursor.wrong("`,` or `]` after a row"),
                (State::Row, _) => return cursor.wrong("a row `{ … }`"),
                (State::After | State::Done, _) => return cursor.wrong("nothing after `]`"),
            };
            cursor.at += 1;
            self.at = cursor.at;
        }
    }

    /// Moves what is left to the front and reads on; whether there was more.
    fn fill(&mut self) -> std::io::Result<bool> {
        self.buffer.copy_within(self.at..self.filled, 0);
        self.before += self.at as u64;
        self.filled -= self.at;
        self.at = 0;
        let start = self.filled;
        while self.filled < self.buffer.len() {
            match self.from.read(&mut self.buffer[self.filled..]) {
                Ok(0) => break,
                Ok(n) => self.filled += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // as a gzip stream ends that was cut off
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
        }
        Ok(self.filled > start)
    }

    fn advance(&mut self) -> Result<Option<Row>, Error> {
        loop {
            match self.step() {
                Ok(row) => return Ok(row),
                Err(Stop::Wrong { at, what }) => return self.wrong(at, what),
                Err(Stop::More) if self.at == 0 && self.filled == self.buffer.len() => {
                    return self.wrong(0, format!("a row of more than {} KiB", BUFFER >> 10));
                }
                Err(Stop::More) => {
                    if !self.fill()? {
                        if self.state != State::After {
                            let within = if self.at < self.filled { ", within a row" } else { "" };
                            self.cut_off(self.before + self.filled as u64, within);
                        }
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// What is wrong, unless it is what a loss of power leaves: zero bytes to the end.
    fn wrong(&mut self, at: usize, what: String) -> Result<Option<Row>, Error> {
        let place = self.before + at as u64;
        let zero = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 0);
        if self.count > 0 && at < self.filled && zero(&self.buffer[at..self.filled]) {
            loop {
                self.at = self.filled;
                if !self.fill()? {
                    self.cut_off(place, ", where zero bytes begin");
                    return Ok(None);
                }
                if !zero(&self.buffer[..self.filled]) {
                    break;
                }
            }
        }
        Err(Error::Format { row: self.count + 1, at: place, what })
    }

    fn cut_off(&mut self, at: u64, how: &str) {
        let rows = if self.count == 1 { "row" } else { "rows" };
        let why = format!("cut off at byte {at}{how}, after {} complete {rows}", self.count);
        self.end = End::CutOff { at, why };
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Done {
            return None;
        }
        let row = self.advance();
        match &row {
            Ok(Some(_)) => self.count += 1,
            Ok(None) | Err(_) => self.state = State::Done,
        }
        row.transpose()
    }
}
