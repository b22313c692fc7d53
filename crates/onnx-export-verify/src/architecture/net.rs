//! Builds a graph layer by layer, with the names that torchvision's exporter gives: nodes by module path
//! (`/layer1/layer1.0/conv1/Conv`), weights by state dictionary (`layer1.0.conv1.weight`).

use anyhow::Result;
use backend::onnx::node::{attr_float, attr_int, attr_ints, node};
use backend::onnx::proto::{AttributeProto, NodeProto, TensorProto};
use backend::onnx::tensor::from_f32;

use super::fold::{EPSILON, fold};
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

/// A square convolution without bias, padded so that stride 1 keeps the size.
#[derive(Clone, Copy, Debug)]
pub struct Conv {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Height and width of the window.
    pub kernel: usize,
    /// Step.
    pub stride: usize,
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
    /// Trained parameters of the architecture, whether folded or not; running statistics apart.
    pub parameters: u64,
}

/// A graph under construction; layers take the name of their input and return that of their output.
pub struct Net<'a> {
    weights: &'a dyn Weights,
    norm: Norm,
    opset: u32,
    graph: Exported,
}

impl<'a> Net<'a> {
    /// An empty graph.
    pub fn new(weights: &'a dyn Weights, norm: Norm, opset: u32) -> Self {
        Self { weights, norm, opset, graph: Exported::default() }
    }

    /// The finished graph.
    pub fn finish(self) -> Exported {
        self.graph
    }

    /// A convolution and its BatchNormalization, whose scale is about `scale` when weights are synthetic.
    pub fn conv_norm(
        &mut self,
        conv: &str,
        norm: &str,
        sizes: Conv,
        scale: f32,
        x: &str,
    ) -> Result<String> {
        let shape = [sizes.outputs, sizes.inputs, sizes.kernel, sizes.kernel];
        let mut filters = self.trained(&format!("{conv}.weight"), &shape, Role::Conv)?;
        let channels = [sizes.outputs];
        let gamma =
            self.trained(&format!("{norm}.weight"), &channels, Role::Scale { mean: scale })?;
        let beta = self.trained(&format!("{norm}.bias"), &channels, Role::Shift)?;
        if self.norm == Norm::Batch {
            let weight = self.put(conv, "weight", &shape, &filters);
            let y = self.conv(conv, sizes, &[x, &weight]);
            return Ok(self.batch_norm(norm, sizes.outputs, &gamma, &beta, &y));
        }
        let mean = self.read(&format!("{norm}.running_mean"), &channels, Role::RunningMean)?;
        let variance =
            self.read(&format!("{norm}.running_var"), &channels, Role::RunningVariance)?;
        if self.norm == Norm::Kept {
            let weight = self.put(conv, "weight", &shape, &filters);
            let y = self.conv(conv, sizes, &[x, &weight]);
            let names = [
                self.put(norm, "weight", &channels, &gamma),
                self.put(norm, "bias", &channels, &beta),
                self.put(norm, "running_mean", &channels, &mean),
                self.put(norm, "running_var", &channels, &variance),
            ];
            let inputs = [&y, &names[0], &names[1], &names[2], &names[3]].map(String::as_str);
            let mut attributes = vec![attr_float("epsilon", EPSILON), attr_float("momentum", 0.9)];
            if self.opset >= 14 {
                attributes.push(attr_int("training_mode", 0));
            }
            return Ok(self.op(norm, "BatchNormalization", &inputs, attributes));
        }
        let bias = fold(&mut filters, &gamma, &beta, &mean, &variance);
        let weight = self.put(conv, "weight", &shape, &filters);
        let bias = self.put(conv, "bias", &channels, &bias);
        Ok(self.conv(conv, sizes, &[x, &weight, &bias]))
    }

    /// `max(x, 0)`.
    pub fn relu(&mut self, path: &str, x: &str) -> String {
        self.op(path, "Relu", &[x], vec![])
    }

    /// Square maximum pooling.
    pub fn max_pool(&mut self, path: &str, kernel: i64, stride: i64, pad: i64, x: &str) -> String {
        let attributes = vec![
            attr_int("ceil_mode", 0),
            attr_ints("kernel_shape", &[kernel; 2]),
            attr_ints("pads", &[pad; 4]),
            attr_ints("strides", &[stride; 2]),
        ];
        self.op(path, "MaxPool", &[x], attributes)
    }

    /// The mean over height and width.
    pub fn global_average_pool(&mut self, path: &str, x: &str) -> String {
        self.op(path, "GlobalAveragePool", &[x], vec![])
    }

    /// The sum of two values in the module `path`.
    pub fn add(&mut self, path: &str, a: &str, b: &str) -> String {
        self.op(path, "Add", &[a, b], vec![])
    }

    /// All axes but the first become one.
    pub fn flatten(&mut self, x: &str) -> String {
        self.op("", "Flatten", &[x], vec![attr_int("axis", 1)])
    }

    /// A linear layer with bias, whose output is the value `output`.
    pub fn linear(
        &mut self,
        path: &str,
        inputs: usize,
        outputs: usize,
        x: &str,
        output: &str,
    ) -> Result<()> {
        let shape = [outputs, inputs];
        if self.norm == Norm::Batch {
            // the classifier is scaled to the features, so it is not there yet
            self.graph.statistics.push(x.to_owned());
            return Ok(());
        }
        let role = Role::Linear { inputs };
        let weight = self.trained(&format!("{path}.weight"), &shape, role)?;
        let bias = self.trained(&format!("{path}.bias"), &shape[..1], Role::Bias { inputs })?;
        let weight = self.put(path, "weight", &shape, &weight);
        let bias = self.put(path, "bias", &shape[..1], &bias);
        let attributes =
            vec![attr_float("alpha", 1.0), attr_float("beta", 1.0), attr_int("transB", 1)];
        let name = scope(path, "Gemm");
        self.graph.nodes.push(node("Gemm", &name, &[x, &weight, &bias], &[output], attributes));
        Ok(())
    }

    fn conv(&mut self, path: &str, sizes: Conv, inputs: &[&str]) -> String {
        let (kernel, stride) = (sizes.kernel as i64, sizes.stride as i64);
        let attributes = vec![
            attr_ints("dilations", &[1; 2]),
            attr_int("group", 1),
            attr_ints("kernel_shape", &[kernel; 2]),
            attr_ints("pads", &[kernel / 2; 4]),
            attr_ints("strides", &[stride; 2]),
        ];
        self.op(path, "Conv", inputs, attributes)
    }

    /// Normalises by the batch itself: mean and variance over batch, height and width, per channel.
    fn batch_norm(
        &mut self,
        path: &str,
        channels: usize,
        gamma: &[f32],
        beta: &[f32],
        x: &str,
    ) -> String {
        let shape = [channels, 1, 1];
        let axes = || vec![attr_ints("axes", &[0, 2, 3]), attr_int("keepdims", 1)];
        let epsilon = self.put(path, "epsilon", &[], &[EPSILON]);
        let (mean, variance) = (format!("{path}.running_mean"), format!("{path}.running_var"));
        self.named("ReduceMean", &[x], &mean, axes());
        let centered = self.op(path, "Sub", &[x, &mean], vec![]);
        let square = self.op(path, "Mul", &[&centered, &centered], vec![]);
        self.named("ReduceMean", &[&square], &variance, axes());
        self.graph.statistics.extend([mean, variance.clone()]);
        let sum = self.op(path, "Add", &[&variance, &epsilon], vec![]);
        let deviation = self.op(path, "Sqrt", &[&sum], vec![]);
        let unit = self.op(path, "Div", &[&centered, &deviation], vec![]);
        let gamma = self.put(path, "weight", &shape, gamma);
        let beta = self.put(path, "bias", &shape, beta);
        let scaled = self.op(&format!("{path}.scale"), "Mul", &[&unit, &gamma], vec![]);
        self.op(&format!("{path}.shift"), "Add", &[&scaled, &beta], vec![])
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
}

/// The exporter's name of an operator in a module: `layer1.0.conv1` → `/layer1/layer1.0/conv1/Conv`.
/// A numbered module carries the name of the list that it is in.
fn scope(path: &str, op: &str) -> String {
    let mut name = String::new();
    let mut before = "";
    for part in path.split('.').filter(|part| !part.is_empty()) {
        name.push('/');
        if part.bytes().all(|b| b.is_ascii_digit()) {
            name.push_str(before);
            name.push('.');
        }
        name.push_str(part);
        before = part;
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
        assert_eq!(scope("", "Flatten"), "/Flatten");
    }
}
