//! Finds the operators that compute with shapes in floating point, as old exporters do to find the size of a
//! `Resize`: their numbers are exact in float32 and would not be in float16.

use backend::onnx::proto::DataType;

use super::F32;
use super::facts::{Facts, Node};

/// For each node whether it makes floats out of shapes and constants alone.
pub(super) fn computing(facts: &Facts) -> Vec<bool> {
    let mut from_shapes = vec![false; facts.values.len()];
    // inputs of graphs are data
    let mut from_data: Vec<bool> =
        facts.values.iter().map(|value| value.maker.is_none() && !value.weight).collect();
    let mut computing = vec![false; facts.nodes.len()];
    for (id, node) in facts.nodes.iter().enumerate() {
        let (shapes, data) = match node.op_type.as_str() {
            "Shape" | "Size" => (true, false),
            _ if !node.bodies.is_empty() || node.schema.is_none() => (false, true),
            _ => {
                let read = || contents(node);
                (read().any(|value| from_shapes[value]), read().any(|value| from_data[value]))
            }
        };
        for &output in node.outputs.iter().flatten() {
            // zeros and ones are exact, whatever made them
            let truth = facts.values[output].element == DataType::Bool as i32;
            (from_shapes[output], from_data[output]) = (shapes && !truth, data && !truth);
            computing[id] |= shapes && !data && facts.values[output].element == F32;
        }
    }
    computing
}

/// The inputs whose numbers show in the output; the others tell a shape, or which numbers to take.
fn contents(node: &Node) -> impl Iterator<Item = usize> {
    let shows = |index: usize| match node.op_type.as_str() {
        "ConstantOfShape" => false,
        "Reshape" | "Expand" | "Tile" | "Slice" | "Resize" | "Upsample" | "Squeeze"
        | "Unsqueeze" | "Split" | "TopK" | "Gather" | "GatherElements" | "GatherND" => index == 0,
        "Where" => index > 0,
        "OneHot" => index == 2,
        "Pad" | "ScatterElements" | "ScatterND" => matches!(index, 0 | 2),
        _ => true,
    };
    let inputs = node.inputs.iter().enumerate();
    inputs.filter(move |(index, _)| shows(*index)).filter_map(|(_, input)| *input)
}
