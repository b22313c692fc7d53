//! `cargo xtask test`: everything that CI runs, in an order that fails early.
//!
//! One profile throughout, so that every dependency is compiled once for checking and once for running.
//! Without a network the parts that need ONNX Runtime or the notebook's packages are left out, loudly.

mod steps;

use std::time::{Duration, Instant};

use crate::project::Project;
use crate::ui;
use steps::{Outcome, STEPS, State};

/// Arguments of `test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only steps whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Name the steps and run none
    #[arg(long)]
    list: bool,
}

/// One step that was run.
struct Ran {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// Runs the steps and stops at the first that fails. Exit 0, or 3 when a step failed.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let chosen: Vec<_> = STEPS
        .iter()
        .filter(|(name, _)| args.only.as_ref().is_none_or(|text| name.contains(text.as_str())))
        .collect();
    if args.list {
        for (name, _) in chosen {
            ui::data(name);
        }
        return Ok(0);
    }
    let started = Instant::now();
    let mut state = State::new(Project::find(None)?)?;
    let mut ran: Vec<Ran> = Vec::new();
    for (name, step) in chosen {
        ui::heading(name);
        let began = Instant::now();
        let outcome =
            step(&mut state).unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        let took = began.elapsed();
        match &outcome {
            Outcome::Passed => ui::done(name, took),
            Outcome::LeftOut(reason) => ui::warn(&format!("{name} was LEFT OUT: {reason}")),
            Outcome::Failed(reason) => ui::failed(&format!("{name}: {reason}"), took),
        }
        let stop = matches!(outcome, Outcome::Failed(_));
        ran.push(Ran { name, outcome, took });
        if stop {
            break;
        }
    }
    Ok(summarise(&ran, started.elapsed()))
}

fn summarise(ran: &[Ran], total: Duration) -> u8 {
    ui::heading(&format!("summary, {}", ui::seconds(total)));
    for Ran { name, outcome, took } in ran {
        match outcome {
            Outcome::Passed => ui::done(name, *took),
            Outcome::LeftOut(reason) => ui::warn(&format!("{name} was LEFT OUT: {reason}")),
            Outcome::Failed(reason) => ui::failed(&format!("{name}: {reason}"), *took),
        }
    }
    if ran.iter().any(|step| matches!(step.outcome, Outcome::Failed(_))) { 3 } else { 0 }
}
