//! ResNet-50 at 224² against figures that were worked out by hand, and the shape of the tables.

use super::*;
use crate::architecture::{Architecture, Norm};
use crate::config::Batch;
use crate::export::{Options, export};
use crate::weights::{Parameter, Weights};

/// Costs do not depend on what the weights are.
struct Ones;

impl Weights for Ones {
    fn tensor(&self, parameter: &Parameter<'_>) -> Result<Vec<f32>> {
        Ok(vec![1.0; parameter.shape.iter().product()])
    }
}

fn resnet50(batch: Batch, device: Option<Device>) -> Inspection {
    let options = Options { batch, norm: Norm::Folded, opset: 17, classes: 1000 };
    let model =
        export(Architecture::named("resnet50").unwrap(), &Ones, options, &[]).unwrap().proto;
    let request = Request { device, tf32: true, ..Request::default() };
    Inspection::of(model, "0".repeat(64), &request).unwrap()
}

#[test]
fn resnet50_has_the_published_cost_and_the_bytes_that_follow_from_its_shapes() {
    let found = resnet50(Batch::ONE, None);
    let layer = |name: &str| {
        let cost = found.layers.iter().find(|cost| cost.operator == name).expect(name);
        (cost.flops.unwrap() / 2, cost.weight_bytes, cost.activation_bytes.unwrap())
    };
    // weights: filters × channels × window, and a bias of 4 bytes a filter; activations: in + out
    let conv1 = (112 * 112 * 64 * 147, 4 * (64 * 147 + 64), 4 * (3 * 224 * 224 + 64 * 112 * 112));
    assert_eq!(layer("/conv1/Conv"), conv1);
    assert_eq!(conv1, (118_013_952, 37_888, 3_813_376));
    assert_eq!(layer("/maxpool/MaxPool"), (0, 0, 4 * (64 * 112 * 112 + 64 * 56 * 56)));
    assert_eq!(layer("/layer1/layer1.0/conv1/Conv"), (12_845_056, 16_640, 1_605_632));
    assert_eq!(
        layer("/layer1/layer1.0/downsample/downsample.0/Conv"),
        (51_380_224, 66_560, 4_014_080)
    );
    assert_eq!(layer("/layer1/layer1.0/Add"), (0, 0, 3 * 4 * 256 * 56 * 56));
    assert_eq!(layer("/layer4/layer4.2/conv2/Conv"), (115_605_504, 9_439_232, 200_704));
    assert_eq!(layer("/Flatten"), (0, 0, 0));
    assert_eq!(layer("/fc/Gemm"), (2_048_000, 8_196_000, 12_192));
    let sums = found.sums();
    assert_eq!(sums.flops, Some(2 * 4_089_184_256));
    assert_eq!(found.parameters + 26_560, 25_557_032, "26,560 are in folded normalisations");
    assert_eq!((found.weight_bytes, sums.weights), (102_121_888, 102_121_888));
    assert_eq!(found.io_bytes, Some(4 * (3 * 224 * 224 + 1000)));
    assert_eq!(found.layer_parameters.iter().sum::<u64>(), found.parameters);
}

#[test]
fn the_floor_is_that_of_the_peaks() {
    // float16 at 16.71 TFLOP/s and 102.4 GB/s is float32 at the same peak and twice the bandwidth
    let (_, roofline) = resnet50(Batch::ONE, Some(Device::of_user(16.71, 204.8))).roofline.unwrap();
    let ms = |seconds: f64| seconds * 1e3;
    assert!((ms(roofline.compute) - 0.489_4).abs() < 1e-4, "{}", ms(roofline.compute));
    assert!((ms(roofline.memory) - 0.501_6).abs() < 1e-4, "{}", ms(roofline.memory));
    assert!((roofline.fused() - roofline.memory).abs() < 1e-12);
    // 0.726 ms is the sum over layers with weights alone, 1.093 ms that with fused activations
    assert!(ms(roofline.unfused) > 1.093 && ms(roofline.unfused) < 2.5, "{}", ms(roofline.unfused));
}

#[test]
fn tables_fit_a_hundred_columns_and_say_what_is_open() {
    let orin = Device::named("jetson-agx-orin-64gb").unwrap();
    let found = resnet50(Batch::Dynamic, Some(orin));
    let figure = found.figure().unwrap();
    ::plot::scene::assert_legible(&figure.scene);
    assert!(figure.alt.contains("54 operators with products"), "{}", figure.alt);
    let lines = text::lines(&found);
    for line in lines.iter().flat_map(|line| line.lines()) {
        assert!(line.chars().count() <= 100, "{line}");
    }
    let text = lines.join("\n");
    assert!(text.contains("input: f32[1,3,224,224]") && text.contains("4.089 GMAC"), "{text}");
    assert!(text.contains("no fusion   ") && text.contains("fused       "), "{text}");
}
