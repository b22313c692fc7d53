//! Published weights of torchvision, into `data/models/`.
//!
//! The names are torchvision's own, `<architecture>-<first digits of the SHA-256>.pth`, so that a file carries
//! the digest it is checked against. While it arrives it is called `….part`; what arrived is kept and taken up
//! again, whatever ended the transfer. A file whose digest is another is set aside as `….wrong`.

mod names;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::download::{self, Ended, Limits, Transfer};
use super::lock;
use crate::digest;
use crate::fault::{Fault, INCOMPLETE};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::ui;
use names::{Wanted, prefix_of};

/// Where the files are published; `TAILMARK_WEIGHTS_URL` names another place with the same names.
const BASE: &str = "https://download.pytorch.org/models/";

/// How often a transfer that made progress is taken up again.
const ATTEMPTS: u32 = 5;

/// Fetches the weights of an architecture unless they are there; returns the file.
///
/// # Errors
/// Exit 2 for an unknown name; exit 4 without a network, without `curl` and `wget`, when the server stalls or has
/// no such file, when the digest differs and when the disk is full; exit 5 when it is interrupted.
pub(crate) fn install(
    project: &Project,
    name: &str,
    limits: Limits,
    interrupt: &Interrupt,
) -> anyhow::Result<PathBuf> {
    let started = Instant::now();
    let wanted = Wanted::named(name)?;
    let folder = project.data().join("models");
    let place = Place {
        target: folder.join(&wanted.file),
        part: folder.join(format!("{}.part", wanted.file)),
    };
    if place.is_done(&wanted)? {
        ui::done(&format!("{}: already there", wanted.file), started.elapsed());
        return Ok(place.target);
    }
    let cannot = |error: io::Error| {
        Fault::environment(format!("cannot write into {}: {error}", folder.display()))
            .hint("data/ must be writable and on a disk with space to spare")
    };
    fs::create_dir_all(&folder).map_err(cannot)?;
    // held to the end: a second command waits instead of writing into the same file; without locks on this disk
    // both go on
    let part = File::options().append(true).create(true).open(&place.part).map_err(cannot)?;
    lock::hold(&part, "setup weights", || interrupt.seen());
    if place.is_done(&wanted)? {
        let _ = fs::remove_file(&place.part);
        ui::done(&format!("{}: another command fetched it", wanted.file), started.elapsed());
        return Ok(place.target);
    }
    enough_space(&wanted, &place, &folder)?;
    transfer(&wanted, &place, limits, interrupt)?;
    // a name that promises a digest must not appear before the bytes are on the disk
    part.sync_all().map_err(cannot)?;
    fs::rename(&place.part, &place.target).map_err(cannot)?;
    let shown = Project::shown(&place.target);
    ui::done(&format!("{} has the digest of its name", shown.display()), started.elapsed());
    Ok(place.target)
}

struct Place {
    target: PathBuf,
    part: PathBuf,
}

impl Place {
    /// Whether the file is there and is the right one; another one is set aside.
    fn is_done(&self, wanted: &Wanted) -> anyhow::Result<bool> {
        if !self.target.is_file() {
            return Ok(false);
        }
        let found = digest::of_file(&self.target)?;
        if found.starts_with(&wanted.prefix) {
            return Ok(true);
        }
        let aside = aside(&self.target);
        fs::rename(&self.target, &aside)?;
        let (shown, aside) = (Project::shown(&self.target), Project::shown(&aside));
        ui::warn(&format!(
            "{} does not have the digest of its name but {}…; set aside as {}",
            shown.display(),
            &found[..16],
            aside.display()
        ));
        Ok(false)
    }

    fn kept(&self) -> u64 {
        download::size(&self.part)
    }
}

/// `x.pth` → `x.pth.wrong`.
fn aside(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".wrong");
    file.with_file_name(name)
}

fn enough_space(wanted: &Wanted, place: &Place, folder: &Path) -> anyhow::Result<()> {
    let Some(megabytes) = wanted.megabytes else { return Ok(()) };
    let needed = megabytes.saturating_sub(place.kept() / 1_000_000);
    let free = crate::doctor::available_kb(folder).map(|kb| kb.saturating_mul(1024) / 1_000_000);
    match free {
        Some(free) if free < needed => {
            let message = format!(
                "{needed} MB of {} are to come, but the disk has {free} MB free",
                wanted.file
            );
            Err(Fault::environment(message).hint("free some space, or see data/README.md").into())
        }
        _ => Ok(()),
    }
}

/// Fetches until the file is whole and right.
fn transfer(
    wanted: &Wanted,
    place: &Place,
    limits: Limits,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let base = std::env::var("TAILMARK_WEIGHTS_URL").ok().filter(|base| !base.is_empty());
    let base = base.unwrap_or_else(|| BASE.to_owned());
    let transfer = Transfer {
        url: format!("{}/{}", base.trim_end_matches('/'), wanted.file),
        part: &place.part,
        title: &wanted.file,
        megabytes: wanted.megabytes,
        deadline: Instant::now() + limits.total,
        stall: limits.stall,
    };
    let mut restarted = false;
    for attempt in 1..=ATTEMPTS {
        let before = place.kept();
        if before > 0 && right(wanted, &place.part)?.is_none() {
            return Ok(());
        }
        // it may have come while nothing was transferred
        let ended = if interrupt.seen() {
            Ended::Interrupted
        } else {
            download::fetch(&transfer, interrupt)?
        };
        match ended {
            Ended::Whole => match right(wanted, &place.part)? {
                None => return Ok(()),
                // what was kept may be of another file, or the server began from the start
                Some(_) if before > 0 && !restarted => {
                    ui::warn("what was kept from before does not fit; fetching from the start");
                    restarted = true;
                    emptied(&place.part)?;
                }
                Some(found) => return Err(wrong(wanted, place, &found)?.into()),
            },
            Ended::CannotResume if !restarted => {
                ui::note("the server cannot go on in the middle; fetching from the start");
                restarted = true;
                emptied(&place.part)?;
            }
            Ended::Broken(reason) if place.kept() > before && attempt < ATTEMPTS => {
                ui::note(&format!("{reason} after {}; going on", megabytes(place.kept())));
            }
            Ended::CannotResume => {
                return Err(failed(wanted, place, "the server cannot resume").into());
            }
            Ended::Broken(reason) | Ended::Failed(reason) => {
                return Err(failed(wanted, place, &reason).into());
            }
            Ended::Interrupted => {
                let message = format!("interrupted; {}", kept(place));
                return Err(Fault::new(INCOMPLETE, message)
                    .hint("run the command again to go on")
                    .into());
            }
        }
    }
    Err(failed(wanted, place, "the connection breaks again and again").into())
}

/// `None` when the digest begins as the name says, else the digest.
fn right(wanted: &Wanted, part: &Path) -> anyhow::Result<Option<String>> {
    let found = digest::of_file(part)?;
    Ok((!found.starts_with(&wanted.prefix)).then_some(found))
}

fn emptied(part: &Path) -> io::Result<()> {
    File::options().write(true).open(part)?.set_len(0)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn kept(place: &Place) -> String {
    match place.kept() {
        0 => "nothing arrived".to_owned(),
        bytes => {
            format!("{} are kept in {}", megabytes(bytes), Project::shown(&place.part).display())
        }
    }
}

/// A whole file with another digest: set aside, so that the next command starts anew.
fn wrong(wanted: &Wanted, place: &Place, found: &str) -> io::Result<Fault> {
    let aside = aside(&place.target);
    fs::rename(&place.part, &aside)?;
    let message = format!(
        "what the server sent as {} is another file; it was set aside as {}\n  expected SHA-256 {}…\n  found    SHA-256 {found}",
        wanted.file,
        Project::shown(&aside).display(),
        wanted.prefix
    );
    Ok(Fault::environment(message).hint("see what stands between this machine and the server; a truncated file fetched through a proxy looks like this"))
}

fn failed(wanted: &Wanted, place: &Place, reason: &str) -> Fault {
    let state = kept(place);
    if place.kept() == 0 {
        // nothing to take up
        let _ = fs::remove_file(&place.part);
    }
    Fault::environment(format!("{} could not be fetched: {reason}; {state}", wanted.file)).hint(
        "run the command again to go on, or put the file into data/models/ yourself; without it weights = \"auto\" is weights = \"synthetic\": right for speed, wrong for answers",
    )
}

/// Weights that are here, for `doctor`.
pub(crate) fn present(project: &Project) -> Vec<String> {
    let folder = project.data().join("models");
    let files = crate::project::files_of(&folder, |name| prefix_of(name).is_some());
    files.iter().filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned())).collect()
}

/// Limits as the command line gives them, in seconds.
pub(crate) fn limits(stall: u64, total: u64) -> Limits {
    Limits { stall: Duration::from_secs(stall), total: Duration::from_secs(total) }
}
