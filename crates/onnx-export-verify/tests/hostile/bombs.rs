//! Small models that ask for much: sizes that double, graphs within graphs, claims of terabytes.

use backend::onnx::node::{attr_int, attr_ints, attr_tensor, node, value_info};
use backend::onnx::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto};
use backend::onnx::shape::Dim;
use backend::onnx::tensor::{from_f32, from_i64};
use prost::Message as _;

use super::bytes::{field, varint};
use super::dice::Dice;
use super::graph;

/// A model that decodes.
pub(super) fn model(dice: &mut Dice) -> ModelProto {
    let count = 1 + dice.below(200);
    let mut graph = GraphProto {
        input: vec![value_info("x", 1, Some(&[Dim::Fixed(2), Dim::Fixed(3)]))],
        output: vec![value_info("y", 1, None)],
        initializer: vec![from_i64("i", &[4], &[1, 2, 3, 4]), from_f32("w", &[2, 2], &[1.0; 4])],
        ..GraphProto::default()
    };
    graph.node = match dice.below(11) {
        // twice as many elements, or axes, each time
        0 => chain("i", count, |from, to, _| {
            node("Concat", "", &[from, from], &[to], vec![attr_int("axis", 0)])
        }),
        1 => chain("x", count, |from, to, _| node("Gather", "", &[from, from], &[to], vec![])),
        2 => chain("x", count, |from, to, _| {
            node("Unsqueeze", "", &[from, "i"], &[to], vec![attr_ints("axes", &[0, 1, 2, 3])])
        }),
        3 => chain("x", count, |from, to, _| node("Expand", "", &[from, "i"], &[to], vec![])),
        4 => chain("x", count, |from, to, _| node("Tile", "", &[from, "i"], &[to], vec![])),
        // one integer tensor becomes the shape of the next
        5 => chain("i", count, |from, to, n| {
            let op = if n % 2 == 0 { "ConstantOfShape" } else { "Shape" };
            let fill = vec![attr_tensor("value", from_i64("", &[1], &[64]))];
            node(op, "", &[from], &[to], if n % 2 == 0 { fill } else { vec![] })
        }),
        6 => chain("i", count, |from, to, _| node("Mul", "", &[from, from], &[to], vec![])),
        7 => vec![nested(1 + dice.below(120))],
        8 => many(dice, count * 20),
        9 => chain("x", count, |from, to, _| {
            node("Pad", "", &[from], &[to], vec![attr_ints("pads", &[i64::MAX; 4])])
        }),
        _ => {
            // a long symbol, copied from value to value
            let symbol = Dim::Symbol("s".repeat(20_000));
            graph.input = vec![value_info("x", 1, Some(&[symbol.clone(), symbol]))];
            chain("x", count * 5, |from, to, _| node("Relu", "", &[from], &[to], vec![]))
        }
    };
    graph.output[0].name =
        graph.node.last().and_then(|node| node.output.first()).cloned().unwrap_or_default();
    let version = *dice.pick(&[9, 11, 13, 17, 18, 21]);
    ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version }],
        ..ModelProto::default()
    }
}

/// Nodes that hand one value on.
fn chain(
    first: &str,
    count: usize,
    link: impl Fn(&str, &str, usize) -> NodeProto,
) -> Vec<NodeProto> {
    let name = |n: usize| if n == 0 { first.to_owned() } else { format!("v{n}") };
    (0..count).map(|n| link(&name(n), &name(n + 1), n)).collect()
}

/// A graph in a graph in a graph.
fn nested(depth: usize) -> NodeProto {
    let mut inner = node("Identity", "", &["x"], &["y"], vec![]);
    for _ in 0..depth {
        let graph = GraphProto {
            node: vec![inner],
            output: vec![value_info("y", 1, None)],
            ..GraphProto::default()
        };
        let branch = |name: &str| AttributeProto {
            name: name.into(),
            g: Some(graph.clone()),
            r#type: 5,
            ..AttributeProto::default()
        };
        // two branches at each level would be as many as there are paths
        inner = node("If", "", &["x"], &["y"], vec![branch("then_branch")]);
    }
    inner
}

/// Nodes without number: all `If`, or all with the same output.
fn many(dice: &mut Dice, count: usize) -> Vec<NodeProto> {
    let body = GraphProto { output: vec![value_info("x", 1, None)], ..GraphProto::default() };
    let branch = |name: &str| AttributeProto {
        name: name.into(),
        g: Some(body.clone()),
        ..AttributeProto::default()
    };
    let same = dice.one_in(2);
    let one = |n: usize| {
        let output = if same { "y".to_owned() } else { format!("y{n}") };
        node("If", "", &["x"], &[&output], vec![branch("then_branch"), branch("else_branch")])
    };
    (0..count.min(800)).map(one).collect()
}

/// Bytes that no honest writer makes.
pub(super) fn raw(dice: &mut Dice) -> Vec<u8> {
    match dice.below(6) {
        // graph → node → attribute → graph …, or a type in a type
        0 => {
            let tags: &[u64] = if dice.one_in(2) { &[7, 1, 5, 6] } else { &[7, 11, 2, 4] };
            let mut bytes = Vec::new();
            for level in (0..dice.below(4000)).rev() {
                let tag = if level == 0 { tags[0] } else { tags[1 + (level - 1) % 3] };
                bytes = field(tag, bytes.len() as u64, &bytes);
                if bytes.len() > 20_000 {
                    break;
                }
            }
            bytes
        }
        // a weight that claims more bytes than there are, up to 2⁶⁴
        1 => {
            let claim = *dice.pick(&[1 << 20, 1 << 31, 1 << 40, u64::MAX >> 1, u64::MAX]);
            let tensor = field(9, claim, &[0; 100]);
            field(7, tensor.len() as u64 + 2, &field(5, tensor.len() as u64, &tensor))
        }
        // dimensions of terabytes with no bytes at all
        2 => {
            let mut model = graph::model(dice);
            if let Some(graph) = &mut model.graph {
                for tensor in &mut graph.initializer {
                    tensor.dims = vec![1 << 20, 1 << 20];
                    tensor.raw_data = None;
                }
            }
            model.encode_to_vec()
        }
        // empty messages, two bytes each, that become structs
        3 => {
            let tag = *dice.pick(&[1, 5, 11, 12, 13, 14, 15]);
            let content: Vec<u8> = (0..dice.below(8000)).flat_map(|_| field(tag, 0, &[])).collect();
            field(7, content.len() as u64, &content)
        }
        // packed numbers
        4 => {
            let dims: Vec<u8> = (0..dice.below(5000)).flat_map(|n| varint(n as u64)).collect();
            let tensor = field(1, dims.len() as u64, &dims);
            let graph = field(5, tensor.len() as u64, &tensor);
            let mut model = graph::model(dice).encode_to_vec();
            model.extend(field(7, graph.len() as u64, &graph));
            model
        }
        _ => {
            let length = dice.below(2000);
            dice.noise(length)
        }
    }
}
