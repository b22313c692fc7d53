//! Our float16 conversion against onnxconverter-common, on every model that is at hand.
//!
//! Goals, per model: the operators that ours works in float16 are those of the other or more (each that is not is
//! printed with its reason); the model is valid by the onnx package's checker and strict type inference; errors
//! against the float32 model, in ONNX Runtime and in the twin that rounds every activation, are not larger.

mod model;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binaries::Binaries;
use crate::fault::Fault;
use crate::project::Project;
use crate::{setup, ui};

use super::paired::{self, Ratio, must};
use model::{Finding, Tools};

const PEER: &str = include_str!("fp16/peer.py");
/// The table of operator types, below the root of the project.
const OPERATORS: &str = "crates/onnx-export-verify/src/fp16/operators.txt";

/// Arguments of `measure fp16`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Models to add to those of the ONNX package, our ResNets and the trained models in data/runtime
    #[arg(value_name = "MODEL")]
    models: Vec<PathBuf>,
    /// Seeded inputs a model
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    seeds: u32,
    /// Pairs of conversions of ResNet-50 that are timed
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(10..=1000))]
    pairs: u32,
    /// Only compare the table of operator types with the schemas of the onnx package
    #[arg(long)]
    schemas: bool,
}

/// Measures and prints; exit 3 when a goal is missed.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    let python = setup::converters(&project)?;
    let scratch = tempfile::tempdir()?;
    let peer = scratch.path().join("peer.py");
    fs::write(&peer, PEER)?;
    schemas(&project, &python, &peer)?;
    if args.schemas {
        return Ok(0);
    }
    let binaries = Binaries::ready(&project)?;
    let tools = Tools {
        program: binaries.program("onnx-export-verify"),
        root: project.root().to_owned(),
        scratch: scratch.path().to_owned(),
        python,
        peer,
    };
    let mut missed = 0;
    for (label, file) in models(&project, &tools, &args.models)? {
        ui::note(&label);
        let finding = tools.compare(&file, args.seeds)?;
        print(&label, &finding);
        missed += u32::from(!finding.met());
    }
    timed(&tools, args.pairs)?;
    let goal = if missed == 0 { "met" } else { "NOT met" };
    ui::data(&format!("goal, same operators or more, valid, errors not larger: {goal}"));
    Ok(if missed == 0 { 0 } else { 3 })
}

/// Every model there is: label and file.
fn models(
    project: &Project,
    tools: &Tools,
    given: &[PathBuf],
) -> anyhow::Result<Vec<(String, PathBuf)>> {
    setup::models(project)?;
    let mut files = Vec::new();
    for folder in fs::read_dir(project.runtime())?.flatten() {
        let Ok(entries) = fs::read_dir(folder.path()) else { continue };
        let found = entries.flatten().map(|entry| entry.path());
        files.extend(found.filter(|path| path.extension().is_some_and(|e| e == "onnx")));
    }
    files.sort();
    files.extend(given.iter().cloned());
    let mut models: Vec<(String, PathBuf)> = Vec::new();
    for file in files {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        // constant weights prove little: the same graph with seeded ones too
        if stem.starts_with("light_")
            && let Some(seeded) = tools.reweighted(&file, &stem)?
        {
            models.push((format!("{stem}, seeded weights"), seeded));
        }
        models.push((stem, file));
    }
    for architecture in ["resnet18", "resnet50"] {
        models.push((architecture.to_owned(), tools.exported(architecture)?));
    }
    Ok(models)
}

fn print(label: &str, found: &Finding) {
    let Finding { ours, theirs, .. } = found;
    ui::data(&format!("{label}:"));
    for (side, who) in [("ours", ours), ("theirs", theirs)] {
        let valid = if who.wrong.is_empty() { "valid" } else { "INVALID" };
        let error = |e: Option<f64>| e.map_or_else(|| "none".to_owned(), |e| format!("{e:.2e}"));
        ui::data(&format!(
            "  {side}: {valid}, {} casts, {} bytes, error {} and with rounded activations {}",
            who.casts,
            who.bytes,
            error(who.error),
            error(who.rounded)
        ));
        // the twin of a model that no engine takes shows what it would answer if it were mended
        if !who.wrong.is_empty() {
            ui::data(&format!("    {}", who.wrong));
        }
    }
    ui::data(&format!("  ours in float16: {} operators, {} left", found.half, found.left));
    for (operator, reason) in &found.fewer {
        ui::data(&format!("  float32 in ours, float16 in theirs: {operator}: {reason}"));
    }
    if found.constant {
        ui::data("  the outputs are constant: the errors prove little");
    }
    if !found.met() {
        ui::data("  NOT met");
    }
}

/// Whole process of ours against the call of the other, without its imports.
fn timed(tools: &Tools, pairs: u32) -> anyhow::Result<()> {
    let model = tools.exported("resnet50")?;
    let theirs = || tools.their_seconds(&model);
    let found = paired::interleave(
        pairs,
        || tools.our_seconds(&model),
        theirs,
        |pair, a, b| {
            ui::note(&format!("pair {pair}: ours {a:.3} s, theirs {b:.3} s"));
        },
    )?;
    let ratio = Ratio::new(&found, |seconds| *seconds);
    ui::data(&format!("ResNet-50, time of ours as a process ÷ theirs as a call: {ratio}"));
    Ok(())
}

/// The committed table must be what the onnx package says.
fn schemas(project: &Project, python: &Path, peer: &Path) -> anyhow::Result<()> {
    let said = must(Command::new(python).arg(peer).arg("schemas"))?;
    let table = fs::read_to_string(project.root().join(OPERATORS))?;
    let table = table.lines().filter(|line| !line.starts_with('#'));
    let (said, table): (Vec<&str>, Vec<&str>) = (said.lines().collect(), table.collect());
    let new: Vec<&&str> = said.iter().filter(|line| !table.contains(*line)).collect();
    let gone: Vec<&&str> = table.iter().filter(|line| !said.contains(*line)).collect();
    ui::data(&format!("operator table: {} lines, those of the onnx package", table.len()));
    if new.is_empty() && gone.is_empty() {
        return Ok(());
    }
    for (sign, lines) in [("+", new), ("-", gone)] {
        for line in lines {
            ui::data(&format!("{sign} {line}"));
        }
    }
    let message = "operators.txt is not what the onnx package says";
    Err(Fault::new(3, message).hint("take the lines above over and run the tests").into())
}
