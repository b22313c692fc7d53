//! Builds a graph layer by layer, with the names that torchvision's exporter gives: nodes by module path
//! (`/layer1/layer1.0/conv1/Conv`), weights by state dictionary (`layer1.0.conv1.weight`).

mod layers;
mod norm;

use anyhow::Result;
use backend::onnx::node::node;
use backend::onnx::proto::{AttributeProto, NodeProto, TensorProto};
use backend::onnx::tensor::from_f32;

use super::fold::EPSILON;
use crate::weights::{Parameter, Role, Weights};

/// What becomes of BatchNormalization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// Its scale and shift are multiplied into the convolution before it.
    Folded,
    /// It stays a node.
    Kept,
    /// It normalises by the statistics of the batch and gives them out: the graph that calibrates.
    Batch,
}

/// A square convolution, padded so that stride 1 keeps the size.
#[derive(Clone, Copy, Debug)]
pub struct Conv {
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
}

impl Conv {
    /// Input and output channels, height and width of the window; stride 1, one group.
    pub fn new(inputs: usize, outputs: usize, kernel: usize) -> Self {
        Self { inputs, outputs, kernel, stride: 1, groups: 1 }
    }

    /// A window for each channel of its own.
    pub fn depthwise(channels: usize, kernel: usize) -> Self {
        Self { groups: channels, ..Self::new(channels, channels, kernel) }
    }

    /// With this step.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// With channels in this many groups that do not see each other.
    #[must_use]
    pub fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// Of the filters: outputs, inputs of a group, height, width.
    fn shape(self) -> [usize; 4] {
        [self.outputs, self.inputs / self.groups, self.kernel, self.kernel]
    }
}

/// About how large scale and shift of a normalisation are when weights are synthetic.
#[derive(Clone, Copy, Debug)]
pub struct Affine {
    scale: f32,
    shift: f32,
}

impl Affine {
    /// Half of what it normalises stays above 0.
    pub const PLAIN: Self = Self { scale: 1.0, shift: 0.0 };

    /// Most of it stays above 0. For long chains without a shortcut: a rectifier that cuts off half leaves
    /// outputs that hang on the inputs' last bits, the more the longer the chain, as no trained network does.
    pub const OPEN: Self = Self { scale: 1.0, shift: 1.0 };

    /// The end of one of `count` branches that lie on one shortcut: together they weigh as much as it does.
    pub fn branch(count: usize) -> Self {
        Self { scale: 1.0 / (count.max(1) as f32).sqrt(), ..Self::PLAIN }
    }
}

/// Nodes, weights and extra outputs of a finished graph.
#[derive(Debug, Default)]
pub struct Exported {
    /// Nodes in order.
    pub nodes: Vec<NodeProto>,
    /// Weights.
    pub initializers: Vec<TensorProto>,
    /// With [`Norm::Batch`]: names of the statistics and of the features before the classifier.
    pub statistics: Vec<String>,
    /// Modules of torchvision whose results can be compared, each with the value that holds its result.
    pub stages: Vec<(String, String)>,
    /// Trained parameters of the architecture, whether folded or not; running statistics apart.
    pub parameters: u64,
}

/// A graph under construction; layers take the name of their input and return that of their output.
pub struct Net<'a> {
    weights: &'a dyn Weights,
    norm: Norm,
    opset: u32,
    epsilon: f32,
    graph: Exported,
}

impl<'a> Net<'a> {
    /// An empty graph.
    pub fn new(weights: &'a dyn Weights, norm: Norm, opset: u32) -> Self {
        Self { weights, norm, opset, epsilon: EPSILON, graph: Exported::default() }
    }

    /// What normalisations add to the variance from here on; PyTorch's default is 10⁻⁵.
    pub fn set_epsilon(&mut self, epsilon: f32) {
        self.epsilon = epsilon;
    }

    /// Says that the value `x` is the result of torchvision's module `path`.
    pub fn stage(&mut self, path: &str, x: &str) {
        self.graph.stages.push((path.to_owned(), x.to_owned()));
    }

    /// The finished graph.
    pub fn finish(self) -> Exported {
        self.graph
    }

    fn named(&mut self, op: &str, inputs: &[&str], output: &str, attributes: Vec<AttributeProto>) {
        let name = format!("{output}/{op}");
        self.graph.nodes.push(node(op, &name, inputs, &[output], attributes));
    }

    fn op(
        &mut self,
        path: &str,
        op: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let name = scope(path, op);
        let output = format!("{name}_output_0");
        self.graph.nodes.push(node(op, &name, inputs, &[&output], attributes));
        output
    }

    fn trained(&mut self, name: &str, shape: &[usize], role: Role) -> Result<Vec<f32>> {
        let elements = shape.iter().fold(1_u64, |n, &dim| n.saturating_mul(dim as u64));
        self.graph.parameters = self.graph.parameters.saturating_add(elements);
        self.read(name, shape, role)
    }

    fn read(&self, name: &str, shape: &[usize], role: Role) -> Result<Vec<f32>> {
        self.weights.tensor(&Parameter { name, shape, role })
    }

    fn put(&mut self, path: &str, part: &str, shape: &[usize], values: &[f32]) -> String {
        let name = format!("{path}.{part}");
        self.graph.initializers.push(from_f32(&name, shape, values));
        name
    }

    /// A number that several nodes use.
    fn shared(&mut self, name: &str, value: f32) -> String {
        if !self.graph.initializers.iter().any(|tensor| tensor.name == name) {
            self.graph.initializers.push(from_f32(name, &[], &[value]));
        }
        name.to_owned()
    }
}

/// The exporter's name of an operator in a module: `layer1.0.conv1` → `/layer1/layer1.0/conv1/Conv`.
/// Numbered modules carry the name of the list that they are in: `conv.1.0` → `/conv/conv.1/conv.1.0/Conv`.
fn scope(path: &str, op: &str) -> String {
    let mut name = String::new();
    let mut list = String::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        if part.bytes().all(|b| b.is_ascii_digit()) {
            list.push('.');
        } else {
            list.clear();
        }
        list.push_str(part);
        name.push('/');
        name.push_str(&list);
    }
    format!("{name}/{op}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_exporters() {
        assert_eq!(scope("layer1.0.conv1", "Conv"), "/layer1/layer1.0/conv1/Conv");
        assert_eq!(
            scope("layer2.0.downsample.0", "Conv"),
            "/layer2/layer2.0/downsample/downsample.0/Conv"
        );
        assert_eq!(
            scope("features.17.conv.1.0", "Conv"),
            "/features/features.17/conv/conv.1/conv.1.0/Conv"
        );
        assert_eq!(scope("", "Flatten"), "/Flatten");
    }
}
