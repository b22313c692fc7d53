//! What the fake pretends to be, and which faults it has.
//!
//! Every setting is an environment variable; [`set`] overrides one for this copy of the library.

use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use tensorrt::abi::{Slots, Table};

/// `10.3.0`, `11.1.0`, `rtx-1.6.1` …; without it the name of the library file tells.
pub const VERSION: &str = "TENSORRT_FAKE_VERSION";
/// Milliseconds that the build sleeps per layer that no cache knows.
pub const BUILD_MS: &str = "TENSORRT_FAKE_BUILD_MS";
/// Faults, separated by commas; see the crate's documentation.
pub const FAULT: &str = "TENSORRT_FAKE_FAULT";
/// Name of the device in timing caches and plans.
pub const DEVICE: &str = "TENSORRT_FAKE_DEVICE";
/// Put in front of every layer key, so that builds of one model share no cache entry.
pub const KEY: &str = "TENSORRT_FAKE_KEY";
/// A method that aborts when it is called, as `V10:VBuilder:7` (table, class, slot): a test that does not
/// notice never calls it.
pub const WITHOUT: &str = "TENSORRT_FAKE_WITHOUT";
/// Megabytes that the faults `leak` and `oom` take.
pub const MEGABYTES: &str = "TENSORRT_FAKE_MEGABYTES";

fn overrides() -> &'static Mutex<BTreeMap<String, String>> {
    static OVERRIDES: OnceLock<Mutex<BTreeMap<String, String>>> = OnceLock::new();
    OVERRIDES.get_or_init(Mutex::default)
}

/// Overrides an environment variable for this copy of the library.
pub(crate) fn set(name: &str, value: &str) {
    let mut overrides = overrides().lock().unwrap_or_else(PoisonError::into_inner);
    overrides.insert(name.to_owned(), value.to_owned());
}

pub(crate) fn get(name: &str) -> Option<String> {
    let overrides = overrides().lock().unwrap_or_else(PoisonError::into_inner);
    let chosen = overrides.get(name).cloned().or_else(|| std::env::var(name).ok());
    chosen.filter(|value| !value.is_empty())
}

pub(crate) fn number(name: &str) -> Option<u64> {
    get(name).and_then(|text| text.parse().ok())
}

pub(crate) fn device() -> String {
    get(DEVICE).unwrap_or_else(|| "fake-sm87".to_owned())
}

/// Whether the fault was asked for.
pub(crate) fn fault(name: &str) -> bool {
    get(FAULT).is_some_and(|faults| faults.split(',').any(|fault| fault.trim() == name))
}

/// A version that the fake can pretend to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// TensorRT for RTX and not TensorRT.
    pub rtx: bool,
    /// 10 in 10.3.0.
    pub major: i32,
    /// 3 in 10.3.0.
    pub minor: i32,
    /// 0 in 10.3.0.
    pub patch: i32,
}

impl Version {
    /// Reads `10.3.0` or `rtx-1.6.1`.
    pub fn parse(text: &str) -> Option<Self> {
        let (rtx, numbers) = match text.strip_prefix("rtx-") {
            Some(numbers) => (true, numbers),
            None => (false, text),
        };
        let parts: Option<Vec<i32>> = numbers.split('.').map(|part| part.parse().ok()).collect();
        match parts?.as_slice() {
            [major, minor, patch] => {
                Some(Self { rtx, major: *major, minor: *minor, patch: *patch })
            }
            _ => None,
        }
    }

    /// What `getInferLibVersion` says.
    pub fn number(self) -> i32 {
        self.major * 10000 + self.minor * 100 + self.patch
    }

    /// The version that the name of a library file tells: `libnvinfer.so.10.3.0`,
    /// `libtensorrt_rtx.so.1`; parts that are missing are those of a release of that series.
    fn of_name(name: &str) -> Option<Self> {
        let (stem, tail) = name.split_once(".so.")?;
        let rtx = stem.contains("rtx");
        let usual = match (rtx, tail.split('.').next()?) {
            (true, _) => "1.6.1",
            (false, "11") => "11.1.0",
            (false, _) => "10.3.0",
        };
        let parts = tail.split('.').count().min(3);
        let mut numbers: Vec<&str> = tail.split('.').take(parts).collect();
        numbers.extend(usual.split('.').skip(parts));
        Self::parse(&format!("{}{}", if rtx { "rtx-" } else { "" }, numbers.join(".")))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rtx = if self.rtx { "rtx-" } else { "" };
        write!(f, "{rtx}{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The version of this copy of the library; fixed at the first question.
pub(crate) fn version() -> Version {
    static VERSION_ONCE: OnceLock<Version> = OnceLock::new();
    *VERSION_ONCE.get_or_init(|| {
        let asked = get(VERSION).and_then(|text| Version::parse(text.trim()));
        let file = own_path();
        let named = file.as_deref().and_then(Path::file_name).and_then(OsStr::to_str);
        let usual = Version { rtx: false, major: 10, minor: 3, patch: 0 };
        asked.or_else(|| named.and_then(Version::of_name)).unwrap_or(usual)
    })
}

/// The table that the version follows; 10's for a version that no table covers.
pub(crate) fn table() -> Table {
    Table::of_version(version().number()).unwrap_or(Table::V10)
}

/// The slots of this version.
pub(crate) fn slots() -> &'static Slots {
    static SLOTS: OnceLock<Slots> = OnceLock::new();
    SLOTS.get_or_init(|| Slots::for_version(table(), version().number()))
}

#[repr(C)]
struct DlInfo {
    file: *const c_char,
    base: *mut c_void,
    symbol: *const c_char,
    address: *mut c_void,
}

unsafe extern "C" {
    fn dladdr(address: *const c_void, info: *mut DlInfo) -> c_int;
}

/// The file that this copy of the library was loaded from.
fn own_path() -> Option<PathBuf> {
    let mut info = DlInfo {
        file: std::ptr::null(),
        base: std::ptr::null_mut(),
        symbol: std::ptr::null(),
        address: std::ptr::null_mut(),
    };
    let here = own_path as fn() -> Option<PathBuf> as *const c_void;
    // SAFETY: `dladdr` of the C library reads an address of a function and fills the struct.
    let found = unsafe { dladdr(here, &raw mut info) };
    if found == 0 || info.file.is_null() {
        return None;
    }
    // SAFETY: the name belongs to the loader and ends with a zero byte.
    let file = unsafe { CStr::from_ptr(info.file) };
    Some(PathBuf::from(file.to_str().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_texts_and_file_names() {
        assert_eq!(Version::parse("rtx-1.6.1").unwrap().number(), 10601);
        assert_eq!(Version::parse("10.3.0").unwrap().number(), 100_300);
        assert!(Version::parse("10.3").is_none());
        for (name, version) in [
            ("libnvinfer.so.10", "10.3.0"),
            ("libnvinfer.so.10.13.2", "10.13.2"),
            ("libnvinfer.so.11", "11.1.0"),
            ("libtensorrt_rtx.so.1", "rtx-1.6.1"),
            ("libtensorrt_rtx.so.1.5.0", "rtx-1.5.0"),
        ] {
            assert_eq!(Version::of_name(name).unwrap().to_string(), version, "{name}");
        }
        assert!(Version::of_name("libtensorrt_fake.so").is_none());
    }
}
