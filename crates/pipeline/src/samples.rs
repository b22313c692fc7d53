//! Samples: one row an inference, marks and event durations on stated clocks, no statistic.
//!
//! A case is one file, `samples/<case>.parquet`. While it is measured, parts are closed about every
//! second (`samples/<case>-r<round>-<k>.parquet`), so that a kill loses a second and not the run;
//! [`compact`] joins the parts when the case ends. Rows of a file are sorted by round, stream and seq.
//! Integers are delta-coded: neighbouring stamps differ by little (measured in METHODOLOGY.md).

mod write;

pub use write::{Sink, write, write_stream};

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::{Array, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::artifact::check_version;
use crate::fault::Fault;
use crate::files;
use crate::provenance::Provenance;
use crate::run_dir::RunDir;
use write::{batch, write_batch};

/// Name of the artifact in the footer.
pub const NAME: &str = "samples";
/// Version of the artifact.
pub const VERSION: u32 = 1;

/// Whether an inference counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Issued before the measured window.
    WarmUp,
    /// Issued in the measured window.
    Steady,
}

impl Phase {
    /// As it stands in the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WarmUp => "warm-up",
            Self::Steady => "steady",
        }
    }
}

/// One inference. Stamps and durations in ns; stamps on the host's monotonic clock from the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Round of the case, from 0.
    pub round: i64,
    /// Stream, from 0.
    pub stream: i64,
    /// Counts the inferences of a stream within a round, warm-up included, without gaps.
    pub seq: i64,
    /// Whether it counts.
    pub phase: Phase,
    /// Host stamp before the enqueue call.
    pub issue_ns: i64,
    /// Duration of the enqueue call; null on CPU backends.
    pub enqueue_ns: Option<i64>,
    /// Copy to the device.
    pub h2d_ns: Option<i64>,
    /// The inference itself: the event pair around it, or the wall time of the call on CPU backends.
    pub compute_ns: i64,
    /// Copy from the device.
    pub d2h_ns: Option<i64>,
    /// Start of compute on the GPU, mapped to the host clock.
    pub start_ns: Option<i64>,
    /// Host stamp when completion was first seen.
    pub done_ns: i64,
    /// Scheduled arrival (open loop only).
    pub scheduled_ns: Option<i64>,
}

const INTEGERS: [(&str, bool); 11] = [
    ("round", false),
    ("stream", false),
    ("seq", false),
    ("issue_ns", false),
    ("enqueue_ns", true),
    ("h2d_ns", true),
    ("compute_ns", false),
    ("d2h_ns", true),
    ("start_ns", true),
    ("done_ns", false),
    ("scheduled_ns", true),
];

/// The Arrow schema of samples.
pub fn schema() -> SchemaRef {
    let int = |name: &str| {
        let nullable = INTEGERS.iter().any(|&(column, nullable)| column == name && nullable);
        Field::new(name, DataType::Int64, nullable)
    };
    Arc::new(Schema::new(vec![
        Field::new("case", DataType::Utf8, false),
        int("round"),
        int("stream"),
        int("seq"),
        Field::new("phase", DataType::Utf8, false),
        int("issue_ns"),
        int("enqueue_ns"),
        int("h2d_ns"),
        int("compute_ns"),
        int("d2h_ns"),
        int("start_ns"),
        int("done_ns"),
        int("scheduled_ns"),
    ]))
}

/// Where part `k` of a round of a case is written while it is measured.
pub fn part_path(run: &RunDir, case: &str, round: u32, k: u32) -> PathBuf {
    run.samples().join(format!("{case}-r{round}-{k:04}.parquet"))
}

/// Joins the parts of a case into `samples/<case>.parquet` and removes them.
///
/// The joined file is complete on disk (as `.part`) before the first part goes, and [`read`] knows
/// that name, so a kill at any moment loses nothing and doubles nothing.
pub fn compact(
    run: &RunDir,
    case: &str,
    parts: &[PathBuf],
    provenance: &Provenance,
) -> anyhow::Result<()> {
    let mut samples = Vec::new();
    for part in parts {
        samples.append(&mut read_file(part)?.1);
    }
    samples.sort_unstable_by_key(|s| (s.round, s.stream, s.seq));
    let target = run.samples_of(case);
    let joined = files::part_path(&target);
    // a case without a part is one that failed before its first sample
    fs::create_dir_all(run.samples())
        .with_context(|| format!("cannot create {}", run.samples().display()))?;
    let mut file =
        File::create(&joined).with_context(|| format!("cannot write {}", joined.display()))?;
    write_batch(&mut file, &batch(case, &samples)?, provenance)?;
    file.sync_all()?;
    for part in parts {
        fs::remove_file(part).with_context(|| format!("cannot remove {}", part.display()))?;
    }
    fs::rename(&joined, &target).with_context(|| format!("cannot write {}", target.display()))
}

/// The files of one case: the whole one, or parts of an interrupted run.
fn files_of(run: &RunDir, case: &str) -> anyhow::Result<Vec<PathBuf>> {
    let whole = run.samples_of(case);
    let joined = files::part_path(&whole);
    let mut there = parts_of(run, case);
    if whole.exists() {
        there = vec![whole];
    } else if there.is_empty() {
        if !joined.exists() {
            return Err(Fault::config(format!("{} does not exist", whole.display()))
                .hint("run the stage runner on this run folder first")
                .into());
        }
        there.push(joined);
    }
    Ok(there)
}

/// How many samples of one case there are, as the footers tell.
///
/// # Errors
/// As [`read`].
pub fn rows(run: &RunDir, case: &str) -> anyhow::Result<u64> {
    let of_file = |path: &PathBuf| {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file);
        let builder = builder.map_err(|error| incomplete(path).because(error))?;
        Ok(builder.metadata().file_metadata().num_rows().max(0) as u64)
    };
    files_of(run, case)?.iter().map(of_file).sum()
}

fn incomplete(path: &Path) -> Fault {
    Fault::config(format!("{} is not a complete Parquet file", path.display()))
}

/// All samples of one case, sorted by round, stream and seq; parts of an interrupted run included.
///
/// # Errors
/// Exit 2 when there is no file for the case. A case that failed before its first sample has a file
/// without rows.
pub fn read(run: &RunDir, case: &str) -> anyhow::Result<Vec<Sample>> {
    let there = files_of(run, case)?;
    let mut samples = Vec::new();
    for file in &there {
        samples.append(&mut read_file(file)?.1);
    }
    samples.sort_unstable_by_key(|s| (s.round, s.stream, s.seq));
    samples.dedup_by_key(|s| (s.round, s.stream, s.seq));
    Ok(samples)
}

fn parts_of(run: &RunDir, case: &str) -> Vec<PathBuf> {
    let prefix = format!("{case}-r");
    let is_part = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_prefix(&prefix)
            .and_then(|rest| rest.strip_suffix(".parquet"))
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '-'))
    };
    let Ok(entries) = fs::read_dir(run.samples()) else { return Vec::new() };
    let mut parts: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| is_part(path)).collect();
    parts.sort();
    parts
}

/// The case and the samples of one file.
pub fn read_file(path: &Path) -> anyhow::Result<(String, Vec<Sample>)> {
    let what = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(what)?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(|error| incomplete(path).because(error))?;
    let metadata =
        builder.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
    check_version(path, &metadata, NAME, VERSION)?;
    let mut case = String::new();
    let mut samples =
        Vec::with_capacity(builder.metadata().file_metadata().num_rows().max(0) as usize);
    for batch in builder.with_batch_size(1 << 16).build().with_context(what)? {
        let batch = batch.with_context(what)?;
        if batch.num_rows() > 0 {
            let cases =
                batch.column_by_name("case").and_then(|column| column.as_string_opt::<i32>());
            cases.with_context(what)?.value(0).clone_into(&mut case);
        }
        push_rows(&batch, &mut samples).with_context(what)?;
    }
    Ok((case, samples))
}

fn push_rows(batch: &RecordBatch, samples: &mut Vec<Sample>) -> anyhow::Result<()> {
    let ints = |name: &str| {
        let column = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
        column
            .as_primitive_opt::<Int64Type>()
            .with_context(|| format!("column {name} is not int64"))
    };
    let phases = batch
        .column_by_name("phase")
        .and_then(|column| column.as_string_opt::<i32>())
        .context("no column phase of type text")?;
    let [round, stream, seq] = [ints("round")?, ints("stream")?, ints("seq")?];
    let [issue, compute, done] = [ints("issue_ns")?, ints("compute_ns")?, ints("done_ns")?];
    let [enqueue, h2d, d2h] = [ints("enqueue_ns")?, ints("h2d_ns")?, ints("d2h_ns")?];
    let [start, scheduled] = [ints("start_ns")?, ints("scheduled_ns")?];
    let optional = |column: &Int64Array, i: usize| column.is_valid(i).then(|| column.value(i));
    samples.extend((0..batch.num_rows()).map(|i| Sample {
        round: round.value(i),
        stream: stream.value(i),
        seq: seq.value(i),
        phase: if phases.value(i) == Phase::Steady.as_str() {
            Phase::Steady
        } else {
            Phase::WarmUp
        },
        issue_ns: issue.value(i),
        enqueue_ns: optional(enqueue, i),
        h2d_ns: optional(h2d, i),
        compute_ns: compute.value(i),
        d2h_ns: optional(d2h, i),
        start_ns: optional(start, i),
        done_ns: done.value(i),
        scheduled_ns: optional(scheduled, i),
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(round: i64, stream: i64, seq: i64) -> Sample {
        let issue_ns = 1_000_000 * seq + 17 * stream;
        Sample {
            round,
            stream,
            seq,
            phase: if seq < 2 { Phase::WarmUp } else { Phase::Steady },
            issue_ns,
            enqueue_ns: None,
            h2d_ns: None,
            compute_ns: 900_000 + seq % 7,
            d2h_ns: None,
            start_ns: None,
            done_ns: issue_ns + 900_000 + seq % 7,
            scheduled_ns: (stream == 1).then_some(issue_ns - 5),
        }
    }

    #[test]
    fn a_case_that_never_began_has_an_empty_file() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::new(dir.path());
        compact(&run, "base", &[], &Provenance::default()).unwrap();
        assert_eq!(read(&run, "base").unwrap(), []);
    }

    #[test]
    fn parts_are_joined_without_loss_and_sorted() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::new(dir.path());
        let provenance = Provenance::default();
        let mut expected = Vec::new();
        let mut parts = Vec::new();
        for k in 0..3 {
            let mut samples: Vec<Sample> = (0..100)
                .flat_map(|seq| {
                    [sample(0, 1, 100 * i64::from(k) + seq), sample(0, 0, 100 * i64::from(k) + seq)]
                })
                .collect();
            expected.extend(samples.clone());
            let path = part_path(&run, "streams-2", 0, k);
            write(&path, "streams-2", &mut samples, &provenance).unwrap();
            parts.push(path);
        }
        expected.sort_unstable_by_key(|s| (s.round, s.stream, s.seq));
        // as a killed run leaves them
        assert_eq!(read(&run, "streams-2").unwrap(), expected);
        assert_eq!(rows(&run, "streams-2").unwrap(), 600);
        compact(&run, "streams-2", &parts, &provenance).unwrap();
        assert_eq!(read(&run, "streams-2").unwrap(), expected);
        assert_eq!(rows(&run, "streams-2").unwrap(), 600);
        assert!(parts.iter().all(|part| !part.exists()));
    }

    #[test]
    fn a_stream_of_batches_is_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("base.parquet");
        let all: Vec<Sample> = (0..1000).map(|seq| sample(0, 0, seq)).collect();
        let provenance = Provenance::default();
        let write = |parts: &[&[Sample]]| {
            write_stream(&path, "base", &provenance, |sink| {
                parts.iter().try_for_each(|p| sink.add(p))
            })
        };
        write(&[&all[..300], &all[300..301], &all[301..]]).unwrap();
        assert_eq!(read_file(&path).unwrap(), ("base".to_owned(), all.clone()));
        let error = write(&[&all[300..], &all[..300]]).unwrap_err();
        assert!(format!("{error:#}").contains("does not follow"), "{error:#}");
        // the file of before is still there
        assert_eq!(read_file(&path).unwrap().1, all);
    }

    #[test]
    fn parts_of_one_case_are_not_those_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::new(dir.path());
        let path = part_path(&run, "base-r", 0, 0);
        write(&path, "base-r", &mut [sample(0, 0, 0)], &Provenance::default()).unwrap();
        assert!(read(&run, "base").is_err());
    }
}
