//! Architectures that can be exported. Adding one is a file here that calls [`Net`], and a line in each
//! `match` below.

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
