//! What can be told of a model without reading its weights.

use std::path::Path;

use prost::Message as _;

use super::ID;
use crate::border::open_spec;
use crate::error::{Error, Result};
use crate::onnx;
use crate::onnx::proto::ValueInfoProto;
use crate::types::ElementType;

/// The border of a model: everything else is skipped without being copied.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Outline {
    #[prost(message, optional, tag = "7")]
    graph: Option<OutlineGraph>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct OutlineGraph {
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfoProto>,
}

impl Outline {
    /// Reads a model; nothing is told of one that does not decode.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            // tells a missing model from an unreadable one
            Err(source) => {
                onnx::load(path)?;
                return Err(Error::Io { path: path.to_owned(), source });
            }
        };
        if let Ok(outline) = Self::decode(bytes.as_slice()) {
            return Ok(outline);
        }
        onnx::load(path)?;
        Ok(Self::default())
    }

    /// The type that the model states, which rten widens: it knows float32, int32, int8 and uint8 only.
    pub(super) fn element(&self, name: &str) -> Option<Result<ElementType>> {
        let graph = self.graph.as_ref()?;
        let value = graph.input.iter().chain(&graph.output).find(|value| value.name == name)?;
        Some(open_spec(ID, value).map(|spec| spec.element))
    }
}
