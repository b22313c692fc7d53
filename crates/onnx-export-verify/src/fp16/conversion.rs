//! Walks the graph once and decides for each value in which type it is found.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use backend::onnx::model::{inputs, opset};
use backend::onnx::node::{attr_int, is_default_domain, node};
use backend::onnx::proto::{GraphProto, ModelProto, NodeProto, TensorProto};
use backend::onnx::shape;
use pipeline::Fault;

use super::plan::{keeps_type, limits, works_in_half};
use super::{F16, F32, Report, weights};

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

pub(super) struct Conversion<'a> {
    graph: &'a GraphProto,
    opset: i64,
    kinds: HashMap<String, Kind>,
    weights: HashMap<String, TensorProto>,
    /// Names of values and weights in their other type, by old name and type.
    cast: HashMap<(String, i32), String>,
    outputs: HashSet<&'a str>,
    pub(super) nodes: Vec<NodeProto>,
    pub(super) initializers: Vec<TensorProto>,
    pub(super) report: Report,
    types: shape::Shapes,
}

impl<'a> Conversion<'a> {
    pub(super) fn new(model: &ModelProto, graph: &'a GraphProto) -> Self {
        let types = shape::infer(model, &[]);
        let mut kinds = HashMap::new();
        let kind = |name: &str| match types.get(name).map_or(0, |value| value.element) {
            F32 => Kind::Single,
            0 => Kind::Unknown,
            _ => Kind::Other,
        };
        for input in inputs(graph) {
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

    pub(super) fn node(&mut self, old: &NodeProto) -> Result<()> {
        if old.op_type == "Constant" && is_default_domain(old) && self.constant(old) {
            return Ok(());
        }
        let mut new = old.clone();
        let fills = is_default_domain(old) && weights::fill_with_half(&mut new, &mut self.report)?;
        let half = fills || is_default_domain(old) && works_in_half(&old.op_type, self.opset);
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
            (Kind::Other, _) | (Kind::Single | Kind::Unknown, F32) => Ok(name.to_owned()),
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
    pub(super) fn outputs(&mut self) -> Result<()> {
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
