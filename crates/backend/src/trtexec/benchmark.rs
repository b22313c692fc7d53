//! Measures an engine with `trtexec`: a whole benchmark in one run.
//!
//! What was asked is compared with what trtexec says it understood; where they differ the run is an
//! error, so that a flag that was ignored never becomes a number.

use std::path::Path;

use trtexec_format::times::{self, Row};
use trtexec_format::{Log, Profile, Summary, Version, profile};

use crate::error::{Error, Result};

use super::command::{self, BenchSpec, Exports, Wait};
use super::flags;
use super::run::{Limits, run};
use super::{Device, ID, Trtexec};

/// What a benchmark gave.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchOutcome {
    /// One row an inference in trtexec's order: by the start of the copy in, over all streams.
    pub times: Vec<Row>,
    /// Rows at the start of `times` that belong to the warm-up: only before 8.5, later versions leave them out.
    pub warm_up_rows: usize,
    /// trtexec's own figures.
    pub summary: Summary,
    /// Times of layers, when they were asked for.
    pub profile: Option<Profile>,
    /// Whether a CUDA graph was really used.
    pub graph: bool,
    /// The device as trtexec told it.
    pub device: Device,
    /// Every option that trtexec echoed, by its own words.
    pub settings: Vec<(String, String)>,
    /// The command line as a shell would take it.
    pub command: String,
    /// What trtexec warned of, and what its version could not be told.
    pub warnings: Vec<String>,
}

/// Runs a benchmark; the log of one that fails is kept at `log`.
pub(crate) fn bench(
    tool: &Trtexec,
    spec: &BenchSpec<'_>,
    limits: Limits<'_>,
    log: &Path,
) -> Result<BenchOutcome> {
    let folder = tempfile::Builder::new()
        .prefix("trtexec-")
        .tempdir()
        .map_err(|source| Error::Io { path: std::env::temp_dir(), source })?;
    let engine = std::path::absolute(spec.engine)
        .map_err(|source| Error::Io { path: spec.engine.to_owned(), source })?;
    if !engine.is_file() {
        let reason = "there is no such engine file".to_owned();
        return Err(Error::Model { path: spec.engine.to_owned(), reason });
    }
    let spec = BenchSpec { engine: &engine, ..spec.clone() };
    let (times, profile) = (folder.path().join("times.json"), folder.path().join("profile.json"));
    let exports = Exports { times: &times, profile: &profile };
    let command = command::bench(tool.version, &spec, &exports)?;
    let ran = run(&tool.program, &command, folder.path(), limits)?;
    ran.check("benchmark", spec.engine, log)?;
    compare(&spec, &ran.log)?;
    let rows = read_times(&times)?;
    let mut warnings = ran.log.warnings.clone();
    warnings.extend(command.notes);
    let warm_up_rows = warm_up_rows(tool.version, &spec, &rows);
    let measured = (rows.len() - warm_up_rows) as u64;
    if let Some(told) = ran.log.summary.queries.filter(|&told| told != measured) {
        warnings
            .push(format!("the log tells {told} inferences, the exported times have {measured}"));
    }
    Ok(BenchOutcome {
        times: rows,
        warm_up_rows,
        profile: if spec.profile { Some(read_profile(&profile)?) } else { None },
        graph: spec.graph && ran.log.graph_captured != Some(false),
        device: ran.log.device,
        settings: ran.log.settings,
        summary: ran.log.summary,
        command: ran.line,
        warnings,
    })
}

/// Compares the request with trtexec's echo of it. An option that it does not echo is not judged.
fn compare(spec: &BenchSpec<'_>, log: &Log) -> Result<()> {
    let switch = |on: bool| if on { "Enabled" } else { "Disabled" };
    let streams = spec.streams.to_string();
    let asked = [
        (&["Inference Streams", "Streams"][..], streams.as_str()),
        (&["Data transfers"], switch(spec.transfers)),
        (&["Spin-wait"], switch(spec.wait == Wait::Spin)),
        (&["CUDA Graph"], switch(spec.graph)),
        (&["ExposeDMA"], switch(spec.depth == 1)),
        (&["Multithreading"], switch(spec.threads)),
    ];
    for (keys, wanted) in asked {
        if let Some(found) = log.setting(keys).filter(|found| *found != wanted) {
            let reason = format!("asked for `{}: {wanted}`, trtexec understood `{found}`", keys[0]);
            return Err(Error::Engine { backend: ID, what: "benchmark", reason });
        }
    }
    Ok(())
}

/// Rows before the first whose computation starts after the warm-up, as trtexec's own summary cuts them.
fn warm_up_rows(version: Version, spec: &BenchSpec<'_>, rows: &[Row]) -> usize {
    if version.since(flags::TIMES_WITHOUT_WARM_UP) {
        return 0;
    }
    let warm_up = i64::try_from(spec.warm_up.as_nanos()).unwrap_or(i64::MAX);
    rows.iter()
        .position(|row| row.start_compute_ns.is_none_or(|start| start >= warm_up))
        .unwrap_or(rows.len())
}

/// Reads the exported times of a run that ended well: a file that is cut off is an error here.
fn read_times(path: &Path) -> Result<Vec<Row>> {
    let file =
        std::fs::File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let wrong = |reason: String| Error::Model { path: path.to_owned(), reason };
    let mut rows = times::Rows::new(file);
    let found = rows.by_ref().collect::<Result<Vec<Row>, _>>();
    let found = found.map_err(|error| wrong(error.to_string()))?;
    match rows.end() {
        times::End::Complete => Ok(found),
        times::End::CutOff { why, .. } => Err(wrong(why.clone())),
    }
}

fn read_profile(path: &Path) -> Result<Profile> {
    let bytes =
        std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    profile::parse(&String::from_utf8_lossy(&bytes))
        .map_err(|reason| Error::Model { path: path.to_owned(), reason })
}
