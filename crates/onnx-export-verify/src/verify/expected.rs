//! Expected answers from files: what another program says a model must answer.
//!
//! | given | read |
//! |---|---|
//! | a folder with `input_K.pb` and `output_K.pb` | one set, as the ONNX project ships test data |
//! | a folder with `test_data_set_N` folders | each of them |
//! | a file `output_K.pb` | that output, with the `input_*.pb` beside it |
//! | a file `….npz` | arrays by the names of inputs and outputs |
//!
//! `.pb` files are `TensorProto`. A tensor without a name, or with one that the model does not have, counts by the
//! number in its file's name. The files may be anybody's: sizes are checked before anything is allocated.

mod npy;
mod npz;
mod pb;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::Result;
use backend::TensorSpec;
use pipeline::Fault;

/// Most bytes of values in one file, unpacked.
const LARGEST: u64 = 1 << 30;

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Name in the file; may be empty.
    pub name: String,
    /// Place among the inputs or outputs, where the file tells.
    pub place: Option<usize>,
    /// Dimensions.
    pub dims: Vec<usize>,
    /// Elements, row-major. Integers beyond 2²⁴ are rounded.
    pub values: Vec<f32>,
}

/// Inputs with the outputs that belong to them.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedSet {
    /// What a row calls it: `test_data_set_0`.
    pub label: String,
    /// Inputs; of an `.npz` file all arrays, since only the model tells which are inputs.
    pub inputs: Vec<Named>,
    /// Outputs; of an `.npz` file all arrays.
    pub outputs: Vec<Named>,
}

/// Everything that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The file or folder.
    pub path: PathBuf,
    /// At least one set.
    pub sets: Vec<ExpectedSet>,
}

impl Expected {
    /// Whether a path is read as expected answers, not as a model.
    pub fn is(path: &Path) -> bool {
        let ends = |suffix: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(suffix));
        ends("pb") || ends("npz") || path.is_dir()
    }

    /// Reads a file or folder.
    ///
    /// # Errors
    /// Exit 2 for what is missing, truncated, of a type that is not read, or larger than 1 GiB of values.
    pub fn open(path: &Path) -> Result<Self> {
        let sets = if path.is_dir() {
            pb::folder(path)
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz")) {
            npz::file(path).map(|set| vec![set])
        } else {
            pb::one(path).map(|set| vec![set])
        };
        let sets = sets.map_err(|(path, reason)| {
            Fault::config(format!("{}: {reason}", path.display()))
                .hint("expected answers are output_K.pb with input_K.pb beside it, a folder of them, or an .npz file with arrays by the names of inputs and outputs")
        })?;
        Ok(Self { path: path.to_owned(), sets })
    }
}

/// A file with what is wrong with it.
type Wrong = (PathBuf, String);

impl ExpectedSet {
    /// The tensor for an input.
    ///
    /// # Errors
    /// [`backend::Error::Shape`] (exit 2) when there is none, or one of another shape.
    pub fn input(&self, index: usize, spec: &TensorSpec) -> backend::Result<&Named> {
        let wrong = |reason: String| {
            let reason = format!("{}: {reason}", self.label);
            Err(backend::Error::Shape { input: spec.name.clone(), reason })
        };
        let Some(found) = find(&self.inputs, &spec.name, index) else {
            return wrong(format!("no values for it; there are `{}`", self.names()));
        };
        if found.dims != spec.dims {
            return wrong(format!("the file has {:?}, the model {:?}", found.dims, spec.dims));
        }
        Ok(found)
    }

    /// The tensor for an output; `None` when the file has none for it.
    pub fn output(&self, index: usize, name: &str) -> Option<&Named> {
        find(&self.outputs, name, index)
    }

    /// The shapes of the inputs, to settle open dimensions.
    pub fn shapes(&self, names: &[String]) -> Vec<(String, Vec<usize>)> {
        let of = |(index, name): (usize, &String)| {
            Some((name.clone(), find(&self.inputs, name, index)?.dims.clone()))
        };
        names.iter().enumerate().filter_map(of).collect()
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.inputs.iter().map(|named| named.name.as_str()).collect();
        names.join("`, `")
    }
}

/// By name; else by place, among those whose place is known.
fn find<'a>(tensors: &'a [Named], name: &str, index: usize) -> Option<&'a Named> {
    let named = tensors.iter().find(|tensor| tensor.name == name);
    named.or_else(|| tensors.iter().find(|tensor| tensor.place == Some(index)))
}

/// Number of elements, when it and their size in bytes are possible.
fn elements(dims: &[usize], bytes: usize) -> Option<usize> {
    let count = dims.iter().try_fold(1_usize, |n, &dim| n.checked_mul(dim))?;
    let size = count.checked_mul(bytes)?;
    (size as u64 <= LARGEST).then_some(count)
}
