//! One exported file → samples, and what its text says of them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use pipeline::Fault;
use pipeline::digest::{Digest, HashingReader};
use pipeline::samples::{Phase, Sample};
use trtexec_format::times::{End, Error, Row, Rows};

use super::steps::{self, Stamps};

/// What limits and shapes the reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Rows that are taken; more are an error, so that a hostile file cannot fill the memory.
    pub(crate) rows: usize,
    /// Rows whose computation starts before it are warm-up, ns.
    pub(crate) warm_up_ns: i64,
}

/// What a file held.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    /// In order of their start; round and stream 0.
    pub(crate) samples: Vec<Sample>,
    /// SHA-256 of the file as it lies there, compressed or not.
    pub(crate) digest: Digest,
    /// Why the file is not whole; `None` when it is.
    pub(crate) cut_off: Option<String>,
    /// Whether the file had its rows in order of their start.
    pub(crate) sorted: bool,
    /// Whether copies take time; `None` when the file tells of none.
    pub(crate) transfers: Option<bool>,
    /// Whether `compute` of some row had to be the difference of two stamps.
    pub(crate) of_stamps: bool,
    /// Step of the stamps, ns.
    pub(crate) stamp_step_ns: i64,
    /// Step of `compute`, ns; `None` where none was found.
    pub(crate) compute_step_ns: Option<f64>,
    /// `endComputeMs − startComputeMs` of rows that have both and count, ascending: what the stamps make of compute.
    pub(crate) differences: Vec<i64>,
    /// Time that it took to read.
    pub(crate) took: Duration,
}

/// Reads a file, `-` being standard input.
///
/// # Errors
/// Exit 2 when it is missing, damaged, too long, or not exported times.
pub(crate) fn read_file(path: &Path, limits: Limits) -> anyhow::Result<Trace> {
    let name = path.display().to_string();
    if path == Path::new("-") {
        return read(&name, std::io::stdin().lock(), limits);
    }
    let file = File::open(path).map_err(|error| unreadable(&name, error))?;
    read(&name, file, limits)
}

/// Reads a text or its gzip from anywhere; `name` is for messages.
pub(crate) fn read(name: &str, from: impl Read, limits: Limits) -> anyhow::Result<Trace> {
    let started = Instant::now();
    let mut from = HashingReader::new(from);
    let mut magic = [0; 2];
    let n = read_up_to(&mut from, &mut magic).map_err(|error| unreadable(name, error))?;
    let text = magic[..n].chain(&mut from);
    let mut taken = Taken::default();
    let end = if magic[..n] == [0x1f, 0x8b] {
        taken.all(name, Rows::new(MultiGzDecoder::new(text)), limits)?
    } else {
        taken.all(name, Rows::new(text), limits)?
    };
    let cut_off = match end {
        End::Complete => None,
        End::CutOff { why, .. } => Some(why),
    };
    if taken.samples.is_empty() {
        let why = cut_off.unwrap_or_else(|| "an empty array".to_owned());
        return Err(not_times(format!("{name} has no rows: {why}")).into());
    }
    let (samples, sorted) = in_order(taken.samples);
    let times = samples.iter().map(|sample| (sample.issue_ns, sample.compute_ns));
    let compute_step_ns = steps::durations(times);
    taken.differences.sort_unstable();
    Ok(Trace {
        digest: from.finish(),
        cut_off,
        sorted,
        transfers: taken.copies.then_some(taken.copies_take_time),
        of_stamps: taken.of_stamps,
        stamp_step_ns: taken.stamps.step_ns(),
        compute_step_ns,
        differences: taken.differences,
        samples,
        took: started.elapsed(),
    })
}

fn read_up_to(from: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match from.read(&mut buffer[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n)
}

fn unreadable(name: &str, error: std::io::Error) -> Fault {
    Fault::config(format!("cannot read {name}")).because(error)
}

fn not_times(message: String) -> Fault {
    Fault::config(message).hint(
        "--mode takes the file of trtexec's --exportTimes; logs, profiles and layers go to --log, --profile and --layers",
    )
}

/// What was taken from the rows so far.
#[derive(Default)]
struct Taken {
    samples: Vec<Sample>,
    stamps: Stamps,
    differences: Vec<i64>,
    of_stamps: bool,
    copies: bool,
    copies_take_time: bool,
}

impl Taken {
    fn all(
        &mut self,
        name: &str,
        mut rows: Rows<impl Read>,
        limits: Limits,
    ) -> anyhow::Result<End> {
        while let Some(row) = rows.next() {
            let row = row.map_err(|error| match error {
                Error::Format { .. } => {
                    not_times(format!("{name} is not exported times of trtexec: {error}"))
                }
                Error::Read(error) => unreadable(name, error),
            })?;
            if self.samples.len() == limits.rows {
                return Err(Fault::config(format!("{name} has more than {} rows", limits.rows))
                    .hint("raise --max-rows; a row takes about 300 bytes of memory")
                    .into());
            }
            let sample = self.sample(&row, limits.warm_up_ns).map_err(|what| {
                not_times(format!("{name}: row {}: {what}", rows.count_so_far()))
            })?;
            self.samples.push(sample);
        }
        Ok(rows.end().clone())
    }

    /// A row as a sample; its stream is not told, so all are on one.
    fn sample(&mut self, row: &Row, warm_up_ns: i64) -> Result<Sample, &'static str> {
        let compute_ns = row.compute();
        let issue_ns = row.start_h2d_ns.or(row.start_compute_ns).ok_or(
            "no stamp tells when it began: neither startH2dMs, startInMs nor startComputeMs",
        )?;
        let end = row.start_compute_ns.unwrap_or(issue_ns) + compute_ns;
        let done_ns = row.end_d2h_ns.or(row.end_compute_ns).unwrap_or(end);
        if done_ns < issue_ns {
            return Err("it ends before it begins");
        }
        let steady = row.start_compute_ns.unwrap_or(issue_ns) >= warm_up_ns;
        // the stamps that samples keep; so an export and its import find the same grid
        let kept = [row.start_h2d_ns, row.start_compute_ns, row.end_d2h_ns.or(row.end_compute_ns)];
        kept.into_iter().flatten().for_each(|ns| self.stamps.add(ns));
        if steady {
            self.differences.extend(row.compute_of_stamps());
        }
        let (h2d_ns, d2h_ns) = (row.h2d(), row.d2h());
        self.of_stamps |= row.compute_ns.is_none();
        self.copies |= h2d_ns.is_some() || d2h_ns.is_some();
        self.copies_take_time |= h2d_ns.unwrap_or(0) + d2h_ns.unwrap_or(0) > 0;
        Ok(Sample {
            round: 0,
            stream: 0,
            seq: 0,
            phase: if steady { Phase::Steady } else { Phase::WarmUp },
            issue_ns,
            enqueue_ns: row.enqueue(),
            h2d_ns,
            compute_ns,
            d2h_ns,
            start_ns: row.start_compute_ns,
            done_ns,
            scheduled_ns: None,
        })
    }
}

/// Samples in order of their start, numbered, and whether they already were.
fn in_order(mut samples: Vec<Sample>) -> (Vec<Sample>, bool) {
    let sorted = samples.is_sorted_by_key(|sample| sample.issue_ns);
    if !sorted {
        // stable: rounded stamps are equal now and then
        samples.sort_by_key(|sample| sample.issue_ns);
    }
    for (seq, sample) in samples.iter_mut().enumerate() {
        sample.seq = seq as i64;
    }
    (samples, sorted)
}

impl Trace {
    /// Samples that count.
    pub(crate) fn steady(&self) -> impl Iterator<Item = &Sample> + Clone {
        self.samples.iter().filter(|sample| sample.phase == Phase::Steady)
    }

    /// First start, last end of what counts; `None` when nothing does.
    pub(crate) fn window(&self) -> Option<(i64, i64)> {
        let start = self.steady().map(|sample| sample.issue_ns).min()?;
        Some((start, self.steady().map(|sample| sample.done_ns).max()?))
    }

    /// Most inferences under way at once: those whose end lies beyond the start of another.
    pub(crate) fn most_in_flight(&self) -> usize {
        let mut ends: BTreeSet<(i64, i64)> = BTreeSet::new();
        let mut most = 0;
        for sample in self.steady() {
            while ends.first().is_some_and(|&(end, _)| end <= sample.issue_ns) {
                ends.pop_first();
            }
            ends.insert((sample.done_ns, sample.seq));
            most = most.max(ends.len());
        }
        most
    }
}
