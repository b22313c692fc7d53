//! Small ONNX models, written by hand.

use std::path::Path;

const FLOAT: u64 = 1;
const HALF: u64 = 10;

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn message(field: u64, body: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(body.len() as u64), body.to_vec()].concat()
}

/// A tensor's name, type and shape; −1 is a dimension with a name.
fn value(name: &str, data_type: u64, dims: &[i64]) -> Vec<u8> {
    let dims: Vec<u8> = dims
        .iter()
        .flat_map(|dim| match u64::try_from(*dim) {
            Ok(size) => message(1, &number(1, size)),
            Err(_) => message(1, &message(2, b"batch")),
        })
        .collect();
    let tensor = [number(1, data_type), message(2, &dims)].concat();
    [message(1, name.as_bytes()), message(2, &message(1, &tensor))].concat()
}

fn node(name: &str, operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|input| message(1, input.as_bytes())).collect();
    let rest = [
        message(2, output.as_bytes()),
        message(3, name.as_bytes()),
        message(4, operator.as_bytes()),
    ];
    [inputs, rest.concat()].concat()
}

fn model(name: &str, data_type: u64, batch: i64, nodes: &[Vec<u8>]) -> Vec<u8> {
    let mut graph: Vec<u8> = nodes.iter().flat_map(|node| message(1, node)).collect();
    graph.extend(message(2, name.as_bytes()));
    let mut weight: Vec<u8> = [8, 3, 3, 3].iter().flat_map(|size| number(1, *size)).collect();
    weight.extend(number(2, data_type));
    weight.extend(message(8, b"weight"));
    graph.extend(message(5, &weight));
    graph.extend(message(11, &value("input", data_type, &[batch, 3, 8, 8])));
    graph.extend(message(12, &value("output", data_type, &[batch, 8])));
    [number(1, 8), message(7, &graph)].concat()
}

fn chain() -> [Vec<u8>; 4] {
    [
        node("conv", "Conv", &["input", "weight"], "a"),
        node("relu", "Relu", &["a"], "b"),
        node("pool", "GlobalAveragePool", &["b"], "c"),
        node("flatten", "Flatten", &["c"], "output"),
    ]
}

/// Conv, ReLU, pool, flatten in single precision: three layers after fusion.
pub(crate) fn fixed() -> Vec<u8> {
    model("fixed", FLOAT, 1, &chain())
}

/// The same in half precision.
pub(crate) fn half() -> Vec<u8> {
    model("half", HALF, 1, &chain())
}

/// The same with an open batch size.
pub(crate) fn dynamic() -> Vec<u8> {
    model("dynamic", FLOAT, -1, &chain())
}

/// Two nodes that cannot be had: an unknown operator, and an input that nothing makes.
pub(crate) fn broken() -> Vec<u8> {
    let nodes = [
        node("odd", "UnsupportedThing", &["input"], "a"),
        node("lost", "Relu", &["nothing"], "output"),
    ];
    model("broken", FLOAT, 1, &nodes)
}

/// A real file.
pub(crate) fn tiny() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/models/tiny.onnx")
}
