//! The binary of stage 2; everything is in the library.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use engine_build::EngineBuild;
use engine_build::command::{BackendsArgs, BuildArgs, CacheCommand, InspectArgs};
use pipeline::stage::RunArgs;

/// Builds inference engines from ONNX models, keeps them, and tells what is in them.
#[derive(Parser)]
#[command(name = "engine-build", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the stage on a run folder.
    Run(RunArgs),
    /// Build one engine from one model, without the store.
    Build(BuildArgs),
    /// List, show or prune the stores of engines and timing caches.
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Show what an engine holds.
    Inspect(InspectArgs),
    /// Show which backends work here.
    Backends(BackendsArgs),
    /// The builder in a process of its own; started by `run` and `build`.
    #[command(hide = true)]
    BuildOne,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    pipeline::stage::main(|| match &cli.command {
        Command::Run(args) => pipeline::stage::run::<EngineBuild>(args),
        Command::Build(args) => engine_build::command::build(args),
        Command::Cache(command) => engine_build::command::cache(command),
        Command::Inspect(args) => engine_build::command::inspect(args),
        Command::Backends(args) => engine_build::command::backends(args),
        Command::BuildOne => engine_build::isolate::child::run(),
    })
}
