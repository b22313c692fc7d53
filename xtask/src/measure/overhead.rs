//! What a run of the chain costs beyond the measuring itself. Goal: at most 15 s for pipelines/resnet50.toml
//! once its engines are in the store.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use super::paired::asked;
use crate::binaries::Binaries;
use crate::fault::Fault;
use crate::project::Project;
use crate::{setup, ui};

/// Sums the measured windows of a run, and the warm-ups before them as their samples tell.
const READ: &str = r#"
import json, sys
from pathlib import Path
import pyarrow.compute as pc
import pyarrow.parquet as pq
run = Path(sys.argv[1])
cases = pq.ParquetFile(run / "cases.parquet").read().to_pylist()
window = sum(row["wall_ns"] for row in cases if row["n"] > 0)
warm_up = 0
for name in sorted({row["case"] for row in cases if row["n"] > 0}):
    table = pq.ParquetFile(run / "samples" / f"{name}.parquet").read()
    table = table.filter(pc.field("phase") == "warm-up")
    for span in table.group_by("round").aggregate([("issue_ns", "min"), ("done_ns", "max")]).to_pylist():
        warm_up += span["done_ns_max"] - span["issue_ns_min"]
print(json.dumps({"window_s": window / 1e9, "warm_up_s": warm_up / 1e9}))
"#;

/// Arguments of `measure overhead`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Pipeline file to run
    #[arg(default_value = "pipelines/resnet50.toml")]
    file: PathBuf,
    /// Change one value of the file
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    overrides: Vec<String>,
}

/// Runs the chain once and prints where its time went. Run it twice: the first run fills the engine store.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let project = Project::find(Some(&args.file))?;
    let binaries = Binaries::ready(&project)?;
    let python = setup::notebook(&project)?;
    let scratch = tempfile::tempdir()?;
    let run = scratch.path().join("run");
    let mut command = Command::new(binaries.program("xtask"));
    command.arg("pipeline").arg(&args.file).arg("--json").arg("--run").arg(&run);
    for entry in &args.overrides {
        command.arg("--set").arg(entry);
    }
    // the programs are there; what cargo adds is `measure check`'s matter
    command.env_remove("CARGO").stderr(std::process::Stdio::inherit());
    let started = std::time::Instant::now();
    let output = command.output()?;
    let total = started.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(Fault::environment(format!("the chain ended with {}", output.status)).into());
    }
    let found = asked(Command::new(python).args(["-c", READ]).arg(&run))?;
    let seconds = |key: &str| found[key].as_f64().with_context(|| format!("no {key}"));
    let (window, warm_up) = (seconds("window_s")?, seconds("warm_up_s")?);
    ui::data(&format!(
        "whole chain {total:.1} s = measured windows {window:.1} s + warm-ups {warm_up:.1} s + everything else {:.1} s",
        total - window - warm_up
    ));
    Ok(0)
}
