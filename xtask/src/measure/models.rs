//! Models of others, through everything: verify, convert, build, run, analyse.
//!
//! Each model runs with its own weights and, where those say nothing, with seeded ones
//! (`onnx-export-verify reweight`): own constants prove operators and shapes, seeded ones prove numbers.
//! What came of each step stands in a table beside what was expected; the exit code says whether all agree.

mod list;
mod row;
mod steps;
mod tools;

use std::time::Instant;

use crate::binaries::Binaries;
use crate::fault::{Fault, VERIFICATION};
use crate::project::Project;
use crate::ui;
use list::{MODELS, Model, Weights};
use row::Row;
use tools::Tools;

/// Arguments of `measure models`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the small ones, as CI does
    #[arg(long)]
    quick: bool,
    /// Only models whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Seed of the weights
    #[arg(long, default_value_t = 1)]
    seed: u32,
}

/// Runs all steps of all models that were asked for; exit 3 when one ended otherwise than expected.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    let binaries = Binaries::ready(&project)?;
    let wanted = |model: &&Model| {
        (model.quick || !args.quick)
            && args.only.as_ref().is_none_or(|text| model.name.contains(text.as_str()))
    };
    let models: Vec<&Model> = MODELS.iter().filter(wanted).collect();
    if models.is_empty() {
        let names: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
        let message = format!("no such model; there are {}", names.join(", "));
        return Err(Fault::config(message).into());
    }
    let started = Instant::now();
    let mut rows = Vec::new();
    for (index, model) in models.iter().enumerate() {
        let files = tools::files(&project, model)?;
        for weights in model.weights {
            let began = Instant::now();
            ui::heading(&format!(
                "{} of {}: {} with {} weights",
                index + 1,
                models.len(),
                model.name,
                weights.as_str()
            ));
            // a project of its own, given back after each model: VGG-19 alone takes gigabytes
            let tools = Tools::new(&project, &binaries, &files)?;
            let row = steps::row(&tools, model, *weights, args.seed)?;
            ui::done(&row.short(), began.elapsed());
            rows.push(row);
        }
    }
    Ok(summarise(&rows, started.elapsed()))
}

fn summarise(rows: &[Row], took: std::time::Duration) -> u8 {
    for line in row::table(rows) {
        ui::data(&line);
    }
    let unexpected: Vec<String> = rows.iter().flat_map(Row::unexpected).collect();
    for line in rows.iter().flat_map(Row::reasons) {
        ui::data(&line);
    }
    for line in &unexpected {
        ui::error(line);
    }
    let seeded = rows.iter().filter(|row| row.weights == Weights::Seeded).count();
    ui::note(&format!(
        "{} models and variants, {seeded} of them with seeded weights, in {}",
        rows.len(),
        ui::seconds(took)
    ));
    if unexpected.is_empty() { 0 } else { VERIFICATION }
}
