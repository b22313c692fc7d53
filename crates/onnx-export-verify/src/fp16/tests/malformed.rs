//! Models that no exporter writes: they may be refused or converted, never panic.

use super::*;

#[test]
fn graphs_in_operators_that_have_none_do_not_shift_what_follows() {
    let inner = |name: &str| {
        let relu = |from: &str, to: &str| node("Relu", "", &[from], &[to], vec![]);
        let (a, b) = (format!("{name}_a"), format!("{name}_b"));
        attr_graph("g", graph(vec![relu("x", &a), relu(&a, &b)], &[&b]))
    };
    let one = backend::onnx::node::attr_tensor("value", from_f32("", &[1], &[1.0]));
    let model = model(
        vec![
            node("Constant", "", &[], &["c"], vec![one, inner("c")]),
            node("Cast", "", &["x"], &["h"], vec![attr_int("to", F16.into()), inner("k")]),
            node("Relu", "", &["h"], &["r"], vec![inner("r")]),
            node("Loop", "", &["", "", "x"], &["l"], vec![inner("l")]),
            node("Mul", "", &["l", "c"], &["y"], vec![]),
        ],
        vec![],
    );
    let _ = convert(&model, &Options::default());
}

#[test]
fn sparse_weights_without_values_take_no_number() {
    use backend::onnx::proto::SparseTensorProto;
    let mut model = model(vec![node("Relu", "", &[], &[], vec![])], vec![]);
    let graph = model.graph.as_mut().unwrap();
    (graph.input, graph.output) = (vec![], vec![]);
    graph.sparse_initializer = vec![SparseTensorProto::default()];
    convert(&model, &Options::default()).unwrap();
    let values = Some(from_f32("s", &[1], &[0.1]));
    let graph = model.graph.as_mut().unwrap();
    graph.sparse_initializer.push(SparseTensorProto { values, ..SparseTensorProto::default() });
    let (new, _) = convert(&model, &Options::default()).unwrap();
    let sparse = &new.graph.unwrap().sparse_initializer;
    assert_eq!(sparse[0].values, None);
    assert_eq!(sparse[1].values.as_ref().unwrap().data_type, F16);
}

#[test]
fn weights_that_claim_more_elements_than_can_be_counted_are_no_overflow() {
    let claim = TensorProto {
        name: "w".to_owned(),
        dims: vec![1 << 31, 1 << 32],
        data_type: F32,
        ..TensorProto::default()
    };
    let again = TensorProto { name: "v".to_owned(), ..claim.clone() };
    let third = TensorProto { name: "u".to_owned(), ..claim.clone() };
    let model = model(vec![node("Relu", "", &["x"], &["y"], vec![])], vec![claim, again, third]);
    assert_eq!(precision_of(&model), Precision::Fp32);
    let graph = model.graph.as_ref().unwrap();
    assert_eq!(backend::onnx::parameters(graph), u64::MAX);
}
