//! What stays float32, and why.

use backend::onnx::proto::{FunctionProto, OperatorSetIdProto};
use backend::onnx::tensor::from_i64;
use pipeline::fault::{Exit, exit_of, hints_of};

use super::*;

fn reasons(nodes: Vec<NodeProto>, weights: Vec<TensorProto>) -> Vec<String> {
    let (_, _, report) = converted(nodes, weights);
    let left = |left: &Left| {
        let names: Vec<&str> = left.operators.iter().map(|(_, name)| name.as_str()).collect();
        format!("{}: {}", names.join(","), left.reason)
    };
    report.left.iter().map(left).collect()
}

#[test]
fn an_unknown_operator_is_named_itself() {
    let mut old = model(
        vec![
            node("Mystery", "m", &["x"], &["m"], vec![]),
            relu("m", "r"),
            node("Add", "a", &["r", "w"], &["y"], vec![]),
        ],
        vec![from_f32("w", &[1], &[1.0])],
    );
    let (lines, _, report) = converted_model(&old);
    // the type of `m` is told by nothing, that of `r` by its neighbour `w`
    assert_eq!(
        lines,
        ["x Mystery m", "m Relu r", "r Cast r_f16", "r_f16,w Add y_f16", "y_f16 Cast y"]
    );
    assert_eq!(report.left[0].reason, Reason::NotInOnnx);
    assert_eq!(report.left[0].operators, [("Mystery".to_owned(), "m".to_owned())]);
    assert_eq!(report.left[1].reason, Reason::Untyped("m".to_owned()));
    // once the file states it, it is known
    old.graph.as_mut().unwrap().value_info.push(image("m"));
    assert_eq!(converted_model(&old).0[..3], ["x Mystery m", "m Cast m_f16", "m_f16 Relu r"]);
}

#[test]
fn other_domains_and_functions_stand_between_casts() {
    let mut foreign = node("FusedConv", "f", &["r"], &["f"], vec![]);
    foreign.domain = "com.microsoft".to_owned();
    let mut own = node("Twice", "t", &["f"], &["t"], vec![]);
    own.domain = "mine".to_owned();
    let mut old = model(vec![relu("x", "r"), foreign, own, relu("t", "y")], vec![]);
    old.functions = vec![FunctionProto {
        name: "Twice".to_owned(),
        domain: "mine".to_owned(),
        input: vec!["a".to_owned()],
        output: vec!["b".to_owned()],
        node: vec![node("Add", "", &["a", "a"], &["b"], vec![])],
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        ..FunctionProto::default()
    }];
    old.graph.as_mut().unwrap().value_info.push(image("f"));
    let (lines, _, report) = converted_model(&old);
    assert_eq!(lines[2..6], ["r Cast r_f32", "r_f32 FusedConv f", "f Twice t", "t Cast t_f16"]);
    let text: Vec<String> = report.left.iter().map(|left| left.reason.to_string()).collect();
    assert_eq!(text, ["a function of the model", "an operator of another domain (com.microsoft)"]);
}

#[test]
fn the_built_in_list_says_how_float16_goes_wrong() {
    let cumsum = vec![node("CumSum", "c", &["x", "axis"], &["c"], vec![]), relu("c", "y")];
    let found = reasons(cumsum, vec![from_i64("axis", &[], &[0])]);
    assert_eq!(found, ["c: rounds at every step of a running sum"]);
    let celu = vec![node("Celu", "c", &["x"], &["y"], vec![])];
    let found = reasons(celu, vec![]);
    assert_eq!(found, ["c: the specification has no float16 for it at operator set 17"]);
}

#[test]
fn users_block_by_type_and_by_name() {
    let old = model(
        vec![relu("x", "a"), relu("a", "b"), node("Exp", "e", &["b"], &["y"], vec![])],
        vec![],
    );
    let (new, report) = convert_checked(&old, &blocking(&["Exp", "a"]));
    assert_eq!(
        lines(&new.graph.unwrap()),
        ["x Relu a", "a Cast a_f16", "a_f16 Relu b", "b Cast b_f32", "b_f32 Exp y"]
    );
    assert_eq!((&report.left[0].reason, report.left[0].operators.len()), (&Reason::Asked, 2));
    let refuse = |name: &str, what: &str| {
        let error = convert(&old, &blocking(&[name])).unwrap_err();
        assert_eq!(exit_of(&error), Exit::Config);
        assert!(error.to_string().contains(what), "{error:#}");
        assert!(!hints_of(&error).is_empty());
    };
    refuse("Expp", "did you mean \"Exp\"?");
    refuse("nothing like it", "neither an operator type nor a node");
    // an operator of the specification that this model has not blocks nothing
    assert!(convert(&old, &blocking(&["Softmax"])).is_ok());
}

#[test]
fn numbers_made_of_shapes_stay_exact() {
    let cast = |from: &str, to: &str, element: i32| {
        node("Cast", to, &[from], &[to], vec![attr_int("to", element.into())])
    };
    let (lines, _, report) = converted(
        vec![
            relu("x", "r"),
            node("Shape", "s", &["r"], &["s"], vec![]),
            cast("s", "sf", F32),
            node("Mul", "m", &["sf", "two"], &["m"], vec![]),
            cast("m", "size", I64),
            node("Resize", "z", &["r", "", "", "size"], &["y"], vec![]),
        ],
        vec![from_f32("two", &[4], &[1.0, 1.0, 2.0, 2.0])],
    );
    assert_eq!(lines[2..6], ["r Shape s", "s Cast sf", "sf,two Mul m", "m Cast size"]);
    assert_eq!((&report.left[0].reason, report.left[0].operators.len()), (&Reason::Shapes, 1));
}

#[test]
fn sequences_are_left_alone() {
    let (lines, ..) = converted(
        vec![
            relu("x", "r"),
            node("SequenceConstruct", "q", &["r", "x"], &["q"], vec![]),
            node("SequenceAt", "t", &["q", "i"], &["t"], vec![]),
            relu("t", "y"),
        ],
        vec![from_i64("i", &[], &[0])],
    );
    assert_eq!(
        lines[2..6],
        ["r Cast r_f32", "r_f32,x SequenceConstruct q", "q,i SequenceAt t", "t Cast t_f16"]
    );
}

#[test]
fn what_only_reads_float32_goes_on_reading_it() {
    let mut old = model(vec![node("ArgMax", "a", &["x"], &["a"], vec![]), relu("x", "y")], vec![]);
    old.graph.as_mut().unwrap().output.push(value_info("a", I64, None));
    assert_eq!(converted_model(&old).0[0], "x ArgMax a");
    let mut old = model(vec![relu("x", "y"), node("ArgMax", "a", &["y"], &["a"], vec![])], vec![]);
    old.graph.as_mut().unwrap().output.push(value_info("a", I64, None));
    assert_eq!(converted_model(&old).0[2], "y_f16 ArgMax a");
}

#[test]
fn a_model_in_float16_is_refused() {
    let weight = backend::onnx::tensor::from_f16("w", &[1], &[half::f16::ONE]);
    let old = model(vec![node("Add", "a", &["x", "w"], &["y"], vec![])], vec![weight]);
    let error = convert(&old, &Options::default()).unwrap_err();
    assert_eq!(exit_of(&error), Exit::Config);
    assert!(error.to_string().contains("float16 weights already"));
}
