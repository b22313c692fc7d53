//! `setup cpu`: the ONNX Runtime shared library, out of the wheel of its Python package.
//!
//! One fixed wheel an architecture; the digests of the wheel and of the library are pinned in
//! `runtime.toml`. The library appears under `data/runtime/` last and by rename, so a stage sees a
//! whole one or none. A digest that differs installs nothing.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use toml::Table;

use super::client::{self, Got, Wanted};
use crate::digest;
use crate::fault::Fault;
use crate::project::{Project, files_of, has_extension};
use crate::ui;

const PINS: &str = include_str!("../../runtime.toml");
/// Kept beside the library, since its licence asks for that.
const NOTICES: [&str; 2] = ["LICENSE", "ThirdPartyNotices.txt"];

/// What is installed on this architecture.
#[derive(Clone, Debug)]
pub(crate) struct Pin {
    version: String,
    python: String,
    platform: String,
    wheel: String,
    library: String,
    sha256: String,
}

impl Pin {
    /// The pin of this machine's architecture.
    pub(crate) fn of_this_machine() -> anyhow::Result<Self> {
        if std::env::consts::OS != "linux" {
            let message = format!("no pinned ONNX Runtime for {}", std::env::consts::OS);
            return Err(Fault::environment(message)
                .hint("set ORT_DYLIB_PATH to a library that you have, or use backend = \"rten\"")
                .into());
        }
        Self::of(std::env::consts::ARCH)
    }

    /// Package and version, as a package client takes them.
    pub(crate) fn package(&self) -> String {
        format!("onnxruntime=={}", self.version)
    }

    fn of(arch: &str) -> anyhow::Result<Self> {
        let pins: Table = PINS.parse().context("runtime.toml is no TOML")?;
        let pins = pins.get("onnxruntime").and_then(toml::Value::as_table);
        let pins = pins.context("runtime.toml has no [onnxruntime]")?;
        let text = |table: &Table, key: &str| {
            let value = table.get(key).and_then(toml::Value::as_str).map(str::to_owned);
            value.with_context(|| format!("runtime.toml: no {key}"))
        };
        let Some(of_arch) = pins.get(arch).and_then(toml::Value::as_table) else {
            let message = format!("no pinned ONNX Runtime for the architecture {arch}");
            return Err(Fault::environment(message)
                .hint("set ORT_DYLIB_PATH to a library that you have, or use backend = \"rten\"")
                .into());
        };
        Ok(Self {
            version: text(pins, "version")?,
            python: text(pins, "python")?,
            library: text(pins, "library")?,
            platform: text(of_arch, "platform")?,
            wheel: text(of_arch, "wheel")?,
            sha256: text(of_arch, "sha256")?,
        })
    }

    fn folder(&self, project: &Project) -> PathBuf {
        project.runtime().join(format!("onnxruntime-{}", self.version))
    }
}

/// Installs the library, unless the right one is there.
pub(crate) fn install(project: &Project, pin: &Pin) -> anyhow::Result<()> {
    let started = Instant::now();
    let target = pin.folder(project);
    let library = target.join(&pin.library);
    let name = format!("ONNX Runtime {}", pin.version);
    if library.is_file() {
        if digest::of_file(&library)? == pin.sha256 {
            ui::done(&format!("{name}: already there"), started.elapsed());
            return Ok(());
        }
        ui::warn(&format!("{} is not the pinned file; fetching it again", library.display()));
    }
    let cannot = |error: io::Error| {
        Fault::environment(format!("cannot write into {}: {error}", project.runtime().display()))
            .hint("data/ must be writable and on a disk with 200 MB to spare")
    };
    fs::create_dir_all(project.runtime()).map_err(cannot)?;
    let work = tempfile::Builder::new().prefix(".setup-").tempdir_in(project.runtime());
    let work = work.map_err(cannot)?;
    let spinner = ui::spinner(&format!("{name}: fetching about 20 MB"));
    let fetched = fetch(pin, work.path());
    spinner.finish_and_clear();
    let unpacked = fetched?;
    check("library", &unpacked.join(&pin.library), &pin.sha256)?;
    fs::create_dir_all(&target).map_err(cannot)?;
    // the library goes last: what a stage looks for is there only when everything is
    for file in NOTICES.iter().copied().chain([pin.library.as_str()]) {
        let from = unpacked.join(file);
        if from.is_file() {
            fs::rename(&from, target.join(file)).map_err(cannot)?;
        }
    }
    ui::done(&format!("{name}: {}", Project::shown(&library).display()), started.elapsed());
    Ok(())
}

/// Fetches the package and returns a folder with library and notices in it.
fn fetch(pin: &Pin, work: &Path) -> anyhow::Result<PathBuf> {
    let package = pin.package();
    let wanted = Wanted { package: &package, python: &pin.python, platform: &pin.platform };
    let flat = work.join("flat");
    fs::create_dir_all(&flat)?;
    match client::fetch(&wanted, work)? {
        Got::Wheel => {
            let wheels = files_of(work, |name| has_extension(name, "whl"));
            let wheel = wheels.first().ok_or_else(|| {
                Fault::environment("the package client ended well but left no wheel")
            })?;
            check("wheel", wheel, &pin.wheel)?;
            unpack(wheel, pin, &flat)?;
        }
        Got::Unpacked => {
            let package = work.join("onnxruntime");
            for (folder, file) in members(pin) {
                let from = package.join(folder).join(file);
                if from.is_file() {
                    fs::rename(from, flat.join(file))?;
                }
            }
        }
    }
    Ok(flat)
}

/// The files that are wanted, with their folder inside the package.
fn members(pin: &Pin) -> impl Iterator<Item = (&str, &str)> {
    NOTICES.iter().map(|name| ("", *name)).chain([("capi", pin.library.as_str())])
}

fn unpack(wheel: &Path, pin: &Pin, into: &Path) -> anyhow::Result<()> {
    let broken = || format!("{} is no whole zip archive", wheel.display());
    let mut archive = zip::ZipArchive::new(File::open(wheel)?).with_context(broken)?;
    for (folder, file) in members(pin) {
        let path = Path::new("onnxruntime").join(folder).join(file);
        let mut member = match archive.by_name(&path.to_string_lossy()) {
            Ok(member) => member,
            Err(zip::result::ZipError::FileNotFound) if NOTICES.contains(&file) => continue,
            Err(error) => {
                return Err(error).with_context(|| format!("no {} in the wheel", path.display()));
            }
        };
        let mut out = File::create(into.join(file))?;
        io::copy(&mut member, &mut out)?;
        out.sync_all()?;
    }
    Ok(())
}

fn check(what: &str, file: &Path, expected: &str) -> anyhow::Result<()> {
    let found = digest::of_file(file)?;
    if found == expected {
        return Ok(());
    }
    let message = format!(
        "the {what} of ONNX Runtime is not the pinned one; nothing was installed\n  expected SHA-256 {expected}\n  found    SHA-256 {found}"
    );
    Err(Fault::environment(message)
        .hint("see where the package client takes its packages from; the pins are in xtask/runtime.toml")
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{ENVIRONMENT, exit_of};

    #[test]
    fn both_architectures_are_pinned_with_whole_digests() {
        for arch in ["x86_64", "aarch64"] {
            let pin = Pin::of(arch).unwrap();
            assert!(pin.platform.ends_with(arch));
            assert!(pin.library.ends_with(&pin.version));
            for digest in [&pin.wheel, &pin.sha256] {
                assert!(digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit()));
            }
        }
        assert_eq!(exit_of(&Pin::of("riscv64").unwrap_err()), ENVIRONMENT);
    }

    #[test]
    fn a_wrong_digest_is_refused_with_both() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        fs::write(&file, "abc").unwrap();
        // the digest of "abc" is the first example of the standard
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        check("library", &file, abc).unwrap();
        let error = check("library", &file, &"0".repeat(64)).unwrap_err();
        assert_eq!(exit_of(&error), ENVIRONMENT);
        assert!(error.to_string().contains(abc) && error.to_string().contains("0000"), "{error}");
    }
}
