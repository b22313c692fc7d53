//! `cargo xtask`: what a user or CI starts. One file a command; stages are processes, never a dependency.
//!
//! xtask knows the names of the stages and their command line, and nothing else of the workspace: it
//! stays quick to build, and a crash of a driver costs one stage. In a bundle the same program is
//! called `tailmark` and needs no cargo.

mod binaries;
mod bundle;
mod digest;
mod doctor;
mod fault;
mod interrupt;
mod measure;
mod pipeline;
mod project;
mod setup;
mod test;
mod tidy;
mod ui;
mod validate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", version, about = "Runs the Tailmark chain and everything around it")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the chain of a pipeline file: weights → ONNX → engine → benchmark → report
    Pipeline(pipeline::Args),
    /// Run everything that CI runs
    Test(test::Args),
    /// Fetch optional runtime libraries; idempotent, checksummed
    Setup(setup::Args),
    /// Tell which backends work here, which do not, and what would fix each
    Doctor(doctor::Args),
    /// Pack the programs and what they need for a machine without cargo
    Bundle(bundle::Args),
    /// Prove the layering and the house rules
    Tidy(tidy::Args),
    /// Prove the statistical method on simulated truth, and committed reports on their samples
    Validate(validate::Args),
    /// Measure the project's own promises
    #[command(subcommand)]
    Measure(measure::Command),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Pipeline(args) => pipeline::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Setup(args) => setup::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Bundle(args) => bundle::run(&args),
        Command::Tidy(args) => tidy::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Measure(command) => measure::run(&command),
    };
    match result {
        Ok(exit) => ExitCode::from(exit),
        Err(error) => {
            ui::report(&error);
            ExitCode::from(fault::exit_of(&error))
        }
    }
}
