//! Counts against figures that were worked out by hand.

use super::super::node::{attr_int, attr_text, node, value_info};
use super::super::proto::{AttributeProto, OperatorSetIdProto, TensorProto};
use super::super::shape::{Dim, infer};
use super::super::tensor::{from_f32, from_i64};
use super::*;

fn model(graph: GraphProto) -> ModelProto {
    ModelProto {
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        ..ModelProto::default()
    }
}

fn value(name: &str, kind: DataType, sizes: &[usize]) -> super::super::proto::ValueInfoProto {
    let dims: Vec<Dim> = sizes.iter().copied().map(Dim::Fixed).collect();
    value_info(name, kind as i32, Some(&dims))
}

/// The cost of one node with inputs and outputs of these types and sizes, all of them declared.
fn of_node(
    op_type: &str,
    attributes: Vec<AttributeProto>,
    inputs: &[(DataType, &[usize])],
    output: &[usize],
) -> Cost {
    let names: Vec<String> = (0..inputs.len()).map(|index| format!("x{index}")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let graph = GraphProto {
        input: refs
            .iter()
            .zip(inputs)
            .map(|(name, (kind, dims))| value(name, *kind, dims))
            .collect(),
        output: vec![value("y", DataType::Float, output)],
        node: vec![node(op_type, "", &refs, &["y"], attributes)],
        ..GraphProto::default()
    };
    let model = model(graph);
    costs(&model, &infer(&model, &[])).remove(0)
}

#[test]
fn products_are_counted_and_bytes_are_split() {
    let graph = GraphProto {
        input: vec![value("x", DataType::Float, &[2, 4, 8, 8])],
        initializer: vec![
            from_f32("w", &[6, 2, 3, 3], &[0.0; 108]),
            from_f32("fc", &[216, 10], &[0.0; 2160]),
        ],
        node: vec![
            node("Conv", "conv", &["x", "w"], &["c"], vec![attr_int("group", 2)]),
            node("Relu", "", &["c"], &["r"], vec![]),
            node("Flatten", "flat", &["r"], &["f"], vec![]),
            node("Gemm", "fc", &["f", "fc"], &["y"], vec![]),
            node("Mul", "square", &["y", "y"], &["s"], vec![]),
            node("Mystery", "m", &["s"], &["z"], vec![]),
        ],
        ..GraphProto::default()
    };
    let mut model = model(graph);
    let costs = costs(&model, &infer(&model, &[]));
    let flops: Vec<_> = costs.iter().map(|cost| cost.flops).collect();
    let conv = 2 * (2 * 6 * 36) * (2 * 9);
    assert_eq!(flops, [Some(conv), Some(0), Some(0), Some(2 * 2 * 10 * 216), Some(0), Some(0)]);
    assert_eq!(costs[0].weight_bytes, 108 * 4);
    assert_eq!(costs[0].activation_bytes, Some((2 * 4 * 64 + 2 * 6 * 36) * 4));
    let bytes = (108 + 2 * 4 * 64 + 2 * 6 * 36) * 4;
    assert_eq!(costs[0].intensity(), Some(conv as f64 / f64::from(bytes)));
    assert_eq!(costs[1].operator, "Relu_1");
    assert_eq!(costs[0].outputs, ["2x6x6x6"]);
    assert_eq!(costs[2].bytes(), Some(0), "another shape of the same bytes");
    assert_eq!(costs[2].intensity(), None);
    assert_eq!(costs[4].activation_bytes, Some(2 * 20 * 4), "read once, written once");
    assert_eq!(costs[5].activation_bytes, None);
    assert_eq!(weight_bytes(&model), (108 + 2160) * 4);
    model.graph.as_mut().unwrap().node[0].domain = "com.example".into();
    assert_eq!(total_flops(&super::costs(&model, &infer(&model, &[]))), None);
}

#[test]
fn recurrent_layers_multiply_all_weights_at_every_step() {
    // 7 steps, batch 2, 5 features, hidden 3, one direction: four gates of 3 × (5 + 3) weights
    let sizes: [&[usize]; 3] = [&[7, 2, 5], &[1, 12, 5], &[1, 12, 3]];
    let inputs = sizes.map(|dims| (DataType::Float, dims));
    let lstm = of_node("LSTM", vec![attr_int("hidden_size", 3)], &inputs, &[7, 1, 2, 3]);
    assert_eq!(lstm.flops, Some(2 * 7 * 2 * 4 * 3 * (5 + 3)));
    // two directions, three gates
    let sizes: [&[usize]; 3] = [&[7, 2, 5], &[2, 9, 5], &[2, 9, 3]];
    let inputs = sizes.map(|dims| (DataType::Float, dims));
    let gru = of_node("GRU", vec![attr_int("hidden_size", 3)], &inputs, &[7, 2, 2, 3]);
    assert_eq!(gru.flops, Some(2 * 7 * 2 * 2 * 3 * 3 * (5 + 3)));
}

#[test]
fn an_einsum_counts_its_combinations() {
    let count = |equation: &str, sizes: &[&[usize]], output: &[usize]| {
        let inputs: Vec<_> = sizes.iter().map(|&dims| (DataType::Float, dims)).collect();
        of_node("Einsum", vec![attr_text("equation", equation)], &inputs, output).flops
    };
    assert_eq!(
        count("bij,bjk->bik", &[&[2, 3, 4], &[2, 4, 5]], &[2, 3, 5]),
        Some(2 * 2 * 3 * 4 * 5)
    );
    assert_eq!(count("...ij, ...jk", &[&[2, 3, 4], &[4, 5]], &[2, 3, 5]), Some(2 * 2 * 3 * 4 * 5));
    assert_eq!(count("ij->ji", &[&[3, 4]], &[4, 3]), Some(0));
    assert_eq!(count("ij,jk,kl->il", &[&[3, 4], &[4, 5], &[5, 6]], &[3, 6]), None);
    for wrong in ["ij,jk", "ij", "", "i?,jk", "ij,ij", ",,,", "...", "i...j...,jk"] {
        assert_eq!(count(wrong, &[&[3, 4, 1], &[4, 5]], &[3, 5]), None, "{wrong}");
    }
}

#[test]
fn quantised_products_are_counted_in_int8() {
    let (data, weight, one): (&[usize], &[usize], &[usize]) = (&[1, 4, 8, 8], &[6, 4, 3, 3], &[]);
    let (scale, zero) = ((DataType::Float, one), (DataType::Uint8, one));
    let inputs = [
        (DataType::Uint8, data),
        scale,
        zero,
        (DataType::Int8, weight),
        scale,
        (DataType::Int8, one),
        scale,
        zero,
    ];
    let conv = of_node("QLinearConv", vec![], &inputs, &[1, 6, 6, 6]);
    assert_eq!((conv.flops, conv.element), (Some(2 * 216 * 36), DataType::Uint8 as i32));
    let inputs = [(DataType::Uint8, [3, 4].as_slice()), (DataType::Int8, [4, 5].as_slice())];
    let integer = of_node("MatMulInteger", vec![], &inputs, &[3, 5]);
    assert_eq!(integer.flops, Some(2 * 15 * 4));
    let graph = GraphProto {
        input: vec![value("x", DataType::Int8, &[3, 4]), value("w", DataType::Int8, &[4, 5])],
        initializer: vec![from_f32("s", &[], &[0.5])],
        node: vec![
            node("DequantizeLinear", "dx", &["x", "s"], &["xf"], vec![]),
            node("DequantizeLinear", "dw", &["w", "s"], &["wf"], vec![]),
            node("MatMul", "m", &["xf", "wf"], &["y"], vec![]),
        ],
        output: vec![value("y", DataType::Float, &[3, 5])],
        ..GraphProto::default()
    };
    let model = model(graph);
    assert_eq!(costs(&model, &infer(&model, &[]))[2].element, DataType::Int8 as i32);
}

#[test]
fn constants_are_weights_and_picking_reads_what_it_writes() {
    let table =
        super::super::node::attr_tensor("value", from_f32("", &[1000, 8], &vec![0.0; 8000]));
    let graph = GraphProto {
        input: vec![value("i", DataType::Int64, &[3])],
        initializer: vec![from_i64("unused", &[1], &[0])],
        node: vec![
            node("Constant", "c", &[], &["stored"], vec![table]),
            node("Identity", "f", &["stored"], &["table"], vec![]),
            node("Gather", "g", &["table", "i"], &["y"], vec![]),
            node("Shape", "s", &["y"], &["n"], vec![]),
        ],
        ..GraphProto::default()
    };
    let model = model(graph);
    let costs = costs(&model, &infer(&model, &[]));
    assert_eq!((costs[0].bytes(), costs[0].flops), (Some(0), Some(0)));
    assert_eq!(costs[1].bytes(), Some(0), "computed when an engine is built");
    assert_eq!(
        (costs[2].weight_bytes, costs[2].activation_bytes),
        (3 * 8 * 4, Some(3 * 8 * 4 + 3 * 8))
    );
    assert_eq!(costs[3].activation_bytes, Some(2 * 8));
}

#[test]
fn sums_that_do_not_fit_are_unknown() {
    assert_eq!(total([Some(1), Some(2)]), Some(3));
    assert_eq!(total([Some(u64::MAX), Some(1)]), None);
    assert_eq!(total([Some(1), None]), None);
    let large: &[usize] = &[1 << 31, 1 << 31];
    let sizes = [(DataType::Float, large), (DataType::Float, large)];
    assert_eq!(of_node("MatMul", vec![], &sizes, large).flops, None);
}

#[test]
fn an_if_costs_its_dearer_branch_and_a_constant_one_what_is_taken() {
    let branch = |name: &str, weight: &str| {
        let graph = GraphProto {
            node: vec![node("MatMul", "", &["x", weight], &[&format!("{name}_y")], vec![])],
            output: vec![value_info(&format!("{name}_y"), 1, None)],
            ..GraphProto::default()
        };
        AttributeProto { name: name.to_owned(), g: Some(graph), ..AttributeProto::default() }
    };
    let mut model = model(GraphProto {
        input: vec![value("x", DataType::Float, &[1, 8]), value("c", DataType::Bool, &[])],
        initializer: vec![
            from_f32("small", &[8, 2], &[0.0; 16]),
            from_f32("large", &[8, 50], &[0.0; 400]),
        ],
        node: vec![node(
            "If",
            "choice",
            &["c"],
            &["y"],
            vec![branch("then_branch", "small"), branch("else_branch", "large")],
        )],
        ..GraphProto::default()
    });
    let cost = |model: &ModelProto| costs(model, &infer(model, &[])).remove(0);
    let dearer = cost(&model);
    assert_eq!((dearer.flops, dearer.weight_bytes), (Some(2 * 8 * 50), 4 * 400));
    assert_eq!(dearer.activation_bytes, Some(4 * (8 + 50)));
    let graph = model.graph.as_mut().unwrap();
    graph.input.pop();
    graph.initializer.push(TensorProto {
        name: "c".into(),
        data_type: DataType::Bool as i32,
        raw_data: Some(vec![1]),
        ..TensorProto::default()
    });
    let taken = cost(&model);
    assert_eq!((taken.flops, taken.weight_bytes), (Some(2 * 8 * 2), 4 * 16));
}
