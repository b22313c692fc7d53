//! Bytes that an operator reads and writes when nothing is fused.

use std::collections::HashSet;

use super::Scope;
use crate::onnx::node::is_default_domain;
use crate::onnx::proto::NodeProto;

/// What one operator moves.
pub(super) struct Moved {
    /// Weights that it reads.
    pub(super) weights: u64,
    /// Activations that it reads and writes; `None` when a shape is unknown.
    pub(super) activations: Option<u64>,
}

impl Moved {
    /// Not a byte.
    pub(super) const NOTHING: Self = Self { weights: 0, activations: Some(0) };
}

/// Which of its values an operator touches.
#[derive(PartialEq)]
enum Reads {
    /// All inputs, each once.
    All,
    /// None, and it writes none either: the output is the input under another name or shape.
    Nothing,
    /// None: it writes what it knows of the shape alone.
    Shape,
    /// Of the first input as much as is written, and all others.
    Picked,
}

fn reads(node: &NodeProto) -> Reads {
    if !is_default_domain(node) {
        return Reads::All;
    }
    match node.op_type.as_str() {
        "Identity" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Dropout" => Reads::Nothing,
        "Shape" | "Size" | "ConstantOfShape" | "EyeLike" | "RandomNormalLike"
        | "RandomUniformLike" => Reads::Shape,
        "Gather" | "GatherElements" | "GatherND" | "Slice" => Reads::Picked,
        _ => Reads::All,
    }
}

/// Bytes of a node's inputs and outputs; a value that stands twice among the inputs is read once.
pub(super) fn moved(scope: &Scope<'_>, node: &NodeProto) -> Moved {
    let bytes = |name: &str| Some(scope.shapes.get(name)?.bytes()? as u64);
    let reads = reads(node);
    if reads == Reads::Nothing {
        return Moved::NOTHING;
    }
    let used = |names: &'_ [String]| -> Vec<String> {
        names.iter().filter(|name| !name.is_empty()).cloned().collect()
    };
    let written = super::total(used(&node.output).iter().map(|name| bytes(name)));
    let mut moved = Moved { weights: 0, activations: written };
    if reads == Reads::Shape {
        return moved;
    }
    let mut seen = HashSet::new();
    for (index, name) in node.input.iter().enumerate() {
        if name.is_empty() || !seen.insert(name.as_str()) {
            continue;
        }
        let picked = index == 0 && reads == Reads::Picked;
        let size = if picked { written } else { bytes(name) };
        if scope.is_constant(name) {
            // a weight whose size is unknown (texts) counts nothing
            moved.weights = moved.weights.saturating_add(size.unwrap_or(0));
        } else {
            moved.activations = super::total([moved.activations, size]);
        }
    }
    moved
}
