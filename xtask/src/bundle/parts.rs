//! A writer that starts a new file whenever one is full, and digests each on the way.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::digest;

/// One finished part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// File name.
    pub(crate) name: String,
    /// Its SHA-256 in hexadecimal.
    pub(crate) sha256: String,
    /// Its size.
    pub(crate) bytes: u64,
}

/// The part that is being written.
struct Open {
    name: String,
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

/// Writes `<stem>.part-000`, `-001`, … of at most `limit` bytes each.
pub(crate) struct Parts {
    folder: PathBuf,
    stem: String,
    limit: u64,
    done: Vec<Part>,
    open: Option<Open>,
}

impl Parts {
    /// Names the parts; the first file is made when the first byte comes.
    pub(crate) fn new(folder: &Path, stem: &str, limit: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            stem: stem.to_owned(),
            limit,
            done: Vec::new(),
            open: None,
        }
    }

    /// Closes the last part and lists all of them.
    pub(crate) fn finish(mut self) -> io::Result<Vec<Part>> {
        self.close()?;
        Ok(self.done)
    }

    fn close(&mut self) -> io::Result<()> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.file.flush()?;
        open.file.get_ref().sync_all()?;
        let sha256 = digest::hex(&open.hash.finalize());
        self.done.push(Part { name: open.name, sha256, bytes: open.bytes });
        Ok(())
    }

    fn current(&mut self) -> io::Result<&mut Open> {
        if self.open.as_ref().is_some_and(|open| open.bytes >= self.limit) {
            self.close()?;
        }
        if self.open.is_none() {
            let name = format!("{}.part-{:03}", self.stem, self.done.len());
            let file = BufWriter::new(File::create(self.folder.join(&name))?);
            self.open = Some(Open { name, file, hash: Sha256::new(), bytes: 0 });
        }
        self.open.as_mut().ok_or_else(|| io::Error::other("no part is open"))
    }
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let limit = self.limit;
        let open = self.current()?;
        let room = usize::try_from(limit - open.bytes).unwrap_or(usize::MAX);
        let written = open.file.write(&bytes[..bytes.len().min(room)])?;
        open.hash.update(&bytes[..written]);
        open.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |open| open.file.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_full_and_join_to_the_whole() {
        let dir = tempfile::tempdir().unwrap();
        let whole: Vec<u8> = (0..2500_u32).map(|i| (i % 251) as u8).collect();
        let mut parts = Parts::new(dir.path(), "x", 1000);
        for chunk in whole.chunks(333) {
            parts.write_all(chunk).unwrap();
        }
        let parts = parts.finish().unwrap();
        let sizes: Vec<u64> = parts.iter().map(|part| part.bytes).collect();
        assert_eq!(sizes, [1000, 1000, 500]);
        let joined: Vec<u8> = parts
            .iter()
            .flat_map(|part| std::fs::read(dir.path().join(&part.name)).unwrap())
            .collect();
        assert_eq!(joined, whole);
    }

    #[test]
    fn the_digest_is_that_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut parts = Parts::new(dir.path(), "x", 1000);
        parts.write_all(b"abc").unwrap();
        let parts = parts.finish().unwrap();
        // the digest of "abc" is the first example of the standard
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(parts[0].sha256, abc);
    }
}
