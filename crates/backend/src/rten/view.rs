//! A model in words that rten knows: the same numbers, another file.
//!
//! | in the model | rten 0.27 | in the view |
//! |---|---|---|
//! | opset below 13 | wrong default axis of Softmax, no Resize | opset 13 |
//! | weights among the inputs | asks for them | not among the inputs |
//! | Conv, ConvTranspose, pooling without window attributes | refuses, or takes a window of no axes | written out |
//! | `auto_pad = SAME_LOWER` | pads as for `SAME_UPPER` | pads written out |
//! | Slice that leaves out its axes | wants as many starts as the data has axes | axes written out |
//! | LRN | not there | slices, sums and a power |
//! | cubic Resize | answers with a linear one | refused |

use std::path::Path;

use super::ID;
use crate::error::{Error, Result};
use crate::onnx::node::{self, attr_ints, is_default_domain};
use crate::onnx::opset;
use crate::onnx::proto::{GraphProto, ModelProto, NodeProto};
use crate::onnx::shape::{self, Dim, Shapes};
use crate::onnx::tensor::{from_f32, from_i64};
use crate::onnx::upgrade::{Names, upgrade, without_default_inputs};

/// The oldest operator set whose defaults rten follows.
const OLDEST_OPSET: i64 = 13;

/// The view of a model; nothing when the file can be loaded as it is.
///
/// # Errors
/// [`Error::Unsupported`] for a model that rten would get wrong and that cannot be put into its words.
pub(super) fn of(path: &Path, model: ModelProto) -> Result<Option<ModelProto>> {
    let refused = |what: String| Error::Unsupported {
        backend: ID,
        what: format!("{}: {what}", path.display()),
    };
    let mut changed = opset(&model) < OLDEST_OPSET;
    let mut model = upgrade(model, OLDEST_OPSET).map_err(|error| refused(error.to_string()))?;
    let Some(mut graph) = model.graph.take() else { return Ok(None) };
    changed |= without_default_inputs(&mut graph);
    if any(&graph, &|node| needs_words(node)) {
        model.graph = Some(graph);
        let shapes = shape::infer(&model, &[]);
        let mut words = Words { names: Names::of(&model), shapes };
        graph = model.graph.take().unwrap_or_default();
        words.graph(&mut graph).map_err(refused)?;
        changed = true;
    }
    model.graph = Some(graph);
    Ok(changed.then_some(model))
}

fn any(graph: &GraphProto, holds: &dyn Fn(&NodeProto) -> bool) -> bool {
    graph
        .node
        .iter()
        .any(|node| holds(node) || node::subgraphs(node).any(|graph| any(graph, holds)))
}

fn is_window(node: &NodeProto) -> bool {
    matches!(
        node.op_type.as_str(),
        "Conv" | "ConvTranspose" | "ConvInteger" | "MaxPool" | "AveragePool"
    )
}

fn needs_words(node: &NodeProto) -> bool {
    let has = |name: &str| node::attribute(node, name).is_some();
    is_default_domain(node)
        && match node.op_type.as_str() {
            "LRN" => true,
            "Slice" => node.input.get(3).is_none_or(String::is_empty),
            "Resize" => node::text(node, "mode") == Some("cubic"),
            _ if is_window(node) => !has("kernel_shape") || !has("strides") || lower(node),
            _ => false,
        }
}

fn lower(node: &NodeProto) -> bool {
    node::text(node, "auto_pad") == Some("SAME_LOWER")
}

struct Words {
    names: Names,
    shapes: Shapes,
}

impl Words {
    fn graph(&mut self, graph: &mut GraphProto) -> Result<(), String> {
        let mut nodes = Vec::with_capacity(graph.node.len());
        for mut node in std::mem::take(&mut graph.node) {
            for inner in node::subgraphs_mut(&mut node) {
                self.graph(inner)?;
            }
            let label = node::label(&node).to_owned();
            match node.op_type.as_str() {
                _ if !needs_words(&node) => nodes.push(node),
                "Resize" => return Err(format!("rten has no cubic Resize (`{label}`)")),
                "LRN" => nodes.extend(self.lrn(&node).ok_or_else(|| {
                    format!("rten has no LRN, and the rank of `{label}` is not known")
                })?),
                "Slice" => nodes.extend(self.slice(node)),
                _ => nodes.push(self.window(node)?),
            }
        }
        graph.node = nodes;
        Ok(())
    }

    fn dims(&self, name: &str) -> Option<&[Dim]> {
        self.shapes.get(name)?.dims.as_deref()
    }

    /// Writes out the axes of a slice, where the number of starts is known.
    fn slice(&mut self, mut node: NodeProto) -> Vec<NodeProto> {
        let starts = node.input.get(1).and_then(|name| self.dims(name));
        let Some([Dim::Fixed(count)]) = starts else { return vec![node] };
        let axes: Vec<i64> = (0..(*count).min(64) as i64).collect();
        let name = self.names.fresh(&format!("{}/axes", node::label(&node)));
        let value = from_i64(&name, &[axes.len()], &axes);
        node.input.resize(node.input.len().max(4), String::new());
        node.input[3].clone_from(&name);
        let value = vec![node::attr_tensor("value", value)];
        vec![node::node("Constant", &name, &[], &[&name], value), node]
    }

    /// Writes out the attributes of a window.
    fn window(&self, mut node: NodeProto) -> Result<NodeProto, String> {
        let weights = node.input.get(1).and_then(|name| self.dims(name)).unwrap_or_default();
        let own = |weights: &[Dim]| -> Option<Vec<i64>> {
            let sizes = weights.get(2..).filter(|sizes| !sizes.is_empty())?;
            sizes.iter().map(|dim| i64::try_from(dim.fixed()?).ok()).collect()
        };
        let stated = node::ints(&node, "kernel_shape").map(<[i64]>::to_vec);
        let kernel = stated.or_else(|| own(weights)).ok_or_else(|| {
            let label = node::label(&node);
            format!("`{label}` has no kernel_shape, and the shape of its filters is not known")
        })?;
        let ones = vec![1; kernel.len()];
        for (name, default) in [("kernel_shape", &kernel), ("strides", &ones)] {
            if node::attribute(&node, name).is_none() {
                node.attribute.push(attr_ints(name, default));
            }
        }
        if lower(&node) {
            let label = node::label(&node).to_owned();
            let pads = self.lower_pads(&node, &kernel).ok_or_else(|| {
                format!(
                    "rten pads at the wrong side (SAME_LOWER), and the sizes of `{label}` are open"
                )
            })?;
            node.attribute.retain(|a| !matches!(a.name.as_str(), "auto_pad" | "pads"));
            node.attribute.push(attr_ints("pads", &pads));
        }
        Ok(node)
    }

    /// Where the padding is odd, the larger half stands before the data.
    fn lower_pads(&self, node: &NodeProto, kernel: &[i64]) -> Option<Vec<i64>> {
        if node.op_type == "ConvTranspose" {
            return None;
        }
        let sizes = self.dims(node.input.first()?)?.get(2..)?;
        let strides = node::ints(node, "strides")?;
        let mut pads = Vec::new();
        for (axis, dim) in sizes.iter().enumerate() {
            let size = i64::try_from(dim.fixed()?).ok()?;
            let stride = *strides.get(axis).filter(|&&stride| stride > 0)?;
            let dilation = node::ints(node, "dilations").and_then(|d| d.get(axis)).unwrap_or(&1);
            let reach = kernel.get(axis)?.checked_sub(1)?.checked_mul(*dilation)?.checked_add(1)?;
            let steps = size.checked_sub(1)? / stride;
            let covered = steps.checked_mul(stride)?.checked_add(reach)?;
            pads.push(covered.checked_sub(size)?.max(0));
        }
        let ends = pads.iter().map(|pad| pad / 2).collect::<Vec<_>>();
        let starts = pads.iter().zip(&ends).map(|(pad, end)| pad - end);
        Some(starts.chain(ends.iter().copied()).collect())
    }

    /// x ÷ (bias + alpha ÷ size × Σ x²)^beta, the sum over a window of channels.
    fn lrn(&mut self, node: &NodeProto) -> Option<Vec<NodeProto>> {
        let (x, y) = (node.input.first()?, node.output.first()?);
        let rank = self.dims(x)?.len();
        let size = node::int(node, "size").filter(|size| (1..=64).contains(size))?;
        let float = |name: &str, default: f32| node::float(node, name).unwrap_or(default);
        let (alpha, beta, bias) = (float("alpha", 1e-4), float("beta", 0.75), float("bias", 1.0));
        let (before, after) = ((size - 1) / 2, size / 2);
        let mut pads = vec![0; 2 * rank];
        *pads.get_mut(1)? = before;
        *pads.get_mut(rank + 1)? = after;
        let label = node::label(node).to_owned();
        let mut name = |what: &str| self.names.fresh(&format!("{label}/{what}"));
        let mut nodes = Vec::new();
        let mut emit = |op: &str, inputs: &[&str], output: String| {
            nodes.push(node::node(op, &output, inputs, &[&output], vec![]));
            output
        };
        let mut constants = Vec::new();
        let mut constant = |what: String, mut value: crate::onnx::proto::TensorProto| {
            value.name.clone_from(&what);
            let attributes = vec![node::attr_tensor("value", value)];
            constants.push(node::node("Constant", &what, &[], &[&what], attributes));
            what
        };
        let scalar = |value: f32| from_f32("", &[], &[value]);
        let list = |values: &[i64]| from_i64("", &[values.len()], values);
        let pads = constant(name("pads"), list(&pads));
        let channel = constant(name("channel"), list(&[1]));
        let share = constant(name("share"), scalar(alpha / size as f32));
        let bias = constant(name("bias"), scalar(bias));
        let beta = constant(name("beta"), scalar(beta));
        let squares = emit("Mul", &[x, x], name("squares"));
        let padded = emit("Pad", &[&squares, &pads], name("padded"));
        let mut sum: Option<String> = None;
        for first in 0..size {
            let last = if first + 1 == size { i64::MAX } else { first + 1 - size };
            let start = constant(name("start"), list(&[first]));
            let end = constant(name("end"), list(&[last]));
            let part = emit("Slice", &[&padded, &start, &end, &channel], name("part"));
            sum = Some(match sum {
                Some(sum) => emit("Add", &[&sum, &part], name("sum")),
                None => part,
            });
        }
        let scaled = emit("Mul", &[&sum?, &share], name("scaled"));
        let shifted = emit("Add", &[&scaled, &bias], name("shifted"));
        let power = emit("Pow", &[&shifted, &beta], name("power"));
        emit("Div", &[x, &power], y.clone());
        constants.extend(nodes);
        Some(constants)
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
