//! Turns a float32 model into one with float16 weights and activations; inputs and outputs stay float32.
//!
//! Each value keeps one natural type: float16 when the operator that makes it is known to work in
//! float16, else what it was. A `Cast` stands only where an operator needs the other type, once per value,
//! so that no pair of casts undoes itself. Weights are rounded to nearest even.

mod plan;
mod weights;

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use backend::Precision;
use backend::onnx::model::opset;
use backend::onnx::node::{attr_int, is_default_domain, node};
use backend::onnx::proto::{
    DataType, GraphProto, ModelProto, NodeProto, TensorProto, TypeValue, ValueInfoProto,
};
use backend::onnx::shape;
use backend::onnx::tensor::{element_count, is_float};
use pipeline::Fault;

use crate::export::describe_values;
use plan::{keeps_type, limits, works_in_half};

/// Raised when the same model converts to another file; part of the store's key.
pub const CONVERTER_VERSION: u32 = 1;

const F32: i32 = DataType::Float as i32;
const F16: i32 = DataType::Float16 as i32;

/// What happened to the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Weights that were rounded to float16.
    pub weights: u64,
    /// Of them, those below 6.1e-5, which lose precision (zeros apart).
    pub subnormal: u64,
    /// Of them, those too small for float16, which became zero.
    pub vanished: u64,
    /// Casts in the new graph.
    pub casts: u64,
}

/// The precision of a model: that of most of its floating-point weights.
pub fn precision_of(model: &ModelProto) -> Precision {
    let count = |kind: i32| -> usize {
        let tensors = model.graph.iter().flat_map(|graph| &graph.initializer);
        tensors.filter(|t| t.data_type == kind).filter_map(|t| element_count(t).ok()).sum()
    };
    if count(F16) > count(F32) { Precision::Fp16 } else { Precision::Fp32 }
}

/// Converts a model.
///
/// # Errors
/// Exit 2: a model that is float16 already or has subgraphs, a weight beyond 65504 (named), a value whose type
/// nothing tells.
pub fn convert(model: &ModelProto) -> Result<(ModelProto, Report)> {
    if precision_of(model) == Precision::Fp16 {
        return Err(Fault::config("the model has float16 weights already").into());
    }
    let Some(graph) = &model.graph else {
        return Err(Fault::config("a model without graph").into());
    };
    if let Some(node) = graph.node.iter().find(|node| has_subgraph(node)) {
        let message = format!(
            "operator {} ({}) holds a graph of its own; such models cannot be converted to float16 yet",
            node.name, node.op_type
        );
        return Err(Fault::config(message)
            .hint("give a model that was exported in float16")
            .into());
    }
    let mut conversion = Conversion::new(model, graph);
    for node in &graph.node {
        conversion.node(node)?;
    }
    conversion.outputs()?;
    let Conversion { nodes, initializers, mut report, .. } = conversion;
    report.casts = nodes.iter().filter(|node| node.op_type == "Cast").count() as u64;
    let mut converted = model.clone();
    converted.graph = Some(GraphProto {
        node: nodes,
        initializer: initializers,
        // what the file said of inner values speaks of the old types
        value_info: retyped(graph),
        ..graph.clone()
    });
    describe_values(&mut converted);
    Ok((converted, report))
}

fn has_subgraph(node: &NodeProto) -> bool {
    node.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty())
}

/// Shapes that the file states, without float types: those follow from the new graph.
fn retyped(graph: &GraphProto) -> Vec<ValueInfoProto> {
    let mut infos = graph.value_info.clone();
    for info in &mut infos {
        if let Some(TypeValue::Tensor(tensor)) = info.r#type.as_mut().and_then(|t| t.value.as_mut())
            && is_float(tensor.elem_type)
        {
            tensor.elem_type = 0;
        }
    }
    infos
}

/// Where a value of the old graph is found in the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A float32 weight: taken in whichever type is needed.
    Weight,
    /// Computed in float16.
    Half,
    /// Computed in float32, or a float32 input.
    Single,
    /// Not float32: never cast.
    Other,
    /// Made by an operator that nothing is known of.
    Unknown,
}

struct Conversion<'a> {
    graph: &'a GraphProto,
    opset: i64,
    kinds: HashMap<String, Kind>,
    weights: HashMap<String, TensorProto>,
    /// Names of values and weights in their other type, by old name and type.
    cast: HashMap<(String, i32), String>,
    outputs: HashSet<&'a str>,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    report: Report,
    types: shape::Shapes,
}

impl<'a> Conversion<'a> {
    fn new(model: &ModelProto, graph: &'a GraphProto) -> Self {
        let types = shape::infer(model, &[]);
        let mut kinds = HashMap::new();
        let kind = |name: &str| match types.get(name).map_or(0, |value| value.element) {
            F32 => Kind::Single,
            0 => Kind::Unknown,
            _ => Kind::Other,
        };
        for input in &graph.input {
            kinds.insert(input.name.clone(), kind(&input.name));
        }
        let mut weights = HashMap::new();
        let mut initializers = Vec::new();
        for weight in &graph.initializer {
            if weight.data_type == F32 {
                kinds.insert(weight.name.clone(), Kind::Weight);
                weights.insert(weight.name.clone(), weight.clone());
            } else {
                kinds.insert(weight.name.clone(), Kind::Other);
                initializers.push(weight.clone());
            }
        }
        Self {
            graph,
            opset: opset(model),
            kinds,
            weights,
            cast: HashMap::new(),
            outputs: graph.output.iter().map(|output| output.name.as_str()).collect(),
            nodes: Vec::with_capacity(graph.node.len() + 2),
            initializers,
            report: Report::default(),
            types,
        }
    }

    fn node(&mut self, old: &NodeProto) -> Result<()> {
        if old.op_type == "Constant" && is_default_domain(old) && self.constant(old) {
            return Ok(());
        }
        let half = is_default_domain(old) && works_in_half(&old.op_type, self.opset);
        let mut new = old.clone();
        for (index, input) in new.input.iter_mut().enumerate().filter(|(_, name)| !name.is_empty())
        {
            let wanted = if half && !keeps_type(&old.op_type, index) { F16 } else { F32 };
            let saturate = limits(&old.op_type, index);
            *input = self.value(input, wanted, saturate, old)?;
        }
        for output in new.output.iter_mut().filter(|name| !name.is_empty()) {
            let kind = match self.types.get(output).map_or(0, |value| value.element) {
                F32 if half => Kind::Half,
                F32 => Kind::Single,
                // an operator that is known to work in float16 makes what it is given
                0 if half => Kind::Half,
                0 => Kind::Unknown,
                _ => Kind::Other,
            };
            self.kinds.insert(output.clone(), kind);
            // an output of the graph keeps its name for the float32 value
            if kind == Kind::Half && self.outputs.contains(output.as_str()) {
                let name = format!("{output}_f16");
                self.cast.insert((output.clone(), F16), name.clone());
                *output = name;
            }
        }
        self.nodes.push(new);
        Ok(())
    }

    /// A float constant is a weight that stands in the graph; `false` for other constants.
    fn constant(&mut self, node: &NodeProto) -> bool {
        let Some(tensor) = weights::of_constant(node) else { return false };
        let Some(output) = node.output.first() else { return false };
        self.kinds.insert(output.clone(), Kind::Weight);
        self.weights.insert(output.clone(), TensorProto { name: output.clone(), ..tensor });
        true
    }

    /// The name under which a value is found in the wanted type; adds a cast or a weight when needed.
    fn value(
        &mut self,
        name: &str,
        wanted: i32,
        saturate: bool,
        user: &NodeProto,
    ) -> Result<String> {
        let kind = self.kinds.get(name).copied().unwrap_or(Kind::Unknown);
        match (kind, wanted) {
            (Kind::Other, _) | (Kind::Single, F32) | (Kind::Unknown, F32) => Ok(name.to_owned()),
            (Kind::Half, F16) => Ok(self
                .cast
                .get(&(name.to_owned(), F16))
                .cloned()
                .unwrap_or_else(|| name.to_owned())),
            (Kind::Weight, wanted) => self.weight(name, wanted, saturate),
            (Kind::Half | Kind::Single, wanted) => Ok(self.cast_to(name, wanted)),
            (Kind::Unknown, _) => Err(Fault::config(format!(
                "the type of `{name}`, an input of operator {} ({}), is not known",
                user.name, user.op_type
            ))
            .hint("run ONNX shape inference on the model first, or export it in float16")
            .into()),
        }
    }

    fn cast_to(&mut self, name: &str, wanted: i32) -> String {
        let key = (name.to_owned(), wanted);
        if let Some(known) = self.cast.get(&key) {
            return known.clone();
        }
        let half = self.cast.get(&(name.to_owned(), F16)).cloned();
        let (source, output) = match half {
            // an output of the graph: its float32 value has the name already
            Some(half) if wanted == F32 => (half, name.to_owned()),
            _ => {
                let suffix = if wanted == F16 { "f16" } else { "f32" };
                (name.to_owned(), self.unused(&format!("{name}_{suffix}")))
            }
        };
        self.nodes.push(cast(&source, &output, wanted));
        self.cast.insert(key, output.clone());
        output
    }

    fn weight(&mut self, name: &str, wanted: i32, saturate: bool) -> Result<String> {
        let key = (name.to_owned(), wanted);
        if let Some(known) = self.cast.get(&key) {
            return Ok(known.clone());
        }
        let other = (name.to_owned(), if wanted == F16 { F32 } else { F16 });
        let new_name = if self.cast.contains_key(&other) {
            self.unused(&format!("{name}_{}", if wanted == F16 { "f16" } else { "f32" }))
        } else {
            name.to_owned()
        };
        let Some(weight) = self.weights.get(name) else { return Ok(name.to_owned()) };
        let mut tensor = if wanted == F16 {
            weights::round(weight, saturate, &mut self.report)?
        } else {
            weight.clone()
        };
        tensor.name.clone_from(&new_name);
        self.initializers.push(tensor);
        self.cast.insert(key, new_name.clone());
        Ok(new_name)
    }

    /// Casts every output that is computed in float16 back to float32.
    fn outputs(&mut self) -> Result<()> {
        for output in &self.graph.output {
            match self.kinds.get(&output.name) {
                Some(Kind::Half) => drop(self.cast_to(&output.name, F32)),
                Some(Kind::Weight) => {
                    let message = format!("output `{}` is a constant", output.name);
                    return Err(Fault::config(message).into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn unused(&self, name: &str) -> String {
        let mut candidate = name.to_owned();
        while self.types.get(&candidate).is_some() || self.kinds.contains_key(&candidate) {
            candidate.push('_');
        }
        candidate
    }
}

fn cast(from: &str, to: &str, data_type: i32) -> NodeProto {
    let name = if to.ends_with("_f16") || to.ends_with("_f32") {
        format!("{to}/Cast")
    } else {
        format!("{from}/Cast")
    };
    node("Cast", &name, &[from], &[to], vec![attr_int("to", data_type.into())])
}

#[cfg(test)]
#[path = "fp16/tests.rs"]
mod tests;
