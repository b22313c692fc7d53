//! Shapes of small graphs, fixed, open and broken.

use super::super::node::{attr_int, attr_ints, attr_text, node, value_info};
use super::super::proto::{AttributeProto, GraphProto, NodeProto, OperatorSetIdProto};
use super::super::tensor::{from_f32, from_i64};
use super::*;

fn fixed(sizes: &[usize]) -> Vec<Dim> {
    sizes.iter().copied().map(Dim::Fixed).collect()
}

/// A graph on `x: f32[batch,3,14,14]` with a few constants.
fn graph(nodes: Vec<NodeProto>) -> ModelProto {
    let mut dims = vec![Dim::Symbol("batch".into())];
    dims.extend(fixed(&[3, 14, 14]));
    let graph = GraphProto {
        input: vec![value_info("x", 1, Some(&dims))],
        initializer: vec![
            from_f32("w", &[8, 3, 3, 3], &[0.0; 216]),
            from_f32("t", &[3, 8, 2, 2], &[0.0; 96]),
            from_f32("fc", &[10, 588], &[0.0; 5880]),
            from_i64("flat", &[2], &[0, -1]),
            from_i64("all", &[1], &[-1]),
            from_i64("zero", &[], &[0]),
            from_i64("first", &[1], &[0]),
            from_i64("pads", &[8], &[0, 0, 1, 1, 0, 0, 1, 2]),
        ],
        node: nodes,
        ..GraphProto::default()
    };
    ModelProto {
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        ..ModelProto::default()
    }
}

/// The text of the shape of `y`, with the batch left open and with two images.
fn check(op: &str, inputs: &[&str], attributes: Vec<AttributeProto>, open: &str, closed: &str) {
    let model = graph(vec![node(op, "n", inputs, &["y"], attributes)]);
    assert_eq!(infer(&model, &[]).text("y"), open, "{op}");
    let sizes = [("x".to_owned(), vec![2, 3, 14, 14])];
    assert_eq!(infer(&model, &sizes).text("y"), closed, "{op} at batch 2");
}

#[test]
fn windows() {
    let pads = || attr_ints("pads", &[1, 1, 1, 1]);
    let two = || attr_ints("strides", &[2, 2]);
    let kernel = |k| attr_ints("kernel_shape", &[k, k]);
    check("Conv", &["x", "w"], vec![], "batchx8x12x12", "2x8x12x12");
    check("Conv", &["x", "w"], vec![pads(), two()], "batchx8x7x7", "2x8x7x7");
    check("Conv", &["x", "w"], vec![attr_ints("dilations", &[2, 2])], "batchx8x10x10", "2x8x10x10");
    let same = || attr_text("auto_pad", "SAME_UPPER");
    check("Conv", &["x", "w"], vec![same(), two()], "batchx8x7x7", "2x8x7x7");
    check("ConvTranspose", &["x", "t"], vec![two()], "batchx8x28x28", "2x8x28x28");
    check("MaxPool", &["x"], vec![kernel(3), pads(), two()], "batchx3x7x7", "2x3x7x7");
    let ceil = || attr_int("ceil_mode", 1);
    check("MaxPool", &["x"], vec![kernel(3), two(), ceil()], "batchx3x7x7", "2x3x7x7");
    // the last window would start in the padding: engines disagree, so it stays open
    let three = attr_ints("strides", &[3, 3]);
    check("AveragePool", &["x"], vec![kernel(1), pads(), three, ceil()], "batchx3x?x?", "2x3x?x?");
    check("GlobalAveragePool", &["x"], vec![], "batchx3x1x1", "2x3x1x1");
    check("Conv", &["x", "nothing"], vec![], "", "");
}

#[test]
fn layouts() {
    check("Flatten", &["x"], vec![], "batchx588", "2x588");
    check("Reshape", &["x", "flat"], vec![], "batchx588", "2x588");
    check("Reshape", &["x", "all"], vec![], "?", "1176");
    check("Reshape", &["x", "x"], vec![], "", "");
    check(
        "Transpose",
        &["x"],
        vec![attr_ints("perm", &[0, 2, 3, 1])],
        "batchx14x14x3",
        "2x14x14x3",
    );
    check("Concat", &["x", "x"], vec![attr_int("axis", 1)], "batchx6x14x14", "2x6x14x14");
    check("Pad", &["x", "pads"], vec![], "batchx3x16x17", "2x3x16x17");
    check("Gather", &["x", "zero"], vec![attr_int("axis", 1)], "batchx14x14", "2x14x14");
    check("Unsqueeze", &["x", "first"], vec![], "1xbatchx3x14x14", "1x2x3x14x14");
    check("Squeeze", &["x"], vec![], "", "2x3x14x14");
    check("ReduceMean", &["x"], vec![attr_ints("axes", &[2, -1])], "batchx3x1x1", "2x3x1x1");
    let gone = vec![attr_ints("axes", &[2, 3]), attr_int("keepdims", 0)];
    check("ReduceMean", &["x"], gone, "batchx3", "2x3");
    check("ArgMax", &["x"], vec![attr_int("axis", 1)], "batchx1x14x14", "2x1x14x14");
}

#[test]
fn broadcasting() {
    let wide = |a: &[usize], b: &[usize]| rules::broadcast(&fixed(a), &fixed(b));
    assert_eq!(wide(&[2, 3, 4], &[3, 1]), Some(fixed(&[2, 3, 4])));
    assert_eq!(wide(&[2, 3], &[4]), None);
    let open = [Dim::Symbol("n".into())];
    assert_eq!(rules::broadcast(&open, &fixed(&[1])), Some(open.to_vec()));
    assert_eq!(rules::broadcast(&open, &fixed(&[4])), Some(fixed(&[4])));
    assert_eq!(rules::broadcast(&open, &[Dim::Unknown]), Some(vec![Dim::Unknown]));
}

#[test]
fn a_computed_reshape_is_followed() {
    let model = graph(vec![
        node("Shape", "s", &["x"], &["s"], vec![]),
        node("Gather", "g", &["s", "zero"], &["g"], vec![]),
        node("Unsqueeze", "u", &["g", "first"], &["u"], vec![]),
        node("Concat", "c", &["u", "all"], &["c"], vec![attr_int("axis", 0)]),
        node("Reshape", "r", &["x", "c"], &["r"], vec![]),
        node("Gemm", "fc", &["r", "fc"], &["y"], vec![attr_int("transB", 1)]),
    ]);
    let sizes = [("x".to_owned(), vec![2, 3, 14, 14])];
    assert_eq!(infer(&model, &sizes).text("y"), "2x10");
    // with an open batch the sizes are open, and the rank is not
    assert_eq!(infer(&model, &[]).text("r"), "?x?");
}

#[test]
fn what_is_unknown_stays_unknown_unless_the_file_says_more() {
    let mut model = graph(vec![
        node("NobodyKnowsThis", "a", &["x"], &["a"], vec![]),
        node("Relu", "b", &["a"], &["b"], vec![]),
    ]);
    assert_eq!(infer(&model, &[]).text("b"), "");
    let dims = [Dim::Symbol("batch".into()), Dim::Fixed(7)];
    model.graph.as_mut().unwrap().value_info = vec![value_info("a", 1, Some(&dims))];
    assert_eq!(infer(&model, &[]).text("b"), "batchx7");
    assert_eq!(infer(&model, &[("x".into(), vec![5, 3, 14, 14])]).text("b"), "5x7");
    // sizes that contradict the file: what it says of inner values no longer holds
    assert_eq!(infer(&model, &[("x".into(), vec![5, 3, 28, 28])]).text("b"), "");
}

#[test]
fn element_types_follow() {
    let model = graph(vec![
        node("Cast", "c", &["x"], &["h"], vec![attr_int("to", 10)]),
        node("Relu", "r", &["h"], &["r"], vec![]),
        node("Greater", "g", &["r", "h"], &["g"], vec![]),
    ]);
    let shapes = infer(&model, &[("x".into(), vec![1, 3, 14, 14])]);
    let element = |name| shapes.get(name).unwrap().element;
    assert_eq!((element("r"), element("g")), (10, 9));
    assert_eq!(shapes.get("r").unwrap().bytes(), Some(3 * 14 * 14 * 2));
}

/// How PyTorch's exporter lays out the widths of a `Pad`.
#[test]
fn tables_of_integers_are_followed() {
    let mut model = graph(vec![
        node("Reshape", "a", &["widths", "pairs"], &["a"], vec![]),
        node("Slice", "b", &["a", "all", "low", "first", "all"], &["b"], vec![]),
        node("Transpose", "c", &["b"], &["c"], vec![attr_ints("perm", &[1, 0])]),
        node("Reshape", "d", &["c", "all"], &["d"], vec![]),
        node("Pad", "y", &["x", "d"], &["y"], vec![]),
    ]);
    model.graph.as_mut().unwrap().initializer.extend([
        from_i64("widths", &[8], &[1, 2, 3, 4, 0, 0, 0, 0]),
        from_i64("pairs", &[2], &[-1, 2]),
        from_i64("low", &[1], &[i64::MIN + 1]),
    ]);
    let sizes = [("x".to_owned(), vec![2, 3, 14, 14])];
    let shapes = infer(&model, &sizes);
    assert_eq!(shapes.get("d").unwrap().ints.as_deref(), Some(&[0, 0, 3, 1, 0, 0, 4, 2][..]));
    assert_eq!(shapes.text("y"), "2x3x21x17");
}

#[test]
fn branches_of_a_condition_are_looked_into() {
    let branch = |name: &str, op: &str, attributes: Vec<AttributeProto>| {
        let body = GraphProto {
            node: vec![node(op, "n", &["x"], &["same"], attributes)],
            output: vec![value_info("same", 1, None)],
            ..GraphProto::default()
        };
        AttributeProto { g: Some(body), ..attr_int(name, 0) }
    };
    let conditional = |other: AttributeProto| {
        let then = branch("then_branch", "Relu", vec![]);
        graph(vec![node("If", "i", &["unknown"], &["y"], vec![then, other])])
    };
    let alike = conditional(branch("else_branch", "Tanh", vec![]));
    assert_eq!(infer(&alike, &[]).text("y"), "batchx3x14x14");
    let pooled = conditional(branch("else_branch", "GlobalMaxPool", vec![]));
    let shapes = infer(&pooled, &[]);
    assert_eq!(
        (shapes.text("y").as_str(), shapes.text("same").as_str()),
        ("batchx3x?x?", "batchx3x?x?")
    );
}

#[test]
fn hostile_sizes_are_unknown_and_never_wrap() {
    let huge = i64::MAX;
    let mut model = graph(vec![
        node("Expand", "e", &["one", "huge"], &["e"], vec![]),
        node("Shape", "s", &["e"], &["s"], vec![]),
        node("Slice", "c", &["e", "low", "all"], &["c"], vec![]),
        node("Tile", "t", &["e", "huge"], &["t"], vec![]),
        node("Pad", "p", &["e", "huge4"], &["p"], vec![]),
        node("Reshape", "r", &["e", "all"], &["r"], vec![]),
        node("Range", "g", &["lowest", "most", "step"], &["g"], vec![]),
        node("Upsample", "u", &["e", "large"], &["u"], vec![]),
        node("Gather", "k", &["first", "lowest"], &["k"], vec![]),
        node("Split", "q", &["e"], &["q1", "q2"], vec![attr_int("axis", i64::MIN)]),
    ]);
    model.graph.as_mut().unwrap().initializer.extend([
        from_f32("one", &[1, 1], &[0.0]),
        from_f32("large", &[2], &[1e30, f32::NAN]),
        from_i64("huge", &[2], &[huge, huge]),
        from_i64("huge4", &[4], &[huge; 4]),
        from_i64("low", &[2], &[i64::MIN, -1]),
        from_i64("lowest", &[], &[i64::MIN]),
        from_i64("most", &[], &[huge]),
        from_i64("step", &[], &[1]),
    ]);
    let shapes = infer(&model, &[]);
    assert_eq!(shapes.text("e"), format!("{huge}x{huge}"));
    assert_eq!(
        ["t", "p", "r", "g", "u", "q1"].map(|n| shapes.text(n)),
        ["?x?", "?x?", "?", "?", "?x?", ""]
    );
    assert_eq!(shapes.get("e").unwrap().count(), None);
}
