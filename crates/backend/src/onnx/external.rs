//! External data on the way out: weights in a file beside the model, for models over the 2 GiB of one file.
//!
//! ```text
//! model.onnx        the graph; each large tensor says location, offset and length
//! model.onnx.data   the bytes of those tensors, each from a multiple of 4096 on, so that it can be mapped
//! ```

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use prost::Message as _;

use super::file::{PROTOBUF_LIMIT, save, temporary};
use super::node::subgraphs_mut;
use super::proto::{GraphProto, ModelProto, StringStringEntryProto, TensorProto};
use crate::error::{Error, Result};

/// Smaller tensors stay in the model: engines want shapes and axes at once.
const SMALLEST: usize = 1024;
/// A page of memory.
const ALIGNMENT: u64 = 4096;

/// When weights go into a file of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum External {
    /// When the model is over the 2 GiB that one file may have.
    #[default]
    WhenTooLarge,
    /// Always.
    Always,
}

/// Writes a model and, where asked for or needed, the file with its weights; returns that file.
///
/// # Errors
/// [`Error::Io`]; [`Error::Model`] when the model is over 2 GiB without its large tensors.
pub fn save_split(path: &Path, mut model: ModelProto, when: External) -> Result<Option<PathBuf>> {
    if when == External::WhenTooLarge && model.encoded_len() as u64 <= PROTOBUF_LIMIT {
        save(path, &model)?;
        return Ok(None);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".data");
    let data = path.with_file_name(&name);
    let failed = |source| Error::Io { path: data.clone(), source };
    let mut file = temporary(&data)?;
    let mut writer = Writer {
        location: name.to_string_lossy().into_owned(),
        file: BufWriter::with_capacity(1 << 20, file.as_file_mut()),
        offset: 0,
    };
    if let Some(graph) = &mut model.graph {
        writer.graph(graph).map_err(failed)?;
    }
    writer.file.flush().map_err(failed)?;
    drop(writer);
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&data).map_err(|error| failed(error.error))?;
    save(path, &model)?;
    Ok(Some(data))
}

struct Writer<'a> {
    location: String,
    file: BufWriter<&'a mut File>,
    offset: u64,
}

impl Writer<'_> {
    fn graph(&mut self, graph: &mut GraphProto) -> std::io::Result<()> {
        graph.initializer.iter_mut().try_for_each(|tensor| self.tensor(tensor))?;
        graph.node.iter_mut().flat_map(subgraphs_mut).try_for_each(|inner| self.graph(inner))
    }

    fn tensor(&mut self, tensor: &mut TensorProto) -> std::io::Result<()> {
        let Some(bytes) = tensor.raw_data.take_if(|bytes| bytes.len() >= SMALLEST) else {
            return Ok(());
        };
        let start = self.offset.next_multiple_of(ALIGNMENT);
        let gap = vec![0; (start - self.offset) as usize];
        self.file.write_all(&gap)?;
        self.file.write_all(&bytes)?;
        self.offset = start + bytes.len() as u64;
        let entry =
            |key: &str, value: String| StringStringEntryProto { key: key.to_owned(), value };
        tensor.data_location = 1;
        tensor.external_data = vec![
            entry("location", self.location.clone()),
            entry("offset", start.to_string()),
            entry("length", bytes.len().to_string()),
        ];
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::{external_files, inline_external, load};
    use super::super::node::node;
    use super::super::proto::OperatorSetIdProto;
    use super::super::tensor::{from_f32, values_f32};
    use super::*;

    fn model() -> ModelProto {
        let large: Vec<f32> = (0..2000).map(|n| n as f32).collect();
        let graph = GraphProto {
            node: vec![node("Relu", "r", &["a"], &["y"], vec![])],
            initializer: vec![
                from_f32("a", &[2000], &large),
                from_f32("s", &[1], &[7.0]),
                from_f32("b", &[1000], &large[1000..]),
            ],
            ..GraphProto::default()
        };
        ModelProto {
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
            ..ModelProto::default()
        }
    }

    #[test]
    fn what_was_written_apart_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.onnx");
        assert_eq!(save_split(&path, model(), External::WhenTooLarge).unwrap(), None);
        assert_eq!(load(&path).unwrap(), model());
        let data = save_split(&path, model(), External::Always).unwrap().unwrap();
        assert_eq!(data, dir.path().join("m.onnx.data"));
        assert_eq!(std::fs::metadata(&data).unwrap().len(), 8192 + 4000);
        let mut read = load(&path).unwrap();
        assert_eq!(external_files(&path, &read).unwrap(), [data]);
        inline_external(&path, &mut read).unwrap();
        let weights = read.graph.unwrap().initializer;
        for (read, written) in weights.iter().zip(model().graph.unwrap().initializer) {
            assert_eq!(values_f32(read), values_f32(&written));
        }
    }
}
