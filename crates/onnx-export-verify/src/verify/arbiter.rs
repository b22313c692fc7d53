//! Two engines disagree: which one is wrong?
//!
//! The first node where they part is evaluated in float64 by [`mod@evaluate`], once on the values that each engine
//! itself gave to it, so that what came before cannot be blamed on it. An engine whose result is further from
//! that than the roundings of this one node explain is wrong. When the evaluator does not know the operator, or
//! finds both engines right, the answer is that it is undecided, with both of them named.

pub mod evaluate;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::Result;
use backend::Precision;
use backend::onnx::opset;
use backend::onnx::proto::{DataType, GraphProto, ModelProto, NodeProto};
use backend::onnx::shape::{self, Shapes};
use pipeline::Fault;

use super::compare::{Content, Differences, relative};
use super::engines::Engine;
use super::inputs::InputSet;
use super::per_layer::{Fed, Names, Opened, Side, node_tolerance, widened_depart};
use super::rounded::widened;
use crate::fp16::facts::Facts;
use crate::load_whole;
use evaluate::{Kind, Tensor, evaluate, of_proto};

/// What the arbiter found.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// No inner value is further apart than roundings explain.
    Agree,
    /// The engines part at this node.
    Part(Parting),
}

/// The node where two engines part.
#[derive(Clone, Debug, PartialEq)]
pub struct Parting {
    /// Name of the node, or of its result when it has none.
    pub node: String,
    /// Operator type.
    pub op_type: String,
    /// Version of the default operator set.
    pub opset: i64,
    /// How far the engines are apart there, relative to the scale of the result.
    pub apart: f64,
    /// Each engine with its distance from the evaluation in float64; `None` when there is none.
    pub engines: [(String, Option<f64>); 2],
    /// Largest distance that roundings of this node explain.
    pub tolerance: f64,
    /// Why there is no evaluation.
    pub undecided: Option<String>,
}

impl Parting {
    /// The engines that are wrong; none when it is undecided.
    pub fn wrong(&self) -> Vec<&str> {
        let beyond =
            |(_, error): &&(String, Option<f64>)| error.is_some_and(|e| e > self.tolerance);
        self.engines.iter().filter(beyond).map(|(name, _)| name.as_str()).collect()
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parting = match self {
            Self::Agree => return f.write_str("the engines agree on every inner value"),
            Self::Part(parting) => parting,
        };
        let Parting { node, op_type, opset, apart, tolerance, .. } = parting;
        let [(first, a), (second, b)] = &parting.engines;
        let at = format!("node `{node}` ({op_type}, operator set {opset})");
        let distances = || {
            let (a, b) = (a.unwrap_or(f64::NAN), b.unwrap_or(f64::NAN));
            format!("from float64: {first} {a:.1e}, {second} {b:.1e}; tolerance {tolerance:.1e}")
        };
        match (parting.wrong().as_slice(), &parting.undecided) {
            (_, Some(why)) => write!(
                f,
                "undecided between {first} and {second}, which part at {at} by {apart:.1e} of its scale: {why}"
            ),
            ([], None) => write!(
                f,
                "undecided between {first} and {second}, which part at {at} by {apart:.1e}: both are right about what they were given ({})",
                distances()
            ),
            ([wrong], None) => write!(f, "{wrong} is wrong at {at} ({})", distances()),
            (_, None) => write!(f, "both engines are wrong at {at} ({})", distances()),
        }
    }
}

/// What the arbiter says of two engines that disagree about the model in a file; what hinders it is said too.
pub fn sentence(path: &Path, engines: [&Engine; 2], fed: &Fed<'_>) -> String {
    match load_whole(path).and_then(|model| arbitrate(&model, engines, fed)) {
        Ok(judgement) => format!("arbiter: {judgement}"),
        Err(why) => format!("arbiter: undecided, {why:#}"),
    }
}

/// Finds the first node where two engines part and says who is wrong. `model` has its weights in it; where it is
/// float16 it is judged widened to float32, so that no engine is blamed for storing results as float16.
///
/// # Errors
/// An engine cannot run the model or give out its inner values (exit 2).
pub fn arbitrate(model: &ModelProto, engines: [&Engine; 2], fed: &Fed<'_>) -> Result<Judgement> {
    let [first, second] = engines;
    let names =
        Names { digest: String::new(), engine: second.name.clone(), reference: first.name.clone() };
    let model = &widened(model)?;
    let errors = widened_depart(model, engines, fed, &names)?;
    let Some(row) = errors.first() else { return Ok(Judgement::Agree) };
    let graph = model.graph.as_ref();
    let makes = |node: &&NodeProto| node.output.contains(&row.name);
    let Some((graph, node)) = graph.and_then(|g| Some((g, g.node.iter().find(makes)?))) else {
        return Err(Fault::config(format!("no node makes `{}`", row.name)).into());
    };
    let shapes = shape::infer(model, fed.shapes);
    let scene = Scene { model, graph, node, facts: Facts::assuming(model, graph), shapes };
    let mut parting = Parting {
        node: if node.name.is_empty() { row.name.clone() } else { node.name.clone() },
        op_type: node.op_type.clone(),
        opset: opset(model),
        apart: row.error,
        engines: engines.map(|engine| (engine.name.clone(), None)),
        tolerance: node_tolerance(model, node, &scene.shapes, Precision::Fp32),
        undecided: None,
    };
    for (engine, (_, distance)) in engines.into_iter().zip(&mut parting.engines) {
        match scene.distance(engine, fed, &row.name)? {
            Ok(found) => *distance = Some(found),
            Err(why) => {
                parting.undecided.get_or_insert(why);
            }
        }
    }
    Ok(Judgement::Part(parting))
}

/// The node in its graph.
struct Scene<'a> {
    model: &'a ModelProto,
    graph: &'a GraphProto,
    node: &'a NodeProto,
    facts: Facts,
    shapes: Shapes,
}

impl Scene<'_> {
    /// How far an engine's result is from the evaluation of what it gave to the node; the worst of all inputs.
    fn distance(
        &self,
        engine: &Engine,
        fed: &Fed<'_>,
        output: &str,
    ) -> Result<Result<f64, String>> {
        let made: Vec<&str> = self
            .graph
            .node
            .iter()
            .filter(|n| n.op_type != "Constant")
            .flat_map(|n| &n.output)
            .map(String::as_str)
            .collect();
        let mut given: Vec<&str> = self.node.input.iter().map(String::as_str).collect();
        given.retain(|name| made.contains(name));
        given.dedup();
        let asked = [given.as_slice(), &[output]].concat();
        let side = Side { model: self.model, engine };
        let mut opened = Opened::new(side, &asked, &self.shapes, fed)?;
        let mut worst: f64 = 0.0;
        for set in opened.sets(fed.inputs)? {
            opened.infer(set, fed.inputs)?;
            let found = opened.value(output)?.1;
            let inputs = match self.inputs(&opened, &given, set, fed)? {
                Ok(inputs) => inputs,
                Err(why) => return Ok(Err(why)),
            };
            match self.expected(&inputs, output) {
                Ok(expected) if expected.values.len() == found.len() => {
                    worst = worst.max(apart(&found, &expected.values));
                }
                Ok(expected) => {
                    let (here, there) = (found.len(), expected.values.len());
                    return Ok(Err(format!("{here} elements, evaluated {there}")));
                }
                Err(why) => return Ok(Err(why)),
            }
        }
        Ok(Ok(worst))
    }

    /// What the node was given, by name.
    fn inputs(
        &self,
        opened: &Opened,
        made: &[&str],
        set: &InputSet,
        fed: &Fed<'_>,
    ) -> Result<Result<BTreeMap<String, Tensor>, String>> {
        let mut inputs = BTreeMap::new();
        for name in self.node.input.iter().filter(|name| !name.is_empty()) {
            let tensor = if made.contains(&name.as_str()) {
                let (dims, values) = opened.value(name)?;
                Ok(self.tensor(name, dims, &values))
            } else if let Some((dims, values)) = opened.fed(name, set, fed.inputs)? {
                Ok(self.tensor(name, dims, &values))
            } else {
                self.constant(name)
            };
            match tensor {
                Ok(tensor) => inputs.insert(name.clone(), tensor),
                Err(why) => return Ok(Err(why)),
            };
        }
        Ok(Ok(inputs))
    }

    fn tensor(&self, name: &str, dims: Vec<usize>, values: &[f32]) -> Tensor {
        let element = self.facts.element_of(name);
        let kind = match DataType::try_from(element) {
            Ok(DataType::Bool) => Kind::Boolean,
            Ok(DataType::Float | DataType::Float16 | DataType::Double) => Kind::Float,
            _ => Kind::Integer,
        };
        Tensor { dims, values: values.iter().map(|&v| v.into()).collect(), kind }
    }

    /// A weight or the result of a `Constant`.
    fn constant(&self, name: &str) -> Result<Tensor, String> {
        if let Some(tensor) = self.graph.initializer.iter().find(|tensor| tensor.name == name) {
            return of_proto(tensor);
        }
        let constant = self.graph.node.iter().find(|node| node.output.iter().any(|o| o == name));
        let constant = constant.ok_or_else(|| format!("`{name}` is not in the graph"))?;
        let mut outputs = evaluate(constant, &[], opset(self.model))?;
        if outputs.is_empty() { Err(format!("`{name}` is nothing")) } else { Ok(outputs.remove(0)) }
    }

    fn expected(&self, inputs: &BTreeMap<String, Tensor>, output: &str) -> Result<Tensor, String> {
        let given: Vec<Option<&Tensor>> =
            self.node.input.iter().map(|name| inputs.get(name)).collect();
        let outputs = evaluate(self.node, &given, opset(self.model))?;
        let place = self.node.output.iter().position(|name| name == output);
        let found = place.and_then(|place| outputs.into_iter().nth(place));
        found.ok_or_else(|| format!("{} gives no `{output}` here", self.node.op_type))
    }
}

/// The error of [`Differences::error`], relative to the scale of what is right. Infinite when only one of them is
/// finite somewhere, or both are not in different ways.
fn apart(found: &[f32], expected: &[f64]) -> f64 {
    // what float32 cannot hold is infinite for the engine as well
    let expected: Vec<f32> = expected.iter().map(|&value| value as f32).collect();
    let alike = |(a, b): (&f32, &f32)| {
        a.is_finite() && b.is_finite() || a.is_nan() && b.is_nan() || a.total_cmp(b).is_eq()
    };
    if !found.iter().zip(&expected).all(alike) {
        return f64::INFINITY;
    }
    relative(Differences::of(found, &expected).error(), Content::of(&expected).scale)
}

#[cfg(test)]
#[path = "arbiter/tests.rs"]
mod tests;
