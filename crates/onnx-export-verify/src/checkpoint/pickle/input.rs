//! Bytes of a pickle with a budget; a length that is claimed is never reserved before it is there.

use std::io::{BufRead, Read as _};

use super::{PickleError, Result};

/// A reader that knows how much it may still give.
pub(super) struct Input<'a> {
    reader: &'a mut dyn BufRead,
    left: u64,
    read: u64,
}

impl<'a> Input<'a> {
    pub(super) fn new(reader: &'a mut dyn BufRead, limit: u64) -> Self {
        Self { reader, left: limit, read: 0 }
    }

    /// Bytes that were read.
    pub(super) fn position(&self) -> u64 {
        self.read
    }

    fn spend(&mut self, count: u64) -> Result<()> {
        self.left = self.left.checked_sub(count).ok_or_else(|| {
            PickleError::Limit(format!("more than {} bytes", self.read.saturating_add(self.left)))
        })?;
        self.read = self.read.saturating_add(count);
        Ok(())
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.spend(N as u64)?;
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn bytes(&mut self, count: u64) -> Result<Vec<u8>> {
        self.spend(count)?;
        let mut bytes = Vec::new();
        let there = (&mut *self.reader).take(count).read_to_end(&mut bytes)?;
        if there as u64 == count {
            Ok(bytes)
        } else {
            Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into())
        }
    }

    /// The text up to the end of the line, which is taken too.
    pub(super) fn line(&mut self) -> Result<String> {
        let mut bytes = Vec::new();
        loop {
            match self.u8()? {
                b'\n' => return Ok(text(bytes)),
                byte => bytes.push(byte),
            }
        }
    }
}

/// UTF-8, or Latin-1 where it is not: texts of Python 2 have no stated encoding.
pub(super) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().map(|&byte| char::from(byte)).collect())
}
