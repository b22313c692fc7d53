//! `analysis validate`: does the statistical method keep its promises? Simulated runs whose truth is known go through
//! the same code as measured ones; every promise is a share of trials with its Monte Carlo error.
//!
//! Seeds that tuned the method were small whole numbers; the proof has one of its own.

mod between;
mod check;
mod clocks;
mod comparing;
mod covering;
mod faults;
mod machine;
mod output;
mod planning;
mod random;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use pipeline::Exit;
use pipeline::artifact::ValidationRow;

use random::Plan;

/// Seed of the proof.
const PROOF_SEED: u64 = 20_261_125;
/// Trials of the quick form: three standard errors of a coverage of 95 % are 3.3 %.
const QUICK: u64 = 400;
/// Trials of verdicts in the quick form, where a share of 99 % is promised and a wrong rule gives less than half.
const QUICK_VERDICTS: u64 = 40;

/// Arguments of `analysis validate`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Trials of each promise; below 2,000, promises are judged with three standard errors of room
    #[arg(long, default_value_t = check::PROOF, value_parser = clap::value_parser!(u64).range(20..=1_000_000))]
    trials: u64,
    /// Seed of the simulated runs
    #[arg(long, default_value_t = PROOF_SEED)]
    seed: u64,
    /// A fifth of the trials and no curves: what `cargo xtask test` runs
    #[arg(long, conflicts_with = "trials")]
    quick: bool,
    /// Only groups with this in their name: comparing, covering, clocks, faults, planning, between
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Write validation.parquet, table and plots into this folder; with --only, other lines that are there stay
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print a machine-readable last line on stdout
    #[arg(long)]
    json: bool,
}

type Group = fn(&Plan) -> Vec<ValidationRow>;
/// The groups in the order of the table.
const GROUPS: [(&str, Group); 6] = [
    ("comparing", comparing::rows),
    ("covering", covering::rows),
    ("clocks", clocks::rows),
    ("faults", faults::rows),
    ("planning", planning::rows),
    ("between", between::rows),
];

/// Runs the proof; exit 3 when a promise is broken.
///
/// # Errors
/// Exit 4 when a file cannot be written.
pub fn execute(args: &Arguments) -> anyhow::Result<Exit> {
    let trials = if args.quick { QUICK } else { args.trials };
    let of_curve = if args.quick { 0 } else { (trials / 16).max(20) };
    let of_verdicts = if args.quick { QUICK_VERDICTS } else { trials };
    let plan = Plan { trials, of_verdicts, of_curve, seed: args.seed };
    let started = Instant::now();
    let mut rows = Vec::new();
    for (name, group) in GROUPS {
        if args.only.as_ref().is_none_or(|text| name.contains(text.as_str())) {
            let began = Instant::now();
            rows.extend(group(&plan));
            anstream::eprintln!("{name}: {:.1} s", began.elapsed().as_secs_f64());
        }
    }
    let broken = rows.iter().filter(|row| row.verdict == "FAILS").count();
    let promises = rows.iter().filter(|row| !row.verdict.is_empty()).count();
    anstream::print!("{}", output::terminal(&rows));
    anstream::println!(
        "{} of {promises} promises hold, {trials} trials each, seed {}, {:.0} s",
        promises - broken,
        args.seed,
        started.elapsed().as_secs_f64()
    );
    if let Some(folder) = &args.out {
        let kept = if args.only.is_some() {
            output::others(folder, &rows, args.seed)?
        } else {
            Vec::new()
        };
        output::write(folder, &[kept, rows].concat(), args.seed)?;
        anstream::println!("written: {}", folder.display());
    }
    let exit = if broken > 0 { Exit::Verification } else { Exit::Ok };
    if args.json {
        let line = serde_json::json!({
            "exit": exit as u8, "promises": promises, "broken": broken, "trials": trials,
        });
        anstream::println!("{line}");
    }
    Ok(exit)
}
