//! The command line: `run`, `bench`, `list-cases`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use pipeline::stage::{self, RunArgs};
use pipeline::{Exit, PipelineFile};

use crate::bench::{self, BenchArgs};
use crate::config::Config;
use crate::plan;
use crate::stage::Runner;

/// Runs engines in the modes of a pipeline and records every inference.
#[derive(Parser, Debug)]
#[command(name = "runner", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Stage 3 of a pipeline: engines.parquet → cases, samples, telemetry.
    Run(RunArgs),
    /// Measure engine files without a pipeline, interleaved in one run.
    Bench(BenchArgs),
    /// Show what a pipeline would run, in order.
    ListCases {
        /// Pipeline file.
        #[arg(long, value_name = "FILE")]
        pipeline: PathBuf,
        /// Change one value of the pipeline file: table.key=value.
        #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
        overrides: Vec<String>,
    },
}

/// Parses the command line and runs it.
pub fn main() -> anyhow::Result<Exit> {
    match Cli::parse().command {
        Command::Run(args) => stage::run::<Runner>(&args),
        Command::Bench(args) => bench::run(&args),
        Command::ListCases { pipeline, overrides } => list_cases(&pipeline, &overrides),
    }
}

fn list_cases(path: &std::path::Path, overrides: &[String]) -> anyhow::Result<Exit> {
    let file = PipelineFile::load(path, overrides)?;
    let header = file.header()?;
    let config: Config = file.section("runner")?;
    config.check()?;
    anstream::println!("position  round  case              streams  graph  depth");
    let visits = plan::interleave(config.modes.len(), config.rounds.get(), u64::from(header.seed));
    for (position, visit) in visits.into_iter().enumerate() {
        let mode = &config.modes[visit.mode];
        anstream::println!(
            "{position:>8}  {:>5}  {:<16}  {:>7}  {:<5}  {:>5}",
            visit.round,
            mode.name.as_str(),
            mode.streams,
            if mode.graph { "yes" } else { "no" },
            mode.depth,
        );
    }
    Ok(Exit::Ok)
}
