//! Plain structs that cross the boundary.

use std::ffi::{c_char, c_int};

/// `Dims64`: a shape of up to eight dimensions; −1 is a dimension that is not known yet.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    /// How many dimensions there are; −1: no such tensor, or not known.
    pub count: i32,
    /// The dimensions; what lies behind `count` says nothing.
    pub sizes: [i64; Self::MAX],
}

const _: () = assert!(size_of::<Dims>() == 72 && std::mem::offset_of!(Dims, sizes) == 8);

impl Dims {
    /// The most dimensions of a tensor.
    pub const MAX: usize = 8;

    /// What the library returns for a tensor that it does not know.
    pub const UNKNOWN: Self = Self { count: -1, sizes: [0; Self::MAX] };

    /// A shape; `None` above [`Dims::MAX`] dimensions.
    pub fn new(dims: &[i64]) -> Option<Self> {
        let mut sizes = [0; Self::MAX];
        sizes.get_mut(..dims.len())?.copy_from_slice(dims);
        Some(Self { count: dims.len() as i32, sizes })
    }

    /// The dimensions; `None` where `count` is none that a shape can have.
    pub fn as_slice(&self) -> Option<&[i64]> {
        self.sizes.get(..usize::try_from(self.count).ok()?)
    }
}

/// `InterfaceInfo`: what a versioned callback object says about itself; 16 bytes, returned in registers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct InterfaceInfo {
    /// Name of the interface.
    pub kind: *const c_char,
    /// Version of the interface.
    pub major: i32,
    /// Version of the interface.
    pub minor: i32,
}

const _: () = assert!(size_of::<InterfaceInfo>() == 16);

/// How the virtual table of a callback object is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackLayout {
    /// `{methods…, D1, D0}`: `ILogger` and `IProfiler` of TensorRT 10.
    Plain,
    /// `{getAPILanguage, getInterfaceInfo, D1, D0, methods…}`: those of 11 and RTX, and
    /// `IProgressMonitor` everywhere.
    Versioned,
}

/// `APILanguage::kCPP`, what a callback of ours answers to `getAPILanguage`.
pub const API_LANGUAGE_CPP: c_int = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_that_do_not_fit_are_none() {
        assert_eq!(Dims::new(&[1, 3, -1]).unwrap().as_slice(), Some([1, 3, -1].as_slice()));
        assert_eq!(Dims::new(&[]).unwrap().as_slice(), Some([].as_slice()));
        assert!(Dims::new(&[1; 9]).is_none());
        assert!(Dims::UNKNOWN.as_slice().is_none());
        assert!(Dims { count: 9, sizes: [1; 8] }.as_slice().is_none());
    }
}
