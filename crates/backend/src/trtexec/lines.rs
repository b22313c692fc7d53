//! Where the lines of a log are kept.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

/// Bytes of a log that are kept from its start.
const HEAD: u64 = 4 << 20;
/// Lines that are kept from its end when it is longer.
const LAST: usize = 2000;

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
