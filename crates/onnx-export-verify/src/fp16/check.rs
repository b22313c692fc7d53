//! Proves that a graph is strongly typed: each node is given types that its operator takes together.

use std::collections::HashMap;

use backend::onnx::proto::{DataType, GraphProto};

use super::facts::{Facts, Node};
use super::schema::{Kind, SEQUENCE};
use super::types::declared;

/// Every breach, in words; empty for a graph whose types agree. Values of unknown type breach nothing.
pub(super) fn breaches(facts: &Facts, graph: &GraphProto) -> Vec<String> {
    let mut breaches: Vec<String> = facts.nodes.iter().flat_map(|n| node(facts, n)).collect();
    breaches.extend(statements(facts, graph));
    breaches
}

fn node(facts: &Facts, node: &Node) -> Vec<String> {
    let Some(schema) = node.schema else { return Vec::new() };
    let mut breaches = Vec::new();
    let mut bound: HashMap<usize, i32> = HashMap::new();
    for (index, input) in node.inputs.iter().enumerate() {
        let element = facts.element(*input);
        if element == 0 {
            continue;
        }
        let name = |value: usize| facts.values[value].name.as_str();
        let at = || {
            format!("{} `{}`, input {index} `{}`", node.op_type, node.name, input.map_or("", name))
        };
        let Some(port) = schema.input(index) else {
            breaches.push(format!("{}: the operator has no such input", at()));
            continue;
        };
        if !schema.takes(port, element) {
            breaches.push(format!("{}: does not take {}", at(), text(element)));
        }
        if let Kind::Variable(variable) = port.kind
            && !port.mixed
        {
            let first = *bound.entry(variable).or_insert(element);
            if first != element {
                breaches.push(format!("{}: {} beside {}", at(), text(element), text(first)));
            }
        }
    }
    breaches.extend(branches(facts, node));
    breaches
}

/// The branches of an `If` must give the same types.
fn branches(facts: &Facts, node: &Node) -> Vec<String> {
    let [first, others @ ..] = node.bodies.as_slice() else { return Vec::new() };
    let mut breaches = Vec::new();
    for body in others {
        for (index, (a, b)) in first.outputs.iter().zip(&body.outputs).enumerate() {
            let (a, b) = (facts.element(*a), facts.element(*b));
            if a != 0 && b != 0 && a != b {
                let (op, name) = (&node.op_type, &node.name);
                breaches.push(format!(
                    "{op} `{name}`: output {index} is {} in one branch and {} in another",
                    text(a),
                    text(b)
                ));
            }
        }
    }
    breaches
}

/// What the file states of inner values and outputs must be what the nodes make.
fn statements(facts: &Facts, graph: &GraphProto) -> Vec<String> {
    let made: HashMap<&str, i32> = facts
        .values
        .iter()
        .filter(|value| value.element != 0)
        .map(|value| (value.name.as_str(), value.element))
        .collect();
    let wrong = |info: &backend::onnx::proto::ValueInfoProto| {
        let (stated, made) = (declared(info), *made.get(info.name.as_str())?);
        (stated != 0 && stated != made)
            .then(|| format!("`{}` is stated as {} and is {}", info.name, text(stated), text(made)))
    };
    graph.value_info.iter().chain(&graph.output).filter_map(wrong).collect()
}

fn text(element: i32) -> String {
    if element >= SEQUENCE {
        return format!("a container of {}", text(element % SEQUENCE));
    }
    DataType::try_from(element)
        .map_or_else(|_| element.to_string(), |t| format!("{t:?}").to_lowercase())
}

/// Casts that could be left out: of a cast of the same two types, to the type that is there, or a second one
/// of the same value to the same type in the same graph.
#[cfg(test)]
pub(super) fn redundant_casts(model: &backend::onnx::proto::ModelProto) -> Vec<String> {
    use super::types::is_half_or_single;
    let Some(graph) = &model.graph else { return Vec::new() };
    let facts = Facts::of(model, graph);
    let mut redundant = repeated(graph);
    for node in facts.nodes.iter().filter(|node| node.op_type == "Cast") {
        let (Some(from), Some(to)) = (node.inputs[0], node.outputs[0]) else { continue };
        let (before, after) = (facts.values[from].element, facts.values[to].element);
        let maker = facts.values[from].maker.map(|maker| &facts.nodes[maker]);
        if before == after {
            redundant.push(format!("`{}` casts to the type that is there", node.name));
        }
        if is_half_or_single(before)
            && is_half_or_single(after)
            && maker.is_some_and(|maker| {
                maker.op_type == "Cast" && is_half_or_single(facts.element(maker.inputs[0]))
            })
        {
            redundant.push(format!("`{}` casts what a cast made", node.name));
        }
    }
    redundant
}

#[cfg(test)]
fn repeated(graph: &GraphProto) -> Vec<String> {
    use backend::onnx::node::{int, subgraphs};
    let mut seen: HashMap<(&str, Option<i64>), &str> = HashMap::new();
    let mut repeated = Vec::new();
    for node in &graph.node {
        let to_float = matches!(int(node, "to"), Some(1 | 10));
        if node.op_type == "Cast"
            && to_float
            && let Some(other) = seen.insert((&node.input[0], int(node, "to")), &node.output[0])
        {
            repeated.push(format!("`{other}` and `{}` are casts of one value", node.output[0]));
        }
        repeated.extend(subgraphs(node).flat_map(self::repeated));
    }
    repeated
}
