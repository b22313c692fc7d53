//! MobileNet-V3 as torchvision builds it: its normalisations add 10⁻³ to the variance, not 10⁻⁵.

use anyhow::Result;

use super::Entry;
use super::net::{Affine, Conv, Net};

pub(super) const TABLE: &[Entry] = &[
    Entry {
        name: "mobilenet_v3_large",
        checkpoint: "mobilenet_v3_large-8738ca79.pth",
        parameters: 5_483_032,
        giga_multiplications: 0.217,
        build: |net, classes| mobilenet_v3(net, LARGE, 1280, classes),
    },
    Entry {
        name: "mobilenet_v3_small",
        checkpoint: "mobilenet_v3_small-047dcff4.pth",
        parameters: 2_542_856,
        giga_multiplications: 0.057,
        build: |net, classes| mobilenet_v3(net, SMALL, 1024, classes),
    },
];

/// The activation of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activation {
    Relu,
    HardSwish,
}

use Activation::{HardSwish as HS, Relu as RE};

/// One block.
#[derive(Clone, Copy, Debug)]
struct Block {
    inputs: usize,
    /// Height and width of the window in the middle.
    kernel: usize,
    /// Channels between expansion and projection.
    hidden: usize,
    outputs: usize,
    /// Whether channels are weighed by what they hold (squeeze and excitation).
    squeezes: bool,
    activation: Activation,
    stride: usize,
}

/// In the order of the paper's tables.
const fn block(
    [inputs, kernel, hidden, outputs]: [usize; 4],
    squeezes: bool,
    activation: Activation,
    stride: usize,
) -> Block {
    Block { inputs, kernel, hidden, outputs, squeezes, activation, stride }
}

const LARGE: &[Block] = &[
    block([16, 3, 16, 16], false, RE, 1),
    block([16, 3, 64, 24], false, RE, 2),
    block([24, 3, 72, 24], false, RE, 1),
    block([24, 5, 72, 40], true, RE, 2),
    block([40, 5, 120, 40], true, RE, 1),
    block([40, 5, 120, 40], true, RE, 1),
    block([40, 3, 240, 80], false, HS, 2),
    block([80, 3, 200, 80], false, HS, 1),
    block([80, 3, 184, 80], false, HS, 1),
    block([80, 3, 184, 80], false, HS, 1),
    block([80, 3, 480, 112], true, HS, 1),
    block([112, 3, 672, 112], true, HS, 1),
    block([112, 5, 672, 160], true, HS, 2),
    block([160, 5, 960, 160], true, HS, 1),
    block([160, 5, 960, 160], true, HS, 1),
];

const SMALL: &[Block] = &[
    block([16, 3, 16, 16], true, RE, 2),
    block([16, 3, 72, 24], false, RE, 2),
    block([24, 3, 88, 24], false, RE, 1),
    block([24, 5, 96, 40], true, HS, 2),
    block([40, 5, 240, 40], true, HS, 1),
    block([40, 5, 240, 40], true, HS, 1),
    block([40, 5, 120, 48], true, HS, 1),
    block([48, 5, 144, 48], true, HS, 1),
    block([48, 5, 288, 96], true, HS, 2),
    block([96, 5, 576, 96], true, HS, 1),
    block([96, 5, 576, 96], true, HS, 1),
];

fn mobilenet_v3(net: &mut Net<'_>, blocks: &[Block], wide: usize, classes: usize) -> Result<()> {
    net.set_epsilon(1e-3);
    let mut x = conv_norm_act(net, "features.0", Conv::new(3, 16, 3).stride(2), HS, "input")?;
    net.stage("features.0", &x);
    let mut outputs = 16;
    for (index, block) in (1..).zip(blocks) {
        let path = format!("features.{index}");
        x = residual(net, &path, block, &x)?;
        net.stage(&path, &x);
        outputs = block.outputs;
    }
    let path = format!("features.{}", blocks.len() + 1);
    x = conv_norm_act(net, &path, Conv::new(outputs, 6 * outputs, 1), HS, &x)?;
    net.stage(&path, &x);
    x = net.global_average_pool("avgpool", &x);
    x = net.flatten(&x);
    x = net.hidden("classifier.0", 6 * outputs, wide, &x)?;
    x = net.hard_swish("classifier.1", &x);
    net.stage("classifier.1", &x);
    net.classifier("classifier.3", wide, classes, &x)
}

/// Expansion, a window for each channel, weighing of the channels, projection without activation.
fn residual(net: &mut Net<'_>, path: &str, block: &Block, x: &str) -> Result<String> {
    let Block { inputs, kernel, hidden, outputs, activation, stride, .. } = *block;
    let mut parts = (0..).map(|part| format!("{path}.block.{part}"));
    let mut part = || parts.next().unwrap_or_default();
    let mut y = x.to_owned();
    if hidden != inputs {
        y = conv_norm_act(net, &part(), Conv::new(inputs, hidden, 1), activation, &y)?;
    }
    let depthwise = Conv::depthwise(hidden, kernel).stride(stride);
    y = conv_norm_act(net, &part(), depthwise, activation, &y)?;
    if block.squeezes {
        y = squeeze_excite(net, &part(), hidden, &y)?;
    }
    let path_of = part();
    let project = Conv::new(hidden, outputs, 1);
    let shortcut = stride == 1 && inputs == outputs;
    // about two branches lie on one shortcut
    let affine = if shortcut { Affine::branch(2) } else { Affine::PLAIN };
    y = net.conv_norm(&format!("{path_of}.0"), &format!("{path_of}.1"), project, affine, &y)?;
    Ok(if shortcut { net.add(path, &y, x) } else { y })
}

/// Of the synthetic weights that decide how channels are weighed. An input far larger than the calibrating images would
/// otherwise drive some weighing factors to 0 and others to 1, and leave the rest at the edge, where one rounding
/// error decides: two right engines would then disagree.
const CALM: f32 = 1.0 / 512.0;

/// Multiplies each channel by a number from 0 to 1 that two small layers find from the means of all.
fn squeeze_excite(net: &mut Net<'_>, path: &str, channels: usize, x: &str) -> Result<String> {
    let narrow = divisible_by_8(channels / 4);
    let mut s = net.global_average_pool(&format!("{path}.avgpool"), x);
    s = net.conv_bias(&format!("{path}.fc1"), Conv::new(channels, narrow, 1), 1.0, &s)?;
    s = net.relu(&format!("{path}.activation"), &s);
    s = net.conv_bias(&format!("{path}.fc2"), Conv::new(narrow, channels, 1), CALM, &s)?;
    s = net.hard_sigmoid(&format!("{path}.scale_activation"), &s);
    Ok(net.mul(path, &s, x))
}

/// The nearest multiple of 8, but no less than 90 % of `channels`.
fn divisible_by_8(channels: usize) -> usize {
    let near = ((channels + 4) / 8 * 8).max(8);
    if near * 10 < channels * 9 { near + 8 } else { near }
}

/// A list of convolution, normalisation and activation.
fn conv_norm_act(
    net: &mut Net<'_>,
    path: &str,
    conv: Conv,
    activation: Activation,
    x: &str,
) -> Result<String> {
    let y = net.conv_norm(&format!("{path}.0"), &format!("{path}.1"), conv, Affine::PLAIN, x)?;
    let path = format!("{path}.2");
    Ok(match activation {
        RE => net.relu(&path, &y),
        HS => net.hard_swish(&path, &y),
    })
}
