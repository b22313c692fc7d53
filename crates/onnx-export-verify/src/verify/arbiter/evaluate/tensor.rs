//! Dense tensors of float64, with just enough of a type to follow the specification.

use super::Answer;

/// What the elements stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Floating-point numbers.
    Float,
    /// Whole numbers, exact up to 2⁵³.
    Integer,
    /// 0 or 1.
    Boolean,
}

/// A dense row-major tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Dimensions.
    pub dims: Vec<usize>,
    /// Elements, `dims.iter().product()` of them.
    pub values: Vec<f64>,
    /// What they are.
    pub kind: Kind,
}

impl Tensor {
    /// A tensor of floats.
    pub fn new(dims: &[usize], values: Vec<f64>) -> Self {
        Self { dims: dims.to_vec(), values, kind: Kind::Float }
    }

    /// The same elements under other dimensions.
    pub(super) fn reshaped(&self, dims: &[usize]) -> Answer<Self> {
        if count(dims)? != self.values.len() {
            return Err(format!("{} elements do not fit {dims:?}", self.values.len()));
        }
        Ok(Self { dims: dims.to_vec(), ..self.clone() })
    }

    /// Each element through `f`, of the same kind.
    pub(super) fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { values: self.values.iter().map(|&v| f(v)).collect(), ..self.clone() }
    }

    /// The elements as whole numbers.
    pub(super) fn integers(&self) -> Vec<i64> {
        self.values.iter().map(|&v| v as i64).collect()
    }

    /// The axes in another order: axis `k` of the result is axis `order[k]` of `self`. `order` names each axis once.
    pub(super) fn permuted(&self, order: &[usize]) -> Self {
        let dims: Vec<usize> = order.iter().map(|&axis| self.dims[axis]).collect();
        let own = strides(&self.dims);
        let steps: Vec<usize> = order.iter().map(|&axis| own[axis]).collect();
        let at = positions(&dims, &steps);
        self.picked(dims, at.into_iter())
    }

    /// Elements picked by position in `self`, under new dimensions.
    pub(super) fn picked(&self, dims: Vec<usize>, at: impl Iterator<Item = usize>) -> Self {
        Self { dims, values: at.map(|k| self.values[k]).collect(), kind: self.kind }
    }
}

/// Number of elements of these dimensions.
pub(super) fn count(dims: &[usize]) -> Answer<usize> {
    const MOST: usize = 1 << 31;
    let product = dims.iter().try_fold(1_usize, |n, &dim| n.checked_mul(dim));
    product.filter(|&n| n <= MOST).ok_or_else(|| format!("{dims:?} is too large"))
}

/// Row-major distances between neighbours along each axis.
pub(super) fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    strides
}

/// Every index of a tensor in row-major order.
pub(super) fn indices(dims: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let total: usize = dims.iter().product();
    let dims = dims.to_vec();
    let mut next = vec![0; dims.len()];
    (0..total).map(move |_| {
        let current = next.clone();
        for axis in (0..dims.len()).rev() {
            next[axis] += 1;
            if next[axis] < dims[axis] {
                break;
            }
            next[axis] = 0;
        }
        current
    })
}

/// The dimensions that tensors of these dimensions have together, by ONNX's (numpy's) rule.
pub(super) fn broadcast(all: &[&[usize]]) -> Answer<Vec<usize>> {
    let rank = all.iter().map(|dims| dims.len()).max().unwrap_or(0);
    let mut together = vec![1; rank];
    for dims in all {
        for (out, &dim) in together[rank - dims.len()..].iter_mut().zip(*dims) {
            match (*out, dim) {
                (a, b) if a == b => {}
                (1, b) => *out = b,
                (_, 1) => {}
                _ => return Err(format!("{all:?} do not broadcast")),
            }
        }
    }
    Ok(together)
}

/// For each element of `together`, the position of the element of a tensor of `dims` that it broadcasts from.
pub(super) fn spread(dims: &[usize], together: &[usize]) -> Vec<usize> {
    let ahead = together.len() - dims.len();
    let own = strides(dims);
    let steps: Vec<usize> = (0..together.len())
        .map(|axis| if axis < ahead || dims[axis - ahead] == 1 { 0 } else { own[axis - ahead] })
        .collect();
    positions(together, &steps)
}

/// For every index of a tensor of `dims`, in row-major order, the sum of its parts times `steps`.
fn positions(dims: &[usize], steps: &[usize]) -> Vec<usize> {
    dims.iter().zip(steps).fold(vec![0], |at, (&dim, &step)| {
        at.iter().flat_map(|start| (0..dim).map(move |k| start + k * step)).collect()
    })
}

/// Two tensors element by element, broadcast.
pub(super) fn zip(
    a: &Tensor,
    b: &Tensor,
    kind: Kind,
    f: impl Fn(f64, f64) -> f64,
) -> Answer<Tensor> {
    if a.dims == b.dims {
        let values = a.values.iter().zip(&b.values).map(|(&a, &b)| f(a, b)).collect();
        return Ok(Tensor { dims: a.dims.clone(), values, kind });
    }
    let dims = broadcast(&[&a.dims, &b.dims])?;
    count(&dims)?;
    let (left, right) = (spread(&a.dims, &dims), spread(&b.dims, &dims));
    let pairs = left.into_iter().zip(right);
    let values = pairs.map(|(i, j)| f(a.values[i], b.values[j])).collect();
    Ok(Tensor { dims, values, kind })
}
