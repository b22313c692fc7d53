//! The process that reads hostile files.

use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::dice::Dice;
use super::{MEMORY, READERS};

/// Starts each line of a report.
pub(super) const PREFIX: &str = "hostile: ";

/// Bytes that a reader may hold: files are 64 kB at most, and a message of two bytes becomes a struct of some
/// hundred.
const CAP: usize = 256 << 20;

/// Which cases to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) reader: String,
    pub(super) seed: u64,
    pub(super) from: u64,
    pub(super) to: u64,
    /// Where the files are written.
    pub(super) folder: PathBuf,
    /// Where inputs of failed cases are kept.
    pub(super) keep: PathBuf,
}

impl Order {
    /// The folder of a failed case.
    pub(super) fn kept(&self, case: u64) -> PathBuf {
        self.keep.join(format!("{}-{}-{case}", self.reader, self.seed))
    }
}

static PANIC: Mutex<String> = Mutex::new(String::new());

/// Runs the cases of the order in the environment; nothing without one.
pub(super) fn run() {
    let Ok(order) = std::env::var("TAILMARK_HOSTILE_ORDER") else { return };
    let order: Order = serde_json::from_str(&order).unwrap();
    let reader = READERS.iter().find(|reader| reader.name == order.reader).unwrap();
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let text = info.payload_as_str().unwrap_or("no message");
        *PANIC.lock().unwrap() = format!("{place}: {text}").replace('\n', " ");
    }));
    (reader.prepare)(&order.folder);
    MEMORY.set_limit(MEMORY.allocated() + CAP).unwrap();
    for case in order.from..order.to {
        say(&format!("case {case}"));
        (reader.write)(&mut Dice::new(order.seed, reader.name, case), &order.folder);
        match catch_unwind(AssertUnwindSafe(|| (reader.read)(&order.folder))) {
            Ok(true) => say("taken"),
            Ok(false) => {}
            Err(_payload) => {
                keep(&order.folder, &order.kept(case));
                say(&format!("panic {case} {}", PANIC.lock().unwrap()));
            }
        }
    }
    say(&format!("peak {}", MEMORY.max_allocated()));
    say("done");
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{PREFIX}{text}").and_then(|()| out.flush()).unwrap();
}

/// Copies the plain files of a case.
pub(super) fn keep(folder: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    fs::create_dir_all(to).unwrap();
    for entry in entries.flatten() {
        let kind = entry.file_type().unwrap();
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            keep(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
