//! One call of an operator: its inputs and attributes with their defaults.

use backend::onnx::node;
use backend::onnx::proto::NodeProto;

use super::Answer;
use super::tensor::Tensor;

/// A node with its inputs.
pub(super) struct Call<'a> {
    pub(super) node: &'a NodeProto,
    pub(super) inputs: &'a [Option<&'a Tensor>],
    pub(super) opset: i64,
}

impl<'a> Call<'a> {
    pub(super) fn op(&self) -> &'a str {
        &self.node.op_type
    }

    /// An input that must be there.
    pub(super) fn input(&self, index: usize) -> Answer<&'a Tensor> {
        self.optional(index).ok_or_else(|| format!("{} lacks input {index}", self.op()))
    }

    /// An input that may be left out.
    pub(super) fn optional(&self, index: usize) -> Option<&'a Tensor> {
        self.inputs.get(index).copied().flatten()
    }

    /// All inputs, none of them left out.
    pub(super) fn all(&self) -> Answer<Vec<&'a Tensor>> {
        (0..self.inputs.len()).map(|index| self.input(index)).collect()
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        node::int(self.node, name).unwrap_or(default)
    }

    pub(super) fn float(&self, name: &str, default: f64) -> f64 {
        node::float(self.node, name).map_or(default, f64::from)
    }

    pub(super) fn text(&self, name: &str, default: &'a str) -> &'a str {
        node::text(self.node, name).unwrap_or(default)
    }

    /// A list attribute; `None` when it is not there.
    pub(super) fn ints(&self, name: &str) -> Option<&'a [i64]> {
        node::ints(self.node, name)
    }

    /// A list that is an attribute in old operator sets and an input in new ones.
    pub(super) fn list(&self, name: &str, index: usize) -> Option<Vec<i64>> {
        let attribute = self.ints(name).map(<[i64]>::to_vec);
        attribute.or_else(|| self.optional(index).map(Tensor::integers))
    }

    /// An axis counted from either end.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Answer<usize> {
        let from_start = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
        let found = usize::try_from(from_start).ok().filter(|&axis| axis < rank);
        found.ok_or_else(|| format!("{} has no axis {axis} of {rank}", self.op()))
    }

    /// Axes, sorted, each once.
    pub(super) fn axes(&self, axes: &[i64], rank: usize) -> Answer<Vec<usize>> {
        let mut axes: Vec<usize> =
            axes.iter().map(|&axis| self.axis(axis, rank)).collect::<Answer<_>>()?;
        axes.sort_unstable();
        axes.dedup();
        Ok(axes)
    }

    /// What the evaluator does not do.
    pub(super) fn refuse<T>(&self, what: &str) -> Answer<T> {
        Err(format!("{} with {what} is not evaluated", self.op()))
    }
}
