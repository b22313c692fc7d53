//! Checkpoints: files of named tensors, read without running anything of them.
//!
//! | form | what it is | module |
//! |---|---|---|
//! | zip | `torch.save` since 1.6: `NAME/data.pkl` and `NAME/data/<key>` in a zip archive | `zip` |
//! | legacy | `torch.save` before: pickles one after another, then the storages | `legacy` |
//! | safetensors | a JSON header, then the bytes | `safetensors` |
//!
//! A pickle is a program for Python. `pickle` knows its instructions but runs none of its functions: what is
//! not on an allow-list is refused by name. Nothing that a file claims is believed before the bytes are seen
//! to be there: sizes are compared with the file, counts with [`Limits`]. Tensors are read when they are asked
//! for; the file is never held in memory.

mod elements;
mod error;
mod legacy;
mod pickle;
mod safetensors;
mod source;
mod torch;
mod zip;

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

pub use elements::Element;
pub use error::{Error, Result};

use source::{Source, View};

/// How a checkpoint is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The zip form of `torch.save`.
    Zip,
    /// The older form of `torch.save`.
    Legacy,
    /// A `.safetensors` file.
    Safetensors,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zip => "PyTorch's zip form",
            Self::Legacy => "PyTorch's legacy form",
            Self::Safetensors => "safetensors",
        })
    }
}

/// What a file may ask for before it is refused. The defaults hold a training checkpoint of any model that is
/// exported here, and let no file, whatever it claims, take more than about 300 MB to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one pickle, or of the header of a `.safetensors` file.
    pub pickle_bytes: u64,
    /// Values that a pickle pushes.
    pub objects: u64,
    /// Values on the stack at once.
    pub stack: u64,
    /// Values in the memo.
    pub memo: u64,
    /// Open marks in a pickle, and dictionaries within dictionaries around a tensor.
    pub depth: u64,
    /// Tensors.
    pub tensors: usize,
    /// Bytes in the name of a tensor.
    pub name: usize,
    /// Bytes of the list of members in a zip archive.
    pub directory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pickle_bytes: 64 << 20,
            objects: 2 << 20,
            stack: 1 << 20,
            memo: 1 << 20,
            depth: 64,
            tensors: 1 << 17,
            name: 1000,
            directory_bytes: 32 << 20,
        }
    }
}

/// One tensor of a checkpoint.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Keys of the dictionaries around it and its own, joined by dots: `state_dict.conv1.weight`.
    pub name: String,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// Type of its elements in the file.
    pub element: Element,
    home: usize,
    view: View,
}

impl Entry {
    /// The part of the name that comes from the dictionaries around it: empty, or `state_dict.`.
    pub fn home(&self) -> &str {
        self.name.get(..self.home).unwrap_or_default()
    }

    /// Whether it shares its bytes, or some of them, with another entry.
    pub fn shares_storage_with(&self, other: &Self) -> bool {
        self.view.extent == other.view.extent
    }
}

/// An open checkpoint.
#[derive(Debug)]
pub struct Checkpoint {
    form: Form,
    source: Source,
    entries: Vec<Entry>,
    index: HashMap<String, usize>,
}

/// What a form's reader found.
struct Parts {
    entries: Vec<Entry>,
    extents: Vec<source::Extent>,
    swapped: bool,
}

impl Checkpoint {
    /// Opens a checkpoint and reads its list of tensors.
    ///
    /// # Errors
    /// A file that cannot be read, is of another kind, is damaged, or asks for more than a list of tensors.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_within(path, &Limits::default())
    }

    /// [`Self::open`] with limits of one's own.
    pub fn open_within(path: &Path, limits: &Limits) -> Result<Self> {
        let failed = |source| Error::Io { path: path.to_owned(), source };
        let metadata = std::fs::metadata(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::unknown(
                path,
                "there is no such file",
                "`weights` in a pipeline file is relative to the project root, `--weights` to the current folder",
            ),
            _ => failed(source),
        })?;
        if !metadata.is_file() {
            return Err(Error::unknown(path, "is no file", "give the path of a file"));
        }
        let mut file = File::open(path).map_err(failed)?;
        let mut start = Vec::new();
        (&mut file).take(512).read_to_end(&mut start).map_err(failed)?;
        let form = form(path, &start, metadata.len())?;
        let size = metadata.len();
        let parts = match form {
            Form::Zip => zip::read(path, &mut file, size, limits),
            Form::Legacy => legacy::read(path, &mut file, size, limits),
            Form::Safetensors => safetensors::read(path, &mut file, size, limits),
        }?;
        let mut index = HashMap::with_capacity(parts.entries.len());
        for (at, entry) in parts.entries.iter().enumerate() {
            if index.insert(entry.name.clone(), at).is_some() {
                let reason = format!("two tensors have the name `{}`", entry.name);
                return Err(Error::damaged(path, reason));
            }
        }
        let source = Source::new(path, file, parts.extents, parts.swapped);
        Ok(Self { form, source, entries: parts.entries, index })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// How it is laid out.
    pub fn form(&self) -> Form {
        self.form
    }

    /// All tensors, in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// A tensor by its whole name.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(*self.index.get(name)?)
    }

    /// The elements of a floating-point tensor in row-major order, read now.
    ///
    /// # Errors
    /// No tensor of that name, an integer tensor, a float64 beyond the range of float32, a damaged file.
    pub fn tensor(&self, name: &str) -> Result<Vec<f32>> {
        let missing = || Error::tensor(self.path(), name, "is not in the file");
        let entry = self.entry(name).ok_or_else(missing)?;
        self.source.read(name, entry.element, &entry.shape, &entry.view)
    }
}

/// Tells the form by the first bytes of the file, whatever its name says.
fn form(path: &Path, start: &[u8], size: u64) -> Result<Form> {
    let unknown = |reason: &str, hint| Err(Error::unknown(path, reason, hint));
    if size == 0 {
        return unknown("the file is empty", "fetch it again");
    }
    if start.starts_with(b"PK") {
        return Ok(Form::Zip);
    }
    if safetensors::is(start, size) {
        return Ok(Form::Safetensors);
    }
    if start.get(257..262) == Some(b"ustar") {
        return unknown(
            "the tar form, which PyTorch wrote before 0.1.10, is not read",
            "load it with an old PyTorch and save it again",
        );
    }
    if start.first() == Some(&0x80) {
        return Ok(Form::Legacy);
    }
    let text = String::from_utf8_lossy(start).trim_start().to_lowercase();
    if text.starts_with("<!doctype") || text.starts_with("<html") || text.starts_with("<?xml") {
        return unknown(
            "a web page, not a checkpoint: the download failed",
            "fetch the file itself, for example with `cargo xtask setup weights resnet50`",
        );
    }
    if text.starts_with("version https://git-lfs") {
        return unknown("a pointer of Git LFS, not the file itself", "run `git lfs pull`");
    }
    if text.starts_with('{') {
        return unknown(
            "a JSON file: an index of several checkpoint files is not read",
            "give a checkpoint of one file",
        );
    }
    unknown(
        "neither a PyTorch checkpoint nor a .safetensors file",
        "checkpoints are .pth, .pt and .safetensors files; an ONNX model is given as onnx = \"model.onnx\"",
    )
}

/// A pickle's error with the file's name.
fn of_pickle(path: &Path, error: pickle::PickleError) -> Error {
    match error {
        pickle::PickleError::Io(source) => Error::io(path, source),
        pickle::PickleError::Refused(globals) => Error::Refused { path: path.to_owned(), globals },
        other => Error::damaged(path, other.to_string()),
    }
}

#[cfg(test)]
#[path = "checkpoint/tests.rs"]
mod tests;
