//! `cargo xtask doctor`: what works on this machine, what does not, and the one line that would fix it.
//!
//! The backends answer for themselves (`engine-build backends --json`); the rest is asked here.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::binaries::Binaries;
use crate::project::Project;
use crate::ui;

/// Arguments of `doctor`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
}

/// One thing that is here or not.
struct Finding {
    what: String,
    works: bool,
    detail: String,
    fix: Option<String>,
}

/// Asks everything and prints a table, or JSON. Ends with 0 when at least one backend can run a model.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    let backends = backends(&project);
    let tools =
        vec![cargo(), python(), onnxruntime(&project), weights(&project), disk(&project), host()];
    if args.json {
        let list = |findings: &[Finding]| findings.iter().map(to_json).collect::<Vec<_>>();
        let line = json!({"backends": list(&backends), "machine": list(&tools)});
        ui::data(&serde_json::to_string_pretty(&line)?);
    } else {
        ui::data("backends, best first");
        print(&backends);
        ui::data("machine");
        print(&tools);
    }
    let usable = |finding: &Finding| finding.works && finding.what != "sim";
    Ok(if backends.iter().any(usable) { 0 } else { crate::fault::ENVIRONMENT })
}

fn print(findings: &[Finding]) {
    let width = findings.iter().map(|finding| finding.what.len()).max().unwrap_or(0);
    for finding in findings {
        let mark = if finding.works { "\x1b[1;32m✓\x1b[0m" } else { "\x1b[2m–\x1b[0m" };
        ui::data(&format!("  {mark} {:width$}  {}", finding.what, short(&finding.detail)));
        if let Some(fix) = &finding.fix {
            ui::data(&format!("    {:width$}  \x1b[1;36mfix\x1b[0m: {fix}", ""));
        }
    }
}

/// A list of many paths is for `--json`; the first three are shown.
fn short(detail: &str) -> String {
    match detail.match_indices(", /").nth(2) {
        Some((end, _)) if detail[end + 1..].contains(", /") => {
            format!("{}, … (all of it: cargo xtask doctor --json)", &detail[..end])
        }
        _ => detail.to_owned(),
    }
}

fn to_json(finding: &Finding) -> Value {
    json!({"name": finding.what, "works": finding.works, "detail": finding.detail, "fix": finding.fix})
}

fn backends(project: &Project) -> Vec<Finding> {
    match ask_backends(project) {
        Ok(findings) => findings,
        Err(error) => vec![Finding {
            what: "engine-build".into(),
            works: false,
            detail: format!("{error:#}"),
            fix: Some("cargo build --release --workspace --bins".into()),
        }],
    }
}

fn ask_backends(project: &Project) -> anyhow::Result<Vec<Finding>> {
    let binaries = Binaries::ready(project)?;
    let output = Command::new(binaries.program("engine-build"))
        .args(["backends", "--json"])
        .env("TAILMARK_ROOT", project.root())
        .output()?;
    if !output.status.success() {
        anyhow::bail!("engine-build backends: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    let text = |row: &Value, key: &str| row[key].as_str().map(str::to_owned);
    Ok(rows
        .iter()
        .map(|row| {
            let parts = [text(row, "version"), text(row, "device"), text(row, "detail")];
            let parts: Vec<String> =
                parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
            Finding {
                what: text(row, "backend").unwrap_or_default(),
                works: row["works"].as_bool().unwrap_or(false),
                detail: parts.join(" · "),
                fix: text(row, "hint").filter(|hint| !hint.is_empty()),
            }
        })
        .collect())
}

fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().map(|line| line.trim().to_owned())
}

fn cargo() -> Finding {
    let version = first_line(Command::new("cargo").arg("--version"));
    Finding {
        what: "cargo".into(),
        works: version.is_some(),
        detail: version.unwrap_or_else(|| "not here: a bundle needs none".into()),
        fix: None,
    }
}

fn python() -> Finding {
    let pip = first_line(Command::new("python3").args(["-m", "pip", "--version"]));
    let version = pip.as_deref().map(|line| {
        // "pip 1.2 from <folder> (python 3.12)": the folder is of no interest
        let python = line.rsplit_once('(').map_or("", |(_, rest)| rest.trim_end_matches(')'));
        let pip = line.split(" from ").next().unwrap_or("pip");
        format!("{python}, {pip}")
    });
    let uv = || first_line(Command::new("uv").arg("--version"));
    let found = version.or_else(uv);
    Finding {
        what: "python packages".into(),
        works: found.is_some(),
        fix: found.is_none().then(|| "install Python 3 with pip: it fetches ONNX Runtime".into()),
        detail: found.unwrap_or_else(|| "no pip and no uv".into()),
    }
}

fn onnxruntime(project: &Project) -> Finding {
    let library = project.onnxruntime();
    Finding {
        what: "ONNX Runtime".into(),
        works: library.as_ref().is_some_and(|path| path.exists()),
        fix: library.is_none().then(|| "cargo xtask setup cpu".into()),
        detail: library.map_or_else(
            || "no library".into(),
            |path| Project::shown(&path).display().to_string(),
        ),
    }
}

/// Published weights: without them the chain takes synthetic ones.
fn weights(project: &Project) -> Finding {
    let present = crate::setup::weights_present(project);
    let works = !present.is_empty();
    Finding {
        what: "weights".into(),
        works,
        detail: if works {
            format!("{} in data/models", present.join(", "))
        } else {
            "no checkpoint in data/models: seeded synthetic weights are taken".into()
        },
        fix: (!works).then(|| "cargo xtask setup weights resnet50".into()),
    }
}

/// Space on the disk of `data/`, asked from `df`, which every Unix has.
fn disk(project: &Project) -> Finding {
    const ENOUGH_KB: u64 = 2_000_000;
    let place = if project.data().is_dir() { project.data() } else { project.root().to_owned() };
    let kb = available_kb(&place);
    let gb = kb.map(|kb| kb as f64 * 1024.0 / 1e9);
    Finding {
        what: "disk".into(),
        works: kb.is_none_or(|kb| kb > ENOUGH_KB),
        detail: gb.map_or_else(
            || "free space unknown".into(),
            |gb| format!("{gb:.1} GB free for data/ and results/"),
        ),
        fix: kb
            .is_some_and(|kb| kb <= ENOUGH_KB)
            .then(|| "free 2 GB: models, engines and samples go there".into()),
    }
}

/// Free space of the disk that holds a folder, in KiB; `None` where nobody tells.
pub(crate) fn available_kb(place: &Path) -> Option<u64> {
    let output = Command::new("df").arg("-Pk").arg(place).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

fn host() -> Finding {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    let load: Option<f64> = load.and_then(|text| text.split(' ').next()?.parse().ok());
    let quiet = load.is_none_or(|load| load < cores as f64 * 0.25);
    let shown = load.map_or_else(|| "load unknown".to_owned(), |load| format!("load {load:.2}"));
    Finding {
        what: "host".into(),
        works: quiet,
        detail: format!("{cores} cores, {shown}"),
        fix: (!quiet).then(|| "other work is running: measured times will suffer".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_at_an_entry() {
        for text in ["not found in /a, /b, /c, /d", "1.2.3 · builds engines, and nothing else"] {
            assert_eq!(short(text), text);
        }
        let cut = short("not found in /a, /ä, /c, /d, /e");
        assert_eq!(cut, "not found in /a, /ä, /c, … (all of it: cargo xtask doctor --json)");
    }
}
