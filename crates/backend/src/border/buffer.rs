//! Tensors as bytes: values cross the border of every backend as float32.

use half::f16;

use crate::types::ElementType;

/// Bytes of one element.
pub(crate) fn element_size(element: ElementType) -> usize {
    match element {
        ElementType::I8 | ElementType::U8 | ElementType::Bool => 1,
        ElementType::F16 => 2,
        ElementType::F32 | ElementType::I32 => 4,
        ElementType::I64 | ElementType::F64 => 8,
    }
}

/// Converts `values` into a buffer of exactly as many elements.
pub(crate) fn write(element: ElementType, buffer: &mut [u8], values: &[f32]) {
    fn each<const N: usize>(buffer: &mut [u8], values: &[f32], bytes: impl Fn(f32) -> [u8; N]) {
        let slots = buffer.as_chunks_mut::<N>().0.iter_mut();
        slots.zip(values).for_each(|(slot, &value)| *slot = bytes(value));
    }
    match element {
        ElementType::F32 => each(buffer, values, f32::to_ne_bytes),
        ElementType::F16 => each(buffer, values, |v| f16::from_f32(v).to_ne_bytes()),
        ElementType::F64 => each(buffer, values, |v| f64::from(v).to_ne_bytes()),
        ElementType::I64 => each(buffer, values, |v| (v as i64).to_ne_bytes()),
        ElementType::I32 => each(buffer, values, |v| (v as i32).to_ne_bytes()),
        ElementType::I8 => each(buffer, values, |v| (v as i8).to_ne_bytes()),
        ElementType::U8 => each(buffer, values, |v| [v as u8]),
        ElementType::Bool => each(buffer, values, |v| [u8::from(v != 0.0)]),
    }
}

/// Reads a buffer as float32.
pub(crate) fn read(element: ElementType, buffer: &[u8]) -> Vec<f32> {
    fn each<const N: usize>(buffer: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        buffer.as_chunks::<N>().0.iter().map(|bytes| value(*bytes)).collect()
    }
    match element {
        ElementType::F32 => each(buffer, f32::from_ne_bytes),
        ElementType::F16 => each(buffer, |bytes| f16::from_ne_bytes(bytes).to_f32()),
        ElementType::F64 => each(buffer, |bytes| f64::from_ne_bytes(bytes) as f32),
        ElementType::I64 => each(buffer, |bytes| i64::from_ne_bytes(bytes) as f32),
        ElementType::I32 => each(buffer, |bytes| i32::from_ne_bytes(bytes) as f32),
        ElementType::I8 => each(buffer, |bytes| f32::from(i8::from_ne_bytes(bytes))),
        ElementType::U8 => each(buffer, |[byte]| f32::from(byte)),
        // any other byte is no flag: what `poison` leaves must not read as true
        ElementType::Bool => each(buffer, |[byte]| match byte {
            0 | 1 => f32::from(byte),
            _ => f32::NAN,
        }),
    }
}

/// Fills a buffer with NaN, or with an extreme value where there is no NaN: the smallest signed integer, the
/// largest byte, and for flags a byte that is none and reads as NaN.
pub(crate) fn poison(element: ElementType, buffer: &mut [u8]) {
    let value: &[u8] = match element {
        ElementType::F32 => &f32::NAN.to_ne_bytes(),
        ElementType::F16 => &f16::NAN.to_ne_bytes(),
        ElementType::F64 => &f64::NAN.to_ne_bytes(),
        ElementType::I64 => &i64::MIN.to_ne_bytes(),
        ElementType::I32 => &i32::MIN.to_ne_bytes(),
        ElementType::I8 => &i8::MIN.to_ne_bytes(),
        ElementType::U8 | ElementType::Bool => &[u8::MAX],
    };
    buffer.chunks_exact_mut(value.len()).for_each(|slot| slot.copy_from_slice(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_every_border() {
        use ElementType::{Bool, F16, F32, F64, I8, I32, I64, U8};
        for (element, values, poisoned) in [
            (F32, [0.0, 1.0, -2.0, 7.0], f32::NAN),
            (F16, [0.0, 1.0, -2.0, 7.0], f32::NAN),
            (F64, [0.0, 1.0, -2.0, 7.0], f32::NAN),
            (I64, [0.0, 1.0, -2.0, 16_000.0], i64::MIN as f32),
            (I32, [0.0, 1.0, -2.0, 7.0], i32::MIN as f32),
            (I8, [0.0, 1.0, -2.0, 7.0], -128.0),
            (U8, [0.0, 1.0, 254.0, 7.0], 255.0),
            (Bool, [0.0, 1.0, 1.0, 0.0], f32::NAN),
        ] {
            let mut buffer = vec![0_u8; 4 * element_size(element)];
            write(element, &mut buffer, &values);
            assert_eq!(read(element, &buffer), values, "{element:?}");
            poison(element, &mut buffer);
            let shows =
                |v: &f32| v.total_cmp(&poisoned).is_eq() || (v.is_nan() && poisoned.is_nan());
            assert!(read(element, &buffer).iter().all(shows), "{element:?}");
        }
    }
}
