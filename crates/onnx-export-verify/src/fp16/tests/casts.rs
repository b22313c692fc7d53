//! Casts stand where they must and nowhere else.

use backend::onnx::tensor::from_i64;

use super::*;

fn to(from: &str, out: &str, element: i32) -> NodeProto {
    node("Cast", out, &[from], &[out], vec![attr_int("to", element.into())])
}

#[test]
fn at_both_borders_only() {
    let (lines, model, report) = converted(
        vec![
            node("Conv", "c", &["x", "w"], &["c"], vec![]),
            relu("c", "r"),
            node("Add", "a", &["r", "c"], &["y"], vec![]),
        ],
        vec![filters()],
    );
    assert_eq!(
        lines,
        ["x Cast x_f16", "x_f16,w Conv c", "c Relu r", "r,c Add y_f16", "y_f16 Cast y"]
    );
    assert_eq!((report.weights.rounded, report.weights.subnormal), (6, 1));
    assert_eq!((report.weights.vanished, report.casts, report.half), (1, 2, 3));
    assert_eq!(report.left, []);
    let graph = model.graph.unwrap();
    assert_eq!(graph.initializer[0].data_type, F16);
    let infos: Vec<String> = graph.value_info.iter().map(backend::onnx::model::describe).collect();
    assert_eq!(infos[1], "c: f16[1,2,8,8]");
    assert_eq!(infos.len(), 4, "{infos:?}");
}

#[test]
fn none_when_inputs_and_outputs_are_float16_too() {
    let options = Options { io: Io::Fp16, ..Options::default() };
    let (new, report) = convert_checked(&model(vec![relu("x", "y")], vec![]), &options);
    let graph = new.graph.unwrap();
    assert_eq!(lines(&graph), ["x Relu y"]);
    assert_eq!(report.casts, 0);
    assert_eq!(backend::onnx::describe_inputs(&graph), ["x: f16[1,3,8,8]"]);
    assert!(backend::onnx::describe_outputs(&graph)[0].starts_with("y: f16"));
    // a float32 operator at the output is cast to what the caller is promised
    let options = Options { io: Io::Fp16, ..blocking(&["Relu"]) };
    let (new, _) = convert_checked(&model(vec![relu("x", "y")], vec![]), &options);
    assert_eq!(lines(&new.graph.unwrap()), ["x Cast x_f32", "x_f32 Relu y_f32", "y_f32 Cast y"]);
}

#[test]
fn around_an_operator_that_stays_float32_once_per_value() {
    let (lines, ..) = converted(
        vec![
            relu("x", "r"),
            node("Celu", "s", &["r"], &["s"], vec![]),
            node("Celu", "t", &["s"], &["t"], vec![]),
            node("Add", "a", &["t", "r"], &["u"], vec![]),
            node("Mul", "m", &["u", "t"], &["y"], vec![]),
        ],
        vec![],
    );
    assert_eq!(
        lines,
        [
            "x Cast x_f16",
            "x_f16 Relu r",
            "r Cast r_f32",
            "r_f32 Celu s",
            "s Celu t",
            "t Cast t_f16",
            "t_f16,r Add u",
            "u,t_f16 Mul y_f16",
            "y_f16 Cast y"
        ]
    );
}

#[test]
fn an_output_that_is_used_again_is_used_in_float16() {
    let (lines, ..) = converted(
        vec![
            relu("x", "y"),
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
fn an_output_that_float32_needs_too_is_cast_once() {
    let (lines, ..) = converted(
        vec![relu("x", "y"), node("Celu", "s", &["y"], &["s"], vec![]), relu("s", "t")],
        vec![],
    );
    assert_eq!(lines[2..4], ["y_f16 Cast y", "y Celu s"]);
    assert_eq!(lines.iter().filter(|line| line.contains("Cast y")).count(), 1);
}

#[test]
fn those_of_the_model_between_floats_are_seen_through() {
    // a mixed model: half by hand, back again, and half once more
    let (lines, _, report) = converted(
        vec![
            to("x", "h", F16),
            to("h", "f", F32),
            relu("f", "r"),
            to("r", "g", F16),
            to("g", "y", F32),
        ],
        vec![],
    );
    assert_eq!(lines, ["x Cast x_f16", "x_f16 Relu r", "r Cast y"]);
    assert_eq!(report.casts_removed, 4);
}

#[test]
fn one_of_an_integer_is_made_in_the_type_that_is_asked_for() {
    let mut old = model(
        vec![
            to("k", "f", F32),
            node("Add", "a", &["x", "f"], &["a"], vec![]),
            node("Celu", "c", &["f"], &["c"], vec![]),
            node("Add", "b", &["a", "c"], &["y"], vec![]),
        ],
        vec![],
    );
    let counts = value_info("k", I64, Some(&[Dim::Fixed(1)]));
    old.graph.as_mut().unwrap().input.push(counts);
    let (lines, ..) = converted_model(&old);
    assert!(lines.contains(&"k Cast f".to_owned()), "{lines:?}");
    assert!(lines.contains(&"k Cast f_f32".to_owned()), "not by way of float16: {lines:?}");
}

#[test]
fn one_that_is_an_output_keeps_its_name() {
    let mut old = model(vec![relu("x", "r"), to("r", "y", F32), relu("y", "z")], vec![]);
    old.graph.as_mut().unwrap().output.push(value_info("z", F32, None));
    let (lines, ..) = converted_model(&old);
    assert_eq!(lines[1..], ["x_f16 Relu r", "r Cast y", "r Relu z_f16", "z_f16 Cast z"]);
    let old = model(vec![to("x", "y", F32)], vec![]);
    assert_eq!(converted_model(&old).0, ["x Identity y"]);
}

#[test]
fn a_cast_to_an_integer_takes_what_is_there() {
    let mut old = model(vec![relu("x", "r"), to("r", "i", I64), relu("r", "y")], vec![]);
    old.graph.as_mut().unwrap().output.push(value_info("i", I64, None));
    let (lines, ..) = converted_model(&old);
    assert_eq!(lines, ["x Cast x_f16", "x_f16 Relu r", "r Cast i", "r Relu y_f16", "y_f16 Cast y"]);
}

#[test]
fn inputs_and_constants_that_are_outputs_stay_what_they_are() {
    let mut old = model(
        vec![relu("x", "y"), node("Mul", "m", &["x", "w"], &["m"], vec![])],
        vec![from_f32("w", &[1], &[2.0])],
    );
    for name in ["x", "w", "m"] {
        old.graph.as_mut().unwrap().output.push(value_info(name, F32, None));
    }
    let (lines, model, _) = converted_model(&old);
    assert!(lines.contains(&"x_f16,w_f16 Mul m_f16".to_owned()), "{lines:?}");
    let kept: Vec<_> =
        model.graph.unwrap().initializer.into_iter().map(|t| (t.name, t.data_type)).collect();
    assert_eq!(kept, [("w".to_owned(), F32), ("w_f16".to_owned(), F16)]);
}

#[test]
fn names_that_are_taken_are_not_given_again() {
    let (lines, ..) =
        converted(vec![relu("x", "x_f16"), relu("x_f16", "y_f16"), relu("y_f16", "y")], vec![]);
    assert_eq!(lines[0], "x Cast x_f16_");
    assert_eq!(lines[3..], ["y_f16 Relu y_f16_", "y_f16_ Cast y"]);
}

#[test]
fn no_two_nodes_have_one_name() {
    let mut first = relu("x", "r");
    first.name = "x/ToFloat16".to_owned();
    let (_, model, _) = converted(vec![first, relu("r", "y")], vec![]);
    let names: Vec<String> = model.graph.unwrap().node.into_iter().map(|node| node.name).collect();
    assert_eq!(names, ["x/ToFloat16_", "x/ToFloat16", "y", "y_f16/ToFloat32"]);
}
