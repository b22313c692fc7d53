//! Element types: what a node makes of what it is given.
//!
//! A type is the code of the element; a sequence of tensors has [`SEQUENCE`] added, an optional value twice
//! that. 0 is unknown.

use std::collections::HashMap;

use backend::onnx::node::{attribute, int, is_default_domain, tensor};
use backend::onnx::proto::{
    DataType, FunctionProto, ModelProto, NodeProto, TypeProto, TypeValue, ValueInfoProto,
};

use super::schema::{Kind, SEQUENCE, Schema};
use super::{F16, F32};

/// How deep functions may call functions.
const CALLS: usize = 16;

/// What a model brings along to tell types with.
#[derive(Debug)]
pub(super) struct Library<'a> {
    /// Version of the default operator set.
    pub(super) opset: i64,
    functions: HashMap<(&'a str, &'a str), &'a FunctionProto>,
}

impl<'a> Library<'a> {
    /// The library of a model.
    pub(super) fn new(model: &'a ModelProto) -> Self {
        let key = |f: &'a FunctionProto| ((f.domain.as_str(), f.name.as_str()), f);
        let opset = backend::onnx::opset(model);
        Self { opset, functions: model.functions.iter().map(key).collect() }
    }

    /// Whether a node calls a function of the model.
    pub(super) fn is_function(&self, node: &NodeProto) -> bool {
        self.functions.contains_key(&(node.domain.as_str(), node.op_type.as_str()))
    }

    /// The types of a node's outputs; bodies are not looked into. May be shorter than the list of outputs.
    pub(super) fn outputs(&self, node: &NodeProto, inputs: &[i32]) -> Vec<i32> {
        self.called(node, inputs, self.opset, 0)
    }

    fn called(&self, node: &NodeProto, inputs: &[i32], opset: i64, depth: usize) -> Vec<i32> {
        let key = (node.domain.as_str(), node.op_type.as_str());
        if let Some(function) = self.functions.get(&key) {
            return if depth < CALLS { self.function(function, inputs, depth) } else { Vec::new() };
        }
        if !is_default_domain(node) {
            return Vec::new();
        }
        special(node, inputs)
            .map_or_else(|| by_schema(node, inputs, opset), |element| vec![element])
    }

    fn function(&self, function: &FunctionProto, inputs: &[i32], depth: usize) -> Vec<i32> {
        let default = |domain: &str| matches!(domain, "" | "ai.onnx");
        let opset = function.opset_import.iter().find(|set| default(&set.domain));
        let opset = opset.map_or(self.opset, |set| set.version);
        let names = function.input.iter().map(String::as_str);
        let mut known: HashMap<&str, i32> = names.zip(inputs.iter().copied()).collect();
        for node in &function.node {
            let type_of = |name: &String| known.get(name.as_str()).copied().unwrap_or(0);
            let inputs: Vec<i32> = node.input.iter().map(type_of).collect();
            let outputs = self.called(node, &inputs, opset, depth + 1);
            known.extend(node.output.iter().map(String::as_str).zip(outputs));
        }
        function.output.iter().map(|name| known.get(name.as_str()).copied().unwrap_or(0)).collect()
    }
}

/// The attribute that names the type of what an operator makes.
pub(crate) fn type_attribute(op_type: &str) -> Option<&'static str> {
    match op_type {
        "Cast" => Some("to"),
        "RandomNormal" | "RandomUniform" | "RandomNormalLike" | "RandomUniformLike" | "EyeLike"
        | "Bernoulli" | "SequenceEmpty" | "Multinomial" => Some("dtype"),
        "BlackmanWindow" | "HannWindow" | "HammingWindow" | "MelWeightMatrix" => {
            Some("output_datatype")
        }
        "DequantizeLinear" => Some("output_dtype"),
        _ => None,
    }
}

/// The type of the single output of operators whose schema does not tell it.
fn special(node: &NodeProto, inputs: &[i32]) -> Option<i32> {
    let input = |index: usize| inputs.get(index).copied().unwrap_or(0);
    let stated = || {
        let stated = int(node, type_attribute(&node.op_type)?)?;
        i32::try_from(stated).ok().filter(|&element| element != 0)
    };
    let element = match node.op_type.as_str() {
        "Cast" => stated().unwrap_or(0),
        "CastLike" => input(1),
        "Constant" => constant(node),
        "ConstantOfShape" => tensor(node, "value").map_or(F32, |value| value.data_type),
        "RandomNormal" | "RandomUniform" | "BlackmanWindow" | "HannWindow" | "HammingWindow"
        | "MelWeightMatrix" => stated().unwrap_or(F32),
        "Multinomial" => stated().unwrap_or(DataType::Int32 as i32),
        "EyeLike" | "RandomNormalLike" | "RandomUniformLike" | "Bernoulli" => {
            stated().unwrap_or(input(0))
        }
        "DequantizeLinear" => stated().or_else(|| inputs.get(1).copied()).unwrap_or(0),
        "SequenceEmpty" => SEQUENCE + stated().unwrap_or(F32),
        "SequenceConstruct" | "SplitToSequence" if input(0) != 0 => SEQUENCE + input(0),
        "SequenceAt" | "ConcatFromSequence" if input(0) > SEQUENCE => input(0) - SEQUENCE,
        "Optional" if input(0) != 0 => 2 * SEQUENCE + input(0),
        "OptionalGetElement" if input(0) > 2 * SEQUENCE => input(0) - 2 * SEQUENCE,
        _ => return None,
    };
    Some(element)
}

fn constant(node: &NodeProto) -> i32 {
    let of = |name: &str, element: DataType| attribute(node, name).map(|_| element as i32);
    let sparse = || attribute(node, "sparse_value")?.sparse_tensor.as_ref()?.values.as_ref();
    let forms = [
        tensor(node, "value").map(|value| value.data_type),
        of("value_float", DataType::Float),
        of("value_floats", DataType::Float),
        of("value_int", DataType::Int64),
        of("value_ints", DataType::Int64),
        of("value_string", DataType::String),
        of("value_strings", DataType::String),
        sparse().map(|values| values.data_type),
    ];
    forms.into_iter().flatten().next().unwrap_or(0)
}

/// Binds the type variables to the inputs and reads them off the outputs.
fn by_schema(node: &NodeProto, inputs: &[i32], opset: i64) -> Vec<i32> {
    let Some(schema) = Schema::of(&node.op_type, opset) else { return Vec::new() };
    let bound = bound(schema, inputs);
    let output = |index: usize| {
        let Some(port) = schema.output(index) else { return 0 };
        match (schema.only(port), port.kind) {
            (0, Kind::Variable(variable)) if !port.mixed => bound[variable],
            (only, _) => only,
        }
    };
    (0..node.output.len()).map(output).collect()
}

/// The type that each variable of a schema stands for; 0 when no input tells.
pub(super) fn bound(schema: &Schema, inputs: &[i32]) -> Vec<i32> {
    let mut bound = vec![0; schema.variables()];
    for (index, &element) in inputs.iter().enumerate() {
        if let Some(port) = schema.input(index)
            && let Kind::Variable(variable) = port.kind
            && !port.mixed
            && bound[variable] == 0
        {
            bound[variable] = element;
        }
    }
    bound
}

/// The type that a value description states.
pub(super) fn declared(info: &ValueInfoProto) -> i32 {
    info.r#type.as_ref().map_or(0, of_type)
}

fn of_type(declared: &TypeProto) -> i32 {
    let inner = |of: &Option<Box<TypeProto>>| of.as_deref().map_or(0, of_type);
    match &declared.value {
        Some(TypeValue::Tensor(tensor) | TypeValue::SparseTensor(tensor)) => tensor.elem_type,
        Some(TypeValue::Sequence(of)) => SEQUENCE + inner(&of.elem_type),
        Some(TypeValue::Optional(of)) => 2 * SEQUENCE + inner(&of.elem_type),
        Some(TypeValue::Map(_)) => 4 * SEQUENCE,
        None => 0,
    }
}

/// Puts another element type into a value description of a tensor.
pub(super) fn redeclare(info: &mut ValueInfoProto, element: i32) {
    if let Some(TypeValue::Tensor(tensor)) = info.r#type.as_mut().and_then(|t| t.value.as_mut()) {
        tensor.elem_type = element;
    }
}

/// Whether values of a type are converted at all: float32 and float16 are, nothing else.
pub(super) fn is_half_or_single(element: i32) -> bool {
    element == F32 || element == F16
}

/// The name of a node in messages: its own, else that of what it makes.
pub(super) fn name_of(node: &NodeProto) -> String {
    if !node.name.is_empty() {
        return node.name.clone();
    }
    node.output.iter().find(|name| !name.is_empty()).cloned().unwrap_or_default()
}

/// Whether a `Constant` holds a dense float32 tensor.
pub(super) fn is_dense(node: &NodeProto) -> bool {
    tensor(node, "value").map_or_else(
        || ["value_float", "value_floats"].iter().any(|name| attribute(node, name).is_some()),
        |value| value.data_type == F32,
    )
}
