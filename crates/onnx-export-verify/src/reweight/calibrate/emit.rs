//! Nodes of the calibrating graph: means, spreads and what is made of them.

use backend::onnx::node::{attr_ints, node, value_info};
use backend::onnx::proto::{DataType, GraphProto, NodeProto};
use backend::onnx::shape::Dim;
use backend::onnx::tensor::{from_f32, from_i64};

/// Added to a mean square before its root is taken.
const TINY: f32 = 1e-12;

/// Collects nodes, constants and outputs.
pub(super) struct Emit {
    pub(super) graph: GraphProto,
    opset: i64,
    count: usize,
}

impl Emit {
    pub(super) fn new(opset: i64) -> Self {
        Self { graph: GraphProto::default(), opset, count: 0 }
    }

    pub(super) fn push(&mut self, node: NodeProto) {
        self.graph.node.push(node);
    }

    fn fresh(&mut self, what: &str) -> String {
        self.count += 1;
        format!("calibrate:{what}:{}", self.count)
    }

    pub(super) fn op(&mut self, op: &str, inputs: &[&str]) -> String {
        let name = self.fresh(op);
        self.push(node(op, &name, inputs, &[&name], vec![]));
        name
    }

    pub(super) fn op_into(&mut self, op: &str, inputs: &[&str], output: &str) {
        let name = self.fresh(op);
        self.push(node(op, &name, inputs, &[output], vec![]));
    }

    pub(super) fn constant(&mut self, dims: &[usize], values: &[f32]) -> String {
        let name = self.fresh("constant");
        self.graph.initializer.push(from_f32(&name, dims, values));
        name
    }

    fn integers(&mut self, values: &[i64]) -> String {
        let name = self.fresh("integers");
        self.graph.initializer.push(from_i64(&name, &[values.len()], values));
        name
    }

    /// Laid out along one of `rank` axes.
    pub(super) fn along(&mut self, value: &str, axis: usize, rank: usize) -> String {
        let mut sizes = vec![1_i64; rank];
        sizes[axis] = -1;
        let sizes = self.integers(&sizes);
        self.op("Reshape", &[value, &sizes])
    }

    /// The mean over all axes but one (over all when there is none), with all axes kept.
    fn mean(&mut self, value: &str, but: Option<usize>, rank: usize) -> String {
        let axes: Vec<i64> =
            (0..rank).filter(|axis| Some(*axis) != but).map(|axis| axis as i64).collect();
        let name = self.fresh("ReduceMean");
        if self.opset < 18 {
            let axes = vec![attr_ints("axes", &axes)];
            self.push(node("ReduceMean", &name, &[value], &[&name], axes));
        } else {
            let axes = self.integers(&axes);
            self.push(node("ReduceMean", &name, &[value, &axes], &[&name], vec![]));
        }
        name
    }

    /// The mean over all copies.
    pub(super) fn common_mean(
        &mut self,
        values: &[String],
        but: Option<usize>,
        rank: usize,
    ) -> String {
        let means: Vec<String> = values.iter().map(|value| self.mean(value, but, rank)).collect();
        let means: Vec<&str> = means.iter().map(String::as_str).collect();
        self.op("Mean", &means)
    }

    /// Each copy less something.
    pub(super) fn less(&mut self, values: &[String], by: &str) -> Vec<String> {
        values.iter().map(|value| self.op("Sub", &[value, by])).collect()
    }

    /// The mean square over all copies.
    pub(super) fn power(&mut self, values: &[String], but: Option<usize>, rank: usize) -> String {
        let squares: Vec<String> =
            values.iter().map(|value| self.op("Mul", &[value, value])).collect();
        self.common_mean(&squares, but, rank)
    }

    /// The square root, kept away from zero.
    pub(super) fn root(&mut self, value: &str, more: f32) -> String {
        let tiny = self.constant(&[], &[TINY + more]);
        let sum = self.op("Add", &[value, &tiny]);
        self.op("Sqrt", &[&sum])
    }

    /// Each copy less its own mean over all elements.
    pub(super) fn centred_each(&mut self, values: &[String], rank: usize) -> Vec<String> {
        let mut centred = Vec::with_capacity(values.len());
        for value in values {
            let mean = self.mean(value, None, rank);
            centred.push(self.op("Sub", &[value, &mean]));
        }
        centred
    }

    /// A variance that no channel is far below: a dead channel would be blown up.
    pub(super) fn floored(&mut self, variance: &str, rank: usize) -> String {
        const SHARE: f32 = 0.02;
        let typical = self.mean(variance, None, rank);
        let share = self.constant(&[], &[SHARE]);
        let floor = self.op("Mul", &[&typical, &share]);
        self.op("Add", &[variance, &floor])
    }

    /// Makes a value an output of the graph; `channels` elements along one axis, or one element.
    pub(super) fn output(&mut self, value: &str, channels: Option<(usize, usize)>, rank: usize) {
        let mut dims = vec![Dim::Fixed(1); rank];
        if let Some((axis, count)) = channels {
            dims[axis] = Dim::Fixed(count);
        }
        self.graph.output.push(value_info(value, DataType::Float as i32, Some(&dims)));
    }
}
