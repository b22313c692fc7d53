//! Element types of the values of a graph and of the graphs inside it.

use std::collections::{HashMap, HashSet};

use backend::onnx::node::{
    attribute, int, is_default_domain, subgraphs, type_and_dims, value_info,
};
use backend::onnx::proto::{
    DataType, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};
use backend::onnx::shape::{self, Shapes};
use backend::onnx::tensor::is_float;

/// Element types by name; what is absent or 0 is not known.
pub(in crate::verify) type Types = HashMap<String, i32>;

/// Types of everything that is visible in a graph: what is outside of it, and its own values.
pub(in crate::verify) fn visible(model: &ModelProto, graph: &GraphProto, outside: &Types) -> Types {
    // only what the graph speaks of: thousands of branches would each copy all there is
    let mut names = HashSet::new();
    if !outside.is_empty() {
        mentioned(graph, &mut names);
    }
    let seen = names.into_iter().filter_map(|name| Some((name.to_owned(), *outside.get(name)?)));
    let outside: Types = seen.collect();
    let mut types = outside.clone();
    for value in graph.input.iter().chain(&graph.value_info).chain(&graph.output) {
        let element = type_and_dims(value).0;
        if element != 0 {
            types.insert(value.name.clone(), element);
        }
    }
    for tensor in &graph.initializer {
        types.insert(tensor.name.clone(), tensor.data_type);
    }
    let inferred = inferred(model, graph, &outside);
    for node in &graph.node {
        let guesses = results(model, node, &types);
        for (index, name) in node.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let known = inferred.get(name).map_or(0, |value| value.element);
            let stated = types.get(name).copied().unwrap_or(0);
            let guess = guesses.get(index).copied().unwrap_or(0);
            let element = [known, stated, guess].into_iter().find(|&element| element != 0);
            types.insert(name.clone(), element.unwrap_or(0));
        }
    }
    types
}

/// Names that nodes and results of a graph, and of the graphs inside it, use.
fn mentioned<'a>(graph: &'a GraphProto, names: &mut HashSet<&'a str>) {
    names.extend(graph.output.iter().map(|value| value.name.as_str()));
    for node in &graph.node {
        names.extend(node.input.iter().map(String::as_str));
        subgraphs(node).for_each(|inner| mentioned(inner, names));
    }
}

/// What shape inference finds, with the names from outside as inputs and without copying weights.
fn inferred(model: &ModelProto, graph: &GraphProto, outside: &Types) -> Shapes {
    let bare = |tensor: &TensorProto| TensorProto {
        name: tensor.name.clone(),
        dims: tensor.dims.clone(),
        data_type: tensor.data_type,
        ..TensorProto::default()
    };
    let light = |tensor: &TensorProto| {
        if is_float(tensor.data_type) { bare(tensor) } else { tensor.clone() }
    };
    let outside = outside.iter().map(|(name, &element)| value_info(name, element, None));
    let graph = GraphProto {
        node: graph.node.clone(),
        initializer: graph.initializer.iter().map(light).collect(),
        input: graph.input.iter().cloned().chain(outside).collect(),
        output: graph.output.clone(),
        value_info: graph.value_info.clone(),
        ..GraphProto::default()
    };
    let opset_import = model.opset_import.clone();
    shape::infer(&ModelProto { graph: Some(graph), opset_import, ..ModelProto::default() }, &[])
}

/// What an operator gives when shape inference does not know it: what its inner graphs give, what it is asked
/// for, or what it is given.
fn results(model: &ModelProto, node: &NodeProto, types: &Types) -> Vec<i32> {
    let inner = ["then_branch", "else_branch", "body"]
        .into_iter()
        .find_map(|name| attribute(node, name)?.g.as_ref());
    if let Some(inner) = inner {
        let types = visible(model, inner, types);
        let of = |value: &ValueInfoProto| types.get(&value.name).copied().unwrap_or(0);
        // the first result of a loop's body says whether it goes on
        let skipped = usize::from(node.op_type == "Loop");
        return inner.output.iter().skip(skipped).map(of).collect();
    }
    let asked = ["to", "dtype"].into_iter().find_map(|name| int(node, name));
    let asked = asked.and_then(|code| i32::try_from(code).ok());
    let given = |name: &String| types.get(name).copied().filter(|&element| element != 0);
    let first = || node.input.iter().filter_map(given);
    let like = first().find(|&element| is_float(element)).or_else(|| first().next()).unwrap_or(0);
    let mut found = vec![asked.unwrap_or(like); node.output.len()];
    if is_default_domain(node) {
        let (int64, bool) = (DataType::Int64 as i32, DataType::Bool as i32);
        match node.op_type.as_str() {
            "Shape" | "Size" | "ArgMax" | "ArgMin" | "NonZero" | "NonMaxSuppression" => {
                found.fill(int64);
            }
            "Equal" | "Less" | "Greater" | "LessOrEqual" | "GreaterOrEqual" | "Not" | "And"
            | "Or" | "Xor" | "IsNaN" | "IsInf" => found.fill(bool),
            "TopK" | "MaxPool" => found.iter_mut().skip(1).for_each(|element| *element = int64),
            "Unique" => found.iter_mut().skip(1).for_each(|element| *element = int64),
            "Dropout" => found.iter_mut().skip(1).for_each(|element| *element = bool),
            _ => {}
        }
    }
    found
}
