//! Attributes that became inputs, changed their default or fell away.

use half::f16;

use super::super::node::{self, attr_int, attr_text};
use super::super::proto::{AttributeProto, DataType, NodeProto, TensorProto};
use super::super::tensor;
use super::{Changed, Scope};

/// Takes an attribute out of a node.
pub(super) fn take(node: &mut NodeProto, name: &str) -> Option<AttributeProto> {
    let at = node.attribute.iter().position(|attribute| attribute.name == name)?;
    Some(node.attribute.remove(at))
}

/// Puts a name at a position of the inputs; positions before it that are left out become empty.
pub(super) fn put_input(node: &mut NodeProto, at: usize, name: String) {
    if node.input.len() <= at {
        node.input.resize(at + 1, String::new());
    }
    node.input[at] = name;
}

/// A float scalar in the element type of a value.
fn scalar(element: i32, value: f32) -> TensorProto {
    match DataType::try_from(element) {
        Ok(DataType::Float16) => tensor::from_f16("", &[], &[f16::from_f32(value)]),
        Ok(DataType::Double) => TensorProto {
            data_type: element,
            raw_data: Some(f64::from(value).to_le_bytes().to_vec()),
            ..TensorProto::default()
        },
        _ => tensor::from_f32("", &[], &[value]),
    }
}

/// A list of integers becomes the second input; without it nothing changes.
pub(super) fn list(mut node: NodeProto, name: &str, scope: &mut Scope<'_>) -> Vec<NodeProto> {
    let Some(values) = take(&mut node, name) else { return vec![node] };
    let (constant, value) = scope.integers(&node, name, &values.ints);
    put_input(&mut node, 1, value);
    vec![constant, node]
}

pub(super) fn slice(mut node: NodeProto, scope: &mut Scope<'_>) -> Changed {
    let starts = take(&mut node, "starts").ok_or("it has no starts")?;
    let ends = take(&mut node, "ends").ok_or("it has no ends")?;
    let all = (0..starts.ints.len() as i64).collect();
    let axes = take(&mut node, "axes").map_or(all, |axes| axes.ints);
    let mut nodes = Vec::new();
    let lists = [("starts", starts.ints), ("ends", ends.ints), ("axes", axes)];
    for (index, (what, list)) in lists.into_iter().enumerate() {
        let (constant, value) = scope.integers(&node, what, &list);
        put_input(&mut node, index + 1, value);
        nodes.push(constant);
    }
    nodes.push(node);
    Ok(nodes)
}

pub(super) fn top_k(mut node: NodeProto, scope: &mut Scope<'_>) -> Changed {
    let k = take(&mut node, "k").and_then(|k| k.i).ok_or("it has no k")?;
    let (constant, value) = scope.integers(&node, "k", &[k]);
    put_input(&mut node, 1, value);
    Ok(vec![constant, node])
}

pub(super) fn clip(mut node: NodeProto, scope: &mut Scope<'_>) -> Vec<NodeProto> {
    let element = scope.element(node.input.first().map_or("", String::as_str));
    let mut nodes = Vec::new();
    for (index, what) in ["min", "max"].into_iter().enumerate() {
        let Some(bound) = take(&mut node, what).and_then(|bound| bound.f) else { continue };
        let (constant, value) = scope.constant(&node, what, scalar(element, bound));
        put_input(&mut node, index + 1, value);
        nodes.push(constant);
    }
    nodes.push(node);
    nodes
}

pub(super) fn pad(mut node: NodeProto, scope: &mut Scope<'_>) -> Changed {
    let element = scope.element(node.input.first().map_or("", String::as_str));
    let pads = take(&mut node, "pads").ok_or("it has no pads")?;
    let (constant, name) = scope.integers(&node, "pads", &pads.ints);
    put_input(&mut node, 1, name);
    let mut nodes = vec![constant];
    if let Some(fill) = take(&mut node, "value").and_then(|fill| fill.f) {
        let (constant, name) = scope.constant(&node, "value", scalar(element, fill));
        put_input(&mut node, 2, name);
        nodes.push(constant);
    }
    nodes.push(node);
    Ok(nodes)
}

/// The mask had the type of the data: who reads it still gets that.
pub(super) fn mask_of_floats(mut node: NodeProto, scope: &mut Scope<'_>) -> Vec<NodeProto> {
    let element = scope.element(node.input.first().map_or("", String::as_str));
    let Some(mask) = node.output.get(1).filter(|mask| !mask.is_empty()).cloned() else {
        return vec![node];
    };
    let name = scope.fresh(&node, "mask");
    node.output[1].clone_from(&name);
    let to = vec![attr_int("to", element.into())];
    let cast = node::node("Cast", &format!("{name}/cast"), &[&name], &[&mask], to);
    vec![node, cast]
}

/// The ratio of a Dropout says nothing at inference, but an engine may want to see it.
pub(super) fn ratio(mut node: NodeProto, scope: &mut Scope<'_>) -> Vec<NodeProto> {
    let Some(ratio) = take(&mut node, "ratio").and_then(|ratio| ratio.f) else { return vec![node] };
    let (constant, name) = scope.constant(&node, "ratio", tensor::from_f32("", &[], &[ratio]));
    put_input(&mut node, 1, name);
    vec![constant, node]
}

/// `spatial = 0` normalised each position by statistics of its own.
pub(super) fn spatial(mut node: NodeProto) -> Changed {
    match take(&mut node, "spatial").and_then(|spatial| spatial.i) {
        None | Some(1) => Ok(vec![node]),
        Some(_) => Err("it normalises each position (spatial = 0)".to_owned()),
    }
}

pub(super) fn inference_only(mut node: NodeProto) -> Changed {
    if node.output.iter().skip(1).any(|output| !output.is_empty()) {
        return Err("it trains: it has outputs beside the first".to_owned());
    }
    node.output.truncate(1);
    Ok(vec![node])
}

pub(super) fn roi_align(mut node: NodeProto) -> Vec<NodeProto> {
    node.attribute.push(attr_text("coordinate_transformation_mode", "output_half_pixel"));
    vec![node]
}

/// Without sizes the number of parts was the number of outputs; now it must be said.
pub(super) fn number_of_parts(mut node: NodeProto) -> Vec<NodeProto> {
    if node.input.get(1).is_none_or(String::is_empty) {
        node.attribute.push(attr_int("num_outputs", node.output.len() as i64));
    }
    vec![node]
}

pub(super) fn grid_sample(mut node: NodeProto) -> Vec<NodeProto> {
    let mode = match node::text(&node, "mode") {
        None | Some("bilinear") => "linear",
        Some("bicubic") => "cubic",
        Some(other) => other,
    };
    let mode = attr_text("mode", mode);
    take(&mut node, "mode");
    node.attribute.push(mode);
    vec![node]
}

pub(super) fn dft(mut node: NodeProto, scope: &mut Scope<'_>) -> Vec<NodeProto> {
    let axis = take(&mut node, "axis").and_then(|axis| axis.i).unwrap_or(1);
    let (constant, name) = scope.constant(&node, "axis", tensor::from_i64("", &[], &[axis]));
    put_input(&mut node, 2, name);
    vec![constant, node]
}
