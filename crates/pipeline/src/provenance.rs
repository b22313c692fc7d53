//! Where a number comes from: written into the footer of every artifact and into the manifest.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::config::PipelineFile;

/// Facts about the program, the host and the call, as sorted key–value pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance(BTreeMap<String, String>);

impl Provenance {
    /// What can be known without an engine; stages add library versions and devices with [`Self::with`].
    ///
    /// The git revision is taken from `TAILMARK_REVISION` when the caller has set it (xtask does),
    /// else asked from git in `root`. The host is described by its processor, not by its name.
    pub fn collect(root: &Path, pipeline: Option<&PipelineFile>) -> Self {
        let mut facts = BTreeMap::new();
        let mut put = |key: &str, value: String| facts.insert(key.to_owned(), value);
        put("tailmark.version", env!("CARGO_PKG_VERSION").to_owned());
        put("git.revision", git_revision(root));
        put("rustc", env!("TAILMARK_RUSTC").to_owned());
        put("target", env!("TAILMARK_TARGET").to_owned());
        put("host.cpu", cpu_model());
        put("host.cores", std::thread::available_parallelism().map_or(0, usize::from).to_string());
        put("host.kernel", read_trimmed("/proc/sys/kernel/osrelease"));
        put("host.memory_kb", memory_kb());
        put("argv", argv());
        put("created_utc", jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        if let Some(pipeline) = pipeline {
            put("pipeline.digest", pipeline.digest().to_string());
        }
        Self(facts)
    }

    /// Adds one fact, such as a library version.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// The facts in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// One fact.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

impl FromIterator<(String, String)> for Provenance {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

fn git_revision(root: &Path) -> String {
    if let Ok(revision) = std::env::var("TAILMARK_REVISION") {
        return revision;
    }
    Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// The processor's name as the kernel tells it.
pub fn cpu_model() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info
            .lines()
            .find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    field("model name")
        .or_else(|| field("Hardware"))
        .or_else(|| field("CPU part").map(|part| format!("CPU part {part}")))
        .unwrap_or_else(|| "unknown".to_owned())
}

fn memory_kb() -> String {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    total.map_or_else(|| "unknown".to_owned(), |kb| kb.trim().trim_end_matches(" kB").to_owned())
}

fn read_trimmed(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// The command line, with the folder of the program itself left out.
fn argv() -> String {
    let mut args = std::env::args();
    let program = args.next().unwrap_or_default();
    let program = Path::new(&program)
        .file_name()
        .map_or(program.clone(), |name| name.to_string_lossy().into_owned());
    std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
}
