//! `ITimingCache`, and the text in it: a header line with version and device, then sorted lines
//! `<layer key> <nanoseconds>`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tensorrt::abi::Ptr;
use tensorrt::abi::call::Bool;

use crate::builder::HostMemory;
use crate::callback::Log;
use crate::object::{Class, argument, create, state};
use crate::settings::{self, slots};
use crate::table::{Table, Vtable};

/// What every cache begins with.
pub const HEADER: &str = "tensorrt-fake timing cache";

/// What a cache says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries {
    /// Version of the library that wrote it.
    pub version: String,
    /// Device that it was measured on.
    pub device: String,
    /// Nanoseconds by layer key.
    pub times: BTreeMap<String, u64>,
}

impl Entries {
    /// A cache of this library and device without entries.
    pub(crate) fn new() -> Self {
        Self {
            version: settings::version().to_string(),
            device: settings::device(),
            times: BTreeMap::new(),
        }
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// What is wrong with it: foreign, or torn.
    pub fn parse(blob: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(blob).map_err(|error| format!("no text: {error}"))?;
        let body = text.strip_suffix('\n').ok_or("torn: no line end at its end")?;
        let mut lines = body.lines();
        let header = lines.next().and_then(|line| line.strip_prefix(HEADER));
        let words = header.ok_or("Magic tag does not match")?.split_whitespace();
        let [version, device] = words.collect::<Vec<_>>()[..] else {
            return Err("a header without version and device".into());
        };
        let times = lines.map(|line| {
            let (key, time) = line.rsplit_once(' ').ok_or(format!("a torn line: {line}"))?;
            let time = time.parse().map_err(|error| format!("a torn line: {line}: {error}"))?;
            Ok((key.to_owned(), time))
        });
        let times = times.collect::<Result<_, String>>()?;
        Ok(Self { version: version.into(), device: device.into(), times })
    }

    /// The blob.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{HEADER} {} {}\n", self.version, self.device);
        for (key, time) in &self.times {
            let _ = writeln!(text, "{key} {time}"); // writing to a string never fails
        }
        text.into_bytes()
    }
}

/// `ITimingCache`.
pub(crate) struct TimingCache {
    log: Log,
    entries: Mutex<Entries>,
}

impl TimingCache {
    pub(crate) fn new(log: Log, entries: Entries) -> Self {
        Self { log, entries: Mutex::new(entries) }
    }

    pub(crate) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Class for TimingCache {
    const NAME: &'static str = "VTimingCache";

    fn table() -> &'static Table {
        static TABLE: OnceLock<&'static Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let (rows, mut table) = (slots().timing_cache, Vtable::new(TimingCache::NAME));
            table.set(rows.serialize, serialize);
            table.set(rows.combine, combine);
            table.set(rows.reset, reset);
            table.set_if(rows.query_keys, query_keys);
            table.finish()
        })
    }
}

extern "C" fn serialize(this: Ptr) -> Ptr {
    let blob = state::<TimingCache>(this).entries().to_bytes();
    create(HostMemory(blob), None)
}

extern "C" fn combine(this: Ptr, other: Ptr, ignore_mismatch: bool) -> Bool {
    let (ours, theirs) = (state::<TimingCache>(this), argument::<TimingCache>(other));
    let theirs = theirs.entries().clone();
    let mut entries = ours.entries();
    if theirs.version != entries.version {
        ours.log.error("combine: the caches are of two versions");
        return false.into();
    }
    if theirs.device != entries.device && !ignore_mismatch {
        ours.log.error("combine: the caches are of two devices");
        return false.into();
    }
    for (key, time) in theirs.times {
        entries.times.entry(key).or_insert(time); // an entry that is there stays
    }
    true.into()
}

extern "C" fn reset(this: Ptr) -> Bool {
    state::<TimingCache>(this).entries().times.clear();
    true.into()
}

extern "C" fn query_keys(this: Ptr, _buffer: Ptr, capacity: i64) -> i64 {
    let cache = state::<TimingCache>(this);
    if capacity != 0 {
        cache.log.error("queryKeys: the fake only counts its keys");
        return -1;
    }
    cache.entries().times.len() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_read_back_and_torn_texts_are_refused() {
        let mut entries = Entries::new();
        entries.times.insert("Conv|Half|1x64x56x56".into(), 1234);
        let blob = entries.to_bytes();
        assert_eq!(Entries::parse(&blob).unwrap(), entries);
        let header = blob.iter().position(|byte| *byte == b'\n').unwrap() + 1; // a cache of its own
        for end in (0..blob.len()).filter(|end| *end != header) {
            assert!(Entries::parse(&blob[..end]).is_err(), "{end}");
        }
        assert!(Entries::parse(b"something else\n").unwrap_err().contains("Magic tag"));
    }
}
