//! Puts files of a pinned wheel under `data/runtime/`.
//!
//! The folder of the pin appears last and by rename, so that a stage sees all of it or nothing. A digest
//! that differs installs nothing, and neither does a network that fails.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::client::{self, Got, Wanted};
use super::lock;
use super::pin::Pin;
use crate::digest;
use crate::fault::Fault;
use crate::project::{Project, files_of, has_extension};
use crate::ui;

/// Start of the names of folders that are being filled.
const WORK: &str = ".setup-";

/// Installs what is pinned, unless it is there, and returns its folder.
///
/// # Errors
/// Exit 4 without a network, with another file than the pinned one, and where nothing can be written;
/// what was there before is still there then.
pub(crate) fn install(project: &Project, pin: &Pin) -> anyhow::Result<PathBuf> {
    let started = Instant::now();
    let (target, name) = (pin.folder(project), pin.name());
    if is_there(&target, pin)? {
        ui::done(&format!("{name}: already there"), started.elapsed());
        return Ok(target);
    }
    let cannot = |error: io::Error| {
        Fault::environment(format!("cannot write into {}: {error}", project.runtime().display()))
            .hint(format!(
                "data/ must be writable and on a disk with {} MB to spare",
                5 * pin.megabytes
            ))
    };
    fs::create_dir_all(project.runtime()).map_err(cannot)?;
    let folder = File::open(project.runtime()).map_err(cannot)?;
    let alone = lock::hold(&folder, "setup", || false);
    if target.exists() && is_there(&target, pin)? {
        ui::done(&format!("{name}: another command fetched it"), started.elapsed());
        return Ok(target);
    }
    if alone {
        // nobody else is at work while the lock is held: an interrupted command left them
        for left in files_of(&project.runtime(), |name| name.starts_with(WORK)) {
            fs::remove_dir_all(left).map_err(cannot)?;
        }
    }
    let work = tempfile::Builder::new().prefix(WORK).tempdir_in(project.runtime());
    let work = work.map_err(cannot)?;
    let fetched = watched(pin, work.path(), || fetch(pin, work.path()))?;
    if target.exists() {
        fs::rename(&target, work.path().join("before")).map_err(cannot)?;
    }
    fs::rename(fetched, &target).map_err(cannot)?;
    ui::done(&format!("{name}: {}", Project::shown(&target).display()), started.elapsed());
    Ok(target)
}

/// Whether every file is there and is the pinned one; says so when one is another.
fn is_there(folder: &Path, pin: &Pin) -> anyhow::Result<bool> {
    for (file, expected) in &pin.files {
        let file = folder.join(file.file_name().unwrap_or_default());
        if !file.is_file() {
            return Ok(false);
        }
        if digest::of_file(&file)? != *expected {
            ui::warn(&format!("{} is not the pinned file; fetching it again", file.display()));
            return Ok(false);
        }
    }
    Ok(true)
}

/// Fetches while a bar shows how much has arrived; where there is no terminal, a line says what is fetched.
fn watched<T>(pin: &Pin, folder: &Path, fetch: impl FnOnce() -> T) -> T {
    const TICK: Duration = Duration::from_millis(150);
    let bar = ui::download(&pin.name(), pin.megabytes * 1_000_000);
    if bar.is_hidden() {
        ui::note(&format!("{}: fetching about {} MB", pin.name(), pin.megabytes));
    }
    let (fetching, fetched) = mpsc::channel::<()>();
    let result = std::thread::scope(|scope| {
        let bar = &bar;
        scope.spawn(move || {
            while fetched.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                bar.set_position(bar.position().max(largest(folder)));
            }
        });
        let result = fetch();
        drop(fetching);
        result
    });
    bar.finish_and_clear();
    result
}

/// Size of the largest file below a folder: the wheel while it arrives, whatever the client calls it.
fn largest(folder: &Path) -> u64 {
    let size = |path: PathBuf| match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => largest(&path),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    files_of(folder, |_| true).into_iter().map(size).max().unwrap_or(0)
}

/// Fetches the package and returns a folder with the wanted files in it, all of them checked.
fn fetch(pin: &Pin, work: &Path) -> anyhow::Result<PathBuf> {
    let package = pin.requirement();
    let wanted = Wanted {
        package: &package,
        python: &pin.python,
        platform: &pin.platform,
        instead: &pin.instead,
    };
    let (download, flat) = (work.join("download"), work.join("flat"));
    fs::create_dir_all(&download)?;
    fs::create_dir_all(&flat)?;
    match client::fetch(&wanted, &download)? {
        Got::Wheel => {
            let wheels = files_of(&download, |name| has_extension(name, "whl"));
            let wheel = wheels.first().ok_or_else(|| {
                Fault::environment("the package client ended well but left no wheel")
            })?;
            check(pin, "wheel", wheel, &pin.wheel)?;
            unpack(wheel, pin, &flat)?;
        }
        Got::Unpacked => {
            for member in pin.members() {
                let from = download.join(member);
                if from.is_file() {
                    fs::rename(from, flat.join(member.file_name().unwrap_or_default()))?;
                }
            }
        }
    }
    for (file, expected) in &pin.files {
        let name = file.file_name().unwrap_or_default();
        check(pin, &name.to_string_lossy(), &flat.join(name), expected)?;
    }
    Ok(flat)
}

fn unpack(wheel: &Path, pin: &Pin, into: &Path) -> anyhow::Result<()> {
    let broken = || format!("{} is no whole zip archive", wheel.display());
    let mut archive = zip::ZipArchive::new(File::open(wheel)?).with_context(broken)?;
    for path in pin.members() {
        let mut member = match archive.by_name(&path.to_string_lossy()) {
            Ok(member) => member,
            Err(zip::result::ZipError::FileNotFound)
                if pin.notices.iter().any(|notice| notice == path) =>
            {
                continue;
            }
            Err(error) => {
                return Err(error).with_context(|| format!("no {} in the wheel", path.display()));
            }
        };
        let mut out = File::create(into.join(path.file_name().unwrap_or_default()))?;
        io::copy(&mut member, &mut out)?;
        out.sync_all()?;
    }
    Ok(())
}

fn check(pin: &Pin, what: &str, file: &Path, expected: &str) -> anyhow::Result<()> {
    let found = digest::of_file(file)?;
    if found == expected {
        return Ok(());
    }
    let message = format!(
        "the {what} of {} is not the pinned one; nothing was installed\n  expected SHA-256 {expected}\n  found    SHA-256 {found}",
        pin.name()
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
    fn a_wrong_digest_is_refused_with_both() {
        let pin = Pin::of_this_machine("onnx-models").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        fs::write(&file, "abc").unwrap();
        // the digest of "abc" is the first example of the standard
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        check(&pin, "library", &file, abc).unwrap();
        let error = check(&pin, "library", &file, &"0".repeat(64)).unwrap_err();
        assert_eq!(exit_of(&error), ENVIRONMENT);
        assert!(error.to_string().contains(abc) && error.to_string().contains("0000"), "{error}");
    }

    #[test]
    fn the_largest_file_is_found_below() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(largest(dir.path()), 0);
        fs::create_dir(dir.path().join("below")).unwrap();
        fs::write(dir.path().join("below/a"), [0; 300]).unwrap();
        fs::write(dir.path().join("b"), [0; 200]).unwrap();
        assert_eq!(largest(dir.path()), 300);
    }
}
