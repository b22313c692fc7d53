//! Time and memory of `analysis run`, with its tables, plots and reports, on simulated runs of four GPU modes.
//! Goal: 4 × 13,000 inferences in less than 300 ms. A GPU's run of 30 s a mode, 4 × 60,000, is reported beside it.

use super::process::{Cost, median};
use super::simulated;
use crate::binaries::Binaries;
use crate::project::Project;
use crate::{setup, ui};

const GOAL: f64 = 0.3;

/// Arguments of `measure analysis`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Inferences a mode
    #[arg(long, value_delimiter = ',', default_values_t = [13_000, 60_000], value_parser = clap::value_parser!(u32).range(100..=5_000_000))]
    rows: Vec<u32>,
    /// Times that each is run
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(3..=1000))]
    repeats: u32,
}

/// Measures and prints; exit 0 whether or not the goal is met, since the machine may be busy.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    let binaries = Binaries::ready(&project)?;
    let python = setup::query_engines(&project)?;
    let program = binaries.program("analysis");
    for &rows in &args.rows {
        let words = ["1".to_owned(), rows.to_string(), "7".to_owned()];
        let name = format!("run-4x{rows}");
        let folder = simulated::data(&project, &binaries, &name, "runs", &words)?;
        let run = folder.join("pipeline=resnet50").join("run=simulated-00000");
        let (program, run) = (program.to_string_lossy(), run.to_string_lossy());
        let of = |command: &[&str]| -> anyhow::Result<Vec<Cost>> {
            (0..args.repeats).map(|_| simulated::cost(&python, command)).collect()
        };
        let found = of(&[&*program, "run", "--run", &*run])?;
        let wall = line(&format!("analysis run, 4 × {rows}"), &found);
        line(&format!("analysis verify, 4 × {rows}"), &of(&[&*program, "verify", &*run])?);
        if rows == 13_000 {
            let met = if wall < GOAL { "met" } else { "NOT met here" };
            ui::data(&format!("goal, median below {GOAL} s: {met}"));
        }
    }
    Ok(0)
}

/// Prints the medians and returns that of the time.
fn line(what: &str, found: &[Cost]) -> f64 {
    let of = |pick: fn(&Cost) -> f64| median(found.iter().map(pick));
    let wall = of(|cost| cost.whole);
    let slowest = found.iter().map(|cost| cost.whole).fold(0.0, f64::max);
    ui::data(&format!(
        "{what}: median {wall:.3} s, slowest {slowest:.3} s of {}; processor time {:.3} s, peak memory {:.0} MB",
        found.len(),
        of(|cost| cost.processor),
        of(|cost| cost.memory),
    ));
    wall
}
