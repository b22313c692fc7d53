//! ResNet as torchvision builds it (v1.5: in a bottleneck the 3×3 convolution has the stride).

use anyhow::Result;

use super::Entry;
use super::net::{Conv, Net};

pub(super) const TABLE: &[Entry] = &[
    Entry {
        name: "resnet18",
        checkpoint: "resnet18-f37072fd.pth",
        parameters: 11_689_512,
        giga_multiplications: 1.814,
        build: |net, classes| resnet(net, Block::Basic, [2, 2, 2, 2], classes),
    },
    Entry {
        name: "resnet34",
        checkpoint: "resnet34-b627a593.pth",
        parameters: 21_797_672,
        giga_multiplications: 3.664,
        build: |net, classes| resnet(net, Block::Basic, [3, 4, 6, 3], classes),
    },
    Entry {
        name: "resnet50",
        checkpoint: "resnet50-0676ba61.pth",
        parameters: 25_557_032,
        giga_multiplications: 4.089,
        build: |net, classes| resnet(net, Block::Bottleneck, [3, 4, 6, 3], classes),
    },
    Entry {
        name: "resnet101",
        checkpoint: "resnet101-63fe2227.pth",
        parameters: 44_549_160,
        giga_multiplications: 7.801,
        build: |net, classes| resnet(net, Block::Bottleneck, [3, 4, 23, 3], classes),
    },
    Entry {
        name: "resnet152",
        checkpoint: "resnet152-394f9c45.pth",
        parameters: 60_192_808,
        giga_multiplications: 11.514,
        build: |net, classes| resnet(net, Block::Bottleneck, [3, 8, 36, 3], classes),
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

impl Block {
    fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }
}

/// The whole network: stem, four layers of blocks, average, classes.
fn resnet(net: &mut Net<'_>, block: Block, depths: [usize; 4], classes: usize) -> Result<()> {
    let stem = Conv { inputs: 3, outputs: 64, kernel: 7, stride: 2 };
    let mut x = net.conv_norm("conv1", "bn1", stem, 1.0, "input")?;
    x = net.relu("relu", &x);
    x = net.max_pool("maxpool", 3, 2, 1, &x);
    let branch = 1.0 / (depths.iter().sum::<usize>() as f32).sqrt();
    let mut channels = 64;
    for (layer, depth) in depths.into_iter().enumerate() {
        let width = 64 << layer;
        for index in 0..depth {
            let stride = if layer > 0 && index == 0 { 2 } else { 1 };
            let path = format!("layer{}.{index}", layer + 1);
            x = residual(net, block, &path, Sizes { channels, width, stride, branch }, &x)?;
            channels = width * block.expansion();
        }
    }
    x = net.global_average_pool("avgpool", &x);
    x = net.flatten(&x);
    net.linear("fc", channels, classes, &x, "output")
}

/// Channels in, channels inside, stride.
#[derive(Clone, Copy)]
struct Sizes {
    channels: usize,
    width: usize,
    stride: usize,
    /// Scale at the end of the branch.
    branch: f32,
}

fn residual(net: &mut Net<'_>, block: Block, path: &str, sizes: Sizes, x: &str) -> Result<String> {
    let Sizes { channels, width, stride, .. } = sizes;
    let outputs = width * block.expansion();
    let convs: Vec<Conv> = match block {
        Block::Basic => vec![
            Conv { inputs: channels, outputs: width, kernel: 3, stride },
            Conv { inputs: width, outputs: width, kernel: 3, stride: 1 },
        ],
        Block::Bottleneck => vec![
            Conv { inputs: channels, outputs: width, kernel: 1, stride: 1 },
            Conv { inputs: width, outputs: width, kernel: 3, stride },
            Conv { inputs: width, outputs, kernel: 1, stride: 1 },
        ],
    };
    let last = convs.len();
    let mut y = x.to_owned();
    for (index, conv) in (1..).zip(convs) {
        let scale = if index == last { sizes.branch } else { 1.0 };
        let (name, norm) = (format!("{path}.conv{index}"), format!("{path}.bn{index}"));
        y = net.conv_norm(&name, &norm, conv, scale, &y)?;
        if index < last {
            y = net.relu(&relu(path, index - 1), &y);
        }
    }
    let shortcut = if stride != 1 || channels != outputs {
        let conv = Conv { inputs: channels, outputs, kernel: 1, stride };
        let name = |part: usize| format!("{path}.downsample.{part}");
        net.conv_norm(&name(0), &name(1), conv, 1.0, x)?
    } else {
        x.to_owned()
    };
    let sum = net.add(path, &y, &shortcut);
    Ok(net.relu(&relu(path, last - 1), &sum))
}

/// One module is used several times; the exporter numbers its uses.
fn relu(path: &str, used: usize) -> String {
    if used == 0 { format!("{path}.relu") } else { format!("{path}.relu_{used}") }
}
