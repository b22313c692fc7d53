//! Values of a tensor in another file: where they are, and that they may be read.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use super::wrong;
use crate::error::{Error, Result};
use crate::onnx::proto::TensorProto;
use crate::onnx::tensor::byte_len;

/// Where the values of one tensor are.
pub(super) struct Part {
    model: PathBuf,
    tensor: String,
    pub(super) file: PathBuf,
    offset: u64,
    pub(super) length: Option<u64>,
}

impl Part {
    /// Reads where a tensor's values are; the file need not be there.
    ///
    /// # Errors
    /// No location, one outside the model's folder, numbers that are none.
    pub(super) fn new(path: &Path, tensor: &TensorProto) -> Result<Self> {
        let entry = |key: &str| {
            tensor.external_data.iter().find(|entry| entry.key == key).map(|e| e.value.as_str())
        };
        let bad =
            |what: &str| wrong(path, format!("external data of tensor `{}`: {what}", tensor.name));
        let location = entry("location").ok_or_else(|| bad("no location"))?;
        let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if location.is_empty() || !Path::new(location).components().all(inside) {
            return Err(bad(&format!("location {location:?} is not inside the model's folder")));
        }
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => text
                .parse::<u64>()
                .map(Some)
                .map_err(|error| bad(&format!("{key} {text:?}: {error}"))),
        };
        let length = number("length")?.or_else(|| byte_len(tensor).map(|n| n as u64));
        let file = path.parent().unwrap_or(Path::new("")).join(location);
        let offset = number("offset")?.unwrap_or(0);
        let part =
            Self { model: path.to_owned(), tensor: tensor.name.clone(), file, offset, length };
        part.stays_inside()?;
        Ok(part)
    }

    /// A link may not lead out of the model's folder, and a pipe or a device has no end. The folder is the one
    /// that the path names, or the one where the model itself lies when it is a link: stores link both.
    fn stays_inside(&self) -> Result<()> {
        // a file that is not there is told when it is needed
        let Ok(real) = self.file.canonicalize() else { return Ok(()) };
        let folder = |model: &Path| {
            let folder = model.parent().filter(|folder| !folder.as_os_str().is_empty());
            folder.unwrap_or(Path::new(".")).canonicalize().ok()
        };
        let linked = self.model.canonicalize().ok();
        let folders = [folder(&self.model), linked.as_deref().and_then(folder)];
        if !folders.iter().flatten().any(|folder| real.starts_with(folder)) {
            return Err(self.wrong("is a link to a place that is not inside the model's folder"));
        }
        if real.is_file() { Ok(()) } else { Err(self.wrong("is no plain file")) }
    }

    fn wrong(&self, what: &str) -> Error {
        let reason =
            format!("external data of tensor `{}`: {} {what}", self.tensor, self.file.display());
        wrong(&self.model, reason)
    }

    /// The file is there and long enough.
    pub(super) fn check(&self) -> Result<()> {
        let metadata = fs::metadata(&self.file).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => self.wrong("is missing"),
            _ => Error::Io { path: self.file.clone(), source },
        })?;
        let needed = self.offset.saturating_add(self.length.unwrap_or(0));
        if metadata.len() < needed {
            let found = metadata.len();
            return Err(self.wrong(&format!("is too short: {found} bytes of at least {needed}")));
        }
        Ok(())
    }

    /// The bytes.
    pub(super) fn read(&self) -> Result<Vec<u8>> {
        self.check()?;
        let failed = |source| Error::Io { path: self.file.clone(), source };
        let mut file = File::open(&self.file).map_err(failed)?;
        file.seek(SeekFrom::Start(self.offset)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(self.length.unwrap_or(u64::MAX)).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}
