//! The version of a `trtexec`, from its own banner.
//!
//! Every `trtexec` from 7 to 11 prints `&&&& RUNNING TensorRT.trtexec [TensorRT v8601] # …` as its first
//! line, before it looks at its arguments (samples/trtexec/trtexec.cpp, `reportTestStart`), so the
//! banner is there with `--help`, with a wrong flag and without a GPU, whatever the exit code. The
//! number has two forms: Mmpp until 9.x (`8601`, `9100`), MMmmpp from 10.0 on (`100300`)
//! (NvInferRuntimeBase.h). `TensorRT version: 8.6.1` follows later, once a device is chosen.

use std::fmt;

/// Major, minor and patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 8 to 11 for those that are known here.
    pub major: u32,
    /// Minor.
    pub minor: u32,
    /// Patch.
    pub patch: u32,
}

impl Version {
    /// A version from its parts.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads the number of a banner, in either form.
    pub fn from_number(number: u32) -> Option<Self> {
        let parts = |unit: u32| Self::new(number / unit, number / 100 % (unit / 100), number % 100);
        match number {
            // 10.0 was the first with two digits for the minor
            5_000..=9_999 => Some(parts(1_000)),
            100_000..=999_999 => Some(parts(10_000)),
            _ => None,
        }
    }

    /// The version of a `&&&&` line.
    pub fn in_banner(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once("&&&& ")?;
        let (_, rest) = rest.split_once("[TensorRT v")?;
        let (number, _) = rest.split_once(']')?;
        Self::from_number(number.parse().ok()?)
    }

    /// Whether the flags and formats of this version are known here.
    pub fn is_known(self) -> bool {
        (8..=11).contains(&self.major)
    }

    /// Whether it is at least this major and minor version.
    pub fn since(self, (major, minor): (u32, u32)) -> bool {
        (self.major, self.minor) >= (major, minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl std::str::FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a version such as 10.3.0");
        let mut parts = text.split('.').map(str::parse::<u32>);
        let mut next = || parts.next().and_then(Result::ok).ok_or_else(wrong);
        Ok(Self::new(next()?, next()?, next()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_number_are_read() {
        let read = |number| Version::from_number(number).map(|version| version.to_string());
        assert_eq!(read(8205).as_deref(), Some("8.2.5"));
        assert_eq!(read(8601).as_deref(), Some("8.6.1"));
        assert_eq!(read(9100).as_deref(), Some("9.1.0"));
        assert_eq!(read(100_300).as_deref(), Some("10.3.0"));
        assert_eq!(read(101_602).as_deref(), Some("10.16.2"));
        assert_eq!(read(110_100).as_deref(), Some("11.1.0"));
        assert_eq!(read(0), None);
        assert_eq!(read(12_345), None);
        assert_eq!(read(4_000_000), None);
    }

    #[test]
    fn the_banner_tells_it() {
        let banner = "&&&& RUNNING TensorRT.trtexec [TensorRT v100300] [b26] # /usr/bin/trtexec -h";
        assert_eq!(Version::in_banner(banner), Some(Version::new(10, 3, 0)));
        assert_eq!(Version::in_banner("usage: something else v1.2"), None);
        assert_eq!(Version::in_banner("&&&& RUNNING other [TensorRT vNext] #"), None);
    }

    #[test]
    fn versions_are_ordered_by_their_parts() {
        assert!(Version::new(10, 16, 0).since((10, 3)) && !Version::new(8, 6, 1).since((9, 0)));
        assert!(!Version::new(7, 2, 3).is_known() && !Version::new(12, 0, 0).is_known());
    }
}
