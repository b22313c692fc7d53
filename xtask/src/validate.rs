//! `cargo xtask validate`: the statistical method against simulated truth, and every committed report against its
//! samples.

use std::path::PathBuf;

use crate::binaries::Binaries;
use crate::fault::VERIFICATION;
use crate::project::Project;
use crate::ui;

/// Arguments of `validate`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A fifth of the trials and no files: what `cargo xtask test` runs
    #[arg(long)]
    quick: bool,
    /// Where the proof is written
    #[arg(long, default_value = "results/curated/method", conflicts_with = "quick")]
    out: PathBuf,
    /// Given on to `analysis validate`: --trials N, --seed N, --only TEXT
    #[arg(last = true)]
    more: Vec<String>,
}

/// Runs the proof and derives committed reports again; exit 0, or 3 when anything does not hold.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(None)?;
    let binaries = Binaries::ready(&project)?;
    let program = || {
        let mut command = std::process::Command::new(binaries.program("analysis"));
        command.current_dir(project.root());
        command
    };
    let mut command = program();
    command.arg("validate").args(&args.more);
    if args.quick {
        command.arg("--quick");
    } else {
        command.arg("--out").arg(&args.out);
    }
    let status = command.status()?;
    let mut holds = status.success();
    if !holds {
        ui::error(&format!("analysis validate ended with {status}"));
    }
    if !args.quick {
        for run in project.curated()? {
            ui::heading(&format!("{}, derived again", run.display()));
            holds &= program().arg("verify").arg(&run).status()?.success();
        }
    }
    Ok(if holds { 0 } else { VERIFICATION })
}
