//! Every architecture against what is published, and ResNet-50 in detail.

use super::*;
use crate::config::Batch;
use crate::export::{Options, export};
use backend::onnx::cost::{costs, total_flops};
use backend::onnx::proto::ModelProto;
use backend::onnx::shape::infer;

/// Graphs do not depend on what the weights are.
struct Ones;

impl Weights for Ones {
    fn tensor(&self, parameter: &Parameter<'_>) -> anyhow::Result<Vec<f32>> {
        Ok(vec![1.0; parameter.shape.iter().product()])
    }
}

fn exported(architecture: Architecture, norm: Norm, batch: Batch) -> crate::export::Model {
    let options = Options { batch, norm, opset: 17, classes: architecture.classes() };
    export(architecture, &Ones, options, &[]).unwrap()
}

fn resnet50() -> Architecture {
    Architecture::named("resnet50").unwrap()
}

/// Multiplications of one inference.
fn multiplications(model: &ModelProto) -> u64 {
    total_flops(&costs(model, &infer(model, &[]))).unwrap() / 2
}

#[test]
fn resnet50_has_the_published_cost_and_size() {
    for norm in [Norm::Folded, Norm::Kept] {
        let model = exported(resnet50(), norm, Batch::ONE);
        assert_eq!(multiplications(&model.proto), 4_089_184_256, "{norm:?}");
        assert_eq!(model.parameters, 25_557_032, "{norm:?}");
        let expected = if norm == Norm::Kept { 25_557_032 } else { 25_557_032 - 26_560 };
        assert_eq!(backend::onnx::parameters(model.proto.graph.as_ref().unwrap()), expected);
    }
}

#[test]
fn all_have_the_published_cost_and_size() {
    for &architecture in Architecture::all() {
        let model = exported(architecture, Norm::Folded, Batch::ONE);
        assert_eq!(model.parameters, architecture.0.parameters, "{architecture:?}");
        let giga = multiplications(&model.proto) as f64 / 1e9;
        let published = architecture.0.giga_multiplications;
        assert!((giga - published).abs() <= 0.0005, "{architecture:?}: {giga}, not {published}");
    }
}

#[test]
fn names_are_told_and_found() {
    for &architecture in Architecture::all() {
        let json = serde_json::to_string(&architecture).unwrap();
        assert_eq!(serde_json::from_str::<Architecture>(&json).unwrap(), architecture);
        assert_eq!(Architecture::named(architecture.as_str()), Some(architecture));
    }
    let error = serde_json::from_str::<Architecture>("\"resnet5\"").unwrap_err().to_string();
    assert!(error.starts_with("unknown variant `resnet5`, expected one of `resnet18`"), "{error}");
}

#[test]
fn parameters_are_those_of_the_state_dictionary() {
    let list = resnet50().parameters(10);
    let names: Vec<&str> = list.iter().take(7).map(|p| p.name.as_str()).collect();
    let bn = ["bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"];
    assert_eq!(names[0], "conv1.weight");
    assert_eq!(names[1..5], bn);
    assert_eq!(names[5..], ["layer1.0.conv1.weight", "layer1.0.bn1.weight"]);
    assert_eq!(list.len(), 53 * 5 + 2);
    assert_eq!(list[list.len() - 2].shape, [10, 2048]);
    assert_eq!(list[list.len() - 1].name, "fc.bias");
    // no weights: any number of classes will do
    assert_eq!(resnet50().parameters(usize::MAX).len(), list.len());
}

#[test]
fn names_are_those_of_torchvision() {
    let model = exported(resnet50(), Norm::Kept, Batch::Dynamic).proto;
    let graph = model.graph.as_ref().unwrap();
    let weight = |name: &str| graph.initializer.iter().find(|t| t.name == name);
    assert_eq!(weight("layer2.0.conv2.weight").unwrap().dims, [128, 128, 3, 3]);
    assert_eq!(weight("layer4.2.bn3.running_var").unwrap().dims, [2048]);
    assert_eq!(weight("layer1.0.downsample.1.bias").unwrap().dims, [256]);
    assert_eq!(weight("fc.weight").unwrap().dims, [1000, 2048]);
    assert_eq!(graph.initializer.len(), 53 + 4 * 53 + 2);
    // version 1.5: the stride is in the 3×3
    let stride = |name: &str| {
        let node = graph.node.iter().find(|node| node.name == name).unwrap();
        backend::onnx::node::ints(node, "strides").unwrap()[0]
    };
    assert_eq!(stride("/layer2/layer2.0/conv1/Conv"), 1);
    assert_eq!(stride("/layer2/layer2.0/conv2/Conv"), 2);
    assert_eq!(backend::onnx::describe_outputs(graph), ["output: f32[batch_size,1000]"]);
    let shapes = infer(&model, &[]);
    assert_eq!(shapes.text("/layer4/layer4.2/Add_output_0"), "batch_sizex2048x7x7");
    assert_eq!(graph.value_info.len(), graph.node.len() - 1);
}
