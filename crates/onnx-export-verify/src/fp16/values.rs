//! Types and shapes of inner values as the new file states them: what was known of the old values, in the
//! types of the new ones.

use std::collections::HashMap;

use backend::onnx::node::value_info;
use backend::onnx::proto::{GraphProto, ValueInfoProto};
use backend::onnx::shape::Shapes;

use super::facts::Facts;
use super::rewrite::Names;
use super::types::{declared, redeclare};

/// Describes every inner value of the outermost graph of which type and shape are known.
pub(super) fn describe(graph: &mut GraphProto, facts: &Facts, names: &Names, shapes: &Shapes) {
    let infos = std::mem::take(&mut graph.value_info);
    let before: HashMap<&str, &ValueInfoProto> =
        infos.iter().map(|info| (info.name.as_str(), info)).collect();
    let outputs: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
    let made = graph.node.iter().flat_map(|node| &node.output);
    let describe = |name: &String| {
        if name.is_empty() || outputs.contains(&name.as_str()) {
            return None;
        }
        let (old, element) = match names.stated(name) {
            Some((value, element)) => (facts.values[value].name.as_str(), element),
            None => (name.as_str(), 0),
        };
        let known = shapes.get(old);
        let mut info = match known.and_then(|value| value.dims.as_deref()) {
            Some(dims) => value_info(name, known.map_or(0, |value| value.element), Some(dims)),
            None => ValueInfoProto { name: name.clone(), ..(*before.get(old)?).clone() },
        };
        if element != 0 {
            redeclare(&mut info, element);
        }
        (declared(&info) != 0).then_some(info)
    };
    let described: Vec<ValueInfoProto> = made.filter_map(describe).collect();
    graph.value_info = described;
}
