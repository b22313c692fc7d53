//! SHA-256 digests: the names of blobs and of everything that must not be mixed up.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest as 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of bytes in memory.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::from_hash(Sha256::new_with_prefix(bytes))
    }

    /// The digest of a file, read in chunks.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = std::fs::File::open(path)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                return Ok(Self::from_hash(hash));
            }
            hash.update(&buffer[..n]);
        }
    }

    /// The digest of named fields, each with its length, so that no two lists collide by joining.
    pub fn of_fields<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let mut hash = Sha256::new();
        for (name, value) in fields {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
            hash.update((value.len() as u64).to_le_bytes());
            hash.update(value);
        }
        Self::from_hash(hash)
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..self.0.len().min(12)]
    }

    fn from_hash(hash: Sha256) -> Self {
        use fmt::Write as _;
        let mut text = String::with_capacity(64);
        for byte in hash.finalize() {
            // writing to a String cannot fail
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }
}

/// Passes bytes on and digests them, for input that can be read only once.
#[derive(Debug)]
pub struct HashingReader<R> {
    from: R,
    hash: Sha256,
}

impl<R: Read> HashingReader<R> {
    /// A reader of which nothing was read yet.
    pub fn new(from: R) -> Self {
        Self { from, hash: Sha256::new() }
    }

    /// The digest of everything that was read.
    pub fn finish(self) -> Digest {
        Digest::from_hash(self.hash)
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buffer)?;
        self.hash.update(&buffer[..n]);
        Ok(n)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of_bytes(b"").as_str(), empty);
    }

    #[test]
    fn fields_do_not_collide_by_joining() {
        let ab = Digest::of_fields([("k", "ab".to_owned()), ("l", String::new())]);
        let a_b = Digest::of_fields([("k", "a".to_owned()), ("l", "b".to_owned())]);
        assert_ne!(ab, a_b);
    }
}
