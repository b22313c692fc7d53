//! Casts stand where they must and nowhere else.

use backend::onnx::node::{attr_float, node, value_info};
use backend::onnx::proto::{OperatorSetIdProto, TensorProto};
use backend::onnx::shape::Dim;
use backend::onnx::tensor::{from_f32, from_i64, values_f32};
use pipeline::fault::{Exit, exit_of};

use super::*;

fn model(nodes: Vec<NodeProto>, weights: Vec<TensorProto>) -> ModelProto {
    let dims = [1, 3, 8, 8].map(Dim::Fixed);
    let graph = GraphProto {
        input: vec![value_info("x", F32, Some(&dims))],
        output: vec![value_info("y", F32, None)],
        initializer: weights,
        node: nodes,
        ..GraphProto::default()
    };
    ModelProto {
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        ..ModelProto::default()
    }
}

/// `inputs Op outputs` of each node of the converted model.
fn converted(
    nodes: Vec<NodeProto>,
    weights: Vec<TensorProto>,
) -> (Vec<String>, ModelProto, Report) {
    let (model, report) = convert(&model(nodes, weights)).unwrap();
    let text =
        |n: &NodeProto| format!("{} {} {}", n.input.join(","), n.op_type, n.output.join(","));
    let lines = model.graph.as_ref().unwrap().node.iter().map(text).collect();
    (lines, model, report)
}

fn filters() -> TensorProto {
    from_f32("w", &[2, 3, 1, 1], &[1.0, 0.5, 1e-6, 1e-9, -2.0, 0.0])
}

#[test]
fn casts_stand_at_both_borders_only() {
    let (lines, model, report) = converted(
        vec![
            node("Conv", "c", &["x", "w"], &["c"], vec![]),
            node("Relu", "r", &["c"], &["r"], vec![]),
            node("Add", "a", &["r", "c"], &["y"], vec![]),
        ],
        vec![filters()],
    );
    assert_eq!(
        lines,
        ["x Cast x_f16", "x_f16,w Conv c", "c Relu r", "r,c Add y_f16", "y_f16 Cast y"]
    );
    assert_eq!(report, Report { weights: 6, subnormal: 1, vanished: 1, casts: 2 });
    let graph = model.graph.unwrap();
    assert_eq!(graph.initializer[0].data_type, F16);
    let infos: Vec<String> = graph.value_info.iter().map(backend::onnx::model::describe).collect();
    assert_eq!(infos[1], "c: f16[1,2,8,8]");
    assert_eq!(infos.len(), 4, "{infos:?}");
}

#[test]
fn an_operator_without_float16_stands_between_casts() {
    let (lines, ..) = converted(
        vec![
            node("Relu", "r", &["x"], &["r"], vec![]),
            node("Sin", "s", &["r"], &["s"], vec![]),
            node("Cos", "t", &["s"], &["t"], vec![]),
            node("Add", "a", &["t", "r"], &["u"], vec![]),
            node("Relu", "q", &["u"], &["y"], vec![]),
        ],
        vec![],
    );
    assert_eq!(
        lines,
        [
            "x Cast x_f16",
            "x_f16 Relu r",
            "r Cast r_f32",
            "r_f32 Sin s",
            "s Cos t",
            "t Cast t_f16",
            "t_f16,r Add u",
            "u Relu y_f16",
            "y_f16 Cast y"
        ]
    );
}

#[test]
fn limits_saturate_and_scales_stay() {
    let (lines, model, _) = converted(
        vec![
            node("Constant", "k", &[], &["low"], vec![attr_float("value_float", -3e38)]),
            node("Clip", "c", &["x", "low"], &["c"], vec![]),
            node("Resize", "z", &["c", "", "scales"], &["y"], vec![]),
        ],
        vec![from_f32("scales", &[4], &[1.0, 1.0, 1.5, 1.5])],
    );
    assert_eq!(lines[1..3], ["x_f16,low Clip c", "c,,scales Resize y_f16"]);
    let graph = model.graph.unwrap();
    assert_eq!(values_f32(&graph.initializer[0]).unwrap(), [-65504.0]);
    assert_eq!(graph.initializer[1].data_type, F32);
}

#[test]
fn an_output_that_is_used_again_is_used_in_float16() {
    let (lines, ..) = converted(
        vec![
            node("Relu", "r", &["x"], &["y"], vec![]),
            node("Shape", "s", &["y"], &["s"], vec![]),
            node("Reshape", "t", &["y", "s"], &["t"], vec![]),
            node("Gather", "g", &["t", "i"], &["g"], vec![]),
        ],
        vec![from_i64("i", &[1], &[0])],
    );
    assert_eq!(lines[1], "x_f16 Relu y_f16");
    assert!(lines.contains(&"y_f16,s Reshape t".to_owned()), "{lines:?}");
    assert!(lines.contains(&"t,i Gather g".to_owned()), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "y_f16 Cast y");
}

#[test]
fn weights_of_old_files_and_filled_tensors_are_converted() {
    let mut old = model(
        vec![
            node("ConstantOfShape", "k", &["s"], &["k"], vec![]),
            node("Add", "a", &["x", "k"], &["a"], vec![]),
            node("Mul", "m", &["a", "w"], &["y"], vec![]),
        ],
        vec![from_f32("w", &[1], &[2.0]), from_i64("s", &[1], &[1])],
    );
    old.ir_version = 3;
    let graph = old.graph.as_mut().unwrap();
    graph.input.push(value_info("w", F32, Some(&[Dim::Fixed(1)])));
    graph.input.push(value_info("s", DataType::Int64 as i32, Some(&[Dim::Fixed(1)])));
    let (new, report) = convert(&old).unwrap();
    assert_eq!((new.ir_version, report.casts), (4, 2));
    let graph = new.graph.as_ref().unwrap();
    assert_eq!(graph.input.len(), 1, "weights are no inputs any more");
    assert!(graph.value_info.iter().any(|i| backend::onnx::model::describe(i) == "k: f16[1]"));
    assert_eq!(precision_of(&new), Precision::Fp16);
}

#[test]
fn what_cannot_be_converted_is_named() {
    let refuse = |nodes, weights, what: &str| {
        let error = convert(&model(nodes, weights)).unwrap_err();
        assert_eq!(exit_of(&error), Exit::Config);
        assert!(format!("{error:#}").contains(what), "{error:#}");
    };
    let add = || vec![node("Add", "a", &["x", "w"], &["y"], vec![])];
    refuse(add(), vec![from_f32("w", &[1], &[7e4])], "`w` holds 7e4, beyond");
    refuse(add(), vec![from_f32("w", &[1], &[f32::NAN])], "`w` holds NaN");
    let mystery = vec![
        node("Mystery", "m", &["x"], &["m"], vec![]),
        node("Relu", "r", &["m"], &["y"], vec![]),
    ];
    refuse(mystery, vec![], "type of `m`");
    let half = backend::onnx::tensor::from_f16("w", &[1], &[half::f16::ONE]);
    refuse(add(), vec![half], "float16 weights already");
}
