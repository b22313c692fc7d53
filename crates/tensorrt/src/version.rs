//! Which library versions are bound, and by which table of slots.
//!
//! The policy: TensorRT 10.1 to 10.x, 11.x and TensorRT for RTX 1.5 to 1.x each have a table of
//! their own. A minor release above the newest one whose headers were checked is accepted with a
//! warning, because within a major version releases have only appended methods: a habit of the
//! vendor and no promise. Everything else is refused; a wrong table would call wrong functions.

use std::ffi::c_int;
use std::fmt;

use crate::abi::Table;

impl Table {
    /// The product that this table belongs to.
    pub fn product(self) -> Product {
        match self {
            Self::V10 | Self::V11 => Product::TensorRt,
            Self::Rtx => Product::TensorRtRtx,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V10 => "v10",
            Self::V11 => "v11",
            Self::Rtx => "rtx",
        })
    }
}

/// One of the two libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Product {
    /// TensorRT, `libnvinfer`.
    TensorRt,
    /// TensorRT for RTX, `libtensorrt_rtx`.
    TensorRtRtx,
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TensorRt => "TensorRT",
            Self::TensorRtRtx => "TensorRT for RTX",
        })
    }
}

/// The version of a loaded library. Ordered; shown as `10.3.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number.
    pub patch: u16,
    /// Fourth number, 0 where the library does not tell.
    pub build: u32,
}

impl Version {
    /// Takes `getInferLibVersion()` apart: two digits each from TensorRT 10 and RTX on, one for the
    /// minor version before.
    pub fn from_number(number: c_int) -> Self {
        let number = u32::try_from(number).unwrap_or(0);
        let of_major = if number < 10_000 { 1_000 } else { 10_000 };
        let part = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
        Self {
            major: part(number / of_major),
            minor: part(number % of_major / 100),
            patch: part(number % 100),
            build: 0,
        }
    }

    /// What `getInferLibVersion()` says, for TensorRT 10 and RTX on.
    pub fn number(self) -> c_int {
        c_int::from(self.major) * 10_000 + c_int::from(self.minor) * 100 + c_int::from(self.patch)
    }

    /// The warning for a library newer than what was verified.
    pub(crate) fn warning(self, table: Table) -> Option<String> {
        let newest = Self::from_number(table.newest_verified());
        ((self.major, self.minor) > (newest.major, newest.minor)).then(|| {
            format!(
                "{} {self} is newer than {newest}, the newest release whose interface was \
                 verified; it is used in the same way",
                table.product()
            )
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_versions() {
        for (number, text) in
            [(100_300, "10.3.0"), (101_303, "10.13.3"), (10_701, "1.7.1"), (8_601, "8.6.1")]
        {
            assert_eq!(Version::from_number(number).to_string(), text);
        }
        assert!(Version::from_number(101_300) > Version::from_number(100_900));
    }

    #[test]
    fn only_newer_minors_warn() {
        let warns = |number| {
            let table = Table::of_version(number).unwrap();
            Version::from_number(number).warning(table).is_some()
        };
        for number in [100_100, 101_600, 101_603, 110_000, 110_499, 10_500, 10_799] {
            assert!(!warns(number), "{number}");
        }
        for number in [101_700, 110_500, 10_800, 11_000] {
            assert!(warns(number), "{number}");
        }
    }
}
