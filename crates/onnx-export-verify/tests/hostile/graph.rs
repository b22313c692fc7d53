//! Random graphs that look like models, and what breaks them.

use backend::onnx::node::{node, value_info};
use backend::onnx::proto::{
    AttributeProto, DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    ValueInfoProto,
};
use backend::onnx::shape::Dim;
use backend::onnx::tensor::{from_f16, from_f32, from_i64};

use super::dice::Dice;
use super::words::{ATTRIBUTES, OPERATORS, TEXTS};

/// A model with a few inputs, weights, and nodes that mostly use what is there.
pub(super) fn model(dice: &mut Dice) -> ModelProto {
    let operators =
        |domain: &str, version| OperatorSetIdProto { domain: domain.to_owned(), version };
    let version = 7 + dice.below(16) as i64;
    let version = if dice.one_in(20) { dice.number() } else { version };
    ModelProto {
        ir_version: 8,
        graph: Some(graph(dice, &["outer".to_owned()], 0)),
        opset_import: vec![operators("", version), operators("com.microsoft", 1)],
        ..ModelProto::default()
    }
}

fn graph(dice: &mut Dice, outer: &[String], depth: usize) -> GraphProto {
    let mut names: Vec<String> = outer.to_vec();
    let mut graph = GraphProto { name: "g".into(), ..GraphProto::default() };
    for index in 0..=dice.below(3) {
        let name = format!("x{depth}_{index}");
        graph.input.push(value(dice, &name));
        names.push(name);
    }
    for index in 0..dice.below(6) {
        let name = format!("w{depth}_{index}");
        graph.initializer.push(weight(dice, &name));
        names.push(name);
    }
    for index in 0..=dice.below(if depth == 0 { 16 } else { 3 }) {
        let node = operator(dice, &names, depth, index);
        names.extend(node.output.iter().filter(|name| !name.is_empty()).cloned());
        graph.node.push(node);
    }
    for _ in 0..=dice.below(2) {
        let name = dice.pick(&names).clone();
        graph.output.push(value(dice, &name));
    }
    if dice.one_in(2) {
        let name = dice.pick(&names).clone();
        graph.value_info.push(value(dice, &name));
    }
    graph
}

fn operator(dice: &mut Dice, names: &[String], depth: usize, index: usize) -> NodeProto {
    let op_type = *dice.pick(OPERATORS);
    let mut input = Vec::new();
    for _ in 0..dice.below(5) {
        input.push(match dice.below(12) {
            0 => String::new(),
            1 => format!("v{depth}_{}", dice.below(30)),
            _ => dice.pick(names).clone(),
        });
    }
    let output =
        (0..=dice.below(2)).map(|k| format!("v{depth}_{index}{}", "x".repeat(k))).collect();
    let attributes = (0..dice.below(5)).map(|_| attribute(dice, names, depth)).collect();
    let name = if dice.one_in(3) { String::new() } else { format!("n{index}") };
    NodeProto { input, output, ..node(op_type, &name, &[], &[], attributes) }
}

fn attribute(dice: &mut Dice, names: &[String], depth: usize) -> AttributeProto {
    let mut attribute =
        AttributeProto { name: (*dice.pick(ATTRIBUTES)).to_owned(), ..AttributeProto::default() };
    for _ in 0..=dice.below(2) {
        match dice.below(8) {
            0 | 1 => attribute.i = Some(dice.number()),
            2 => attribute.ints = dice.numbers(),
            3 => attribute.s = Some(dice.pick(TEXTS).as_bytes().to_vec()),
            4 => attribute.t = Some(weight(dice, "")),
            5 if depth < 3 => attribute.g = Some(graph(dice, names, depth + 1)),
            6 => attribute.floats = vec![f32::NAN, 1.0, f32::INFINITY],
            _ => attribute.f = Some(f32::from_bits(dice.bits() as u32)),
        }
    }
    // what exporters write most, so that the rules get to their end
    match attribute.name.as_str() {
        "axes" | "perm" | "pads" | "strides" | "kernel_shape" | "dilations" | "split"
            if dice.one_in(2) =>
        {
            attribute.ints = (0..=dice.below(4)).map(|_| dice.below(4) as i64).collect();
        }
        _ => {}
    }
    attribute
}

/// A weight whose values fit its dimensions.
pub(super) fn weight(dice: &mut Dice, name: &str) -> TensorProto {
    let dims: Vec<usize> = (0..dice.below(5)).map(|_| dice.below(5)).collect();
    let count = dims.iter().product();
    match dice.below(4) {
        0 => {
            let dims: &[usize] = if dice.one_in(4) { &[] } else { &[dice.below(6)] };
            let values: Vec<i64> = (0..dims.iter().product()).map(|_| dice.number()).collect();
            from_i64(name, dims, &values)
        }
        1 => from_f16(name, &dims, &vec![half::f16::ONE; count]),
        _ => {
            let values: Vec<f32> = (0..count).map(|_| f32::from(dice.byte()) - 100.0).collect();
            from_f32(name, &dims, &values)
        }
    }
}

fn value(dice: &mut Dice, name: &str) -> ValueInfoProto {
    let mut dim = |_| match dice.below(8) {
        0 => Dim::Symbol("n".repeat(1 + dice.below(3))),
        1 => Dim::Unknown,
        2 => Dim::Fixed(dice.number() as usize),
        _ => Dim::Fixed(1 + dice.below(16)),
    };
    let dims: Vec<Dim> = (0..5).map(&mut dim).collect();
    let rank = dice.below(6);
    let kind = *dice.pick(&[1, 1, 1, 7, 6, 9, 10, 3, 2, 8, 0, 99]);
    value_info(name, kind, (rank < 6).then_some(&dims[..rank.min(5)]))
}

/// Breaks what a model promises.
pub(super) fn mutate(dice: &mut Dice, model: &mut ModelProto) {
    for _ in 0..dice.below(4) {
        let Some(graph) = &mut model.graph else { return };
        once(dice, graph);
    }
    if dice.one_in(10) {
        model.opset_import.reverse();
    }
}

fn once(dice: &mut Dice, graph: &mut GraphProto) {
    let (nodes, weights) = (graph.node.len(), graph.initializer.len());
    if nodes == 0 || weights == 0 {
        return;
    }
    let (node, weight) = (dice.below(nodes), dice.below(weights));
    match dice.below(12) {
        0 => graph.initializer[weight].dims = dice.numbers(),
        1 => graph.initializer[weight].dims.push(dice.number()),
        2 => graph.initializer[weight].data_type = dice.below(30) as i32 - 2,
        3 => {
            let length = dice.below(40);
            graph.initializer[weight].raw_data = Some(dice.noise(length));
        }
        4 => {
            let tensor = &mut graph.initializer[weight];
            tensor.raw_data = None;
            tensor.float_data = vec![1.0; dice.below(20)];
            tensor.int64_data = dice.numbers();
        }
        // a node that uses its own output, or one that comes later
        5 => {
            let name = graph.node[dice.below(nodes)].output.first().cloned().unwrap_or_default();
            graph.node[node].input.insert(0, name);
        }
        6 => {
            let other = graph.node[dice.below(nodes)].clone();
            graph.node[node].output.clone_from(&other.output);
        }
        7 => graph.node.swap(node, dice.below(nodes)),
        8 => {
            let again = graph.initializer[weight].clone();
            graph.initializer.push(again);
        }
        9 => {
            let name = graph.initializer[weight].name.clone();
            graph.input.push(value(dice, &name));
        }
        10 => {
            let domain = dice.pick(&["", "ai.onnx", "com.microsoft"]);
            (*domain).clone_into(&mut graph.node[node].domain);
        }
        _ => {
            let tensor = &mut graph.initializer[weight];
            tensor.data_type = *dice.pick(&[
                DataType::String as i32,
                DataType::Int4 as i32,
                DataType::Bool as i32,
            ]);
        }
    }
}
