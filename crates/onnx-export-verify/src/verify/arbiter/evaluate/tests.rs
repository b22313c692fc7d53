//! What the evaluator must get right, and ONNX's own tests of operators.

use std::collections::BTreeMap;
use std::path::Path;

use backend::onnx::node::{attr_float, attr_int, attr_ints, node};
use backend::onnx::proto::{AttributeProto, TensorProto};
use backend::onnx::tensor::element_name;
use prost::Message as _;

use super::*;

fn tensor(dims: &[usize], values: &[f64]) -> Tensor {
    Tensor::new(dims, values.to_vec())
}

fn check(
    op: &str,
    opset: i64,
    attributes: Vec<AttributeProto>,
    inputs: &[&Tensor],
    expected: &Tensor,
) {
    let names: Vec<String> = (0..inputs.len()).map(|k| format!("i{k}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let node = node(op, "n", &names, &["y"], attributes);
    let inputs: Vec<Option<&Tensor>> = inputs.iter().copied().map(Some).collect();
    let found = &evaluate(&node, &inputs, opset).unwrap()[0];
    assert_eq!(found.dims, expected.dims, "{op}");
    let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
    assert!(found.values.iter().zip(&expected.values).all(close), "{op}: {found:?}");
}

#[test]
fn softmax_follows_its_operator_set() {
    let x = tensor(&[1, 2, 1, 1], &[0.0, 3_f64.ln()]);
    // operator set 9: everything behind the batch is one row
    check("Softmax", 9, vec![], &[&x], &tensor(&[1, 2, 1, 1], &[0.25, 0.75]));
    check("Softmax", 11, vec![attr_int("axis", 2)], &[&x], &tensor(&[1, 2, 1, 1], &[1.0, 1.0]));
    // operator set 13: the last axis alone
    check("Softmax", 13, vec![], &[&x], &tensor(&[1, 2, 1, 1], &[1.0, 1.0]));
    check("Softmax", 13, vec![attr_int("axis", 1)], &[&x], &tensor(&[1, 2, 1, 1], &[0.25, 0.75]));
}

#[test]
fn convolutions_have_groups_pads_and_dilations() {
    let x = tensor(&[1, 2, 1, 4], &[1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0]);
    let w = tensor(&[2, 1, 1, 2], &[1.0, -1.0, 1.0, 2.0]);
    let attributes = vec![
        attr_int("group", 2),
        attr_ints("dilations", &[1, 2]),
        attr_ints("pads", &[0, 1, 0, 1]),
        attr_ints("strides", &[1, 2]),
    ];
    let y = tensor(&[1, 2, 1, 2], &[-2.0, 2.0 - 4.0, 40.0, 20.0 + 80.0]);
    check("Conv", 11, attributes, &[&x, &w], &y);
    let b = tensor(&[2], &[0.5, 100.0]);
    let y = tensor(&[1, 2, 1, 3], &[-0.5, -0.5, -0.5, 150.0, 180.0, 210.0]);
    let y = Tensor { values: vec![-0.5, -0.5, -0.5, 150.0, 180.0, 210.0], ..y };
    check("Conv", 11, vec![attr_int("group", 2)], &[&x, &w, &b], &y);
}

#[test]
fn limits_stand_where_the_operator_set_says() {
    let x = tensor(&[3], &[-2.0, 0.5, 9.0]);
    let limits = vec![attr_float("min", 0.0), attr_float("max", 6.0)];
    check("Clip", 6, limits, &[&x], &tensor(&[3], &[0.0, 0.5, 6.0]));
    let (low, high) = (tensor(&[], &[-1.0]), tensor(&[], &[1.0]));
    check("Clip", 13, vec![], &[&x, &low, &high], &tensor(&[3], &[-1.0, 0.5, 1.0]));
}

#[test]
fn what_is_not_known_is_said() {
    let x = tensor(&[1], &[1.0]);
    let refuse = |op: &str, attributes: Vec<AttributeProto>| {
        evaluate(&node(op, "n", &["x"], &["y"], attributes), &[Some(&x)], 13).unwrap_err()
    };
    assert!(refuse("Mystery", vec![]).contains("operator Mystery is not evaluated"));
    assert!(refuse("Conv", vec![]).contains("lacks input 1"));
    assert!(refuse("Softmax", vec![attr_int("axis", 4)]).contains("no axis 4 of 1"));
    let huge = tensor(&[2], &[1e6, 1e9]);
    let names = ["x", "r"];
    let node = node("Expand", "n", &names, &["y"], vec![]);
    assert!(evaluate(&node, &[Some(&x), Some(&huge)], 13).unwrap_err().contains("too large"));
}

fn read(path: &Path) -> Option<(Tensor, &'static str)> {
    let proto = TensorProto::decode(std::fs::read(path).ok()?.as_slice()).ok()?;
    Some((of_proto(&proto).ok()?, element_name(proto.data_type)))
}

#[expect(clippy::float_cmp, reason = "infinities are equal or not")]
/// One of ONNX's own tests: passed, or what the evaluator said; `None` when it is no test for us.
fn node_test(folder: &Path) -> Option<(String, Result<(), String>)> {
    let model = backend::onnx::load(&folder.join("model.onnx")).ok()?;
    let graph = model.graph.as_ref()?;
    let [node] = graph.node.as_slice() else { return None };
    let data = folder.join("test_data_set_0");
    let named = |names: Vec<String>, what: &str| -> Option<BTreeMap<String, (Tensor, &str)>> {
        let all = names.into_iter().enumerate();
        all.map(|(k, name)| Some((name, read(&data.join(format!("{what}_{k}.pb")))?))).collect()
    };
    let inputs = named(graph.input.iter().map(|v| v.name.clone()).collect(), "input")?;
    let outputs = named(graph.output.iter().map(|v| v.name.clone()).collect(), "output")?;
    let given: Vec<Option<&Tensor>> =
        node.input.iter().map(|name| inputs.get(name).map(|(tensor, _)| tensor)).collect();
    let opset = backend::onnx::opset(&model);
    let compared = evaluate(node, &given, opset).map(|found| {
        for (name, found) in node.output.iter().zip(&found) {
            let Some((expected, element)) = outputs.get(name) else { continue };
            let tolerance = match *element {
                "f16" => 2e-3,
                "bf16" => 1e-2,
                _ => 1e-4,
            };
            assert_eq!(found.dims, expected.dims, "{}", folder.display());
            for (k, (a, b)) in found.values.iter().zip(&expected.values).enumerate() {
                let same = a == b
                    || a.is_nan() && b.is_nan()
                    || (a - b).abs() <= tolerance * b.abs().max(1.0);
                assert!(same, "{}: element {k} is {a}, not {b}", folder.display());
            }
        }
    });
    Some((node.op_type.clone(), compared))
}

/// ONNX's own tests of operators, of a folder that TAILMARK_NODE_TESTS names: one folder a test, with
/// `model.onnx` and `test_data_set_0/{input,output}_k.pb`. What the evaluator answers must be right.
#[test]
fn onnx_node_tests_pass() {
    let Some(folder) = std::env::var_os("TAILMARK_NODE_TESTS") else {
        eprintln!("skipped: TAILMARK_NODE_TESTS names no folder with ONNX's node tests");
        return;
    };
    let mut folders: Vec<_> =
        std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path()).collect();
    folders.sort();
    let (mut passed, mut refused): (BTreeMap<String, u32>, BTreeMap<String, Vec<String>>) =
        Default::default();
    let mut wrong = Vec::new();
    for folder in &folders {
        match std::panic::catch_unwind(|| node_test(folder)) {
            Ok(Some((op, Ok(())))) => *passed.entry(op).or_default() += 1,
            Ok(Some((op, Err(why)))) => refused.entry(op).or_default().push(why),
            Ok(None) => {}
            Err(_) => wrong.push(folder.display().to_string()),
        }
    }
    let answered: u32 = passed.values().sum();
    for (op, why) in refused.iter().filter(|(op, _)| passed.contains_key(*op)) {
        eprintln!("{op}: {} not answered: {}", why.len(), why.join("; "));
    }
    eprintln!("{answered} tests of {} operators pass: {passed:?}", passed.len());
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
    assert!(answered > 200, "{answered}");
}
