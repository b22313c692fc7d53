//! Enough of ONNX to know nodes, tensors and types: a walk over protobuf fields, nothing decoded
//! that is not asked for.

use std::collections::BTreeMap;

use tensorrt::abi::enums::DataType;

/// What a model says.
#[derive(Clone, Default)]
pub(crate) struct Graph {
    pub(crate) name: String,
    pub(crate) nodes: Vec<Node>,
    /// Inputs that are no weights.
    pub(crate) inputs: Vec<Value>,
    pub(crate) outputs: Vec<Value>,
    /// Weights.
    pub(crate) weights: BTreeMap<String, Value>,
    /// What the model says about tensors in between.
    pub(crate) known: BTreeMap<String, Value>,
}

/// A tensor: its name, its dimensions (−1: not known) and the type of its values.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) name: String,
    pub(crate) dims: Vec<i64>,
    pub(crate) data_type: DataType,
}

/// A node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) operator: String,
    pub(crate) domain: String,
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<String>,
    /// The attribute `to` of a cast.
    pub(crate) to: Option<DataType>,
}

/// The value of a field.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// The bytes are no protobuf message.
#[derive(Debug)]
pub(crate) struct Torn;

fn varint(bytes: &mut &[u8]) -> Result<u64, Torn> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().ok_or(Torn)?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Torn)
}

/// The fields of a message, in order.
fn fields(mut bytes: &[u8]) -> Result<Vec<(u64, Field<'_>)>, Torn> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let (number, field) = match key & 7 {
            0 => (key >> 3, Field::Number(varint(&mut bytes)?)),
            1 | 5 => {
                let size = if key & 7 == 1 { 8 } else { 4 };
                bytes = bytes.get(size..).ok_or(Torn)?;
                (key >> 3, Field::Fixed)
            }
            2 => {
                let size = usize::try_from(varint(&mut bytes)?).ok().ok_or(Torn)?;
                let (value, rest) = bytes.split_at_checked(size).ok_or(Torn)?;
                bytes = rest;
                (key >> 3, Field::Bytes(value))
            }
            _ => return Err(Torn),
        };
        if number == 0 {
            return Err(Torn);
        }
        fields.push((number, field));
    }
    Ok(fields)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// TensorRT's name for a type of ONNX; doubles become floats, as its parser does it.
fn data_type(onnx: u64) -> DataType {
    match onnx {
        2 => DataType::UINT8,
        3 => DataType::INT8,
        6 => DataType::INT32,
        7 => DataType::INT64,
        9 => DataType::BOOL,
        10 => DataType::HALF,
        16 => DataType::BF16,
        17 => DataType::FP8,
        22 => DataType::INT4,
        _ => DataType::FLOAT,
    }
}

/// Reads a model; an empty one is no error.
pub(crate) fn parse(model: &[u8]) -> Result<Graph, Torn> {
    let mut graph = Graph::default();
    for (number, field) in fields(model)? {
        if let (7, Field::Bytes(bytes)) = (number, field) {
            read_graph(bytes, &mut graph)?;
        }
    }
    graph.inputs.retain(|value| !graph.weights.contains_key(&value.name));
    Ok(graph)
}

fn read_graph(bytes: &[u8], graph: &mut Graph) -> Result<(), Torn> {
    for (number, field) in fields(bytes)? {
        let Field::Bytes(bytes) = field else { continue };
        match number {
            1 => graph.nodes.push(node(bytes)?),
            2 => graph.name = text(bytes),
            5 => {
                let value = initializer(bytes)?;
                graph.weights.insert(value.name.clone(), value);
            }
            11 => graph.inputs.push(value_info(bytes)?),
            12 => graph.outputs.push(value_info(bytes)?),
            13 => {
                let value = value_info(bytes)?;
                graph.known.insert(value.name.clone(), value);
            }
            _ => {}
        }
    }
    Ok(())
}

fn node(bytes: &[u8]) -> Result<Node, Torn> {
    let mut node = Node::default();
    for (number, field) in fields(bytes)? {
        let Field::Bytes(bytes) = field else { continue };
        match number {
            1 => node.inputs.push(text(bytes)),
            2 => node.outputs.push(text(bytes)),
            3 => node.name = text(bytes),
            4 => node.operator = text(bytes),
            5 => node.to = node.to.or(cast_target(bytes)?),
            7 => node.domain = text(bytes),
            _ => {}
        }
    }
    Ok(node)
}

/// The value of an attribute that is called `to`.
fn cast_target(bytes: &[u8]) -> Result<Option<DataType>, Torn> {
    let (mut named, mut value) = (false, None);
    for (number, field) in fields(bytes)? {
        match (number, field) {
            (1, Field::Bytes(name)) => named = name == b"to",
            (3, Field::Number(number)) => value = Some(data_type(number)),
            _ => {}
        }
    }
    Ok(value.filter(|_| named))
}

fn initializer(bytes: &[u8]) -> Result<Value, Torn> {
    let mut value = Value { name: String::new(), dims: Vec::new(), data_type: DataType::FLOAT };
    for (number, field) in fields(bytes)? {
        match (number, field) {
            (1, Field::Number(size)) => value.dims.push(size as i64),
            (1, Field::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    value.dims.push(varint(&mut packed)? as i64);
                }
            }
            (2, Field::Number(number)) => value.data_type = data_type(number),
            (8, Field::Bytes(name)) => value.name = text(name),
            _ => {}
        }
    }
    Ok(value)
}

fn value_info(bytes: &[u8]) -> Result<Value, Torn> {
    let mut value = Value { name: String::new(), dims: Vec::new(), data_type: DataType::FLOAT };
    for (number, field) in fields(bytes)? {
        match (number, field) {
            (1, Field::Bytes(name)) => value.name = text(name),
            (2, Field::Bytes(kind)) => {
                for (number, field) in fields(kind)? {
                    if let (1, Field::Bytes(tensor)) = (number, field) {
                        tensor_type(tensor, &mut value)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(value)
}

fn tensor_type(bytes: &[u8], value: &mut Value) -> Result<(), Torn> {
    for (number, field) in fields(bytes)? {
        match (number, field) {
            (1, Field::Number(number)) => value.data_type = data_type(number),
            (2, Field::Bytes(shape)) => {
                for (number, field) in fields(shape)? {
                    if let (1, Field::Bytes(dimension)) = (number, field) {
                        let size = fields(dimension)?.into_iter().find_map(|field| match field {
                            (1, Field::Number(size)) => Some(size as i64),
                            _ => None,
                        });
                        value.dims.push(size.unwrap_or(-1));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}
