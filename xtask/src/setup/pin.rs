//! What is pinned in `runtime.toml`: one wheel, and the files that are taken out of it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use toml::{Table, Value};

use crate::fault::Fault;
use crate::project::Project;

const PINS: &str = include_str!("../../runtime.toml");
/// In place of an architecture: files that suit every machine.
const ANY: &str = "any";

/// One wheel and what is wanted of it.
#[derive(Clone, Debug)]
pub(crate) struct Pin {
    /// The table in `runtime.toml`, and the start of the folder's name.
    key: String,
    title: String,
    package: String,
    /// Version of the package.
    pub(crate) version: String,
    /// Python version of the wheel; the machine's own may be any.
    pub(crate) python: String,
    /// Platform tag of the wheel.
    pub(crate) platform: String,
    /// SHA-256 of the wheel.
    pub(crate) wheel: String,
    /// Size of the download, for the progress bar.
    pub(crate) megabytes: u64,
    /// What a user can do without it.
    pub(crate) instead: String,
    /// Files inside the wheel, each with its SHA-256.
    pub(crate) files: Vec<(PathBuf, String)>,
    /// Licences inside the wheel, which go along.
    pub(crate) notices: Vec<PathBuf>,
}

impl Pin {
    /// The pin of this machine.
    ///
    /// # Errors
    /// Exit 4 when there is none for its system or architecture.
    pub(crate) fn of_this_machine(key: &str) -> anyhow::Result<Self> {
        Self::of(key, std::env::consts::OS, std::env::consts::ARCH)
    }

    fn of(key: &str, system: &str, architecture: &str) -> anyhow::Result<Self> {
        let pins: Table = PINS.parse().context("runtime.toml is no TOML")?;
        let pins = table(&pins, key).with_context(|| format!("runtime.toml has no [{key}]"))?;
        let own = if system == "linux" { table(pins, architecture) } else { None };
        let Some(own) = own.or_else(|| table(pins, ANY)) else {
            let title = text(pins, "title")?;
            let message = format!("no pinned {title} for {system} on {architecture}");
            return Err(Fault::environment(message).hint(text(pins, "instead")?).into());
        };
        let megabytes = pins.get("megabytes").and_then(Value::as_integer);
        let files = table(own, "files").context("runtime.toml: no files")?;
        let file = |(path, _): (&String, &Value)| Ok((path.into(), text(files, path)?));
        let notices = pins.get("notices").and_then(Value::as_array).into_iter().flatten();
        Ok(Self {
            key: key.to_owned(),
            title: text(pins, "title")?,
            package: text(pins, "package")?,
            version: text(pins, "version")?,
            python: text(pins, "python")?,
            platform: text(own, "platform")?,
            wheel: text(own, "wheel")?,
            megabytes: megabytes.unwrap_or_default().unsigned_abs(),
            instead: text(pins, "instead")?,
            files: files.iter().map(file).collect::<anyhow::Result<_>>()?,
            notices: notices.filter_map(Value::as_str).map(PathBuf::from).collect(),
        })
    }

    /// Package and version, as a package client takes them.
    pub(crate) fn requirement(&self) -> String {
        format!("{}=={}", self.package, self.version)
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.title, self.version)
    }

    /// Where its files go.
    pub(crate) fn folder(&self, project: &Project) -> PathBuf {
        project.runtime().join(format!("{}-{}", self.key, self.version))
    }

    /// Everything that is taken out of the wheel; a licence may be missing.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Path> {
        self.notices.iter().chain(self.files.iter().map(|(file, _)| file)).map(PathBuf::as_path)
    }
}

fn table<'a>(of: &'a Table, key: &str) -> Option<&'a Table> {
    of.get(key).and_then(Value::as_table)
}

fn text(of: &Table, key: &str) -> anyhow::Result<String> {
    let value = of.get(key).and_then(Value::as_str).map(str::to_owned);
    value.with_context(|| format!("runtime.toml: no {key}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{ENVIRONMENT, exit_of, hint_of};

    #[test]
    fn every_pin_is_whole() {
        for (key, architecture) in [
            ("onnxruntime", "x86_64"),
            ("onnxruntime", "aarch64"),
            ("tensorrt-rtx", "x86_64"),
            ("onnx-models", "riscv64"),
            ("ocr-models", "riscv64"),
            ("voice-models", "riscv64"),
        ] {
            let pin = Pin::of(key, "linux", architecture).unwrap();
            assert!(pin.megabytes > 0 && !pin.files.is_empty() && !pin.notices.is_empty());
            let digests = pin.files.iter().map(|(_, digest)| digest).chain([&pin.wheel]);
            for digest in digests {
                assert!(digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit()));
            }
            let mut names: Vec<_> = pin.members().filter_map(Path::file_name).collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all, "two files of one name would go to one place");
        }
        assert_eq!(Pin::of("onnx-models", "macos", "aarch64").unwrap().files.len(), 9);
    }

    #[test]
    fn a_machine_without_a_wheel_is_told_what_to_do() {
        for (key, system, architecture) in [
            ("onnxruntime", "linux", "riscv64"),
            ("onnxruntime", "macos", "aarch64"),
            ("tensorrt-rtx", "linux", "aarch64"),
        ] {
            let error = Pin::of(key, system, architecture).unwrap_err();
            assert_eq!(exit_of(&error), ENVIRONMENT);
            assert!(error.to_string().contains(&format!("for {system} on {architecture}")));
            assert!(hint_of(&error).unwrap().contains("that you have"));
        }
    }
}
