//! Which layers a network becomes. Types come from the model, or, in a weakly typed network with a flag
//! for it, half precision takes the place of single precision between two reformat layers. A ReLU, a clip
//! or a batch normalization joins the layer whose output it takes.

use std::collections::BTreeMap;

use tensorrt::abi::enums::DataType;

use crate::onnx::{Graph, Node, Value};
use crate::plan::{Layer, Tensor};

/// How types are chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Typing {
    /// As the model says.
    Model,
    /// Single precision becomes this one.
    Lower(DataType),
    /// Everything stays single precision: a fault.
    Single,
}

/// The layers of a network.
pub(crate) fn layers(graph: &Graph, typing: Typing) -> Vec<Layer> {
    let mut values: BTreeMap<String, Value> = BTreeMap::new();
    for value in graph.inputs.iter().chain(graph.weights.values()) {
        values.insert(value.name.clone(), value.clone());
    }
    let mut layers: Vec<Layer> = Vec::new();
    for node in &graph.nodes {
        for output in &node.outputs {
            let value = output_value(graph, node, output, &values);
            values.insert(output.clone(), value);
        }
        match layers.last_mut().filter(|layer| joins(node, layer)) {
            Some(layer) => join(layer, node, graph, &values, typing),
            None => layers.push(layer(node, graph, &values, typing)),
        }
    }
    if let Typing::Lower(lower) = typing {
        reformat(graph, &mut layers, lower);
    }
    for layer in &mut layers {
        layer.tactic = tactic(layer);
    }
    layers
}

fn output_value(
    graph: &Graph,
    node: &Node,
    output: &str,
    values: &BTreeMap<String, Value>,
) -> Value {
    let told = graph.known.get(output);
    let told = told.or_else(|| graph.outputs.iter().find(|value| value.name == output));
    let first = node.inputs.first().and_then(|input| values.get(input));
    let data_type = match node.operator.as_str() {
        "Shape" | "Size" | "ArgMax" | "ArgMin" | "NonZero" => DataType::INT64,
        "Equal" | "Less" | "Greater" | "Not" | "And" | "Or" => DataType::BOOL,
        _ => node.to.or(first.map(|value| value.data_type)).unwrap_or(DataType::FLOAT),
    };
    let same = matches!(
        node.operator.as_str(),
        "Relu" | "Clip" | "BatchNormalization" | "Add" | "Mul" | "Cast" | "Identity" | "Softmax"
    );
    let dims = match (told, first) {
        (Some(told), _) => told.dims.clone(),
        (None, Some(first)) if same => first.dims.clone(),
        _ => Vec::new(),
    };
    Value { name: output.to_owned(), dims, data_type }
}

/// Whether the node becomes part of the layer before it.
fn joins(node: &Node, layer: &Layer) -> bool {
    matches!(node.operator.as_str(), "Relu" | "Clip" | "BatchNormalization")
        && matches!(layer.operator.as_str(), "Conv" | "Gemm" | "Add")
        && layer.outputs.first().map(|output| &output.name) == node.inputs.first()
}

fn join(
    layer: &mut Layer,
    node: &Node,
    graph: &Graph,
    values: &BTreeMap<String, Value>,
    typing: Typing,
) {
    let other = self::layer(node, graph, values, typing);
    layer.name = format!("{} + {}", layer.name, other.name);
    layer.constants.extend(other.constants);
    layer.outputs = other.outputs;
    layer.nodes.extend(other.nodes);
}

fn layer(node: &Node, graph: &Graph, values: &BTreeMap<String, Value>, typing: Typing) -> Layer {
    let tensor = |name: &String| {
        let value = values.get(name)?;
        let data_type = match (typing, value.data_type) {
            (Typing::Lower(lower), DataType::FLOAT) => lower,
            (Typing::Single, DataType::HALF | DataType::BF16) => DataType::FLOAT,
            (_, data_type) => data_type,
        };
        let (name, dims) = (name.clone(), value.dims.clone());
        Some(Tensor { name, dims, data_type: data_type.0 })
    };
    let name = if node.name.is_empty() {
        format!("{}_{}", node.operator, node.outputs.first().map_or("", String::as_str))
    } else {
        node.name.clone()
    };
    let weight = |name: &&String| graph.weights.contains_key(*name);
    let output = |name: &String| {
        let told = graph.outputs.iter().find(|value| value.name == *name);
        let mut tensor = tensor(name)?;
        if let (Some(told), false) = (told, matches!(typing, Typing::Lower(_))) {
            tensor.data_type = told.data_type.0; // what a caller sees is never changed
        }
        Some(tensor)
    };
    Layer {
        name: name.clone(),
        operator: node.operator.clone(),
        inputs: node.inputs.iter().filter(|name| !weight(name)).filter_map(tensor).collect(),
        constants: node.inputs.iter().filter(weight).filter_map(tensor).collect(),
        outputs: node.outputs.iter().filter_map(output).collect(),
        tactic: String::new(),
        nodes: vec![name],
    }
}

/// Puts a layer behind every input and before every output that changes the type.
fn reformat(graph: &Graph, layers: &mut Vec<Layer>, lower: DataType) {
    let change = |value: &Value, input: bool, index: usize| {
        let kind = if input { "Input" } else { "Output" };
        let outside = Tensor {
            name: value.name.clone(),
            dims: value.dims.clone(),
            data_type: value.data_type.0,
        };
        let inside = Tensor {
            name: format!("Reformatted {kind} Tensor {index} ({})", value.name),
            data_type: lower.0,
            ..outside.clone()
        };
        let (inputs, outputs) = if input { (outside, inside) } else { (inside, outside) };
        Layer {
            name: format!("Reformatting CopyNode for {kind} Tensor {index} ({})", value.name),
            operator: "Reformat".into(),
            inputs: vec![inputs],
            outputs: vec![outputs],
            ..Layer::default()
        }
    };
    let float = |values: &[Value], input: bool| -> Vec<Layer> {
        let values = values.iter().enumerate();
        let values = values.filter(|(_, value)| value.data_type == DataType::FLOAT);
        values.map(|(index, value)| change(value, input, index)).collect()
    };
    layers.splice(0..0, float(&graph.inputs, true));
    layers.extend(float(&graph.outputs, false));
}

/// What a timing cache knows a layer by: everything that its time depends on, and not its name.
pub(crate) fn key(layer: &Layer) -> String {
    let shapes = |tensors: &[Tensor]| {
        let one = |tensor: &Tensor| {
            let dims: Vec<String> = tensor.dims.iter().map(i64::to_string).collect();
            format!("{}[{}]", tensor.type_name(), dims.join("x"))
        };
        tensors.iter().map(one).collect::<Vec<_>>().join(",")
    };
    let (inputs, outputs) = (shapes(&layer.inputs), shapes(&layer.outputs));
    format!("{}|{inputs}|{}|{outputs}", layer.operator, shapes(&layer.constants))
}

/// A number that only depends on the text (FNV-1a).
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

fn tactic(layer: &Layer) -> String {
    format!("fake_{}_0x{:016x}", layer.operator.to_lowercase(), hash(&key(layer)))
}
