//! Tensors of an ONNX file: element types and sizes, values as numbers, new tensors.

use half::{bf16, f16};

use super::proto::{DataType, TensorProto};

/// A tensor that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tensor `{tensor}`: {reason}")]
pub struct TensorError {
    /// Name of the tensor.
    pub tensor: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The short name of an element type: `f32`, `f16`, `i64`, …; `?` when the code is unknown.
pub fn element_name(data_type: i32) -> &'static str {
    match DataType::try_from(data_type) {
        Ok(DataType::Float) => "f32",
        Ok(DataType::Uint8) => "u8",
        Ok(DataType::Int8) => "i8",
        Ok(DataType::Uint16) => "u16",
        Ok(DataType::Int16) => "i16",
        Ok(DataType::Int32) => "i32",
        Ok(DataType::Int64) => "i64",
        Ok(DataType::String) => "string",
        Ok(DataType::Bool) => "bool",
        Ok(DataType::Float16) => "f16",
        Ok(DataType::Double) => "f64",
        Ok(DataType::Uint32) => "u32",
        Ok(DataType::Uint64) => "u64",
        Ok(DataType::Complex64) => "c64",
        Ok(DataType::Complex128) => "c128",
        Ok(DataType::Bfloat16) => "bf16",
        Ok(DataType::Float8e4m3fn) => "f8e4m3fn",
        Ok(DataType::Float8e4m3fnuz) => "f8e4m3fnuz",
        Ok(DataType::Float8e5m2) => "f8e5m2",
        Ok(DataType::Float8e5m2fnuz) => "f8e5m2fnuz",
        Ok(DataType::Uint4) => "u4",
        Ok(DataType::Int4) => "i4",
        Ok(DataType::Float4e2m1) => "f4e2m1",
        Ok(DataType::Undefined) | Err(_) => "?",
    }
}

/// Bits of one element; `None` for texts and unknown codes.
pub fn element_bits(data_type: i32) -> Option<usize> {
    let bits = match DataType::try_from(data_type).ok()? {
        DataType::Undefined | DataType::String => return None,
        DataType::Uint4 | DataType::Int4 | DataType::Float4e2m1 => 4,
        DataType::Uint8
        | DataType::Int8
        | DataType::Bool
        | DataType::Float8e4m3fn
        | DataType::Float8e4m3fnuz
        | DataType::Float8e5m2
        | DataType::Float8e5m2fnuz => 8,
        DataType::Uint16 | DataType::Int16 | DataType::Float16 | DataType::Bfloat16 => 16,
        DataType::Float | DataType::Int32 | DataType::Uint32 => 32,
        DataType::Int64 | DataType::Uint64 | DataType::Double | DataType::Complex64 => 64,
        DataType::Complex128 => 128,
    };
    Some(bits)
}

/// Whether elements of this type are floating-point numbers (of any width).
pub fn is_float(data_type: i32) -> bool {
    matches!(element_name(data_type).as_bytes(), [b'f', ..] | [b'b', b'f', ..])
}

/// Number of elements: the product of the dimensions.
///
/// # Errors
/// A negative dimension, or a product that does not fit.
pub fn element_count(tensor: &TensorProto) -> Result<usize, TensorError> {
    tensor
        .dims
        .iter()
        .try_fold(1_usize, |n, &dim| n.checked_mul(usize::try_from(dim).ok()?))
        .ok_or_else(|| error(tensor, format!("impossible dimensions {:?}", tensor.dims)))
}

/// Bytes of the elements when they are stored densely; `None` when the type has no fixed size.
pub fn byte_len(tensor: &TensorProto) -> Option<usize> {
    let bits = element_bits(tensor.data_type)?;
    Some(element_count(tensor).ok()?.checked_mul(bits)?.div_ceil(8))
}

/// The elements as float32, from raw bytes or from the typed field.
///
/// Reads float32, float16, bfloat16, float64, Booleans and integers of 8 to 64 bits.
///
/// # Errors
/// Another type, external data that was not read, or fewer or more elements than the dimensions say.
pub fn values_f32(tensor: &TensorProto) -> Result<Vec<f32>, TensorError> {
    let kind = DataType::try_from(tensor.data_type).unwrap_or(DataType::Undefined);
    let values: Vec<f32> = if let Some(raw) = raw(tensor)? {
        match kind {
            DataType::Float => read(raw, f32::from_le_bytes),
            DataType::Float16 => read(raw, |b| f16::from_le_bytes(b).to_f32()),
            DataType::Bfloat16 => read(raw, |b| bf16::from_le_bytes(b).to_f32()),
            DataType::Double => read(raw, |b| f64::from_le_bytes(b) as f32),
            _ => read_integers(tensor, kind, raw)?.into_iter().map(|v| v as f32).collect(),
        }
    } else {
        match kind {
            DataType::Float => tensor.float_data.clone(),
            DataType::Double => tensor.double_data.iter().map(|&v| v as f32).collect(),
            DataType::Float16 => bits16(tensor).map(|bits| f16::from_bits(bits).to_f32()).collect(),
            DataType::Bfloat16 => {
                bits16(tensor).map(|bits| bf16::from_bits(bits).to_f32()).collect()
            }
            _ => typed_integers(tensor, kind)?.into_iter().map(|v| v as f32).collect(),
        }
    };
    counted(tensor, values)
}

/// The elements of an integer or Boolean tensor.
///
/// # Errors
/// As [`values_f32`]; a floating-point tensor is an error too.
pub fn values_i64(tensor: &TensorProto) -> Result<Vec<i64>, TensorError> {
    let kind = DataType::try_from(tensor.data_type).unwrap_or(DataType::Undefined);
    let values = match raw(tensor)? {
        Some(raw) => read_integers(tensor, kind, raw)?,
        None => typed_integers(tensor, kind)?,
    };
    counted(tensor, values)
}

/// A float32 tensor with its elements as raw bytes.
pub fn from_f32(name: &str, dims: &[usize], values: &[f32]) -> TensorProto {
    raw_tensor(name, dims, DataType::Float, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

/// A float16 tensor with its elements as raw bytes.
pub fn from_f16(name: &str, dims: &[usize], values: &[f16]) -> TensorProto {
    raw_tensor(name, dims, DataType::Float16, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

/// An int64 tensor with its elements as raw bytes.
pub fn from_i64(name: &str, dims: &[usize], values: &[i64]) -> TensorProto {
    raw_tensor(name, dims, DataType::Int64, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn raw_tensor(name: &str, dims: &[usize], kind: DataType, raw: Vec<u8>) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.iter().map(|&dim| dim as i64).collect(),
        data_type: kind as i32,
        raw_data: Some(raw),
        ..TensorProto::default()
    }
}

/// The raw bytes when the elements are stored so; their number is checked against the type.
fn raw(tensor: &TensorProto) -> Result<Option<&[u8]>, TensorError> {
    if tensor.data_location == 1 {
        return Err(error(tensor, "its values are in another file, which was not read"));
    }
    let Some(raw) = tensor.raw_data.as_deref() else { return Ok(None) };
    match byte_len(tensor) {
        Some(expected) if expected == raw.len() => Ok(Some(raw)),
        // empty raw data beside a filled typed field is how some writers leave it
        Some(_) if raw.is_empty() => Ok(None),
        Some(expected) => Err(error(
            tensor,
            format!("{} bytes of values, but its dimensions need {expected}", raw.len()),
        )),
        None => Err(error(tensor, "elements of this type have no fixed size")),
    }
}

fn read<const N: usize, T>(raw: &[u8], element: impl Fn([u8; N]) -> T) -> Vec<T> {
    raw.as_chunks::<N>().0.iter().map(|chunk| element(*chunk)).collect()
}

fn read_integers(
    tensor: &TensorProto,
    kind: DataType,
    raw: &[u8],
) -> Result<Vec<i64>, TensorError> {
    Ok(match kind {
        DataType::Int64 => read(raw, i64::from_le_bytes),
        DataType::Int32 => read(raw, |b| i64::from(i32::from_le_bytes(b))),
        DataType::Int16 => read(raw, |b| i64::from(i16::from_le_bytes(b))),
        DataType::Int8 => read(raw, |b| i64::from(i8::from_le_bytes(b))),
        DataType::Uint8 | DataType::Bool => raw.iter().map(|&b| i64::from(b)).collect(),
        DataType::Uint16 => read(raw, |b| i64::from(u16::from_le_bytes(b))),
        DataType::Uint32 => read(raw, |b| i64::from(u32::from_le_bytes(b))),
        DataType::Uint64 => read(raw, |b| u64::from_le_bytes(b).try_into().unwrap_or(i64::MAX)),
        _ => return Err(unreadable(tensor)),
    })
}

fn typed_integers(tensor: &TensorProto, kind: DataType) -> Result<Vec<i64>, TensorError> {
    Ok(match kind {
        DataType::Int64 => tensor.int64_data.clone(),
        DataType::Int32
        | DataType::Int16
        | DataType::Int8
        | DataType::Uint8
        | DataType::Uint16
        | DataType::Bool => tensor.int32_data.iter().map(|&v| i64::from(v)).collect(),
        DataType::Uint32 | DataType::Uint64 => {
            tensor.uint64_data.iter().map(|&v| v.try_into().unwrap_or(i64::MAX)).collect()
        }
        _ => return Err(unreadable(tensor)),
    })
}

fn bits16(tensor: &TensorProto) -> impl Iterator<Item = u16> {
    tensor.int32_data.iter().map(|&bits| bits as u16)
}

fn counted<T>(tensor: &TensorProto, values: Vec<T>) -> Result<Vec<T>, TensorError> {
    let expected = element_count(tensor)?;
    if values.len() == expected {
        Ok(values)
    } else {
        let found = values.len();
        Err(error(tensor, format!("{found} values, but its dimensions need {expected}")))
    }
}

fn unreadable(tensor: &TensorProto) -> TensorError {
    error(tensor, format!("elements of type {} cannot be read", element_name(tensor.data_type)))
}

fn error(tensor: &TensorProto, reason: impl Into<String>) -> TensorError {
    TensorError { tensor: tensor.name.clone(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_and_typed_values_read_alike() {
        let raw = from_f32("w", &[2, 2], &[1.0, -2.5, 0.0, 3.0]);
        let typed =
            TensorProto { raw_data: None, float_data: vec![1.0, -2.5, 0.0, 3.0], ..raw.clone() };
        assert_eq!(values_f32(&raw), values_f32(&typed));
        let halves = from_f16("w", &[2], &[f16::from_f32(0.5), f16::from_f32(-65504.0)]);
        assert_eq!(values_f32(&halves).unwrap(), [0.5, -65504.0]);
        let typed = TensorProto { raw_data: None, int32_data: vec![0x3800, 0xfbff], ..halves };
        assert_eq!(values_f32(&typed).unwrap(), [0.5, -65504.0]);
        assert_eq!(values_i64(&from_i64("s", &[2], &[-1, 7])).unwrap(), [-1, 7]);
    }

    #[test]
    fn wrong_sizes_and_types_are_refused() {
        let mut tensor = from_f32("w", &[2], &[1.0, 2.0]);
        tensor.dims = vec![3];
        let error = values_f32(&tensor).unwrap_err();
        assert_eq!(error.to_string(), "tensor `w`: 8 bytes of values, but its dimensions need 12");
        tensor.dims = vec![-1];
        assert!(values_f32(&tensor).is_err());
        assert!(values_i64(&from_f32("w", &[1], &[1.0])).is_err());
        tensor.data_location = 1;
        assert!(values_f32(&tensor).unwrap_err().reason.contains("another file"));
    }

    #[test]
    fn sizes_of_elements() {
        assert_eq!(byte_len(&from_f32("w", &[3, 2], &[0.0; 6])), Some(24));
        assert_eq!(element_bits(DataType::Int4 as i32), Some(4));
        assert_eq!((element_name(1), element_name(99)), ("f32", "?"));
        assert!(is_float(DataType::Bfloat16 as i32) && !is_float(DataType::Int64 as i32));
    }
}
