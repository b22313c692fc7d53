//! Where the bytes of tensors are, and how a view of them becomes a list of numbers.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use flate2::read::DeflateDecoder;

use super::elements::{Element, decode, swap};
use super::error::{Error, Result};

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;

/// Most elements of one tensor, 4 GiB of float32: deflated zeros can claim a thousand times the file's size, and a
/// model beyond 2 GiB cannot be written anyway.
const MOST_ELEMENTS: u64 = 1 << 30;

/// A storage in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Where its bytes begin.
    pub(super) start: u64,
    /// How many bytes it has, as they are read.
    pub(super) bytes: u64,
    /// How many it takes in the file when it is deflated.
    pub(super) deflated: Option<u64>,
}

/// A tensor's view of an extent; the reader of the form has checked that it lies inside.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) extent: usize,
    /// First byte in the extent.
    pub(super) start: u64,
    /// Elements between neighbours of each axis.
    pub(super) strides: Vec<u64>,
}

/// An open file and its storages.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    file: Mutex<File>,
    extents: Vec<Extent>,
    swapped: bool,
}

impl Source {
    /// `swapped`: elements are big-endian.
    pub(super) fn new(path: &Path, file: File, extents: Vec<Extent>, swapped: bool) -> Self {
        Self { path: path.to_owned(), file: Mutex::new(file), extents, swapped }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The elements of a view in row-major order.
    pub(super) fn read(
        &self,
        name: &str,
        element: Element,
        shape: &[usize],
        view: &View,
    ) -> Result<Vec<f32>> {
        let wrong = |reason: String| Error::tensor(&self.path, name, reason);
        if !element.is_float() {
            return Err(wrong(format!("holds {element}, not floating-point numbers")));
        }
        let inside = || wrong("its view is not inside its storage".to_owned());
        let extent = *self.extents.get(view.extent).ok_or_else(inside)?;
        let Some((count, span)) = count_and_span(shape, &view.strides) else {
            return Err(inside());
        };
        let end = span.checked_mul(element.size()).and_then(|n| n.checked_add(view.start));
        if end.is_none_or(|end| end > extent.bytes) {
            return Err(inside());
        }
        if count == 0 {
            return Ok(Vec::new());
        }
        if count.max(span) > MOST_ELEMENTS {
            return Err(wrong(format!(
                "has {} elements, more than {MOST_ELEMENTS}",
                count.max(span)
            )));
        }
        let span_of_values = self.values(name, element, extent, view.start, span)?;
        if is_dense(shape, &view.strides) {
            return Ok(span_of_values);
        }
        Ok(gather(shape, &view.strides, &span_of_values, count))
    }

    fn values(
        &self,
        name: &str,
        element: Element,
        extent: Extent,
        start: u64,
        count: u64,
    ) -> Result<Vec<f32>> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let failed = |source| Error::io(&self.path, source);
        let too_many = || Error::tensor(&self.path, name, "does not fit into memory");
        let mut out = Vec::new();
        let wanted = usize::try_from(count).map_err(|_too_large| too_many())?;
        let size = element.size();
        let mut push = |reader: &mut dyn Read| -> Result<()> {
            out.try_reserve_exact(wanted).map_err(|_no_memory| too_many())?;
            let mut left = count.saturating_mul(size);
            let mut chunk = vec![0; CHUNK.min(left as usize)];
            while left > 0 {
                let part = &mut chunk[..CHUNK.min(left as usize)];
                reader.read_exact(part).map_err(failed)?;
                if self.swapped {
                    swap(element, part);
                }
                decode(element, part, &mut out).map_err(|value| {
                    let value = value.map_or_else(String::new, |value| format!("{value:e}"));
                    let reason = format!("holds {value}, beyond the range of float32");
                    Error::tensor(&self.path, name, reason)
                })?;
                left -= part.len() as u64;
            }
            Ok(())
        };
        match extent.deflated {
            None => {
                let at = extent.start.saturating_add(start);
                file.seek(SeekFrom::Start(at)).map_err(failed)?;
                push(&mut *file)?;
            }
            Some(deflated) => {
                file.seek(SeekFrom::Start(extent.start)).map_err(failed)?;
                let mut inflated = DeflateDecoder::new((&mut *file).take(deflated));
                io::copy(&mut (&mut inflated).take(start), &mut io::sink()).map_err(failed)?;
                push(&mut inflated)?;
            }
        }
        Ok(out)
    }
}

/// Number of elements of a view, and of those from its first to its last in the storage; `None` = too many.
pub(super) fn count_and_span(shape: &[usize], strides: &[u64]) -> Option<(u64, u64)> {
    if shape.len() != strides.len() {
        return None;
    }
    if shape.contains(&0) {
        return Some((0, 0));
    }
    let mut count = 1_u64;
    let mut last = 0_u64;
    for (&size, &stride) in shape.iter().zip(strides) {
        count = count.checked_mul(size as u64)?;
        last = last.checked_add((size as u64 - 1).checked_mul(stride)?)?;
    }
    Some((count, last.checked_add(1)?))
}

/// Whether the elements lie one after another in row-major order.
fn is_dense(shape: &[usize], strides: &[u64]) -> bool {
    let mut expected = 1_u64;
    for (&size, &stride) in shape.iter().zip(strides).rev() {
        if size != 1 && stride != expected {
            return false;
        }
        expected = expected.saturating_mul(size as u64);
    }
    true
}

fn gather(shape: &[usize], strides: &[u64], span: &[f32], count: u64) -> Vec<f32> {
    let mut out = Vec::with_capacity(count as usize);
    let mut index = vec![0_usize; shape.len()];
    let mut at = 0_usize;
    loop {
        out.push(span.get(at).copied().unwrap_or(f32::NAN));
        let mut axis = shape.len();
        loop {
            if axis == 0 {
                return out;
            }
            axis -= 1;
            let stride = strides[axis] as usize;
            index[axis] += 1;
            if index[axis] < shape[axis] {
                at += stride;
                break;
            }
            at -= stride * (shape[axis] - 1);
            index[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_of_any_stride() {
        let span: Vec<f32> = (0..6_u8).map(f32::from).collect();
        assert_eq!(gather(&[3, 2], &[1, 3], &span, 6), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(gather(&[2, 2], &[0, 1], &span, 4), [0.0, 1.0, 0.0, 1.0]);
        assert_eq!(gather(&[], &[], &span, 1), [0.0]);
        assert_eq!(count_and_span(&[3, 2], &[1, 3]), Some((6, 6)));
        assert_eq!(count_and_span(&[2, 0], &[u64::MAX, 1]), Some((0, 0)));
        assert_eq!(count_and_span(&[3], &[u64::MAX]), None);
        assert!(is_dense(&[2, 1, 3], &[3, 99, 1]) && !is_dense(&[2, 3], &[1, 2]));
    }
}
