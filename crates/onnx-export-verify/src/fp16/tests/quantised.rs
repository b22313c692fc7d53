//! Models with `QuantizeLinear` and `DequantizeLinear`.

use super::*;

fn bytes(name: &str, dims: &[i64], values: &[u8]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: DataType::Int8 as i32,
        raw_data: Some(values.to_vec()),
        ..TensorProto::default()
    }
}

/// x → Q → DQ → Conv(DQ(w)) → Relu → Q → DQ → Softmax → y
fn quantised(opset: i64, scale: f32) -> ModelProto {
    let q =
        |name: &str, from: &str| node("QuantizeLinear", name, &[from, "s", "z"], &[name], vec![]);
    let dq =
        |name: &str, from: &str| node("DequantizeLinear", name, &[from, "s", "z"], &[name], vec![]);
    let mut old = model(
        vec![
            q("q1", "x"),
            dq("d1", "q1"),
            dq("dw", "w"),
            node("Conv", "c", &["d1", "dw"], &["c"], vec![]),
            relu("c", "r"),
            q("q2", "r"),
            dq("d2", "q2"),
            node("Softmax", "m", &["d2"], &["m"], vec![]),
            node("Exp", "e", &["m"], &["y"], vec![]),
        ],
        vec![
            from_f32("s", &[], &[scale]),
            bytes("z", &[], &[0]),
            bytes("w", &[2, 3, 1, 1], &[1; 6]),
        ],
    );
    old.opset_import[0].version = opset;
    old
}

#[test]
fn before_operator_set_19_the_region_stays_as_it_is() {
    let (lines, model, report) = converted_model(&quantised(17, 0.05));
    assert_eq!(
        lines,
        [
            "x,s,z QuantizeLinear q1",
            "q1,s,z DequantizeLinear d1",
            "w,s,z DequantizeLinear dw",
            "d1,dw Conv c",
            "c Relu r",
            "r,s,z QuantizeLinear q2",
            "q2,s,z DequantizeLinear d2",
            "d2 Softmax m",
            "m Cast m_f16",
            "m_f16 Exp y_f16",
            "y_f16 Cast y"
        ]
    );
    assert_eq!(model.graph.unwrap().initializer[0].data_type, F32);
    let reasons: Vec<&Reason> = report.left.iter().map(|left| &left.reason).collect();
    assert_eq!(reasons, [&Reason::NoFloat16(17), &Reason::Quantised]);
}

#[test]
fn from_operator_set_19_on_the_scales_are_float16() {
    let (lines, model, report) = converted_model(&quantised(19, 0.05));
    // the input is float32 already: it is quantised as it is
    assert_eq!(lines[0], "x,s_f32,z QuantizeLinear q1");
    assert_eq!(lines[5], "r,s,z QuantizeLinear q2");
    assert_eq!((lines.len(), report.casts, report.left.len()), (10, 1, 1));
    let types: Vec<i32> = model.graph.unwrap().initializer.iter().map(|t| t.data_type).collect();
    assert_eq!(types[..2], [F32, F16]);
}

#[test]
fn scales_that_float16_cannot_hold_keep_everything_float32() {
    let (lines, _, report) = converted_model(&quantised(21, 1e-6));
    assert_eq!(lines[3], "d1,dw Conv c");
    let text = report.left[0].reason.to_string();
    assert!(
        report.left.iter().any(|left| left.reason.to_string().contains("scale `s` holds 1e-6")),
        "{text}"
    );
}

#[test]
fn a_dequantised_weight_beside_a_float_is_cast() {
    let old = model(
        vec![
            node("DequantizeLinear", "dw", &["w", "s", "z"], &["dw"], vec![]),
            node("Conv", "c", &["x", "dw"], &["y"], vec![]),
        ],
        vec![from_f32("s", &[], &[0.1]), bytes("z", &[], &[0]), bytes("w", &[2, 3, 1, 1], &[1; 6])],
    );
    let (lines, ..) = converted_model(&old);
    assert_eq!(lines[..3], ["w,s,z DequantizeLinear dw", "x Cast x_f16", "dw Cast dw_f16"]);
}

#[test]
fn integer_operators_keep_their_scales() {
    let old = model(
        vec![
            node("QuantizeLinear", "q", &["x", "s", "z"], &["q"], vec![]),
            node("QLinearConv", "c", &["q", "s", "z", "w", "s", "z", "s", "z"], &["c"], vec![]),
            node("DequantizeLinear", "d", &["c", "s", "z"], &["y"], vec![]),
        ],
        vec![from_f32("s", &[], &[0.1]), bytes("z", &[], &[0]), bytes("w", &[2, 3, 1, 1], &[1; 6])],
    );
    let (lines, ..) = converted_model(&old);
    assert_eq!(lines.len(), 3, "nothing was touched: {lines:?}");
}
