//! Convolutions with the BatchNormalization that follows them, in each of its three forms.

use anyhow::Result;
use backend::onnx::node::{attr_float, attr_int, attr_ints};

use super::super::fold::fold;
use super::{Affine, Conv, Net, Norm};
use crate::weights::Role;

impl Net<'_> {
    /// A convolution and its BatchNormalization.
    pub fn conv_norm(
        &mut self,
        conv: &str,
        norm: &str,
        sizes: Conv,
        affine: Affine,
        x: &str,
    ) -> Result<String> {
        let shape = sizes.shape();
        let role = Role::Conv { groups: sizes.groups };
        let mut filters = self.trained(&format!("{conv}.weight"), &shape, role)?;
        let channels = [sizes.outputs];
        let gamma =
            self.trained(&format!("{norm}.weight"), &channels, Role::Scale { mean: affine.scale })?;
        let beta =
            self.trained(&format!("{norm}.bias"), &channels, Role::Shift { mean: affine.shift })?;
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
            let mut attributes =
                vec![attr_float("epsilon", self.epsilon), attr_float("momentum", 0.9)];
            if self.opset >= 14 {
                attributes.push(attr_int("training_mode", 0));
            }
            return Ok(self.op(norm, "BatchNormalization", &inputs, attributes));
        }
        let bias = fold(&mut filters, &gamma, &beta, &mean, &variance, self.epsilon);
        let weight = self.put(conv, "weight", &shape, &filters);
        let bias = self.put(conv, "bias", &channels, &bias);
        Ok(self.conv(conv, sizes, &[x, &weight, &bias]))
    }

    pub(super) fn conv(&mut self, path: &str, sizes: Conv, inputs: &[&str]) -> String {
        let (kernel, stride) = (sizes.kernel as i64, sizes.stride as i64);
        let attributes = vec![
            attr_ints("dilations", &[1; 2]),
            attr_int("group", sizes.groups as i64),
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
        let epsilon = self.put(path, "epsilon", &[], &[self.epsilon]);
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
}
