//! Graphs inside of nodes: branches are converted, loops stay float32, names mean what their scope says.

use super::*;

fn branch(node: &NodeProto, index: usize) -> &GraphProto {
    node.attribute[index].g.as_ref().unwrap()
}

fn flag(old: &mut ModelProto) {
    let flag = value_info("flag", BOOL, Some(&[]));
    old.graph.as_mut().unwrap().input.push(flag);
}

fn choice(then: GraphProto, other: GraphProto, outputs: &[&str]) -> NodeProto {
    let attributes = vec![attr_graph("then_branch", then), attr_graph("else_branch", other)];
    node("If", "if", &["flag"], outputs, attributes)
}

#[test]
fn branches_work_in_float16_on_outer_values() {
    let then = graph(vec![node("Conv", "c", &["r", "w"], &["c"], vec![])], &["c"]);
    let other = graph(vec![node("Celu", "d", &["r"], &["d"], vec![])], &["d"]);
    let mut old =
        model(vec![relu("x", "r"), choice(then, other, &["z"]), relu("z", "y")], vec![filters()]);
    flag(&mut old);
    let (lines, model, report) = converted_model(&old);
    assert_eq!(lines[1..], ["x_f16 Relu r", "flag If z", "z Relu y_f16", "y_f16 Cast y"]);
    let node = &model.graph.as_ref().unwrap().node[2];
    assert_eq!(super::lines(branch(node, 0)), ["r,w Conv c"]);
    assert_eq!(
        super::lines(branch(node, 1)),
        ["r Cast r_f32", "r_f32 Celu d", "d Cast d_f16"],
        "the cast stands where it is needed: in the branch"
    );
    assert_eq!(branch(node, 1).output[0].name, "d_f16");
    assert_eq!(report.left.len(), 1);
}

#[test]
fn a_cast_of_one_branch_is_not_seen_by_the_other_or_outside() {
    let celu = |name| graph(vec![node("Celu", name, &["r"], &[name], vec![])], &[name]);
    let mut old = model(
        vec![
            relu("x", "r"),
            choice(celu("a"), celu("b"), &["z"]),
            node("Celu", "c", &["r"], &["c"], vec![]),
            node("Add", "s", &["z", "c"], &["y"], vec![]),
        ],
        vec![],
    );
    flag(&mut old);
    let (lines, model, _) = converted_model(&old);
    let node = &model.graph.as_ref().unwrap().node[2];
    assert_eq!(super::lines(branch(node, 0))[0], "r Cast r_f32");
    assert_eq!(super::lines(branch(node, 1))[0], "r Cast r_f32_");
    assert_eq!(lines[3], "r Cast r_f32__");
    // both branches make float32: so does the whole
    assert!(lines.contains(&"z Cast z_f16".to_owned()), "{lines:?}");
}

#[test]
fn what_a_branch_gives_is_made_in_it() {
    let constant = backend::onnx::node::attr_float("value_float", 0.5);
    let then = graph(vec![node("Constant", "k", &[], &["k"], vec![constant])], &["k"]);
    let other = graph(vec![node("Identity", "i", &["r"], &["i"], vec![])], &["i"]);
    let mut old = model(vec![relu("x", "r"), choice(then, other, &["y"])], vec![]);
    flag(&mut old);
    let (_, model, _) = converted_model(&old);
    let node = &model.graph.as_ref().unwrap().node[2];
    assert_eq!(node.output, ["y_f16"]);
    assert_eq!(super::lines(branch(node, 0)), [" Constant k"]);
    assert_eq!(backend::onnx::describe_outputs(branch(node, 0)), ["k: f16[?]"]);
}

#[test]
fn a_name_inside_is_not_the_one_outside() {
    // `r` of the branch is its own, and float32 there; `r` outside is float16
    let inner = || {
        vec![node("Celu", "r", &["x"], &["r"], vec![]), node("Celu", "q", &["r"], &["q"], vec![])]
    };
    let mut old = model(
        vec![
            relu("x", "r"),
            choice(graph(inner(), &["q"]), graph(inner(), &["q"]), &["z"]),
            node("Add", "a", &["z", "r"], &["y"], vec![]),
        ],
        vec![],
    );
    flag(&mut old);
    let (new, _) = convert(&old, &Options::default()).unwrap();
    let node = &new.graph.as_ref().unwrap().node[2];
    assert_eq!(super::lines(branch(node, 0)), ["x Celu r", "r Celu q"]);
    assert!(lines(new.graph.as_ref().unwrap()).contains(&"z_f16,r Add y_f16".to_owned()));
}

#[test]
fn loops_stay_float32_with_casts_at_their_border() {
    let mut body = graph(
        vec![
            node("Identity", "k", &["go"], &["go_on"], vec![]),
            node("Add", "a", &["acc", "r"], &["sum"], vec![]),
            node("Mul", "m", &["sum", "w"], &["next"], vec![]),
        ],
        &["go_on", "next"],
    );
    body.output[0] = value_info("go_on", BOOL, None);
    body.input =
        vec![value_info("i", I64, Some(&[])), value_info("go", BOOL, Some(&[])), image("acc")];
    let turns = backend::onnx::tensor::from_i64("turns", &[], &[3]);
    let mut old = model(
        vec![
            relu("x", "r"),
            node("Mul", "h", &["r", "w"], &["h"], vec![]),
            node("Loop", "loop", &["turns", "", "h"], &["z"], vec![attr_graph("body", body)]),
            relu("z", "y"),
        ],
        vec![turns, from_f32("w", &[1], &[0.5])],
    );
    old.graph.as_mut().unwrap().value_info.push(image("z"));
    let (lines, model, report) = converted_model(&old);
    assert_eq!(
        lines[2..],
        [
            "r,w Mul h",
            "h Cast h_f32",
            "r Cast r_f32",
            "turns,,h_f32 Loop z",
            "z Cast z_f16",
            "z_f16 Relu y_f16",
            "y_f16 Cast y"
        ]
    );
    let node = &model.graph.as_ref().unwrap().node[5];
    assert_eq!(super::lines(branch(node, 0))[1..], ["acc,r_f32 Add sum", "sum,w_f32 Mul next"]);
    assert_eq!((&report.left[0].reason, report.left[0].operators.len()), (&Reason::Loop, 3));
}

#[test]
fn nested_branches_find_the_values_of_all_scopes() {
    let deepest = || graph(vec![node("Add", "d", &["b", "r"], &["d"], vec![])], &["d"]);
    let middle = || graph(vec![relu("r", "b"), choice(deepest(), deepest(), &["m"])], &["m"]);
    let mut old = model(vec![relu("x", "r"), choice(middle(), middle(), &["y"])], vec![]);
    flag(&mut old);
    let (_, model, report) = converted_model(&old);
    let outer = branch(&model.graph.as_ref().unwrap().node[2], 1);
    assert_eq!(super::lines(outer), ["r Relu b", "flag If m"]);
    assert_eq!(super::lines(branch(&outer.node[1], 1)), ["b,r Add d"]);
    assert_eq!((report.casts, report.left.len()), (2, 0));
}
