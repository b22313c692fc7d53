//! Stage 1 of Tailmark: weights to verified ONNX models.

use std::process::ExitCode;

use clap::Parser;
use onnx_export_verify::commands::{self, Command};

/// Exports ONNX models and proves that engines agree about them.
#[derive(Parser)]
#[command(name = "onnx-export-verify", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    pipeline::stage::main(|| commands::run(&cli.command))
}
