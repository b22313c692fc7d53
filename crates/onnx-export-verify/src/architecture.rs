//! Architectures that can be exported. Adding one is a file here that calls [`Net`], and a line in each
//! `match` below.

mod fold;
mod net;
mod resnet;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub use net::{Exported, Net, Norm};

/// An architecture by its name in the pipeline file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// ResNet-18.
    Resnet18,
    /// ResNet-34.
    Resnet34,
    /// ResNet-50 v1.5: the stride is in the 3×3 convolution.
    Resnet50,
    /// ResNet-101 v1.5.
    Resnet101,
    /// ResNet-152 v1.5.
    Resnet152,
}

impl Architecture {
    /// The name in pipeline files and artifacts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resnet18 => "resnet18",
            Self::Resnet34 => "resnet34",
            Self::Resnet50 => "resnet50",
            Self::Resnet101 => "resnet101",
            Self::Resnet152 => "resnet152",
        }
    }

    /// Name of torchvision's checkpoint with the first ImageNet weights.
    pub fn checkpoint(self) -> &'static str {
        match self {
            Self::Resnet18 => "resnet18-f37072fd.pth",
            Self::Resnet34 => "resnet34-b627a593.pth",
            Self::Resnet50 => "resnet50-0676ba61.pth",
            Self::Resnet101 => "resnet101-63fe2227.pth",
            Self::Resnet152 => "resnet152-394f9c45.pth",
        }
    }

    /// Channels, height and width of one input.
    pub fn image(self) -> [usize; 3] {
        [3, 224, 224]
    }

    /// Number of classes.
    pub fn classes(self) -> usize {
        1000
    }

    /// Writes the graph from the input named `input` to the output named `output`.
    pub fn build(self, net: &mut Net<'_>) -> anyhow::Result<()> {
        use resnet::{Block, resnet};
        match self {
            Self::Resnet18 => resnet(net, Block::Basic, [2, 2, 2, 2], self.classes()),
            Self::Resnet34 => resnet(net, Block::Basic, [3, 4, 6, 3], self.classes()),
            Self::Resnet50 => resnet(net, Block::Bottleneck, [3, 4, 6, 3], self.classes()),
            Self::Resnet101 => resnet(net, Block::Bottleneck, [3, 4, 23, 3], self.classes()),
            Self::Resnet152 => resnet(net, Block::Bottleneck, [3, 8, 36, 3], self.classes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Batch;
    use crate::export::{Options, export};
    use crate::weights::{Parameter, Weights};
    use backend::onnx::cost::{costs, total_flops};
    use backend::onnx::shape::infer;

    /// Graphs do not depend on what the weights are.
    struct Ones;

    impl Weights for Ones {
        fn tensor(&self, parameter: &Parameter<'_>) -> anyhow::Result<Vec<f32>> {
            Ok(vec![1.0; parameter.shape.iter().product()])
        }
    }

    fn exported(architecture: Architecture, norm: Norm, batch: Batch) -> crate::export::Model {
        export(architecture, &Ones, Options { batch, norm, opset: 17 }, &[]).unwrap()
    }

    #[test]
    fn resnet50_has_the_published_cost_and_size() {
        for norm in [Norm::Folded, Norm::Kept] {
            let model = exported(Architecture::Resnet50, norm, Batch::ONE);
            let costs = costs(&model.proto, &infer(&model.proto, &[]));
            assert_eq!(total_flops(&costs), Some(2 * 4_089_184_256), "{norm:?}");
            assert_eq!(model.parameters, 25_557_032, "{norm:?}");
            let expected = if norm == Norm::Kept { 25_557_032 } else { 25_557_032 - 26_560 };
            assert_eq!(backend::onnx::parameters(model.proto.graph.as_ref().unwrap()), expected);
        }
    }

    #[test]
    fn all_have_the_published_number_of_parameters() {
        let published = [11_689_512, 21_797_672, 25_557_032, 44_549_160, 60_192_808];
        for (architecture, expected) in Architecture::value_variants().iter().zip(published) {
            let mut net = Net::new(&Ones, Norm::Kept, 17);
            architecture.build(&mut net).unwrap();
            assert_eq!(net.finish().parameters, expected, "{architecture:?}");
        }
    }

    #[test]
    fn names_are_those_of_torchvision() {
        let model = exported(Architecture::Resnet50, Norm::Kept, Batch::Dynamic).proto;
        let graph = model.graph.as_ref().unwrap();
        let weight = |name: &str| graph.initializer.iter().find(|t| t.name == name);
        assert_eq!(weight("layer2.0.conv2.weight").unwrap().dims, [128, 128, 3, 3]);
        assert_eq!(weight("layer4.2.bn3.running_var").unwrap().dims, [2048]);
        assert_eq!(weight("layer1.0.downsample.1.bias").unwrap().dims, [256]);
        assert_eq!(weight("fc.weight").unwrap().dims, [1000, 2048]);
        assert_eq!(graph.initializer.len(), 53 + 4 * 53 + 2);
        // version 1.5: the stride is in the 3×3
        let stride = |name: &str| {
            let node = graph.node.iter().find(|node| node.name == name).unwrap();
            backend::onnx::node::ints(node, "strides").unwrap()[0]
        };
        assert_eq!(stride("/layer2/layer2.0/conv1/Conv"), 1);
        assert_eq!(stride("/layer2/layer2.0/conv2/Conv"), 2);
        assert_eq!(backend::onnx::describe_outputs(graph), ["output: f32[batch_size,1000]"]);
        let shapes = infer(&model, &[]);
        assert_eq!(shapes.text("/layer4/layer4.2/Add_output_0"), "batch_sizex2048x7x7");
        assert_eq!(graph.value_info.len(), graph.node.len() - 1);
    }
}
