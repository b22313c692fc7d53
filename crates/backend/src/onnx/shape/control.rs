//! Operators that hold graphs: `If`, `Loop`, `Scan`.

use super::super::node;
use super::super::proto::NodeProto;
use super::{Dim, Value};

/// What is known of the outputs, from what is known of those of each subgraph, by attribute name.
pub(super) fn outputs(
    node: &NodeProto,
    inputs: &[Option<&Value>],
    opset: i64,
    bodies: &[(&str, Vec<Value>)],
) -> Vec<Value> {
    let body = |name: &str| bodies.iter().find(|(n, _)| *n == name).map(|(_, values)| values);
    match node.op_type.as_str() {
        "If" => {
            let (Some(then), Some(other)) = (body("then_branch"), body("else_branch")) else {
                return Vec::new();
            };
            let condition = inputs.first().copied().flatten().and_then(|c| c.ints.as_deref());
            match condition {
                Some([0]) => other.clone(),
                Some([_]) => then.clone(),
                _ => then.iter().zip(other).map(|(a, b)| common(a, b)).collect(),
            }
        }
        // the body's first output is the condition; sizes may change from turn to turn
        "Loop" => body("body").map_or_else(Vec::new, |values| types(values.get(1..))),
        // before version 9 it had a batch; the state keeps its shape, results gain an axis
        _ => {
            let Some(values) = body("body") else { return Vec::new() };
            let scans = node::int(node, "num_scan_inputs").unwrap_or(0);
            let states = node.input.len().saturating_sub(usize::try_from(scans).unwrap_or(0));
            let mut all = types(Some(values));
            if opset >= 9 {
                for (value, seen) in all.iter_mut().zip(values).take(states) {
                    value.dims.clone_from(&seen.dims);
                }
            }
            all
        }
    }
}

fn types(values: Option<&[Value]>) -> Vec<Value> {
    values.unwrap_or_default().iter().map(|value| Value::new(value.element, None)).collect()
}

/// What holds for both of two values.
pub(super) fn common(a: &Value, b: &Value) -> Value {
    let element = if a.element == b.element { a.element } else { 0 };
    let dim = |(a, b): (&Dim, &Dim)| if a == b { a.clone() } else { Dim::Unknown };
    let dims = match (&a.dims, &b.dims) {
        (Some(a), Some(b)) if a.len() == b.len() => Some(a.iter().zip(b).map(dim).collect()),
        _ => None,
    };
    let mut value = Value::new(element, dims);
    if a.ints == b.ints {
        value.ints.clone_from(&a.ints);
    }
    value
}
