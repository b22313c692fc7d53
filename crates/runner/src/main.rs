//! The binary of stage 3; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    pipeline::stage::main(runner::cli::main)
}
