//! Operations of one operator: products, each multiply–add counting 2.

use std::collections::BTreeMap;

use crate::onnx::node::{self, is_default_domain};
use crate::onnx::proto::NodeProto;
use crate::onnx::shape::{Shapes, Value};

/// Multiply–adds times two; 0 for operators without products, `None` where they cannot be counted.
pub(super) fn flops(node: &NodeProto, shapes: &Shapes) -> Option<u64> {
    if !is_default_domain(node) {
        return None;
    }
    let call = Call { node, shapes };
    match node.op_type.as_str() {
        // each output element: input channels of its group × window
        "Conv" | "ConvInteger" | "DeformConv" => {
            products(call.outputs()?, per_filter(call.input(1)?)?)
        }
        "QLinearConv" => products(call.outputs()?, per_filter(call.input(3)?)?),
        // each input element is spread over output channels of its group × window
        "ConvTranspose" => products(elements(call.input(0)?)?, per_filter(call.input(1)?)?),
        "Gemm" => {
            let sizes = call.input(0)?.sizes()?;
            let transposed = node::int(node, "transA").unwrap_or(0) != 0;
            products(call.outputs()?, *sizes.get(usize::from(!transposed))? as u64)
        }
        "MatMul" | "MatMulInteger" | "QLinearMatMul" => {
            products(call.outputs()?, *call.input(0)?.sizes()?.last()? as u64)
        }
        "RNN" | "GRU" | "LSTM" => recurrent(&call),
        "Einsum" => einsum(&call),
        // no convention, or another number of steps each time; `If` is counted by its branches
        "Attention" | "If" | "Loop" | "Scan" | "SequenceMap" | "DFT" | "STFT" => None,
        _ => Some(0),
    }
}

struct Call<'a> {
    node: &'a NodeProto,
    shapes: &'a Shapes,
}

impl<'a> Call<'a> {
    fn input(&self, index: usize) -> Option<&'a Value> {
        self.shapes.get(self.node.input.get(index)?)
    }

    fn outputs(&self) -> Option<u64> {
        elements(self.shapes.get(self.node.output.first()?)?)
    }
}

fn elements(value: &Value) -> Option<u64> {
    Some(value.count()? as u64)
}

/// Operations of `outputs` sums of `depth` products.
fn products(outputs: u64, depth: u64) -> Option<u64> {
    outputs.checked_mul(depth)?.checked_mul(2)
}

fn per_filter(weight: &Value) -> Option<u64> {
    let sizes = weight.sizes()?;
    sizes.get(1..)?.iter().try_fold(1_u64, |n, &size| n.checked_mul(size as u64))
}

/// Every step and every sample of the batch multiplies by all input weights and all recurrent weights,
/// of all gates and directions.
fn recurrent(call: &Call<'_>) -> Option<u64> {
    let [first, second, _] = call.input(0)?.sizes()?.try_into().ok()?;
    let weights = elements(call.input(1)?)?.checked_add(elements(call.input(2)?)?)?;
    products((first as u64).checked_mul(second as u64)?, weights)
}

/// One multiply–add for each combination of indices of two operands. One operand is summed or moved, which
/// counts nothing; with more than two the order of contraction decides.
fn einsum(call: &Call<'_>) -> Option<u64> {
    let equation = node::text(call.node, "equation")?;
    let terms: Vec<&str> = equation.split("->").next()?.split(',').map(str::trim).collect();
    if terms.len() != call.node.input.len() {
        return None;
    }
    match terms.len() {
        1 => return Some(0),
        2 => {}
        _ => return None,
    }
    let mut sizes: BTreeMap<Index, u64> = BTreeMap::new();
    for (position, term) in terms.iter().enumerate() {
        let dims = call.input(position)?.sizes()?;
        for (index, size) in indices(term, dims.len())?.into_iter().zip(dims) {
            let known = sizes.entry(index).or_insert(1);
            // a size of 1 stands for any
            match (*known, size as u64) {
                (1, size) => *known = size,
                (known, size) if size != 1 && size != known => return None,
                _ => {}
            }
        }
    }
    products(sizes.values().try_fold(1_u64, |n, &size| n.checked_mul(size))?, 1)
}

/// An index of an Einsum: a letter, or an axis of the ellipsis counted from its end.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Index {
    Letter(char),
    Covered(usize),
}

/// The index of each of `rank` axes; `None` when the term does not fit.
fn indices(term: &str, rank: usize) -> Option<Vec<Index>> {
    let letters = |text: &str| -> Option<Vec<Index>> {
        let visible = text.chars().filter(|letter| !letter.is_whitespace());
        visible.map(|l| l.is_ascii_alphabetic().then_some(Index::Letter(l))).collect()
    };
    let Some((before, after)) = term.split_once("...") else {
        return letters(term).filter(|found| found.len() == rank);
    };
    let (mut found, after) = (letters(before)?, letters(after)?);
    let covered = rank.checked_sub(found.len() + after.len())?;
    found.extend((0..covered).rev().map(Index::Covered));
    found.extend(after);
    Some(found)
}
