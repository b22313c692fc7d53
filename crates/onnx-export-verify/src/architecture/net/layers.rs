//! Layers without a normalisation: activations, pooling, sums, linear layers.

use anyhow::Result;
use backend::onnx::node::{attr_float, attr_int, attr_ints, node};

use super::{Conv, Net, Norm, scope};
use crate::weights::Role;

/// The bias of a layer that no normalisation follows.
const BIAS: Role = Role::Shift { mean: 0.0 };

impl Net<'_> {
    /// `max(x, 0)`.
    pub fn relu(&mut self, path: &str, x: &str) -> String {
        self.op(path, "Relu", &[x], vec![])
    }

    /// `min(max(x, 0), 6)`.
    pub fn relu6(&mut self, path: &str, x: &str) -> String {
        let (low, high) = (self.shared("relu6.min", 0.0), self.shared("relu6.max", 6.0));
        self.op(path, "Clip", &[x, &low, &high], vec![])
    }

    /// `min(max(x/6 + 1/2, 0), 1)`.
    pub fn hard_sigmoid(&mut self, path: &str, x: &str) -> String {
        let attributes = vec![attr_float("alpha", 1.0 / 6.0), attr_float("beta", 0.5)];
        self.op(path, "HardSigmoid", &[x], attributes)
    }

    /// `x · hard_sigmoid(x)`; an operator of its own since operator set 14.
    pub fn hard_swish(&mut self, path: &str, x: &str) -> String {
        if self.opset >= 14 {
            return self.op(path, "HardSwish", &[x], vec![]);
        }
        let gate = self.hard_sigmoid(path, x);
        self.mul(path, x, &gate)
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

    /// The product of two values in the module `path`.
    pub fn mul(&mut self, path: &str, a: &str, b: &str) -> String {
        self.op(path, "Mul", &[a, b], vec![])
    }

    /// All axes but the first become one.
    pub fn flatten(&mut self, x: &str) -> String {
        self.op("", "Flatten", &[x], vec![attr_int("axis", 1)])
    }

    /// A convolution with bias that no normalisation follows. Synthetic weights keep the scale of what goes through
    /// where `gain` is 1.
    pub fn conv_bias(&mut self, path: &str, sizes: Conv, gain: f32, x: &str) -> Result<String> {
        let shape = sizes.shape();
        let inputs = shape[1..].iter().product();
        let role = Role::Hidden { inputs, gain };
        let weight = self.trained(&format!("{path}.weight"), &shape, role)?;
        let bias = self.trained(&format!("{path}.bias"), &shape[..1], BIAS)?;
        let weight = self.put(path, "weight", &shape, &weight);
        let bias = self.put(path, "bias", &shape[..1], &bias);
        Ok(self.conv(path, sizes, &[x, &weight, &bias]))
    }

    /// A linear layer with bias inside the network.
    pub fn hidden(&mut self, path: &str, inputs: usize, outputs: usize, x: &str) -> Result<String> {
        let output = format!("{}_output_0", scope(path, "Gemm"));
        let role = Role::Hidden { inputs, gain: 1.0 };
        self.gemm(path, [outputs, inputs], [role, BIAS], x, &output)?;
        Ok(output)
    }

    /// The linear layer with bias that gives the classes as the value `output`.
    pub fn classifier(&mut self, path: &str, inputs: usize, classes: usize, x: &str) -> Result<()> {
        if self.norm == Norm::Batch {
            // it is scaled to the features, so it is not there yet
            self.graph.statistics.push(x.to_owned());
            return Ok(());
        }
        let roles = [Role::Linear { inputs }, Role::Bias { inputs }];
        self.gemm(path, [classes, inputs], roles, x, "output")
    }

    fn gemm(
        &mut self,
        path: &str,
        shape: [usize; 2],
        [weight, bias]: [Role; 2],
        x: &str,
        output: &str,
    ) -> Result<()> {
        let weight = self.trained(&format!("{path}.weight"), &shape, weight)?;
        let bias = self.trained(&format!("{path}.bias"), &shape[..1], bias)?;
        let weight = self.put(path, "weight", &shape, &weight);
        let bias = self.put(path, "bias", &shape[..1], &bias);
        let attributes =
            vec![attr_float("alpha", 1.0), attr_float("beta", 1.0), attr_int("transB", 1)];
        let name = scope(path, "Gemm");
        self.graph.nodes.push(node("Gemm", &name, &[x, &weight, &bias], &[output], attributes));
        Ok(())
    }
}
