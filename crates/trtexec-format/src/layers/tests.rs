//! Words of engines about tensors and precision.

use super::*;

#[test]
fn the_wider_of_input_and_weights_is_what_is_computed() {
    let operand = |precision, elements| Operand { precision, format: None, elements };
    let layer = |input, weights, alpha| EngineLayer {
        inputs: vec![operand("int64", Some(4)), operand(input, None)],
        constants: vec![operand(weights, Some(64)), operand(alpha, Some(1))],
        ..EngineLayer::default()
    };
    assert_eq!(layer("fp16", "fp16", "fp32").precision(), "fp16");
    assert_eq!(layer("fp16", "fp32", "fp32").precision(), "fp32");
    assert_eq!(layer("fp16", "int4", "fp32").precision(), "fp16");
}

#[test]
fn texts_about_tensors_are_taken_apart() {
    for (text, precision, format) in [
        ("Half", "fp16", None),
        ("Half Tensor NHWC", "fp16", Some("Half Tensor NHWC")),
        ("Row major linear INT8 format", "int8", Some("Row major linear INT8 format")),
        ("(Linear) Row major linear format", "", Some("Linear")),
        ("N/A due to dynamic shapes", "", None),
        ("BFloat16", "bf16", None),
        ("", "", None),
    ] {
        assert_eq!((precision_of(text), format_of(text).as_deref()), (precision, format), "{text}");
    }
    assert_eq!(camel_parts("FcAddRelu").collect::<Vec<_>>(), ["Fc", "Add", "Relu"]);
    assert_eq!(camel_parts("x").count(), 0);
    assert_eq!([elements(&[2, 3]), elements(&[]), elements(&[-1, 3])], [Some(6), Some(1), None]);
}
