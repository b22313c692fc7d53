//! Random graphs: whatever is put together, the result is strongly typed and has no cast too many.

use proptest::prelude::*;

use super::*;

/// One step: an operator by number and the values that it takes, counted from the newest.
type Step = (u8, usize, usize);

const UNARY: [&str; 8] =
    ["Relu", "Celu", "Sigmoid", "Exp", "CumSum", "Identity", "Mystery", "Softmax"];

/// Adds one step to a graph. `floats` and `integers` are the values there so far.
fn step(
    nodes: &mut Vec<NodeProto>,
    floats: &mut Vec<String>,
    integers: &mut Vec<String>,
    step: Step,
    tag: &str,
) {
    let (op, a, b) = step;
    let pick = |from: &[String], index: usize| from[from.len() - 1 - index % from.len()].clone();
    let name = format!("{tag}{}", nodes.len());
    let (x, z) = (pick(floats, a), pick(floats, b));
    let cast = |from: &str, element: i32| {
        node("Cast", &name, &[from], &[&name], vec![attr_int("to", element.into())])
    };
    match op % 16 {
        op @ 0..8 => {
            let operator = UNARY[usize::from(op)];
            let inputs: &[&str] = if operator == "CumSum" { &[&x, "axis"] } else { &[&x] };
            nodes.push(node(operator, &name, inputs, &[&name], vec![]));
        }
        8 | 9 => nodes.push(node("Add", &name, &[&x, &z], &[&name], vec![])),
        10 => nodes.push(node("Mul", &name, &[&x, "w"], &[&name], vec![])),
        11 => {
            nodes.push(cast(&x, I64));
            integers.push(name);
            return;
        }
        12 if !integers.is_empty() => nodes.push(cast(&pick(integers, a), F32)),
        13 => {
            nodes.push(node("Shape", &name, &[&x], &[&name], vec![]));
            integers.push(name);
            return;
        }
        14 => nodes.push(cast(&x, F32)),
        _ => {
            let mut inner = Vec::new();
            let (mut own, mut whole) = (floats.clone(), integers.clone());
            self::step(
                &mut inner,
                &mut own,
                &mut whole,
                (op.wrapping_mul(7) % 11, a, b),
                &format!("{name}_t"),
            );
            let then = graph(inner, &[own.last().unwrap()]);
            let other = graph(
                vec![node("Identity", "", &[&z], &[&format!("{name}_e")], vec![])],
                &[&format!("{name}_e")],
            );
            let branches = vec![attr_graph("then_branch", then), attr_graph("else_branch", other)];
            nodes.push(node("If", &name, &["flag"], &[&name], branches));
        }
    }
    floats.push(name);
}

fn random(steps: &[Step], outputs: &[usize]) -> ModelProto {
    let (mut nodes, mut floats, mut integers) = (Vec::new(), vec!["x".to_owned()], Vec::new());
    for &next in steps {
        step(&mut nodes, &mut floats, &mut integers, next, "v");
    }
    let axis = backend::onnx::tensor::from_i64("axis", &[], &[0]);
    let mut model = model(nodes, vec![from_f32("w", &[1], &[0.5]), axis]);
    let graph = model.graph.as_mut().unwrap();
    graph.input.push(value_info("flag", BOOL, Some(&[])));
    graph.output.clear();
    for &output in outputs {
        let name = &floats[output % floats.len()];
        if !graph.output.iter().any(|known| known.name == *name) {
            graph.output.push(value_info(name, F32, None));
        }
    }
    // an unknown operator makes what the file says
    let known = graph.node.iter().filter(|node| node.op_type == "Mystery");
    graph.value_info = known.map(|node| image(&node.output[0])).collect();
    model
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_graphs_stay_strongly_typed(
        steps in prop::collection::vec((any::<u8>(), 0_usize..6, 0_usize..6), 1..24),
        outputs in prop::collection::vec(0_usize..24, 1..4),
        half in any::<bool>(),
        block in any::<bool>(),
    ) {
        let old = random(&steps, &outputs);
        prop_assert_eq!(breaches(&old), [""; 0]);
        let io = if half { Io::Fp16 } else { Io::Fp32 };
        let options = Options { io, ..blocking(if block { &["Sigmoid"] } else { &[] }) };
        let (new, _) = convert(&old, &options).unwrap();
        prop_assert_eq!(breaches(&new), [""; 0]);
        prop_assert_eq!(check::redundant_casts(&new), [""; 0]);
        let (before, after) = (old.graph.unwrap(), new.graph.unwrap());
        let names = |graph: &GraphProto| -> Vec<String> { graph.output.iter().map(|o| o.name.clone()).collect() };
        prop_assert_eq!(names(&before), names(&after));
        let made: Vec<&String> = after.node.iter().flat_map(|node| &node.output).collect();
        let mut once = made.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), made.len(), "a name is given twice");
    }
}
