//! Lines of a log: cut where they are endless, readable where they are not text.

use std::io::{BufRead as _, BufReader, Read};

/// Bytes after which a line is cut in pieces.
pub const LONGEST: usize = 64 << 10;

/// Reads lines and hands each over without its end, until the end of the input, an error or a `false`.
pub fn read(from: impl Read, mut take: impl FnMut(String) -> bool) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = LONGEST as u64;
        match (&mut reader).take(limit).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            line.pop();
        }
        if !take(String::from_utf8_lossy(&line).into_owned()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_foreign_bytes_replaced() {
        let mut bytes = b"one\r\n\n\xff\xfe\n".to_vec();
        bytes.extend(vec![b'x'; LONGEST + 5]);
        let mut lines = Vec::new();
        read(&bytes[..], |line| {
            lines.push(line);
            true
        });
        let lengths: Vec<usize> = lines.iter().map(String::len).collect();
        assert_eq!(lengths, [3, 0, 6, LONGEST, 5]);
        let mut first = 0;
        read(&bytes[..], |_| {
            first += 1;
            false
        });
        assert_eq!(first, 1);
    }
}
