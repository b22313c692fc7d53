//! Lines of a child's output with a bound on each, and the last few of them.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read as _};
use std::sync::{Arc, Mutex, PoisonError};

/// A line as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The text without its end; bytes that are no UTF-8 are replaced.
    pub(super) text: String,
    /// Whether it ended with a line feed and was not longer than allowed.
    pub(super) whole: bool,
}

/// The next line, at most `most` bytes of it: a child that never ends a line cannot fill our memory.
/// The rest of a longer line comes as further lines.
///
/// # Errors
/// Errors of the pipe; at its end there is no line.
pub(super) fn next(source: &mut impl BufRead, most: u64) -> io::Result<Option<Line>> {
    let mut bytes = Vec::new();
    if source.take(most).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    let whole = bytes.last() == Some(&b'\n');
    let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
    Ok(Some(Line { text, whole }))
}

/// The last lines of a log; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// Lines that are kept.
    const KEPT: usize = 8;
    /// Characters of a line that are kept.
    const WIDTH: usize = 240;

    /// Adds a line; empty ones and the frames of a backtrace say nothing here.
    pub(super) fn push(&self, line: &str) {
        let line = line.trim();
        if line.is_empty() || is_frame(line) {
            return;
        }
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == Self::KEPT {
            lines.pop_front();
        }
        lines.push_back(shorten(line, Self::WIDTH));
    }

    /// The lines, oldest first, in one.
    pub(super) fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join(" | ")
    }
}

/// `12: name` or `at file:line`, as Rust writes a backtrace.
fn is_frame(line: &str) -> bool {
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with("at ") || (number.len() < line.len() && number.starts_with(": "))
}

/// At most `most` characters, control characters as blanks, with a mark where something was cut.
pub(super) fn shorten(text: &str, most: usize) -> String {
    let mut short: String =
        text.chars().take(most).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_torn_ones_are_seen() {
        let mut source = &b"one\r\ntwo\xff\nlonger than eight\nto"[..];
        let mut lines = Vec::new();
        while let Some(line) = next(&mut source, 8).unwrap() {
            lines.push((line.text, line.whole));
        }
        let expected =
            [("one", true), ("two\u{fffd}", true), ("longer t", false), ("han eigh", false)];
        let expected: Vec<(String, bool)> = expected
            .into_iter()
            .chain([("t", true), ("to", false)])
            .map(|(text, whole)| (text.to_owned(), whole))
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_tail_keeps_the_last_lines() {
        let tail = Tail::default();
        for index in 0..20 {
            tail.push(&format!("line {index}\n"));
            tail.push("  ");
            tail.push("   3: core::panicking::panic_fmt");
            tail.push("             at /rustc/library/core/src/panicking.rs:55");
        }
        tail.push(&"x".repeat(1000));
        let text = tail.text();
        assert!(text.starts_with("line 13 | line 14"), "{text}");
        assert!(text.ends_with("x…") && text.len() < 500, "{text}");
        assert_eq!(shorten("a\tb\u{1b}[1m", 4), "a b …");
    }
}
