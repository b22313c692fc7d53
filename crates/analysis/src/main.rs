//! The binary of stage 4; everything is in the library.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = analysis::cli::Cli::parse();
    pipeline::stage::main(|| analysis::cli::execute(cli))
}
