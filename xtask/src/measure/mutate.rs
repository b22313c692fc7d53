//! Damaged models into the real parser, and through the whole builder: nothing may end but the one build.
//!
//! | step | with | must hold |
//! |---|---|---|
//! | parse | a long-lived process over our bindings (`crates/tensorrt/examples/parse.rs`) | an answer with words in it; a crash is counted, since the code that crashes is not ours |
//! | build | `engine-build build`, the builder in a process of its own | exit 0, 2, 3 or 4, an error of one readable line, no file that looks like an engine |
//! | grow | the files that do not crash, round after round in one process | resident memory does not grow |

mod growth;
mod host;
mod mutation;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::binaries::{self, Binaries};
use crate::fault::{Fault, VERIFICATION};
use crate::project::Project;
use crate::{setup, ui};
use host::{Answer, Host};
use mutation::Kind;

/// Longest first line of an error that is still read.
const READABLE: usize = 600;
/// Rounds in which the heap fills; they are left out of the slope.
const WARM_UP: usize = 5;
/// Growth above this, in bytes a file, with its whole interval, is a leak.
const LEAK: f64 = 256.0;

/// Arguments of `measure mutate`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Damaged files to make
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    count: u64,
    /// Seed of the damage
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Model to damage, several times for several; left out: the project's tiny model and a small SqueezeNet
    #[arg(long = "model", value_name = "FILE")]
    models: Vec<PathBuf>,
    /// Rounds over all files in one process; 0 leaves the memory out
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    rounds: u32,
    /// Keep the damaged files here, with what was said of each
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// One damaged file and what became of it.
struct Case {
    path: PathBuf,
    kind: Kind,
    parsed: Answer,
    built: String,
    wrong: Vec<String>,
}

/// Runs all steps; exit 3 when something broke that must hold.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    let binaries = Binaries::ready(&project)?;
    let parse = example(&project, &binaries)?;
    let models =
        if args.models.is_empty() { default_models(&project)? } else { args.models.clone() };
    let library = setup::rtx_library(&project)?;
    let scratch = tempfile::tempdir()?;
    let folder = args.keep.clone().unwrap_or_else(|| scratch.path().to_owned());
    std::fs::create_dir_all(&folder)?;
    let files = write_files(&models, args, &folder)?;
    ui::note(&format!("library: {}", library.display()));
    let mut host = Host::new(parse, &["--rtx", "--stdin"]);
    host.environment("TENSORRT_RTX_LIB", &library);
    let started = Instant::now();
    let mut cases = Vec::new();
    for (index, (path, kind)) in files.into_iter().enumerate() {
        let parsed = host.ask(&path)?;
        let (built, mut wrong) = build(&binaries, &path, &library)?;
        wrong.extend(unreadable(&parsed));
        cases.push(Case { path, kind, parsed, built, wrong });
        if (index + 1) % 50 == 0 {
            ui::note(&format!("{} files, {}", index + 1, ui::seconds(started.elapsed())));
        }
    }
    let broken = report(&cases, args.keep.as_deref())?;
    let leaks = grow(&mut host, &cases, args.rounds)?;
    Ok(if broken || leaks { VERIFICATION } else { 0 })
}

/// The example that parses, built where cargo is.
fn example(project: &Project, binaries: &Binaries) -> anyhow::Result<PathBuf> {
    let program = binaries.program("examples/parse");
    if std::env::var_os("TAILMARK_BIN_DIR").is_none() && project.has_sources() {
        let args = ["build", "--release", "--quiet", "-p", "tensorrt", "--example", "parse"];
        let status = binaries::cargo(project).args(args).status()?;
        anyhow::ensure!(status.success(), "the example `parse` does not build: {status}");
    }
    if program.is_file() {
        return Ok(program);
    }
    let message = format!("there is no {}", program.display());
    let hint = "build it: cargo build --release -p tensorrt --example parse";
    Err(Fault::environment(message).hint(hint).into())
}

fn default_models(project: &Project) -> anyhow::Result<Vec<PathBuf>> {
    let squeezenet = setup::models(project)?.join("light_squeezenet.onnx");
    anyhow::ensure!(squeezenet.is_file(), "{} is not there", squeezenet.display());
    Ok(vec![project.root().join("pipelines/models/tiny.onnx"), squeezenet])
}

fn write_files(
    models: &[PathBuf],
    args: &Args,
    folder: &Path,
) -> anyhow::Result<Vec<(PathBuf, Kind)>> {
    let mut files = Vec::new();
    for index in 0..args.count {
        let model = &models[index as usize % models.len()];
        let kind = Kind::ALL[(index as usize / models.len()) % Kind::ALL.len()];
        let whole = std::fs::read(model).map_err(|error| {
            Fault::config(format!("cannot read the model {}: {error}", model.display()))
        })?;
        let path = folder.join(format!("{index:04}.onnx"));
        std::fs::write(&path, mutation::damage(&whole, kind, args.seed.wrapping_add(index)))?;
        files.push((path, kind));
    }
    Ok(files)
}

/// What the parser's answer lacks.
fn unreadable(answer: &Answer) -> Option<String> {
    match answer {
        Answer::Said(text) if text.trim_start_matches("error:").trim().is_empty() => {
            Some("the parser's error has no words".to_owned())
        }
        _ => None,
    }
}

/// Builds through the whole program; what came of it, and what must not be.
fn build(
    binaries: &Binaries,
    model: &Path,
    library: &Path,
) -> anyhow::Result<(String, Vec<String>)> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("e.engine");
    let output = Command::new(binaries.program("engine-build"))
        .arg("build")
        .arg(model)
        .args(["--backend", "tensorrt-rtx", "--isolation", "process", "--time-limit", "2m"])
        .args(["--memory-limit", "8GiB", "--optimization-level", "0", "--out"])
        .arg(&out)
        .env("TENSORRT_RTX_LIB", library)
        .env("TAILMARK_ROOT", folder.path())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let error = said.lines().find_map(|line| line.strip_prefix("error: "));
    let mut wrong = Vec::new();
    let built = match output.status.code() {
        Some(0) => "built".to_owned(),
        Some(code @ 2..=4) => {
            let line = error.unwrap_or_default();
            if line.trim().is_empty() || line.chars().count() > READABLE {
                let n = line.chars().count();
                wrong.push(format!("the error's first line has {n} characters"));
            }
            format!("exit {code}: {line}")
        }
        _ => {
            wrong.push(format!("engine-build ended with {}", output.status));
            format!("{}: {said}", output.status)
        }
    };
    let mut left: Vec<_> = std::fs::read_dir(folder.path())?.flatten().collect();
    left.retain(|entry| entry.file_name() != "data");
    let expected = usize::from(output.status.success());
    if left.len() != expected || out.is_file() != (expected == 1) {
        wrong.push(format!("{} files were left beside the engine", left.len()));
    }
    Ok((built, wrong))
}

/// Prints the tables; whether anything broke.
fn report(cases: &[Case], keep: Option<&Path>) -> anyhow::Result<bool> {
    let mut table: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    for case in cases {
        let parsed = match &case.parsed {
            Answer::Said(text) if text.starts_with("error:") => "parser: error",
            Answer::Said(_) => "parser: network",
            Answer::Crashed(_) => "parser: CRASH",
            Answer::Hung => "parser: HANG",
        };
        let built = match case.built.get(..6) {
            _ if case.built.contains("the builder was killed") => "build: crash, told as an error",
            Some("exit 2") => "build: refused (2)",
            Some("exit 3") => "build: refused (3)",
            Some("exit 4") => "build: failed (4)",
            _ if case.built == "built" => "build: engine",
            _ => "build: BROKEN",
        };
        for row in [case.kind.to_string(), "all".to_owned()] {
            let counts = table.entry(row).or_default();
            for key in [parsed, built] {
                *counts.entry(key).or_default() += 1;
            }
        }
    }
    for (kind, counts) in &table {
        let counts: Vec<String> = counts.iter().map(|(what, n)| format!("{what} {n}")).collect();
        ui::data(&format!("{kind:15} {}", counts.join(", ")));
    }
    let longest = cases.iter().map(|case| case.built.lines().next().unwrap_or("").chars().count());
    ui::data(&format!("longest first line: {} characters", longest.max().unwrap_or(0)));
    if let Some(folder) = keep {
        let lines: Vec<String> = cases
            .iter()
            .map(|case| format!("{}\t{}\t{:?}\t{}", name(case), case.kind, case.parsed, case.built))
            .collect();
        std::fs::write(folder.join("answers.tsv"), lines.join("\n") + "\n")?;
    }
    let mut broken = false;
    for case in cases {
        for wrong in &case.wrong {
            broken = true;
            ui::error(&format!("{} ({}): {wrong}: {}", name(case), case.kind, case.built));
        }
        if let Answer::Crashed(how) = &case.parsed {
            ui::warn(&format!("{} ({}): the parser crashed: {how}", name(case), case.kind));
        }
    }
    Ok(broken)
}

fn name(case: &Case) -> String {
    case.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Parses what does not crash, round after round; whether the memory grows.
fn grow(host: &mut Host, cases: &[Case], rounds: u32) -> anyhow::Result<bool> {
    let calm: Vec<&Case> =
        cases.iter().filter(|case| matches!(case.parsed, Answer::Said(_))).collect();
    if rounds == 0 || calm.is_empty() {
        return Ok(false);
    }
    host.restart();
    let mut kib = Vec::new();
    for _ in 0..rounds {
        for case in &calm {
            let answer = host.ask(&case.path)?;
            anyhow::ensure!(
                matches!(answer, Answer::Said(_)),
                "{} was parsed before, and now: {answer:?}",
                name(case)
            );
        }
        kib.push(host.resident()?);
    }
    let (first, last) = (kib[0], kib[kib.len() - 1]);
    ui::data(&format!(
        "resident memory: {first} KiB after the first round of {} files, {last} KiB after round {rounds}",
        calm.len()
    ));
    let Some(slope) = growth::slope(&kib, WARM_UP) else {
        ui::note(&format!("a slope needs {} rounds", WARM_UP + 11));
        return Ok(false);
    };
    let a_file = |kib: f64| kib * 1024.0 / calm.len() as f64;
    ui::data(&format!(
        "slope over the last {} rounds: {:.2} ± {:.2} KiB a round, {:.1} ± {:.1} bytes a file",
        slope.n,
        slope.estimate,
        slope.half,
        a_file(slope.estimate),
        a_file(slope.half),
    ));
    let leaks = a_file(slope.estimate - slope.half) > LEAK;
    if leaks {
        ui::error(&format!("the memory grows by more than {LEAK} bytes a file"));
    }
    Ok(leaks)
}
