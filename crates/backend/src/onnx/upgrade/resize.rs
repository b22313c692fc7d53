//! Upsample and the first Resize in the words of the second.

use super::super::node::{self, attr_text};
use super::super::proto::NodeProto;
use super::super::tensor;
use super::attributes::{put_input, take};
use super::{Changed, Scope};

/// Upsample's scales become its second input.
pub(super) fn scales_as_input(mut node: NodeProto, scope: &mut Scope<'_>) -> Changed {
    let scales = take(&mut node, "scales").ok_or("it has no scales")?.floats;
    let tensor = tensor::from_f32("", &[scales.len()], &scales);
    let (constant, name) = scope.constant(&node, "scales", tensor);
    put_input(&mut node, 1, name);
    Ok(vec![constant, node])
}

/// Region of interest (unused), then scales; coordinates were mapped from the top left corner.
///
/// The old text does not say how the nearest element is found. ONNX Runtime, whose word is taken, rounds
/// down where it enlarges and up where it reduces.
pub(super) fn with_roi(mut node: NodeProto, scope: &mut Scope<'_>) -> Changed {
    let [_, scales] = node.input.as_slice() else {
        return Err(format!("it has {} inputs instead of 2", node.input.len()));
    };
    let scales = scales.clone();
    if node::text(&node, "mode").unwrap_or("nearest") == "nearest" {
        let rounded = match scope.floats(&scales) {
            Some(known) if known.iter().all(|&scale| scale >= 1.0) => "floor",
            Some(known) if known.iter().all(|&scale| scale <= 1.0) => "ceil",
            Some(_) => return Err("it enlarges one axis and reduces another".to_owned()),
            None => return Err("its scales are no constant, so that rounding is not known".into()),
        };
        node.attribute.push(attr_text("nearest_mode", rounded));
    }
    node.attribute.push(attr_text("coordinate_transformation_mode", "asymmetric"));
    node.input = vec![node.input[0].clone(), String::new(), scales];
    Ok(vec![node])
}
