//! Attributes that hold floats or name a type, and inputs that keep their own type.

use backend::onnx::node::{attr_float, attr_tensor, int, tensor};
use backend::onnx::proto::AttributeProto;
use backend::onnx::tensor::{from_i64, values_f32};

use super::*;

#[test]
fn limits_saturate_and_scales_stay() {
    let (lines, model, report) = converted(
        vec![
            node("Constant", "k", &[], &["low"], vec![attr_float("value_float", -3e38)]),
            node("Clip", "c", &["x", "low"], &["c"], vec![]),
            node("Resize", "z", &["c", "", "scales"], &["y"], vec![]),
        ],
        vec![from_f32("scales", &[4], &[1.0, 1.0, 1.5, 1.5])],
    );
    assert_eq!(lines[1..3], ["x_f16,low Clip c", "c,,scales Resize y_f16"]);
    let graph = model.graph.unwrap();
    assert_eq!(graph.initializer[0].data_type, F32);
    assert_eq!(values_f32(&graph.initializer[1]).unwrap(), [-65504.0]);
    assert_eq!(report.weights.clamped, 1);
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
    graph.input.push(value_info("s", I64, Some(&[Dim::Fixed(1)])));
    let (_, new, report) = converted_model(&old);
    assert_eq!((new.ir_version, report.casts), (4, 2));
    let graph = new.graph.as_ref().unwrap();
    assert_eq!(graph.input.len(), 1, "weights are no inputs any more");
    assert!(graph.value_info.iter().any(|i| backend::onnx::model::describe(i) == "k: f16[1]"));
    assert_eq!(tensor(&graph.node[0], "value").unwrap().data_type, F16);
    assert_eq!(precision_of(&new), Precision::Fp16);
}

#[test]
fn constants_of_every_form_become_weights() {
    let floats = AttributeProto {
        floats: vec![1.0, 2.0],
        r#type: 6,
        f: None,
        ..attr_float("value_floats", 0.0)
    };
    let value = attr_tensor("value", from_f32("", &[1], &[3.0]));
    let (lines, model, _) = converted(
        vec![
            node("Constant", "a", &[], &["a"], vec![floats]),
            node("Constant", "b", &[], &["b"], vec![value]),
            node("Sum", "s", &["x", "a", "b"], &["y"], vec![]),
        ],
        vec![],
    );
    assert_eq!(lines[1], "x_f16,a,b Sum y_f16");
    let graph = model.graph.unwrap();
    assert!(graph.initializer.iter().all(|weight| weight.data_type == F16));
    assert_eq!(values_f32(&graph.initializer[0]).unwrap(), [1.0, 2.0]);
}

#[test]
fn a_constant_that_is_an_output_is_still_made_by_a_node() {
    let value = || vec![attr_float("value_float", 0.1)];
    let old = model(vec![node("Constant", "k", &[], &["y"], value()), relu("y", "r")], vec![]);
    let (lines, ..) = converted_model(&old);
    assert_eq!(lines, [" Constant y", "y Cast y_f16", "y_f16 Relu r"]);
    let options = Options { io: Io::Fp16, ..Options::default() };
    let (new, _) = convert_checked(&old, &options);
    assert_eq!(tensor(&new.graph.unwrap().node[0], "value").unwrap().data_type, F16);
}

#[test]
fn the_type_that_an_operator_makes_is_renamed() {
    let (lines, model, report) = converted(
        vec![
            node("EyeLike", "e", &["x"], &["e"], vec![attr_int("dtype", 1)]),
            node("RandomNormalLike", "n", &["x"], &["n"], vec![]),
            node("Add", "a", &["e", "n"], &["y"], vec![]),
        ],
        vec![],
    );
    // what EyeLike takes tells a shape only; random numbers stay those of float32
    assert_eq!(lines[..3], ["x EyeLike e", "x RandomNormalLike n", "n Cast n_f16"]);
    let graph = model.graph.unwrap();
    assert_eq!(int(&graph.node[0], "dtype"), Some(10));
    assert!(matches!(report.left[0].reason, Reason::Unsafe(_)));
    // Range has no float16 before operator set 27
    let range = |opset| {
        let weights = vec![
            from_f32("a", &[], &[0.0]),
            from_f32("b", &[], &[8.0]),
            from_f32("d", &[], &[1.0]),
        ];
        let mut old = super::model(
            vec![
                node("Range", "r", &["a", "b", "d"], &["r"], vec![]),
                node("Add", "p", &["x", "r"], &["y"], vec![]),
            ],
            weights,
        );
        old.opset_import[0].version = opset;
        converted_model(&old).0
    };
    assert_eq!(range(17)[..2], ["a,b,d Range r", "x Cast x_f16"]);
    assert!(range(27).contains(&"x_f16,r Add y_f16".to_owned()));
}

#[test]
fn sparse_weights_are_rounded_where_they_are() {
    use backend::onnx::proto::SparseTensorProto;
    let mut old = model(vec![node("Add", "a", &["x", "w"], &["y"], vec![])], vec![]);
    old.graph.as_mut().unwrap().sparse_initializer = vec![SparseTensorProto {
        values: Some(from_f32("w", &[1], &[2.0])),
        indices: Some(from_i64("", &[1], &[3])),
        dims: vec![8],
    }];
    let (lines, model, _) = converted_model(&old);
    assert_eq!(lines[1], "x_f16,w Add y_f16");
    let sparse = &model.graph.unwrap().sparse_initializer[0];
    assert_eq!(sparse.values.as_ref().unwrap().data_type, F16);
}
