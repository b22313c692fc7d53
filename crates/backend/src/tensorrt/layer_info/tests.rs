//! Real reports, and inspector JSON in its forms.

use super::*;
use crate::onnx::node::node;

const TEN: &str = include_str!("../../../testdata/tensorrt/inspector-10.json");
const ELEVEN: &str = include_str!("../../../testdata/tensorrt/inspector-11.json");
const RESNET18: &str = include_str!("../../../testdata/tensorrt/rtx-1.7.1-resnet18-fp16.txt");
const ATTENTION: &str = include_str!("../../../testdata/tensorrt/rtx-1.7.1-attention-fp16.txt");
const MIXTURE: &str = include_str!("../../../testdata/tensorrt/rtx-1.7.1-mixture-fp16.txt");

fn weighted(found: &Layers) -> (usize, String, Option<f64>) {
    (found.weighted(), found.precision(), found.share("fp16"))
}

#[test]
fn every_layer_of_a_report_is_read() {
    let found = of_report(RESNET18, None).unwrap();
    assert_eq!(found.layers.len(), 24);
    let first = &found.layers[0];
    assert_eq!((first.precision_in.as_str(), first.precision_out.as_str()), ("fp32", "fp16"));
    assert_eq!(first.format.as_deref(), Some("Linear → NHWC"));
    assert!(first.tactic.as_ref().unwrap().starts_with("__myl_CastConc_0x"), "{first:?}");
    let last = &found.layers[23];
    assert_eq!((last.layer_type.as_str(), last.tactic.clone()), ("runtime_fusion", None));
    // 20 convolutions and one matrix product; the layer that pads the first one's input is none
    assert_eq!(weighted(&found), (21, "fp16".to_owned(), Some(1.0)));
    assert_eq!(of_report("Layers:", None), None);
    assert_eq!(of_report("no report", None), None);
    let torn = &RESNET18[..RESNET18.len() / 2];
    assert_eq!(of_report(torn, None), None, "half a line");
}

#[test]
fn a_report_of_float32_is_float32() {
    let wide = RESNET18.replace("Datatype: Half", "Datatype: Float");
    let found = of_report(&wide, None).unwrap();
    assert_eq!(weighted(&found), (21, "fp32".to_owned(), Some(0.0)));
}

#[test]
fn the_short_report_is_read() {
    let report = "Engine Layer Information:\n\
        Layer(Reformat): copy of x, Tactic: 0x00000000000003e8, x (Float[1,3,8,8]) -> xh (Half[1,3:4,8,8])\n\
        Layer(CaskConvolution): conv1, relu1, Tactic: 0x0203e8, xh (Half[1,3:4,8,8]), z (Half[1,64:8,-1,8]) -> y (Half[1,64:8,8,8])\n";
    let found = of_report(report, None).unwrap();
    assert_eq!(weighted(&found), (1, "fp16".to_owned(), Some(1.0)));
    let second = &found.layers[1];
    assert_eq!((second.name.as_str(), second.precision_out.as_str()), ("conv1, relu1", "fp16"));
    assert_eq!(second.tactic.as_deref(), Some("0x0203e8"));
    assert_eq!(found.layers[0].precision_in, "fp32");
}

#[test]
fn matrix_products_inside_generated_layers_count() {
    let found = of_report(ATTENTION, None).unwrap();
    // queries, keys and values in one; attention in one; the projection and two of the perceptron
    assert_eq!(weighted(&found), (5, "fp16".to_owned(), Some(1.0)));
}

#[test]
fn a_product_that_became_a_sum_is_found_by_the_model() {
    let nodes = [("Conv", "c0"), ("Conv", "dw"), ("ConvTranspose", "up"), ("Gemm", "fc")];
    let graph = GraphProto {
        node: nodes.map(|(op, name)| node(op, name, &[], &[], vec![])).to_vec(),
        ..GraphProto::default()
    };
    assert_eq!(weighted(&of_report(MIXTURE, None).unwrap()).0, 4);
    let found = of_report(MIXTURE, Some(&graph)).unwrap();
    assert_eq!(weighted(&found), (5, "fp16".to_owned(), Some(1.0)));
}

#[test]
fn the_inspector_of_10_is_read() {
    let found = of_json(TEN, None).unwrap();
    let rows: Vec<(&str, &str, &str)> = found
        .layers
        .iter()
        .map(|l| (l.layer_type.as_str(), l.precision_in.as_str(), l.precision_out.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            ("Reformat", "fp32", "fp16"),
            ("CaskConvolution", "fp16", "fp16"),
            ("CaskConvolution", "", ""),
            ("CaskConvolution", "fp32", "fp32"),
            ("kgen", "fp32", "fp16"),
            ("gemm", "fp16", "fp16"),
        ]
    );
    let format = found.layers[1].format.as_deref();
    assert!(format.unwrap().ends_with("Channel major FP16 format where channel % 8 == 0"));
    assert_eq!(weighted(&found), (4, "fp16".to_owned(), Some(0.75)));
}

#[test]
fn the_inspector_of_11_is_read() {
    let found = of_json(ELEVEN, None).unwrap();
    assert_eq!(weighted(&found), (2, "fp16".to_owned(), Some(1.0)), "packed weights, half inputs");
    assert_eq!(found.layers[1].format.as_deref(), Some("NHWC"));
}

#[test]
fn names_alone_tell_no_precision() {
    let found = of_json(r#"{"Layers": ["conv1 + relu", "fc"], "Bindings": ["x"]}"#, None).unwrap();
    assert_eq!(found.layers[1].name, "fc");
    assert_eq!(weighted(&found), (0, String::new(), None));
    for bad in ["", "{}", "[]", r#"{"Layers": [1]}"#, r#"{"Layers": ["a"b"]}"#] {
        assert!(of_json(bad, None).is_err(), "{bad}");
    }
}
