//! The twin against the crate `half`, through the engines.

use backend::onnx::node::{attr_int, node, value_info};
use backend::onnx::proto::{
    AttributeProto, AttributeType, ElementTypeOf, OperatorSetIdProto, SparseTensorProto,
    TensorProto, TypeValue, ValueInfoProto,
};
use backend::onnx::shape::Dim;
use backend::onnx::tensor::{from_f16, from_f32, values_f32};
use backend::{Backend, BackendId, Environment, OpenOptions};
use half::f16;
use rand::{Rng as _, SeedableRng as _};

use super::*;

fn environment() -> Environment {
    Environment { data: concat!(env!("CARGO_MANIFEST_DIR"), "/../../data").into() }
}

fn engine(id: BackendId) -> Option<Box<dyn Backend>> {
    backend::open_backend(id, &environment())
        .inspect_err(|error| eprintln!("skipped on {id}: {error}"))
        .ok()
}

fn model(opset: i64, graph: GraphProto) -> ModelProto {
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: opset }];
    ModelProto { ir_version: 8, opset_import, graph: Some(graph), ..ModelProto::default() }
}

/// `x` (float32) → float16 → operators → float32 `y`, both of `n` elements.
fn through_half(n: usize, nodes: Vec<NodeProto>, weights: Vec<TensorProto>) -> ModelProto {
    let dims = [Dim::Fixed(n)];
    let cast = |from: &str, to: &str, element: i32| {
        // as converters name theirs
        let name = format!("{to}/Cast");
        node("Cast", &name, &[from], &[to], vec![attr_int("to", element.into())])
    };
    let mut all = vec![cast("x", "h", F16)];
    all.extend(nodes);
    all.push(cast("r", "y", F32));
    model(
        13,
        GraphProto {
            name: "g".into(),
            node: all,
            initializer: weights,
            input: vec![value_info("x", F32, Some(&dims))],
            output: vec![value_info("y", F32, Some(&dims))],
            ..GraphProto::default()
        },
    )
}

fn run(backend: &dyn Backend, model: &ModelProto, values: &[f32]) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    backend::onnx::save(&path, model).unwrap();
    let options = OpenOptions { optimise: false, ..OpenOptions::default() };
    let mut session = backend.open_model(&path, &options).unwrap();
    session.set_input(0, values).unwrap();
    session.infer().unwrap();
    session.output(0).unwrap()
}

/// Every number of float16, the points half way between neighbours, and their float32 neighbours.
fn boundaries() -> Vec<f32> {
    let mut values = Vec::new();
    for bits in 0..=u16::MAX {
        let half = f16::from_bits(bits);
        let next = f16::from_bits(bits.wrapping_add(1));
        let (a, b) = (half.to_f32(), next.to_f32());
        let middle = if b.is_finite() { a.midpoint(b) } else { a * (65520.0 / 65504.0) };
        for value in [a, middle] {
            let bits = value.to_bits();
            let near = [bits, bits.wrapping_add(1), bits.wrapping_sub(1)];
            values.extend(near.map(f32::from_bits));
        }
    }
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    values.extend((0..400_000).map(|_| f32::from_bits(random.next_u32())));
    values
}

#[test]
fn every_boundary_is_rounded_as_float16_is() {
    let values = boundaries();
    let identity = vec![node("Identity", "i", &["h"], &["r"], vec![])];
    let half = through_half(values.len(), identity, vec![]);
    for (id, rounding, keeps_sign) in [
        (BackendId::OnnxruntimeCpu, Rounding::Casts, true),
        (BackendId::OnnxruntimeCpu, Rounding::Arithmetic, false),
        (BackendId::Rten, Rounding::Arithmetic, false),
    ] {
        let Some(backend) = engine(id) else { continue };
        let found = run(backend.as_ref(), &rounded_by(&half, rounding).unwrap(), &values);
        let mut wrong = 0;
        for (&value, &found) in values.iter().zip(&found) {
            let expected = f16::from_f32(value).to_f32();
            let same = if expected == 0.0 && !keeps_sign {
                found == 0.0
            } else {
                expected.to_bits() == found.to_bits() || expected.is_nan() && found.is_nan()
            };
            if !same {
                wrong += 1;
                eprintln!("{id} {rounding:?}: {value:e} gave {found:e}, expected {expected:e}");
            }
            assert!(wrong < 5, "{id} {rounding:?}");
        }
        assert_eq!(wrong, 0, "{id} {rounding:?}, {} values", values.len());
    }
}

/// Each engine with the ways of rounding that it can be trusted with.
fn ways() -> Vec<(Box<dyn Backend>, Rounding)> {
    let all = [
        (BackendId::OnnxruntimeCpu, Rounding::Casts),
        (BackendId::OnnxruntimeCpu, Rounding::Arithmetic),
        (BackendId::Rten, Rounding::Arithmetic),
    ];
    all.into_iter().filter_map(|(id, rounding)| Some((engine(id)?, rounding))).collect()
}

fn scalar(name: &str, value: f32) -> TensorProto {
    from_f16(name, &[], &[f16::from_f32(value)])
}

#[test]
fn an_inner_overflow_shows_in_the_twin_only() {
    let nodes = vec![
        node("Mul", "up", &["h", "many"], &["large"], vec![]),
        node("Mul", "down", &["large", "few"], &["r"], vec![]),
    ];
    let half = through_half(3, nodes, vec![scalar("many", 4096.0), scalar("few", 1.0 / 4096.0)]);
    let values = [1.0, 15.0, 17.0];
    for (backend, rounding) in ways() {
        assert_eq!(run(backend.as_ref(), &half, &values), values, "{}: it hides", backend.id());
        let found = run(backend.as_ref(), &rounded_by(&half, rounding).unwrap(), &values);
        assert_eq!(found, [1.0, 15.0, f32::INFINITY], "{} {rounding:?}", backend.id());
    }
}

#[test]
fn graphs_inside_are_rounded_too() {
    let branch = |name: &str, weight: &str| {
        let result = format!("{name}-result");
        let g = GraphProto {
            name: name.into(),
            node: vec![node("Mul", name, &["h", weight], &[&result], vec![])],
            output: vec![value_info(&result, F16, None)],
            ..GraphProto::default()
        };
        let r#type = AttributeType::Graph as i32;
        AttributeProto { name: name.into(), g: Some(g), r#type, ..AttributeProto::default() }
    };
    let branches = vec![branch("then_branch", "tenth"), branch("else_branch", "third")];
    let nodes = vec![node("If", "if", &["yes"], &["r"], branches)];
    let yes = TensorProto {
        name: "yes".into(),
        data_type: DataType::Bool as i32,
        raw_data: Some(vec![1]),
        ..TensorProto::default()
    };
    let half = through_half(2, nodes, vec![scalar("tenth", 0.1), scalar("third", 0.3), yes]);
    let values = [3.0, 7.0];
    let product = |v: f32| f16::from_f32(f16::from_f32(0.1).to_f32() * v).to_f32();
    for (backend, rounding) in ways() {
        let found = run(backend.as_ref(), &rounded_by(&half, rounding).unwrap(), &values);
        assert_eq!(found, values.map(product), "{} {rounding:?}", backend.id());
    }
}

#[test]
fn float16_inputs_and_outputs_become_float32_and_are_rounded() {
    let dims = [Dim::Fixed(2)];
    let half = model(
        13,
        GraphProto {
            name: "g".into(),
            node: vec![node("Mul", "m", &["x", "third"], &["y"], vec![])],
            initializer: vec![scalar("third", 1.0 / 3.0)],
            input: vec![value_info("x", F16, Some(&dims))],
            output: vec![value_info("y", F16, Some(&dims))],
            ..GraphProto::default()
        },
    );
    let values = [0.1, 5.000_1];
    let round = |v: f32| f16::from_f32(v).to_f32();
    for (backend, rounding) in ways() {
        let found = run(backend.as_ref(), &rounded_by(&half, rounding).unwrap(), &values);
        let expected = values.map(|v| round(round(v) * round(1.0 / 3.0)));
        assert_eq!(found, expected, "{} {rounding:?}", backend.id());
        let wide = run(backend.as_ref(), &widened(&half).unwrap(), &values);
        assert_eq!(wide, values.map(|v| v * round(1.0 / 3.0)), "{}", backend.id());
    }
}

#[test]
fn float32_values_of_a_float16_model_are_left_alone() {
    let cast = |from: &str, to: &str, element: i32| {
        node("Cast", to, &[from], &[to], vec![attr_int("to", element.into())])
    };
    let nodes = vec![
        cast("h", "single", F32),
        node("Mul", "m", &["single", "factor"], &["product"], vec![]),
        node("Div", "d", &["product", "factor"], &["back"], vec![]),
        cast("back", "r", F16),
    ];
    // 1e6 overflows float16, but the block between the casts is float32
    let half = through_half(2, nodes, vec![from_f32("factor", &[], &[1e6])]);
    for (backend, rounding) in ways() {
        let found = run(backend.as_ref(), &rounded_by(&half, rounding).unwrap(), &[3.0, 4.0]);
        assert_eq!(found, [3.0, 4.0], "{} {rounding:?}", backend.id());
    }
}

#[test]
fn a_float32_model_is_rounded_but_for_what_sets_shapes() {
    let dims = [1, 1, 2, 2].map(Dim::Fixed);
    let graph = GraphProto {
        name: "g".into(),
        node: vec![
            node("Mul", "m", &["x", "third"], &["product"], vec![]),
            node("Resize", "r", &["product", "", "scales"], &["y"], vec![]),
        ],
        initializer: vec![
            from_f32("third", &[], &[1.0 / 3.0]),
            from_f32("scales", &[4], &[1.0, 1.0, 1.000_1, 1.000_1]),
        ],
        input: vec![value_info("x", F32, Some(&dims))],
        output: vec![value_info("y", F32, None)],
        ..GraphProto::default()
    };
    let twin = rounded(&model(13, graph)).unwrap();
    let weights = &twin.graph.as_ref().unwrap().initializer;
    let value = |name: &str| {
        values_f32(weights.iter().find(|weight| weight.name == name).unwrap()).unwrap()
    };
    assert_eq!(value("third"), [f16::from_f32(1.0 / 3.0).to_f32()]);
    assert_eq!(value("scales")[2].to_bits(), 1.000_1_f32.to_bits());
    for (backend, _) in ways() {
        let found = run(backend.as_ref(), &twin, &[1.0, 1.0, 1.0, 1.0]);
        let expected = f16::from_f32(f16::from_f32(1.0 / 3.0).to_f32()).to_f32();
        assert_eq!(found, [expected; 4], "{}", backend.id());
    }
}

#[test]
fn what_cannot_be_emulated_is_refused() {
    let graph = |op: &str| GraphProto {
        node: vec![node(op, "n", &["nothing"], &["y"], vec![])],
        input: vec![value_info("x", F16, None)],
        output: vec![value_info("y", 0, None)],
        ..GraphProto::default()
    };
    let error = rounded(&model(13, graph("Mystery"))).unwrap_err();
    assert!(error.to_string().contains("whether `y`, a result of operator n"), "{error}");
    let error = rounded_by(&model(7, graph("Relu")), Rounding::Arithmetic).unwrap_err();
    assert!(error.to_string().contains("operator set 9"), "{error}");
}

#[test]
fn what_only_onnx_runtime_knows_is_retyped_too() {
    let third = scalar("third", 1.0 / 3.0);
    let round = |v: f32| f16::from_f32(v).to_f32();
    let by_third = |v: f32| round(round(v) * round(1.0 / 3.0));
    let sequence = vec![
        node("Mul", "m1", &["h", "third"], &["a"], vec![]),
        node("SequenceConstruct", "s", &["a", "h"], &["list"], vec![]),
        node("SequenceAt", "at", &["list", "zero"], &["b"], vec![]),
        node("Mul", "m2", &["b", "third"], &["r"], vec![]),
    ];
    let zero = backend::onnx::tensor::from_i64("zero", &[], &[0]);
    let mut sequences = through_half(2, sequence, vec![third, zero]);
    let list = backend::onnx::proto::TypeProto {
        value: value_info("a", F16, None).r#type.map(|of| {
            TypeValue::Sequence(Box::new(ElementTypeOf { elem_type: Some(Box::new(of)) }))
        }),
        ..Default::default()
    };
    sequences.graph.as_mut().unwrap().value_info =
        vec![ValueInfoProto { name: "list".into(), r#type: Some(list), ..Default::default() }];
    // by ONNX's formula, from operator set 17 on; periodic
    let window = vec![
        node("HannWindow", "w", &["four"], &["w"], vec![attr_int("output_datatype", F16.into())]),
        node("Mul", "m", &["h", "w"], &["r"], vec![]),
    ];
    let four = backend::onnx::tensor::from_i64("four", &[], &[4]);
    let mut windows = through_half(4, window, vec![four]);
    windows.opset_import[0].version = 17;
    let Some(backend) = engine(BackendId::OnnxruntimeCpu) else { return };
    let twin = |half: &ModelProto| rounded_by(half, Rounding::Casts).unwrap();
    let found = run(backend.as_ref(), &twin(&sequences), &[0.7, -5.1]);
    assert_eq!(found, [0.7, -5.1].map(|v| by_third(by_third(v))));
    let found = run(backend.as_ref(), &twin(&windows), &[0.7, 0.7, 0.7, 0.7]);
    assert_eq!(found, [0.0, 0.5, 1.0, 0.5].map(|w| round(round(0.7) * w)));
}

#[test]
fn sparse_weights_are_widened() {
    let half = from_f16("w", &[1], &[f16::from_f32(0.5)]);
    let sparse = SparseTensorProto { values: Some(half), ..SparseTensorProto::default() };
    let nodes = vec![node("Mul", "m", &["h", "w"], &["r"], vec![])];
    let mut model = through_half(1, nodes, vec![]);
    model.graph.as_mut().unwrap().sparse_initializer = vec![sparse, SparseTensorProto::default()];
    let twin = rounded(&model).unwrap();
    let values = &twin.graph.as_ref().unwrap().sparse_initializer[0].values;
    assert_eq!(values.as_ref().unwrap().data_type, F32);
    assert_eq!(values_f32(values.as_ref().unwrap()).unwrap(), [0.5]);
}
