//! ResNet, ResNeXt and Wide ResNet as torchvision builds them (v1.5: in a bottleneck the 3×3 convolution has the
//! stride).

use anyhow::Result;

use super::Entry;
use super::net::{Affine, Conv, Net};

pub(super) const TABLE: &[Entry] = &[
    Entry {
        name: "resnet18",
        checkpoint: "resnet18-f37072fd.pth",
        parameters: 11_689_512,
        giga_multiplications: 1.814,
        build: |net, classes| Resnet::basic([2, 2, 2, 2]).build(net, classes),
    },
    Entry {
        name: "resnet34",
        checkpoint: "resnet34-b627a593.pth",
        parameters: 21_797_672,
        giga_multiplications: 3.664,
        build: |net, classes| Resnet::basic([3, 4, 6, 3]).build(net, classes),
    },
    Entry {
        name: "resnet50",
        checkpoint: "resnet50-0676ba61.pth",
        parameters: 25_557_032,
        giga_multiplications: 4.089,
        build: |net, classes| Resnet::bottleneck([3, 4, 6, 3], 1, 64).build(net, classes),
    },
    Entry {
        name: "resnet101",
        checkpoint: "resnet101-63fe2227.pth",
        parameters: 44_549_160,
        giga_multiplications: 7.801,
        build: |net, classes| Resnet::bottleneck([3, 4, 23, 3], 1, 64).build(net, classes),
    },
    Entry {
        name: "resnet152",
        checkpoint: "resnet152-394f9c45.pth",
        parameters: 60_192_808,
        giga_multiplications: 11.514,
        build: |net, classes| Resnet::bottleneck([3, 8, 36, 3], 1, 64).build(net, classes),
    },
    Entry {
        name: "resnext50_32x4d",
        checkpoint: "resnext50_32x4d-7cdf4587.pth",
        parameters: 25_028_904,
        giga_multiplications: 4.230,
        build: |net, classes| Resnet::bottleneck([3, 4, 6, 3], 32, 4).build(net, classes),
    },
    Entry {
        name: "wide_resnet50_2",
        checkpoint: "wide_resnet50_2-95faca4d.pth",
        parameters: 68_883_240,
        giga_multiplications: 11.398,
        build: |net, classes| Resnet::bottleneck([3, 4, 6, 3], 1, 128).build(net, classes),
    },
];

/// The residual block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    /// 3×3, 3×3.
    Basic,
    /// 1×1, 3×3, 1×1 with four times the channels at the end.
    Bottleneck,
}

/// A member of the family.
#[derive(Clone, Copy, Debug)]
struct Resnet {
    block: Block,
    /// Blocks in each of the four layers.
    depths: [usize; 4],
    /// Groups of the 3×3 convolution of a bottleneck.
    groups: usize,
    /// Channels of a group in the first layer, where others have 64 in one group.
    group_width: usize,
}

/// One block.
struct Sizes {
    inputs: usize,
    /// Channels of the layer, before any expansion.
    planes: usize,
    stride: usize,
    /// Of the end of the branch.
    branch: Affine,
}

impl Resnet {
    fn basic(depths: [usize; 4]) -> Self {
        Self { block: Block::Basic, depths, groups: 1, group_width: 64 }
    }

    fn bottleneck(depths: [usize; 4], groups: usize, group_width: usize) -> Self {
        Self { block: Block::Bottleneck, depths, groups, group_width }
    }

    /// The whole network: stem, four layers of blocks, average, classes.
    fn build(self, net: &mut Net<'_>, classes: usize) -> Result<()> {
        let mut x =
            net.conv_norm("conv1", "bn1", Conv::new(3, 64, 7).stride(2), Affine::PLAIN, "input")?;
        x = net.relu("relu", &x);
        x = net.max_pool("maxpool", 3, 2, 1, &x);
        net.stage("maxpool", &x);
        let branch = Affine::branch(self.depths.iter().sum());
        let mut inputs = 64;
        for (layer, depth) in self.depths.into_iter().enumerate() {
            let planes = 64 << layer;
            for index in 0..depth {
                let stride = if layer > 0 && index == 0 { 2 } else { 1 };
                let path = format!("layer{}.{index}", layer + 1);
                x = self.residual(net, &path, &Sizes { inputs, planes, stride, branch }, &x)?;
                inputs = self.outputs(planes);
            }
            net.stage(&format!("layer{}", layer + 1), &x);
        }
        x = net.global_average_pool("avgpool", &x);
        net.stage("avgpool", &x);
        x = net.flatten(&x);
        net.classifier("fc", inputs, classes, &x)
    }

    /// Channels after a block.
    fn outputs(self, planes: usize) -> usize {
        match self.block {
            Block::Basic => planes,
            Block::Bottleneck => 4 * planes,
        }
    }

    fn convs(self, sizes: &Sizes) -> Vec<Conv> {
        let Sizes { inputs, planes, stride, .. } = *sizes;
        match self.block {
            Block::Basic => {
                vec![Conv::new(inputs, planes, 3).stride(stride), Conv::new(planes, planes, 3)]
            }
            Block::Bottleneck => {
                let width = planes * self.group_width / 64 * self.groups;
                vec![
                    Conv::new(inputs, width, 1),
                    Conv::new(width, width, 3).stride(stride).groups(self.groups),
                    Conv::new(width, self.outputs(planes), 1),
                ]
            }
        }
    }

    fn residual(self, net: &mut Net<'_>, path: &str, sizes: &Sizes, x: &str) -> Result<String> {
        let convs = self.convs(sizes);
        let last = convs.len();
        let mut y = x.to_owned();
        for (index, conv) in (1..).zip(convs) {
            let affine = if index == last { sizes.branch } else { Affine::PLAIN };
            let (name, norm) = (format!("{path}.conv{index}"), format!("{path}.bn{index}"));
            y = net.conv_norm(&name, &norm, conv, affine, &y)?;
            if index < last {
                y = net.relu(&relu(path, index - 1), &y);
            }
        }
        let (inputs, outputs, stride) = (sizes.inputs, self.outputs(sizes.planes), sizes.stride);
        let shortcut = if stride != 1 || inputs != outputs {
            let name = |part: usize| format!("{path}.downsample.{part}");
            let conv = Conv::new(inputs, outputs, 1).stride(stride);
            net.conv_norm(&name(0), &name(1), conv, Affine::PLAIN, x)?
        } else {
            x.to_owned()
        };
        let sum = net.add(path, &y, &shortcut);
        Ok(net.relu(&relu(path, last - 1), &sum))
    }
}

/// One module is used several times; the exporter numbers its uses.
fn relu(path: &str, used: usize) -> String {
    if used == 0 { format!("{path}.relu") } else { format!("{path}.relu_{used}") }
}
