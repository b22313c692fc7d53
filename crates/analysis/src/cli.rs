//! The command line of `analysis`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use pipeline::RunDir;
use pipeline::fault::Exit;
use pipeline::stage::{RunArgs, run};

use crate::format::count;
use crate::stage::AnalysisStage;
use crate::verify::verify;
use crate::{compare_command, export, import, plan_command, quantiles_command, validate};

/// Sums up, compares and reports what a run measured
#[derive(Debug, Parser)]
#[command(name = "analysis", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Samples of a run folder → summary, comparison, claims, report, plots, manifest
    Run(RunArgs),
    /// Derive every number of a run folder again and compare bit for bit
    Verify(VerifyArgs),
    /// Compare cases of one run, or runs: exit 0 same or faster, 6 slower, 7 undecided
    Compare(compare_command::Arguments),
    /// Files of other tools → a run folder
    #[command(subcommand)]
    Import(import::From),
    /// A run folder → files for other tools
    #[command(subcommand)]
    Export(export::To),
    /// Exact quantiles of a column of Parquet files
    Quantiles(quantiles_command::Arguments),
    /// How long must I measure to resolve this percentile, or to find this difference?
    Plan(plan_command::Arguments),
    /// The statistical method against simulated runs whose truth is known
    Validate(validate::Arguments),
}

#[derive(Args, Debug)]
struct VerifyArgs {
    /// Run folder
    run: PathBuf,
    /// Print a machine-readable last line on stdout
    #[arg(long)]
    json: bool,
}

/// Runs a command line.
pub fn execute(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Run(args) => run::<AnalysisStage>(&args),
        Command::Verify(args) => verify_command(&args),
        Command::Compare(args) => compare_command::execute(&args),
        Command::Import(from) => import::execute(&from),
        Command::Export(to) => export::execute(&to),
        Command::Quantiles(args) => quantiles_command::execute(&args),
        Command::Plan(args) => plan_command::execute(&args),
        Command::Validate(args) => validate::execute(&args),
    }
}

fn verify_command(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let verified = verify(&RunDir::new(&args.run))?;
    anstream::println!(
        "{} files have their digests, {} numbers follow from the samples bit for bit, {} bytes of reports and plots follow from them",
        count(verified.digests as u64),
        count(verified.numbers as u64),
        count(verified.bytes as u64)
    );
    if args.json {
        let line = serde_json::json!({
            "exit": 0,
            "digests": verified.digests,
            "numbers": verified.numbers,
            "bytes": verified.bytes,
        });
        anstream::println!("{line}");
    }
    Ok(Exit::Ok)
}
