//! What the golden answers can see: graphs that are wrong in one point must be far outside of the tolerance.

use backend::Precision;
use backend::onnx::node::{attr_float, attr_int, attr_ints, int, ints};
use backend::onnx::proto::{AttributeProto, NodeProto};
use backend::onnx::tensor::from_f32;

use super::super::Norm;
use super::{Case, Golden, engines, named};
use crate::verify::tolerance::Depth;
use crate::weights::{Parameter, Role, Weights as _};

fn set(node: &mut NodeProto, attribute: AttributeProto) {
    let place = node.attribute.iter_mut().find(|a| a.name == attribute.name);
    *place.unwrap() = attribute;
}

/// Exports rightly, damages the graph, and returns by how many tolerances the logits are off.
fn tolerances_off(name: &str, damage: impl FnOnce(&mut Case, &Golden)) -> f64 {
    let (architecture, golden) = named(name);
    let mut case = Case::new(architecture, &golden, Norm::Kept, 17);
    damage(&mut case, &golden);
    case.model.graph.as_mut().unwrap().value_info.clear();
    let error = case.errors(&golden, &engines()[..1])[0].1[0].1;
    let off = error / Depth::of(&case.model).relative(Precision::Fp32);
    println!("{name}: logits off by {error:.1e} of the scale, {off:.0} tolerances");
    off
}

fn nodes<'a>(case: &'a mut Case, op: &'a str) -> impl Iterator<Item = &'a mut NodeProto> {
    case.model.graph.as_mut().unwrap().node.iter_mut().filter(move |node| node.op_type == op)
}

#[test]
fn a_right_graph_is_within() {
    assert!(tolerances_off("resnet18", |_, _| {}) <= 1.0);
}

/// Version 1 has the stride in the first 1×1.
#[test]
fn stride_in_the_wrong_convolution() {
    let off = tolerances_off("resnet50", |case, _| {
        let mut moved = 0;
        for node in nodes(case, "Conv") {
            let stride = match node.name.rsplit('/').nth(1) {
                Some("conv2") if ints(node, "strides") == Some(&[2, 2]) => 1,
                Some("conv1")
                    if node.name.contains(".0/") && !node.name.starts_with("/layer1/") =>
                {
                    2
                }
                _ => continue,
            };
            set(node, attr_ints("strides", &[stride; 2]));
            moved += 1;
        }
        assert_eq!(moved, 6);
    });
    assert!(off > 100.0, "{off}");
}

#[test]
fn another_epsilon() {
    for (name, epsilon) in [("mobilenet_v3_small", 1e-5), ("resnet50", 1e-3), ("resnet50", 0.0)] {
        let off = tolerances_off(name, |case, _| {
            nodes(case, "BatchNormalization")
                .for_each(|node| set(node, attr_float("epsilon", epsilon)));
        });
        assert!(off > 10.0, "{name}: {off}");
    }
}

/// Sixteen groups of eight where there are thirty-two of four: every shape in the graph stays valid.
#[test]
fn other_groups() {
    let off = tolerances_off("resnext50_32x4d", |case, golden| {
        let mut widened = Vec::new();
        for node in nodes(case, "Conv").filter(|node| int(node, "group") == Some(32)) {
            set(node, attr_int("group", 16));
            widened.push(node.input[1].clone());
        }
        assert_eq!(widened.len(), 16);
        let weights = &mut case.model.graph.as_mut().unwrap().initializer;
        for tensor in weights.iter_mut().filter(|tensor| widened.contains(&tensor.name)) {
            let mut shape: Vec<usize> = tensor.dims.iter().map(|&dim| dim as usize).collect();
            shape[1] *= 2;
            let role = Role::Conv { groups: 16 };
            let parameter = Parameter { name: &tensor.name, shape: &shape, role };
            *tensor = from_f32(&tensor.name, &shape, &golden.tensor(&parameter).unwrap());
        }
    });
    assert!(off > 100.0, "{off}");
}

/// A window without its padding on one side, as a hasty reader of `same` padding would have it.
#[test]
fn other_padding() {
    let off = tolerances_off("mobilenet_v2", |case, _| {
        for node in nodes(case, "Conv").filter(|node| ints(node, "strides") == Some(&[2, 2])) {
            set(node, attr_ints("pads", &[0, 0, 1, 1]));
        }
    });
    assert!(off > 100.0, "{off}");
}
