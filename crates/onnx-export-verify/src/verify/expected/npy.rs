//! `.npy`: a header in Python's notation, then the elements.
//!
//! ```text
//! \x93NUMPY  major  minor  length of the header (u16, from version 2 on u32, little-endian)
//! {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   spaces, newline; then the elements
//! ```
//!
//! Versions 1 to 3, both byte orders, C and Fortran order; floats of 16 to 64 bits, integers of 8 to 64, flags.

use half::f16;

use super::elements;

/// Longest header that is read.
const LONGEST_HEADER: usize = 64 << 10;
/// Most dimensions, as in numpy.
const MOST_DIMS: usize = 64;

/// Dimensions and elements, row-major.
pub(super) fn parse(bytes: &[u8]) -> Result<(Vec<usize>, Vec<f32>), String> {
    let (header, data) = split(bytes)?;
    let header = Header::parse(header)?;
    let size = header.size();
    let count = elements(&header.shape, size.max(4))
        .ok_or_else(|| format!("impossible or too large: {:?}", header.shape))?;
    let expected = count * size;
    if data.len() != expected {
        let (found, shape) = (data.len(), &header.shape);
        return Err(format!("{found} bytes of elements, but the shape {shape:?} needs {expected}"));
    }
    let read = |chunk: &[u8]| header.element(chunk);
    let values = data.chunks_exact(size).map(read).collect::<Option<Vec<f32>>>();
    let values = values.ok_or_else(|| format!("elements `{}` are not read", header.text))?;
    // with an axis of none the other axes may be of any size
    let values =
        if header.fortran && count > 0 { row_major(&header.shape, &values) } else { values };
    Ok((header.shape, values))
}

/// Header and elements.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), String> {
    let truncated = || "truncated".to_owned();
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or("is no .npy array")?;
    let (&[major, _minor], rest) = rest.split_first_chunk::<2>().ok_or_else(truncated)?;
    let (length, rest) = match major {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(truncated)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(truncated)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        _ => return Err(format!("version {major} of .npy is not known")),
    };
    if length > LONGEST_HEADER {
        return Err(format!("a header of {length} bytes"));
    }
    let (header, data) = rest.split_at_checked(length).ok_or_else(truncated)?;
    Ok((std::str::from_utf8(header).map_err(|_no_text| "a header that is no text")?, data))
}

struct Header {
    /// `<f4`.
    text: String,
    big_endian: bool,
    /// `f`, `i`, `u`, `b`.
    kind: char,
    bytes: usize,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    fn parse(text: &str) -> Result<Self, String> {
        let what = || format!("a header that is not read: {:?}", text.trim_end());
        let body =
            text.trim().strip_prefix('{').and_then(|t| t.strip_suffix('}')).ok_or_else(what)?;
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        let mut rest = body.trim();
        while !rest.is_empty() {
            let (key, after) = quoted(rest).ok_or_else(what)?;
            let after = after.trim_start().strip_prefix(':').ok_or_else(what)?.trim_start();
            let (value, next) = value(after).ok_or_else(what)?;
            let slot = match key {
                "descr" => &mut descr,
                "fortran_order" => &mut fortran,
                "shape" => &mut shape,
                _ => return Err(what()),
            };
            if slot.replace(value).is_some() {
                return Err(what());
            }
            rest = next.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        let fortran = match fortran.ok_or_else(what)? {
            "True" => true,
            "False" => false,
            _ => return Err(what()),
        };
        let shape = dims(shape.ok_or_else(what)?).ok_or_else(what)?;
        let descr = descr.ok_or_else(what)?;
        let (text, _) = quoted(descr).ok_or_else(|| format!("elements {descr} are not read"))?;
        Self::of(text, fortran, shape).ok_or_else(|| format!("elements `{text}` are not read"))
    }

    fn of(text: &str, fortran: bool, shape: Vec<usize>) -> Option<Self> {
        let mut letters = text.chars();
        let (order, kind) = (letters.next()?, letters.next()?);
        let bytes = letters.as_str().parse().ok()?;
        let known = match kind {
            'f' => [2, 4, 8].contains(&bytes),
            'i' | 'u' => [1, 2, 4, 8].contains(&bytes),
            'b' => bytes == 1,
            _ => false,
        };
        let big_endian = match order {
            '<' => false,
            '>' => true,
            '|' if bytes == 1 => false,
            '=' => cfg!(target_endian = "big"),
            _ => return None,
        };
        let text = text.to_owned();
        known.then_some(Self { text, big_endian, kind, bytes, fortran, shape })
    }

    fn size(&self) -> usize {
        self.bytes
    }

    /// One element; `None` for a type that is not read.
    fn element(&self, chunk: &[u8]) -> Option<f32> {
        let mut bytes = [0_u8; 8];
        bytes.get_mut(..chunk.len())?.copy_from_slice(chunk);
        if self.big_endian {
            bytes[..chunk.len()].reverse();
        }
        let bits = u64::from_le_bytes(bytes);
        let spare = 64 - 8 * self.bytes as u32;
        Some(match (self.kind, self.bytes) {
            ('f', 2) => f16::from_bits(bits as u16).to_f32(),
            ('f', 4) => f32::from_bits(bits as u32),
            ('f', 8) => f64::from_bits(bits) as f32,
            ('i', _) => ((bits << spare).cast_signed() >> spare) as f32,
            ('u', _) => bits as f32,
            ('b', _) => f32::from(u8::from(bits != 0)),
            _ => return None,
        })
    }
}

/// A text in quotes at the start, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// A value at the start: a text, a tuple or a word; and what follows it.
fn value(text: &str) -> Option<(&str, &str)> {
    let end = match text.chars().next()? {
        '\'' | '"' => text.len() - quoted(text)?.1.len(),
        '(' => text.find(')')? + 1,
        _ => text.find([',', '}']).unwrap_or(text.len()),
    };
    Some((text[..end].trim_end(), &text[end..]))
}

/// `(2, 3)`, `(4,)`, `()`.
fn dims(text: &str) -> Option<Vec<usize>> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?.trim();
    let inner = inner.strip_suffix(',').unwrap_or(inner).trim();
    if inner.is_empty() {
        return Some(Vec::new());
    }
    // Python 2 wrote long integers with an L
    let size = |part: &str| part.trim().trim_end_matches('L').parse().ok();
    let dims: Vec<usize> = inner.split(',').map(size).collect::<Option<_>>()?;
    (dims.len() <= MOST_DIMS).then_some(dims)
}

/// Elements in Fortran order as row-major ones.
fn row_major(shape: &[usize], values: &[f32]) -> Vec<f32> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &dim in shape {
        strides.push(stride);
        stride *= dim.max(1);
    }
    let mut place = vec![0_usize; shape.len()];
    let mut from = 0;
    let mut out = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        out.push(values[from]);
        for axis in (0..shape.len()).rev() {
            place[axis] += 1;
            from += strides[axis];
            if place[axis] < shape[axis] {
                break;
            }
            from -= strides[axis] * shape[axis];
            place[axis] = 0;
        }
    }
    out
}
