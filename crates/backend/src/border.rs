//! The border of an engine: sizes of its inputs and outputs, and buffers as bytes ([`buffer`]).
//!
//! A model may leave dimensions open. They are settled once, when an engine is built or a session is
//! opened: by the caller's shapes, else 1 for an open first dimension (the batch), else an error.

mod buffer;

use std::path::Path;

use crate::error::{Error, Result};
use crate::onnx::proto::{DataType, ValueInfoProto};
use crate::onnx::shape::Dim;
use crate::onnx::{self, node};
use crate::types::{BackendId, ElementType, TensorSpec};

pub(crate) use buffer::{element_size, poison, read, write};

/// Most elements of one input: 8 GiB of float32. More is a wrong size, not a wish.
const MAX_ELEMENTS: usize = 1 << 31;

/// An input or output as a model states it; `None` is an open dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenSpec {
    pub(crate) name: String,
    pub(crate) element: ElementType,
    /// `None` when not even the rank is known.
    pub(crate) dims: Option<Vec<Option<usize>>>,
}

impl OpenSpec {
    /// The spec when all its sizes are known.
    pub(crate) fn closed(&self) -> Option<TensorSpec> {
        let dims = self.dims.as_ref()?.iter().copied().collect::<Option<Vec<usize>>>()?;
        Some(TensorSpec { name: self.name.clone(), element: self.element, dims })
    }
}

/// Reads an input or output of an ONNX graph.
///
/// # Errors
/// [`Error::Unsupported`] for anything but a tensor of one of our element types.
pub(crate) fn open_spec(backend: BackendId, value: &ValueInfoProto) -> Result<OpenSpec> {
    let (element, dims) = node::type_and_dims(value);
    let element = match DataType::try_from(element) {
        Ok(DataType::Float) => ElementType::F32,
        Ok(DataType::Float16) => ElementType::F16,
        Ok(DataType::Double) => ElementType::F64,
        Ok(DataType::Int64) => ElementType::I64,
        Ok(DataType::Int32) => ElementType::I32,
        Ok(DataType::Int8) => ElementType::I8,
        Ok(DataType::Uint8) => ElementType::U8,
        Ok(DataType::Bool) => ElementType::Bool,
        _ => return Err(no_tensor(backend, &value.name)),
    };
    let size = |dim: Dim| match dim {
        Dim::Fixed(size) => Some(size),
        Dim::Symbol(_) | Dim::Unknown => None,
    };
    let dims = dims.map(|dims| dims.into_iter().map(size).collect());
    Ok(OpenSpec { name: value.name.clone(), element, dims })
}

/// The inputs of a model file with all their sizes, as every backend that opens it sees them.
///
/// # Errors
/// As [`crate::check_model`]; [`Error::Shape`] for sizes that stay open or do not fit, [`Error::Unsupported`] for
/// an input that is no tensor of a known type.
pub fn model_inputs(path: &Path, shapes: &[(String, Vec<usize>)]) -> Result<Vec<TensorSpec>> {
    let graph = onnx::load(path)?.graph.unwrap_or_default();
    // any backend would say the same of a model's own border
    let open = onnx::inputs(&graph).into_iter().map(|v| open_spec(BackendId::OnnxruntimeCpu, v));
    settle(&open.collect::<Result<Vec<_>>>()?, shapes)
}

/// The error for an input or output that is not such a tensor.
pub(crate) fn no_tensor(backend: BackendId, name: &str) -> Error {
    let what = format!(
        "`{name}` is not a tensor of float32, float16, float64, int64, int32, int8, uint8 or bool"
    );
    Error::Unsupported { backend, what }
}

/// Reads the `NAME=1x3x224x224` of a command line, where a size of 0 or none at all is a slip.
///
/// # Errors
/// What is wrong with the text, for the user.
pub fn parse_shape(text: &str) -> Result<(String, Vec<usize>), String> {
    let usage = || format!("`{text}` is not NAME=SIZES, such as input=1x3x224x224");
    let (name, sizes) = text.rsplit_once('=').ok_or_else(usage)?;
    let size = |part: &str| part.trim().parse::<usize>().ok().filter(|&size| size > 0);
    let dims: Option<Vec<usize>> = sizes.split(['x', ',']).map(size).collect();
    match dims {
        Some(dims) if !name.trim().is_empty() => Ok((name.trim().to_owned(), dims)),
        _ => Err(usage()),
    }
}

/// The `NAME=1x3x224x224` of keys and artifacts; `NAME=` for a scalar. [`read_shape`] reads it.
pub fn shape_text(name: &str, dims: &[usize]) -> String {
    format!("{name}={}", join(dims))
}

/// Reads what [`shape_text`] writes: any name, and sizes that may be 0 or none at all.
///
/// # Errors
/// What is wrong with the text.
pub fn read_shape(text: &str) -> Result<(String, Vec<usize>), String> {
    let read = || {
        let (name, sizes) = text.rsplit_once('=')?;
        let sizes = sizes.split('x').filter(|_| !sizes.is_empty());
        Some((name.to_owned(), sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?))
    };
    read().ok_or_else(|| format!("`{text}` is no name with sizes"))
}

/// Settles the sizes of all inputs.
///
/// # Errors
/// [`Error::Shape`] when a size stays open, when a given shape contradicts the model, or when it
/// names no input.
pub(crate) fn settle(
    inputs: &[OpenSpec],
    shapes: &[(String, Vec<usize>)],
) -> Result<Vec<TensorSpec>> {
    if let Some((name, _)) = shapes.iter().find(|(name, _)| inputs.iter().all(|i| i.name != *name))
    {
        let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        let reason =
            format!("the model has no such input; its inputs are `{}`", names.join("`, `"));
        return Err(Error::Shape { input: name.clone(), reason });
    }
    let is_given = |input: &OpenSpec| shapes.iter().any(|(name, _)| *name == input.name);
    let open: Vec<&OpenSpec> =
        inputs.iter().filter(|input| !is_given(input) && default_dims(input).is_err()).collect();
    if let [first, _, ..] = open.as_slice() {
        let all: Vec<String> =
            open.iter().map(|input| format!("`{}` {}", input.name, state(input))).collect();
        let reason = format!("the model leaves sizes open: {}", all.join(", "));
        return Err(Error::Shape { input: first.name.clone(), reason });
    }
    inputs
        .iter()
        .map(|input| {
            let given = shapes.iter().find(|(name, _)| *name == input.name).map(|(_, dims)| dims);
            let dims = match given {
                Some(dims) => fit(input, dims)?,
                None => default_dims(input)?,
            };
            let elements = dims.iter().try_fold(1_usize, |n, &size| n.checked_mul(size));
            if elements.is_none_or(|n| n > MAX_ELEMENTS) {
                let reason = format!("{} are more than {MAX_ELEMENTS} elements", join(&dims));
                return Err(Error::Shape { input: input.name.clone(), reason });
            }
            Ok(TensorSpec { name: input.name.clone(), element: input.element, dims })
        })
        .collect()
}

fn fit(input: &OpenSpec, given: &[usize]) -> Result<Vec<usize>> {
    let fits = input.dims.as_ref().is_none_or(|dims| {
        dims.len() == given.len()
            && dims
                .iter()
                .zip(given)
                .all(|(own, given)| own.map_or(*given > 0, |own| own == *given))
    });
    if fits {
        return Ok(given.to_vec());
    }
    let reason = format!("the shape {} does not fit the model's {}", join(given), state(input));
    Err(Error::Shape { input: input.name.clone(), reason })
}

fn default_dims(input: &OpenSpec) -> Result<Vec<usize>> {
    let open = || {
        let reason = format!("the model leaves sizes open: {}", state(input));
        Error::Shape { input: input.name.clone(), reason }
    };
    let dims = input.dims.as_ref().ok_or_else(open)?;
    dims.iter()
        .enumerate()
        .map(|(index, dim)| dim.or((index == 0).then_some(1)).ok_or_else(open))
        .collect()
}

fn state(input: &OpenSpec) -> String {
    match &input.dims {
        None => "unknown rank".to_owned(),
        Some(dims) => {
            let text = |dim: &Option<usize>| dim.map_or_else(|| "?".to_owned(), |d| d.to_string());
            dims.iter().map(text).collect::<Vec<_>>().join("x")
        }
    }
}

fn join(dims: &[usize]) -> String {
    dims.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(dims: &[Option<usize>]) -> OpenSpec {
        OpenSpec { name: "x".into(), element: ElementType::F32, dims: Some(dims.to_vec()) }
    }

    fn check(
        dims: &[Option<usize>],
        shapes: &[(&str, &[usize])],
        expected: Result<&[usize], &str>,
    ) {
        let shapes: Vec<_> =
            shapes.iter().map(|(name, dims)| ((*name).to_owned(), dims.to_vec())).collect();
        match (settle(&[input(dims)], &shapes), expected) {
            (Ok(specs), Ok(dims)) => assert_eq!(specs[0].dims, dims),
            (Err(error), Err(text)) => {
                assert!(error.to_string().contains(text), "{error}");
                assert_eq!(error.exit_code(), 2);
                assert!(error.hint().is_some());
            }
            (found, expected) => panic!("{found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn open_dimensions_are_settled_or_named() {
        check(&[Some(2), Some(3)], &[], Ok(&[2, 3]));
        check(&[None, Some(3)], &[], Ok(&[1, 3]));
        check(&[None, Some(3)], &[("x", &[8, 3])], Ok(&[8, 3]));
        check(&[None, None], &[], Err("?x?"));
        check(&[Some(1), Some(3)], &[("x", &[2, 3])], Err("2x3 does not fit the model's 1x3"));
        check(&[None, Some(3)], &[("x", &[3])], Err("does not fit"));
        check(&[None, Some(3)], &[("x", &[0, 3])], Err("does not fit"));
        check(&[None, Some(3)], &[("y", &[1, 3])], Err("its inputs are `x`"));
        check(&[], &[], Ok(&[]));
        check(&[Some(0), None], &[("x", &[0, 4])], Ok(&[0, 4]));
        check(&[Some(1 << 40), Some(1 << 40)], &[], Err("more than 2147483648 elements"));
    }

    #[test]
    fn all_open_inputs_are_named() {
        let open = |name: &str| OpenSpec { name: name.into(), ..input(&[Some(1), None]) };
        let error = settle(&[open("a"), open("b"), input(&[None])], &[]).unwrap_err();
        assert!(error.to_string().contains("`a` 1x?, `b` 1x?"), "{error}");
    }

    #[test]
    fn shapes_are_read_from_the_command_line() {
        assert_eq!(parse_shape("a=1x3"), Ok(("a".to_owned(), vec![1, 3])));
        assert_eq!(parse_shape("n=x=2,4"), Ok(("n=x".to_owned(), vec![2, 4])));
        for text in ["a", "a=", "=1", "a=1xx", "a=0x3", "a=-1"] {
            assert!(parse_shape(text).unwrap_err().contains("NAME=SIZES"), "{text}");
        }
    }

    #[test]
    fn shapes_of_artifacts_read_back() {
        for (name, dims, text) in [
            ("input", &[1, 3, 224, 224][..], "input=1x3x224x224"),
            ("sr", &[], "sr="),
            ("past", &[0, 4], "past=0x4"),
            ("n=x", &[2], "n=x=2"),
        ] {
            assert_eq!(shape_text(name, dims), text);
            assert_eq!(read_shape(text), Ok((name.to_owned(), dims.to_vec())));
        }
        for text in ["a", "a=1x", "a=x", "a=-1", "a=1,2", "a= 1"] {
            assert!(read_shape(text).unwrap_err().contains("no name with sizes"), "{text}");
        }
    }
}
