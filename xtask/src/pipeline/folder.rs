//! Run folders: their names, the newest one, and the lock that keeps a second chain out.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::plan::Plan;
use crate::digest;
use crate::fault::Fault;
use crate::project::{Project, files_of};

/// A new run folder: `results/runs/pipeline=<name>/run=<utc>-<digest>`; created later, by whoever writes first.
///
/// The digest is over what was run and when, to the nanosecond, so that two runs started in the same
/// second do not meet.
pub(crate) fn fresh(project: &Project, plan: &Plan) -> PathBuf {
    let now = jiff::Timestamp::now();
    let mut hash = Sha256::new();
    hash.update(plan.effective());
    hash.update(now.as_nanosecond().to_le_bytes());
    hash.update(std::process::id().to_le_bytes());
    let digest = digest::hex(&hash.finalize()[..4]);
    let stamp = now.strftime("%Y%m%dT%H%M%SZ");
    runs_of(project, plan.name()).join(format!("run={stamp}-{digest}"))
}

/// The newest run of a pipeline that has got as far as a pipeline file.
pub(crate) fn newest(project: &Project, name: &str) -> Option<PathBuf> {
    let runs = files_of(&runs_of(project, name), |entry| entry.starts_with("run="));
    runs.into_iter().rev().find(|run| run.join("pipeline.toml").is_file())
}

fn runs_of(project: &Project, name: &str) -> PathBuf {
    project.root().join("results").join("runs").join(format!("pipeline={name}"))
}

/// Creates the folder and holds it for the whole chain; each stage locks its own part besides.
pub(crate) fn lock(run: &Path) -> anyhow::Result<File> {
    let cannot = |error: std::io::Error| {
        let message = format!("cannot write into the run folder {}: {error}", run.display());
        Fault::environment(message).hint("name a folder that you may write with --run DIR")
    };
    fs::create_dir_all(run).map_err(cannot)?;
    let file = File::create(run.join(".pipeline.lock")).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message =
                format!("another pipeline is writing into the run folder {}", run.display());
            Err(Fault::config(message)
                .hint("wait for it to end, or name another folder with --run")
                .into())
        }
        Err(TryLockError::Error(error)) => Err(cannot(error).into()),
    }
}
