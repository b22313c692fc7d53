//! What can be told of a model without reading its weights.

use std::path::Path;

use prost::Message as _;

use super::{ID, OLDEST_OPSET};
use crate::border::open_spec;
use crate::error::{Error, Result};
use crate::onnx;
use crate::onnx::proto::{OperatorSetIdProto, ValueInfoProto};
use crate::types::ElementType;

/// Operator sets and border of a model: everything else is skipped without being copied.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Outline {
    #[prost(message, optional, tag = "7")]
    graph: Option<OutlineGraph>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<OperatorSetIdProto>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct OutlineGraph {
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfoProto>,
}

impl Outline {
    /// Reads a model whose operator sets are those that rten is right about.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            // tells a missing model from an unreadable one
            Err(source) => {
                onnx::load(path)?;
                return Err(Error::Io { path: path.to_owned(), source });
            }
        };
        let Ok(outline) = Self::decode(bytes.as_slice()) else {
            onnx::load(path)?;
            return Ok(Self::default());
        };
        let default = |set: &&OperatorSetIdProto| matches!(set.domain.as_str(), "" | "ai.onnx");
        match outline.opset_import.iter().find(default) {
            Some(set) if set.version < OLDEST_OPSET => Err(Error::Unsupported {
                backend: ID,
                what: format!(
                    "{} uses opset {}; rten is right from opset {OLDEST_OPSET} on",
                    path.display(),
                    set.version
                ),
            }),
            _ => Ok(outline),
        }
    }

    /// The type that the model states, which rten widens: it knows float32, int32, int8 and uint8 only.
    pub(super) fn element(&self, name: &str) -> Option<Result<ElementType>> {
        let graph = self.graph.as_ref()?;
        let value = graph.input.iter().chain(&graph.output).find(|value| value.name == name)?;
        Some(open_spec(ID, value).map(|spec| spec.element))
    }
}
