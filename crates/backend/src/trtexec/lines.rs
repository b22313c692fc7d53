//! Lines of a pipe, and where they are kept.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write as _};
use std::path::Path;

/// Bytes after which a line is cut in pieces.
const LONGEST: usize = 64 << 10;
/// Bytes of a log that are kept from its start.
const HEAD: u64 = 4 << 20;
/// Lines that are kept from its end when it is longer.
const LAST: usize = 2000;

/// Reads lines and hands each over, until the end, an error or a `false`.
pub(crate) fn read(from: impl Read, mut take: impl FnMut(String) -> bool) {
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

/// A log on disk that stays small: its first megabytes and its last lines.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: BufWriter<File>,
    written: u64,
    last: VecDeque<String>,
    left_out: u64,
}

impl LogFile {
    /// Begins a log with its command line.
    pub(crate) fn create(path: &Path, command: &str) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "# {command}")?;
        Ok(Self { file, written: 0, last: VecDeque::new(), left_out: 0 })
    }

    /// Keeps a line.
    pub(crate) fn line(&mut self, line: &str) -> io::Result<()> {
        if self.written < HEAD {
            self.written += line.len() as u64 + 1;
            return writeln!(self.file, "{line}");
        }
        if self.last.len() == LAST {
            self.last.pop_front();
            self.left_out += 1;
        }
        self.last.push_back(line.to_owned());
        Ok(())
    }

    /// Writes what is still in memory.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if self.left_out > 0 {
            writeln!(self.file, "# … {} lines are left out here …", self.left_out)?;
        }
        for line in &self.last {
            writeln!(self.file, "{line}")?;
        }
        self.file.flush()
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

    #[test]
    fn a_long_log_keeps_its_start_and_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = LogFile::create(&path, "trtexec --help").unwrap();
        let filler = "x".repeat(100);
        let n = 100_000;
        for index in 0..n {
            log.line(&format!("{index} {filler}")).unwrap();
        }
        log.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# trtexec --help\n0 xxx"), "{}", &text[..60]);
        assert!(text.len() < (HEAD as usize) + 300_000, "{} bytes", text.len());
        assert!(text.contains("lines are left out here"));
        assert!(text.lines().next_back().unwrap().starts_with(&format!("{} xxx", n - 1)));
    }
}
