//! Model files: load with errors that say what is wrong, save atomically, external data, digest.
//!
//! Weights over 2 GB live in files beside the model (`external_data`). Their paths are relative to
//! the model and must stay inside its folder, as the ONNX specification asks; links that leave it are refused.

mod part;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::proto::{GraphProto, ModelProto, TensorProto};
use crate::error::{Error, Result};
use part::Part;

/// Largest file that protobuf readers accept.
pub(super) const PROTOBUF_LIMIT: u64 = (1 << 31) - 1;

/// Reads a model. External data is checked to be there but not read: see [`inline_external`].
///
/// # Errors
/// [`Error::Model`] for a missing or empty file, one that does not decode (truncated or not ONNX), one
/// without nodes or operator set, and for external data that is missing, too short or outside the folder.
pub fn load(path: &Path) -> Result<ModelProto> {
    let model = decode(path, &read(path)?)?;
    check_external(path, &model)?;
    Ok(model)
}

/// As [`load`], with the [`digest`] of what was read: the file is read and decoded once.
///
/// # Errors
/// As [`load`], and external data that cannot be read.
pub fn load_with_digest(path: &Path) -> Result<(ModelProto, String)> {
    let bytes = read(path)?;
    let hash = Sha256::new_with_prefix(&bytes);
    let model = decode(path, &bytes)?;
    drop(bytes);
    check_external(path, &model)?;
    let digest = with_external(hash, path, &model)?;
    Ok((model, digest))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => wrong(path, "there is no such model file"),
        io::ErrorKind::IsADirectory => wrong(path, "is a folder, not an ONNX file"),
        _ => Error::Io { path: path.to_owned(), source },
    })
}

fn check_external(path: &Path, model: &ModelProto) -> Result<()> {
    parts(path, model)?.iter().try_for_each(Part::check)
}

fn decode(path: &Path, bytes: &[u8]) -> Result<ModelProto> {
    if bytes.is_empty() {
        return Err(wrong(path, "the file is empty"));
    }
    let model = ModelProto::decode(bytes).map_err(|error| {
        wrong(path, format!("not an ONNX model, or a truncated one (protobuf: {error})"))
    })?;
    let missing = match &model.graph {
        None => "a graph",
        Some(graph) if graph.node.is_empty() => "nodes in its graph",
        Some(_) if model.opset_import.is_empty() => "an operator set",
        Some(_) => return Ok(model),
    };
    Err(wrong(path, format!("not an ONNX model, or a truncated one: it has not {missing}")))
}

/// A model as the bytes of a file.
///
/// # Errors
/// [`Error::Model`] beyond the 2 GiB that one file may have.
pub fn encode(model: &ModelProto) -> Result<Vec<u8>> {
    let size = model.encoded_len() as u64;
    if size > PROTOBUF_LIMIT {
        let reason = format!("{size} bytes: over the 2 GiB that one ONNX file may have");
        return Err(wrong(Path::new("model"), reason));
    }
    Ok(model.encode_to_vec())
}

/// Writes a model atomically: temporary file beside it, fsync, rename.
pub fn save(path: &Path, model: &ModelProto) -> Result<()> {
    let bytes = encode(model)?;
    let failed = |source| Error::Io { path: path.to_owned(), source };
    let mut file = temporary(path)?;
    file.write_all(&bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// A file beside `path` that is to be renamed to it; gone when it is dropped before.
pub(super) fn temporary(path: &Path) -> Result<tempfile::NamedTempFile> {
    let failed = |source| Error::Io { path: path.to_owned(), source };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let file = tempfile::Builder::new()
        .prefix(".model-")
        .suffix(".part")
        .tempfile_in(folder)
        .map_err(failed)?;
    readable(file.as_file()).map_err(failed)?;
    Ok(file)
}

/// A temporary file is its owner's alone; a model is read by whoever may read the folder.
#[cfg(unix)]
pub(super) fn readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
pub(super) fn readable(_file: &File) -> io::Result<()> {
    Ok(())
}

/// The files that hold external data of a model read from `path`, sorted, each once.
pub fn external_files(path: &Path, model: &ModelProto) -> Result<Vec<PathBuf>> {
    let files: BTreeSet<PathBuf> = parts(path, model)?.into_iter().map(|part| part.file).collect();
    Ok(files.into_iter().collect())
}

/// Reads all external data into the model, so that it stands alone.
///
/// # Errors
/// As [`load`], and when the whole would exceed the 2 GiB of one file.
pub fn inline_external(path: &Path, model: &mut ModelProto) -> Result<()> {
    let mut parts = parts(path, model)?;
    let lengths = parts.iter().filter_map(|part| part.length);
    let total = lengths.fold(0_u64, u64::saturating_add);
    if total > PROTOBUF_LIMIT {
        let reason =
            format!("{total} bytes of external data do not fit into one ONNX file (2 GiB)");
        return Err(wrong(path, reason));
    }
    parts.reverse();
    let mut outcome = Ok(());
    visit_mut(model.graph.get_or_insert_default(), &mut |tensor| {
        if tensor.data_location != 1 || outcome.is_err() {
            return;
        }
        let Some(part) = parts.pop() else { return };
        match part.read() {
            Ok(bytes) => {
                tensor.raw_data = Some(bytes);
                tensor.data_location = 0;
                tensor.external_data.clear();
            }
            Err(error) => outcome = Err(error),
        }
    });
    outcome
}

/// The bytes of one tensor whose values are in a file beside the model at `path`.
///
/// # Errors
/// As [`load`].
pub fn read_external(path: &Path, tensor: &TensorProto) -> Result<Vec<u8>> {
    Part::new(path, tensor)?.read()
}

/// SHA-256 over the model file and all its external data, as 64 hexadecimal digits.
///
/// Without external data this is the digest of the file itself.
pub fn digest(path: &Path) -> Result<String> {
    let bytes = fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    with_external(Sha256::new_with_prefix(&bytes), path, &decode(path, &bytes)?)
}

/// The digest of a model by the hash of its file: that, and length and bytes of each external file.
fn with_external(mut hash: Sha256, path: &Path, model: &ModelProto) -> Result<String> {
    for file in external_files(path, model)? {
        let failed = |source| Error::Io { path: file.clone(), source };
        let mut reader = File::open(&file).map_err(failed)?;
        let length = reader.metadata().map_err(failed)?.len();
        hash.update(length.to_le_bytes());
        hash_all(&mut hash, &mut reader).map_err(failed)?;
    }
    Ok(hex(hash))
}

/// Hashes what is left in a file, chunk by chunk: it may be larger than memory.
pub(super) fn hash_all(hash: &mut Sha256, file: &mut File) -> io::Result<()> {
    let mut chunk = vec![0; 1 << 18];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(()),
            count => hash.update(&chunk[..count]),
        }
    }
}

/// A hash as 64 hexadecimal digits.
pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // writing to a String cannot fail
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// External parts in the order in which [`visit_mut`] meets their tensors.
fn parts(path: &Path, model: &ModelProto) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    if let Some(graph) = &model.graph {
        visit(graph, &mut |tensor| {
            if tensor.data_location == 1 {
                parts.push(Part::new(path, tensor));
            }
        });
    }
    parts.into_iter().collect()
}

/// Every dense tensor of a graph, those of subgraphs and attributes included.
fn visit<'a>(graph: &'a GraphProto, f: &mut impl FnMut(&'a TensorProto)) {
    graph.initializer.iter().for_each(&mut *f);
    for attribute in graph.node.iter().flat_map(|node| &node.attribute) {
        attribute.t.iter().chain(&attribute.tensors).for_each(&mut *f);
        for inner in attribute.g.iter().chain(&attribute.graphs) {
            visit(inner, f);
        }
    }
}

/// As [`visit`], in the same order.
fn visit_mut(graph: &mut GraphProto, f: &mut impl FnMut(&mut TensorProto)) {
    graph.initializer.iter_mut().for_each(&mut *f);
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        attribute.t.iter_mut().chain(&mut attribute.tensors).for_each(&mut *f);
        for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            visit_mut(inner, f);
        }
    }
}

fn wrong(path: &Path, reason: impl Into<String>) -> Error {
    Error::Model { path: path.to_owned(), reason: reason.into() }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
