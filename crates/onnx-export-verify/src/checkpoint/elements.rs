//! Element types of checkpoints, and their way to float32.

use std::fmt;

use half::slice::HalfFloatSliceExt as _;
use half::{bf16, f16};

/// Type of the elements of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// float64; rounded when it is read.
    F64,
    /// float32.
    F32,
    /// float16.
    F16,
    /// bfloat16.
    Bf16,
    /// A float of 8 bits, of any kind; not read.
    F8,
    /// 64-bit integer, as in `num_batches_tracked`; not read, as all below.
    I64,
    /// 32-bit integer.
    I32,
    /// 16-bit integer.
    I16,
    /// 8-bit integer.
    I8,
    /// 64-bit integer without sign.
    U64,
    /// 32-bit integer without sign.
    U32,
    /// 16-bit integer without sign.
    U16,
    /// 8-bit integer without sign.
    U8,
    /// Truth value.
    Bool,
    /// Complex number of two float32.
    C64,
    /// Complex number of two float64.
    C128,
}

impl Element {
    /// Bytes of one element.
    pub fn size(self) -> u64 {
        match self {
            Self::C128 => 16,
            Self::F64 | Self::I64 | Self::U64 | Self::C64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::F8 | Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Whether its elements can be read as float32.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::Bf16)
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F8 => "f8",
            Self::I64 => "i64",
            Self::I32 => "i32",
            Self::I16 => "i16",
            Self::I8 => "i8",
            Self::U64 => "u64",
            Self::U32 => "u32",
            Self::U16 => "u16",
            Self::U8 => "u8",
            Self::Bool => "bool",
            Self::C64 => "c64",
            Self::C128 => "c128",
        })
    }
}

/// Appends the elements in `bytes`, which are little-endian and whole, to `out`.
///
/// # Errors
/// The value of a float64 that float32 cannot hold, or `None` for a type that is not read.
pub(super) fn decode(
    element: Element,
    bytes: &[u8],
    out: &mut Vec<f32>,
) -> Result<(), Option<f64>> {
    let start = out.len();
    match element {
        Element::F32 => out.extend(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b))),
        Element::F16 => {
            let halves: Vec<f16> = each(bytes, f16::from_le_bytes);
            out.resize(start + halves.len(), 0.0);
            halves.convert_to_f32_slice(&mut out[start..]);
        }
        Element::Bf16 => {
            let halves: Vec<bf16> = each(bytes, bf16::from_le_bytes);
            out.resize(start + halves.len(), 0.0);
            halves.convert_to_f32_slice(&mut out[start..]);
        }
        Element::F64 => {
            for chunk in bytes.as_chunks().0 {
                let wide = f64::from_le_bytes(*chunk);
                let value = wide as f32;
                if value.is_infinite() && wide.is_finite() {
                    return Err(Some(wide));
                }
                out.push(value);
            }
        }
        _ => return Err(None),
    }
    Ok(())
}

fn each<const N: usize, T>(bytes: &[u8], element: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| element(*chunk)).collect()
}

/// Turns big-endian elements into little-endian ones.
pub(super) fn swap(element: Element, bytes: &mut [u8]) {
    let size = match element {
        // two numbers
        Element::C64 => 4,
        Element::C128 => 8,
        other => other.size() as usize,
    };
    for chunk in bytes.chunks_exact_mut(size) {
        chunk.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float_type_is_read() {
        let read = |element, bytes: &[u8]| {
            let mut out = vec![7.0];
            decode(element, bytes, &mut out).map(|()| out)
        };
        assert_eq!(read(Element::F32, &1.5_f32.to_le_bytes()), Ok(vec![7.0, 1.5]));
        assert_eq!(read(Element::F16, &f16::from_f32(-2.0).to_le_bytes()), Ok(vec![7.0, -2.0]));
        assert_eq!(read(Element::Bf16, &bf16::from_f32(0.5).to_le_bytes()), Ok(vec![7.0, 0.5]));
        assert_eq!(read(Element::F64, &0.1_f64.to_le_bytes()), Ok(vec![7.0, 0.1]));
        assert_eq!(read(Element::F64, &1e300_f64.to_le_bytes()), Err(Some(1e300)));
        assert_eq!(read(Element::I64, &1_i64.to_le_bytes()), Err(None));
        let infinite = read(Element::F64, &f64::INFINITY.to_le_bytes()).unwrap();
        assert!(infinite[1].is_infinite(), "an infinity is what the file says");
    }

    #[test]
    fn bytes_of_the_other_order() {
        let mut bytes = 1.5_f32.to_be_bytes();
        swap(Element::F32, &mut bytes);
        assert_eq!(bytes, 1.5_f32.to_le_bytes());
    }
}
