//! `cargo xtask measure`: the project's own promises, measured.

mod check;

/// What can be measured.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Time of `pipeline --check`, with the programs called directly and through cargo
    Check(check::Args),
}

/// Measures and prints; the exit code is 0 unless something could not be run.
pub(crate) fn run(command: &Command) -> anyhow::Result<u8> {
    match command {
        Command::Check(args) => check::run(args),
    }
}
