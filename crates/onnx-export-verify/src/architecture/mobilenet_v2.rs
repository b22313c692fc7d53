//! MobileNet-V2 as torchvision builds it.

use anyhow::Result;

use super::Entry;
use super::net::{Affine, Conv, Net};

pub(super) const TABLE: &[Entry] = &[Entry {
    name: "mobilenet_v2",
    checkpoint: "mobilenet_v2-b0353104.pth",
    parameters: 3_504_872,
    giga_multiplications: 0.301,
    build: mobilenet_v2,
}];

/// Expansion, output channels, blocks, stride of the first block.
const LAYERS: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// Channels before the classifier.
const LAST: usize = 1280;

fn mobilenet_v2(net: &mut Net<'_>, classes: usize) -> Result<()> {
    let mut x = conv_relu(net, "features.0", Conv::new(3, 32, 3).stride(2), Affine::OPEN, "input")?;
    let mut inputs = 32;
    let mut module = 1;
    for (expansion, outputs, blocks, stride) in LAYERS {
        let branch = Affine::branch(blocks - 1);
        for block in 0..blocks {
            let stride = if block == 0 { stride } else { 1 };
            let path = format!("features.{module}");
            let sizes = Sizes { inputs, outputs, hidden: inputs * expansion, stride, branch };
            x = inverted_residual(net, &path, &sizes, &x)?;
            (inputs, module) = (outputs, module + 1);
        }
        net.stage(&format!("features.{}", module - 1), &x);
    }
    let path = format!("features.{module}");
    x = conv_relu(net, &path, Conv::new(inputs, LAST, 1), Affine::PLAIN, &x)?;
    net.stage(&path, &x);
    x = net.global_average_pool("", &x);
    x = net.flatten(&x);
    net.classifier("classifier.1", LAST, classes, &x)
}

/// One block.
struct Sizes {
    inputs: usize,
    outputs: usize,
    /// Channels between expansion and projection.
    hidden: usize,
    stride: usize,
    /// Of the projection where there is a shortcut.
    branch: Affine,
}

/// Expansion, a window for each channel, projection without activation.
fn inverted_residual(net: &mut Net<'_>, path: &str, sizes: &Sizes, x: &str) -> Result<String> {
    let Sizes { inputs, outputs, hidden, stride, branch } = *sizes;
    let mut part = 0;
    let mut y = x.to_owned();
    if hidden != inputs {
        y = conv_relu(
            net,
            &format!("{path}.conv.0"),
            Conv::new(inputs, hidden, 1),
            Affine::OPEN,
            &y,
        )?;
        part += 1;
    }
    let depthwise = Conv::depthwise(hidden, 3).stride(stride);
    y = conv_relu(net, &format!("{path}.conv.{part}"), depthwise, Affine::OPEN, &y)?;
    let shortcut = stride == 1 && inputs == outputs;
    let (conv, norm) = (format!("{path}.conv.{}", part + 1), format!("{path}.conv.{}", part + 2));
    let affine = if shortcut { branch } else { Affine::PLAIN };
    y = net.conv_norm(&conv, &norm, Conv::new(hidden, outputs, 1), affine, &y)?;
    Ok(if shortcut { net.add(path, x, &y) } else { y })
}

/// A list of convolution, normalisation and activation.
fn conv_relu(net: &mut Net<'_>, path: &str, conv: Conv, affine: Affine, x: &str) -> Result<String> {
    let y = net.conv_norm(&format!("{path}.0"), &format!("{path}.1"), conv, affine, x)?;
    Ok(net.relu6(&format!("{path}.2"), &y))
}
