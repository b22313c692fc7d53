//! `cargo xtask bundle`: programs, runtime libraries, pipelines and models as one archive, in parts.
//!
//! ```text
//! <out>/tailmark.tar.gz.part-000, -001, …   the archive, each part at most --part-size
//! <out>/SHA256SUMS                          of the parts
//! <out>/unpack-and-run.sh                   joins, checks, unpacks and runs; needs sh, gzip and tar
//! ```
//!
//! In the archive the project's own layout is kept, so that nothing has to be told where it is:
//! `tailmark` (this program), `bin/`, `pipelines/`, `data/`. The same input gives the same bytes.

mod parts;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

use crate::binaries::Binaries;
use crate::fault::Fault;
use crate::project::{Project, STAGES, files_of, has_extension};
use crate::ui;
use parts::Parts;

const ARCHIVE: &str = "tailmark.tar.gz";
/// One date for every file, so that the archive depends on its contents only (2001-09-09).
const DATE: u64 = 1_000_000_000;

/// Arguments of `bundle`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Largest size of a part, for example 60MiB
    #[arg(long, default_value = "60MiB", value_parser = parse_size)]
    part_size: u64,
    /// Where the parts go
    #[arg(long, value_name = "DIR", default_value = "data/bundle")]
    out: PathBuf,
    /// Take the models along (data/models)
    #[arg(long)]
    models: bool,
    /// Take the engines and the timing caches along (data/engines, data/caches)
    #[arg(long)]
    engines: bool,
    /// Take an optional runtime library along; ONNX Runtime is always taken when it is here
    #[arg(long, value_enum, value_name = "LIBRARY")]
    with: Vec<With>,
    /// What runs after unpacking, from inside the bundle; arguments of the script are added to it
    #[arg(long, default_value = "./tailmark pipeline pipelines/smoke.toml")]
    run_command: String,
}

/// Libraries that are large or of use on some machines only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum With {
    /// TensorRT-RTX, 240 MB unpacked
    Rtx,
}

/// Packs everything; prints the command that unpacks and runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let started = Instant::now();
    if args.run_command.contains('\n') || args.run_command.trim().is_empty() {
        return Err(Fault::config("--run-command must be one line that is not empty").into());
    }
    let project = Project::find(None)?;
    let binaries = Binaries::ready(&project)?;
    let entries = entries(&project, &binaries, args)?;
    fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot write into {}", args.out.display()))?;
    for old in files_of(&args.out, |name| name.starts_with(ARCHIVE)) {
        fs::remove_file(old)?;
    }
    let spinner = ui::spinner(&format!("packing {} files", entries.len()));
    let sums = pack(&project, &entries, args)?;
    spinner.finish_and_clear();
    let lines: Vec<String> =
        sums.iter().map(|part| format!("{}  {}\n", part.sha256, part.name)).collect();
    fs::write(args.out.join("SHA256SUMS"), lines.concat())?;
    let script = args.out.join("unpack-and-run.sh");
    fs::write(&script, script_text(&args.run_command))?;
    executable(&script)?;
    let bytes: u64 = sums.iter().map(|part| part.bytes).sum();
    let text = format!(
        "{} in {} part(s), {:.1} MB, {} files",
        args.out.display(),
        sums.len(),
        bytes as f64 / 1e6,
        entries.len()
    );
    ui::done(&text, started.elapsed());
    ui::note("copy that folder to a machine of the same kind and run there:");
    ui::data("sh unpack-and-run.sh");
    Ok(0)
}

/// Name in the archive, and the file that it is.
type Entry = (String, PathBuf);

fn entries(project: &Project, binaries: &Binaries, args: &Args) -> anyhow::Result<Vec<Entry>> {
    let mut entries: Vec<Entry> =
        STAGES.iter().map(|stage| (format!("bin/{stage}"), binaries.program(stage))).collect();
    // a build may have replaced this program while it runs: then its new file is beside the stages
    let rebuilt = binaries.program("xtask");
    let program = if rebuilt.is_file() { rebuilt } else { std::env::current_exe()? };
    entries.push(("tailmark".to_owned(), program));
    let root = project.root();
    for file in ["LICENSE", "README.md", "METHODOLOGY.md"] {
        if root.join(file).is_file() {
            entries.push((file.to_owned(), root.join(file)));
        }
    }
    below(root, Path::new("pipelines"), &mut entries)?;
    for library in files_of(&project.runtime(), |name| name.starts_with("onnxruntime-")) {
        below(root, library.strip_prefix(root)?, &mut entries)?;
    }
    if args.with.contains(&With::Rtx) {
        let library = project.tensorrt_rtx().ok_or_else(|| {
            Fault::environment("--with rtx: TensorRT-RTX is not here")
                .hint("fetch it first: cargo xtask setup rtx")
        })?;
        below(root, library.strip_prefix(root)?, &mut entries)?;
    }
    let mut optional = Vec::new();
    if args.models {
        optional.push("data/models");
    }
    if args.engines {
        optional.extend(["data/engines", "data/caches"]);
    }
    for folder in optional {
        if root.join(folder).is_dir() {
            below(root, Path::new(folder), &mut entries)?;
        } else {
            ui::warn(&format!("{folder} does not exist, so it is not in the bundle"));
        }
    }
    entries.sort();
    Ok(entries)
}

fn below(root: &Path, folder: &Path, entries: &mut Vec<Entry>) -> anyhow::Result<()> {
    for path in files_of(&root.join(folder), |name| !has_extension(name, "part") && name != ".lock")
    {
        let name = path.strip_prefix(root)?.to_owned();
        if path.is_dir() {
            below(root, &name, entries)?;
        } else {
            entries.push((name.to_string_lossy().replace('\\', "/"), path));
        }
    }
    Ok(())
}

fn pack(project: &Project, entries: &[Entry], args: &Args) -> anyhow::Result<Vec<parts::Part>> {
    let parts = Parts::new(&args.out, ARCHIVE, args.part_size);
    let mut archive = Builder::new(GzEncoder::new(parts, Compression::new(6)));
    let revision = format!("{}\n", project.revision());
    append(&mut archive, "REVISION", 0o644, revision.len() as u64, revision.as_bytes())?;
    // the folder by which the project is known, also when there is nothing in it
    append(&mut archive, "data/README.md", 0o644, 0, io::empty())?;
    for (name, path) in entries {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = file.metadata()?.len();
        let program = name == "tailmark" || name.starts_with("bin/");
        append(&mut archive, name, if program { 0o755 } else { 0o644 }, bytes, file)?;
    }
    archive.into_inner()?.finish()?.finish().map_err(Into::into)
}

fn append(
    archive: &mut Builder<impl io::Write>,
    name: &str,
    mode: u32,
    bytes: u64,
    content: impl io::Read,
) -> anyhow::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(mode);
    header.set_mtime(DATE);
    archive.append_data(&mut header, name, content).with_context(|| format!("cannot pack {name}"))
}

fn script_text(command: &str) -> String {
    format!(
        r#"#!/bin/sh
# Joins and checks the parts beside this script, unpacks them into TAILMARK_INTO (default: the folder
# "tailmark" beside it) and runs the command below with the arguments of this script.
# --unpack-only as the first argument stops before the command.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
into=${{TAILMARK_INTO:-$here/tailmark}}
cd "$here"
if command -v sha256sum >/dev/null 2>&1; then
    check="sha256sum -c"
elif command -v shasum >/dev/null 2>&1; then
    check="shasum -a 256 -c"
else
    echo "error: neither sha256sum nor shasum is here, so the parts cannot be checked" >&2
    exit 4
fi
if ! $check SHA256SUMS >/dev/null; then
    echo "error: a part is missing or damaged; copy the folder again" >&2
    exit 4
fi
mkdir -p "$into"
cat {ARCHIVE}.part-* | gzip -dc | tar -xf - -C "$into"
cd "$into"
if [ "${{1:-}}" = --unpack-only ]; then
    echo "$into"
    exit 0
fi
exec {command} "$@"
"#
    )
}

#[cfg(unix)]
fn executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn executable(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// `60MiB`, `1GiB`, `500kB` or a number of bytes; at least 64 KiB.
fn parse_size(text: &str) -> Result<u64, String> {
    const LEAST: u64 = 64 << 10;
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        unit => return Err(format!("unknown unit `{unit}`: use kB, MB, GB, KiB, MiB or GiB")),
    };
    let number: u64 = digits
        .trim()
        .parse()
        .map_err(|error| format!("\"{text}\" is not a size ({error}); write for example 60MiB"))?;
    number
        .checked_mul(factor)
        .filter(|&bytes| bytes >= LEAST)
        .ok_or_else(|| format!("\"{text}\" is out of range: a part has at least 64 KiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_or_refused() {
        assert_eq!(parse_size("60MiB"), Ok(60 << 20));
        assert_eq!(parse_size("1GB"), Ok(1_000_000_000));
        assert_eq!(parse_size("70000"), Ok(70_000));
        for bad in ["", "MiB", "-1MiB", "1", "0GiB", "5 parsecs", "99999999999999999999GiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_script_is_plain_sh() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("s.sh");
        fs::write(&script, script_text("./tailmark pipeline pipelines/smoke.toml")).unwrap();
        let status = std::process::Command::new("sh").arg("-n").arg(&script).status().unwrap();
        assert!(status.success());
    }
}
