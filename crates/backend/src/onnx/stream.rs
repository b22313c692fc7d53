//! Writes a model without a second copy of its weights in memory: the same bytes as
//! [`encode`](super::file::encode), to a writer.
//!
//! Protobuf puts the length of a message before it. Messages that hold large parts are therefore encoded
//! without them, and the parts go in where their number stands in the order of fields.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use prost::Message;
use prost::encoding::{
    WireType, decode_key, encode_key, encode_varint, encoded_len_varint, key_len,
};

use sha2::{Digest as _, Sha256};

use super::file::{PROTOBUF_LIMIT, hash_all, hex, readable};
use super::proto::{ModelProto, TensorProto};
use crate::error::{Error, Result};

/// Writes a model atomically into `folder` under a name that follows from its SHA-256, which is returned: 64
/// hexadecimal digits. A file of that name that is whole is left as it is.
///
/// # Errors
/// [`Error::Model`] beyond the 2 GiB that one file may have, [`Error::Io`].
pub fn save_by_digest(
    folder: &Path,
    model: &mut ModelProto,
    name: impl FnOnce(&str) -> String,
) -> Result<(String, PathBuf)> {
    let size = model.encoded_len() as u64;
    if size > PROTOBUF_LIMIT {
        let reason = format!("{size} bytes: over the 2 GiB that one ONNX file may have");
        return Err(Error::Model { path: folder.to_owned(), reason });
    }
    by_digest(folder, name, |out| write(model, out))
}

/// As [`save_by_digest`], with the bytes of the file `from` as they are; returns its SHA-256 and the copy.
///
/// # Errors
/// [`Error::Io`].
pub fn copy_by_digest(
    folder: &Path,
    from: &Path,
    name: impl FnOnce(&str) -> String,
) -> Result<(String, PathBuf)> {
    let failed = |source| Error::Io { path: from.to_owned(), source };
    let mut source = fs::File::open(from).map_err(failed)?;
    by_digest(folder, name, |out| io::copy(&mut source, out).map(drop))
}

/// Writes what `fill` gives atomically into `folder`, under a name that follows from its SHA-256.
fn by_digest(
    folder: &Path,
    name: impl FnOnce(&str) -> String,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(String, PathBuf)> {
    let failed = |source| Error::Io { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    let mut builder = tempfile::Builder::new();
    let file = builder.prefix(".model-").suffix(".part").tempfile_in(folder).map_err(failed)?;
    let mut out = BufWriter::new(Hashing { file: file.as_file(), hash: Sha256::new(), size: 0 });
    fill(&mut out).map_err(failed)?;
    let Hashing { hash, size, .. } =
        out.into_inner().map_err(|error| failed(error.into_error()))?;
    let digest = hex(hash);
    let path = folder.join(name(&digest));
    let same = fs::metadata(&path).is_ok_and(|there| there.len() == size)
        && digest_of(&path).is_ok_and(|there| there == digest);
    if !same {
        readable(file.as_file()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path)
            .map_err(|error| Error::Io { path: path.clone(), source: error.error })?;
    }
    Ok((digest, path))
}

fn digest_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    hash_all(&mut hash, &mut fs::File::open(path)?)?;
    Ok(hex(hash))
}

/// Hashes and counts what it writes.
struct Hashing<'a> {
    file: &'a fs::File,
    hash: Sha256,
    size: u64,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Numbers of the large fields, from the ONNX specification.
const MODEL_GRAPH: u32 = 7;
const GRAPH_INITIALIZER: u32 = 5;
const TENSOR_RAW_DATA: u32 = 9;

/// Writes a model; it is changed while that lasts and is as it was afterwards.
///
/// # Errors
/// Those of the writer. A file beyond 2 GiB, which protobuf readers refuse, is the caller's to check.
fn write(model: &mut ModelProto, out: &mut dyn Write) -> io::Result<()> {
    let Some(mut graph) = model.graph.take() else {
        return out.write_all(&model.encode_to_vec());
    };
    let outer = model.encode_to_vec();
    let mut initializers = std::mem::take(&mut graph.initializer);
    let inner = graph.encode_to_vec();
    let written = around(&outer, MODEL_GRAPH, out, &mut |out| {
        let parts: usize = initializers.iter().map(|tensor| part_len(tensor.encoded_len())).sum();
        head(out, MODEL_GRAPH, inner.len() + parts)?;
        around(&inner, GRAPH_INITIALIZER, out, &mut |out| {
            initializers.iter_mut().try_for_each(|initializer| tensor(initializer, out))
        })
    });
    graph.initializer = initializers;
    model.graph = Some(graph);
    written
}

fn tensor(tensor: &mut TensorProto, out: &mut dyn Write) -> io::Result<()> {
    head(out, GRAPH_INITIALIZER, tensor.encoded_len())?;
    let raw = tensor.raw_data.take();
    let rest = tensor.encode_to_vec();
    let written = around(&rest, TENSOR_RAW_DATA, out, &mut |out| match &raw {
        None => Ok(()),
        Some(raw) => {
            head(out, TENSOR_RAW_DATA, raw.len())?;
            out.write_all(raw)
        }
    });
    tensor.raw_data = raw;
    written
}

/// Writes a message with another field between those with smaller and those with larger numbers.
fn around(
    message: &[u8],
    field: u32,
    out: &mut dyn Write,
    middle: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let at = start_of(message, field).map_err(io::Error::other)?;
    out.write_all(&message[..at])?;
    middle(out)?;
    out.write_all(&message[at..])
}

/// Where in an encoded message the first field with a larger number than `field` begins.
fn start_of(message: &[u8], field: u32) -> Result<usize, prost::DecodeError> {
    let mut rest = message;
    while !rest.is_empty() {
        let at = message.len() - rest.len();
        let (number, wire) = decode_key(&mut rest)?;
        if number > field {
            return Ok(at);
        }
        prost::encoding::skip_field(
            wire,
            number,
            &mut rest,
            prost::encoding::DecodeContext::default(),
        )?;
    }
    Ok(message.len())
}

/// Key and length of a field.
fn head(out: &mut dyn Write, field: u32, length: usize) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(16);
    encode_key(field, WireType::LengthDelimited, &mut bytes);
    encode_varint(length as u64, &mut bytes);
    out.write_all(&bytes)
}

/// Bytes of an initializer with its key and length.
fn part_len(length: usize) -> usize {
    key_len(GRAPH_INITIALIZER) + encoded_len_varint(length as u64) + length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::node::{attr_tensor, node, value_info};
    use crate::onnx::proto::{GraphProto, OperatorSetIdProto, StringStringEntryProto};
    use crate::onnx::tensor::{from_f32, from_i64};

    #[test]
    fn a_file_has_the_name_of_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let graph =
            GraphProto { initializer: vec![from_f32("w", &[1], &[1.0])], ..GraphProto::default() };
        let mut model = ModelProto { graph: Some(graph), ..ModelProto::default() };
        let mut save =
            || save_by_digest(folder.path(), &mut model, |digest| format!("{digest}.onnx"));
        let (digest, path) = save().unwrap();
        assert_eq!(digest_of(&path).unwrap(), digest);
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        save().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before, "left as it is");
        fs::write(&path, b"torn").unwrap();
        save().unwrap();
        assert_eq!(digest_of(&path).unwrap(), digest);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let apart = tempfile::tempdir().unwrap();
        let copy = || copy_by_digest(&apart.path().join("new"), &path, str::to_owned);
        let (same, copied) = copy().unwrap();
        assert_eq!((&same, fs::read(&copied).unwrap()), (&digest, fs::read(&path).unwrap()));
        fs::write(&copied, b"torn").unwrap();
        copy().unwrap();
        assert_eq!(digest_of(&copied).unwrap(), digest);
    }

    #[test]
    fn a_model_is_written_as_it_would_be_encoded() {
        let text = |key: &str| StringStringEntryProto { key: key.into(), value: "v".repeat(200) };
        let typed =
            TensorProto { float_data: vec![1.0; 40], name: "t".into(), ..TensorProto::default() };
        let external = TensorProto {
            data_location: 1,
            external_data: vec![text("location")],
            ..from_f32("e", &[1], &[2.0])
        };
        let graph = GraphProto {
            name: "g".into(),
            doc_string: "d".into(),
            node: vec![node(
                "Constant",
                "c",
                &[],
                &["y"],
                vec![attr_tensor("value", from_i64("", &[1], &[7]))],
            )],
            initializer: vec![
                from_f32("w", &[300], &[1.5; 300]),
                typed,
                external,
                from_f32("z", &[0], &[]),
            ],
            input: vec![value_info("x", 1, None)],
            output: vec![value_info("y", 1, None)],
            ..GraphProto::default()
        };
        let whole = ModelProto {
            ir_version: 8,
            graph: Some(graph),
            metadata_props: vec![text("k")],
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
            ..ModelProto::default()
        };
        let empty = ModelProto { graph: Some(GraphProto::default()), ..ModelProto::default() };
        for model in [whole, empty, ModelProto::default()] {
            let mut copy = model.clone();
            let mut bytes = Vec::new();
            write(&mut copy, &mut bytes).unwrap();
            assert_eq!(bytes, model.encode_to_vec());
            assert_eq!(bytes.len(), model.encoded_len());
            assert_eq!(copy.encode_to_vec(), bytes, "the model is as it was");
        }
    }
}
