//! What the stand-in plays.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

/// The settings of `stand-in.txt`.
pub(crate) struct Config {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) patch: u32,
    pub(crate) fault: String,
    pub(crate) layer_time: Duration,
    pub(crate) device: String,
}

impl Config {
    /// Reads them beside the program's name as it was called.
    pub(crate) fn read(program: &OsStr) -> Self {
        let path = Path::new(program).with_file_name("stand-in.txt");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let get = |key: &str| {
            let pair =
                text.lines().filter_map(|line| line.split_once('=')).find(|(k, _)| *k == key);
            pair.map(|(_, value)| value.trim().to_owned())
        };
        let version = get("version").unwrap_or_else(|| "10.3.0".to_owned());
        let part =
            |index: usize| version.split('.').nth(index).and_then(|n| n.parse().ok()).unwrap_or(0);
        let millis = get("layer-ms").and_then(|n| n.parse().ok()).unwrap_or(0);
        Self {
            major: part(0),
            minor: part(1),
            patch: part(2),
            fault: get("fault").unwrap_or_default(),
            layer_time: Duration::from_millis(millis),
            device: get("device").unwrap_or_else(|| "Stand-in GPU".to_owned()),
        }
    }

    pub(crate) fn is(&self, fault: &str) -> bool {
        self.fault == fault
    }

    pub(crate) fn since(&self, major: u32, minor: u32) -> bool {
        (self.major, self.minor) >= (major, minor)
    }

    /// The number of the banner: Mmpp, from 10 on MMmmpp.
    pub(crate) fn number(&self) -> u32 {
        let unit = if self.major >= 10 { 10_000 } else { 1_000 };
        self.major * unit + self.minor * 100 + self.patch
    }
}
