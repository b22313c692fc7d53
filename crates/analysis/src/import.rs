//! `analysis import trtexec`: files that NVIDIA's `trtexec` exported → a run folder like any other.
//!
//! ```text
//! --mode NAME=FILE ─▶ trace ─▶ samples/NAME.parquet
//! --log NAME=FILE ──▶ check ─▶ cases.parquet          pipeline.toml: [pipeline] and [analysis] of --pipeline
//! --layers, --profile ───────▶ layers.parquet
//! ```
//!
//! `issue_ns`, `start_ns` and `done_ns` are `startH2dMs`, `startComputeMs` and `endD2hMs`, on the device's clock;
//! there is no host stamp of completion in these files. `compute_ns`, `h2d_ns` and `d2h_ns` are the file's own
//! durations. A name that is given several times has its traces as rounds.

mod case;
mod check;
mod layers;
mod sources;
mod steps;
pub(crate) mod trace;
mod write;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pipeline::{Exit, Fault, RunDir, Span, Verdict};

pub(crate) use case::BACKEND;

use crate::report::model::{Cell, Table};
use crate::report::terminal;
use sources::{Named, Source};

/// Formats that are read.
#[derive(Debug, Subcommand)]
pub enum From {
    /// What trtexec 7.0 to 11.x exports: times of inferences, and optionally log, profile and layers
    Trtexec(Arguments),
}

/// Arguments of `analysis import trtexec`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Mode and the file of --exportTimes, plain or gzip, `-` for standard input; a name given again is a further
    /// round. base, cuda-graph, streams-N and streams-N-graph say what the mode did
    #[arg(long = "mode", value_name = "NAME=FILE", required = true)]
    modes: Vec<Named>,
    /// Log of the same run: device, streams, graph, precision, and a summary that must follow from the rows
    #[arg(long = "log", value_name = "NAME=FILE")]
    logs: Vec<Named>,
    /// File of --exportProfile
    #[arg(long = "profile", value_name = "NAME=FILE")]
    profiles: Vec<Named>,
    /// File of --exportLayerInfo
    #[arg(long = "layers", value_name = "NAME=FILE")]
    layers: Vec<Named>,
    /// Run folder to make
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Pipeline file whose [pipeline] and [analysis] tables the run gets: baseline, percentiles, claims
    #[arg(long, value_name = "FILE")]
    pipeline: Option<PathBuf>,
    /// Device that was measured, in words
    #[arg(long, value_name = "TEXT")]
    device: Option<String>,
    /// Precision that the engine was built for, such as fp16
    #[arg(long, value_name = "NAME")]
    precision: Option<String>,
    /// Batch size
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Rows that start earlier are warm-up: versions before 8.5 export them too
    #[arg(long, value_name = "DURATION")]
    warm_up: Option<Span>,
    /// Where the files come from, in words: repository and commit
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// Most rows of a file
    #[arg(long, value_name = "N", default_value_t = 5_000_000)]
    max_rows: u32,
    /// Print a machine-readable last line on stdout
    #[arg(long)]
    json: bool,
}

/// Imports files into a new run folder.
///
/// # Errors
/// Exit 2 for files that are missing or something else, and a folder that holds a run; exit 3 for a log whose
/// summary is of another run.
pub fn execute(from: &From) -> anyhow::Result<Exit> {
    let From::Trtexec(args) = from;
    let run = RunDir::new(&args.run);
    write::check_folder(&run)?;
    let sources = Source::all(args)?;
    let text = write::pipeline_text(args.pipeline.as_deref(), &sources)?;
    let mut imported = Vec::new();
    for (position, source) in sources.iter().enumerate() {
        imported.push(source.read(args, position)?);
    }
    sources::apart(&mut imported);
    write::write(&run, &text, args, &mut imported)?;
    Ok(print(args, &imported))
}

/// One trace, read and described.
#[derive(Debug)]
pub(crate) struct Imported {
    /// File name, without its folder.
    file: String,
    /// What it held; the samples go when they are written.
    trace: trace::Trace,
    /// Rows that it held.
    rows: usize,
    /// Its figures, for the terminal.
    figures: [String; 6],
    /// Its row.
    row: pipeline::artifact::CaseRow,
    /// Its layers.
    layers: Vec<pipeline::artifact::LayerRow>,
}

fn print(args: &Arguments, imported: &[Imported]) -> Exit {
    let mut table = Table::new(
        "",
        &[
            "Mode",
            "Rows#",
            "Throughput (1/s)#",
            "Compute mean (ms)#",
            "p50#",
            "p99#",
            "Latency mean (ms)#",
            "p99#",
            "Verdict",
        ],
    );
    for one in imported {
        let mut row = vec![Cell::plain(&one.row.case), Cell::plain(one.row.n.to_string())];
        row.extend(one.figures.clone().map(Cell::plain));
        row.push(Cell::plain(one.row.verdict.to_string()));
        table.rows.push(row);
    }
    anstream::print!("{}", terminal::table(&table));
    let mut exit = Exit::Ok;
    for one in imported {
        for reason in &one.row.reasons {
            match reason.strip_prefix("note: ") {
                Some(note) => anstream::eprintln!("{}: {note}", one.row.case),
                None => anstream::eprintln!("{} {}: {reason}", one.row.case, one.row.verdict),
            }
        }
        if one.row.verdict == Verdict::Failed || one.trace.cut_off.is_some() {
            exit = Exit::Incomplete;
        }
    }
    anstream::eprintln!("next: analysis run --run {}", args.run.display());
    if args.json {
        let modes: Vec<serde_json::Value> = imported.iter().map(json).collect();
        let line = serde_json::json!({ "exit": exit as u8, "run": args.run, "modes": modes });
        anstream::println!("{line}");
    }
    exit
}

fn json(one: &Imported) -> serde_json::Value {
    serde_json::json!({
        "mode": one.row.case,
        "round": one.row.round,
        "file": one.file,
        "rows": one.rows,
        "n": one.row.n,
        "wall_ns": one.row.wall_ns,
        "cut_off": one.trace.cut_off,
        "stamp_step_ns": one.trace.stamp_step_ns,
        "compute_step_ns": one.trace.compute_step_ns,
        "read_ns": one.trace.took.as_nanos() as u64,
        "verdict": one.row.verdict.as_str(),
    })
}

fn unknown_mode(option: &str, name: &str, modes: &[Named]) -> Fault {
    let names: Vec<&str> = modes.iter().map(|mode| mode.name.as_str()).collect();
    let guess = pipeline::config::did_you_mean(name, &names);
    Fault::config(format!("--{option} {name}=…: there is no --mode {name}=FILE for it{guess}"))
        .hint(format!("modes that are imported: {}", names.join(", ")))
}
