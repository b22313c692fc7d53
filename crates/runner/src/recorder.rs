//! Takes marks out of the rings and writes them, from a thread that does not measure.
//!
//! It wakes a few dozen times a second, labels and tallies what it finds, and closes a Parquet part
//! about every second, so that a kill loses a second. When writing fails (a full disk), it stops
//! the measurement and goes on emptying the rings, so that no stream blocks.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pipeline::samples::{self, Phase, Sample};
use pipeline::{Provenance, RunDir};
use rtrb::Consumer;

use crate::clock::Clock;
use crate::invariants::Tally;
use crate::measure::{Live, Mark, Start};

const POLL: Duration = Duration::from_millis(25);
const PART_NS: i64 = 1_000_000_000;

/// Where the samples of one round go.
pub struct Target<'a> {
    /// The run folder.
    pub run: &'a RunDir,
    /// Name of the case.
    pub case: &'a str,
    /// Round, from 0.
    pub round: u32,
    /// For the footer of each part.
    pub provenance: &'a Provenance,
}

/// What was recorded of one round.
#[derive(Debug, Default)]
pub struct Record {
    /// One tally a stream.
    pub tallies: Vec<Tally>,
    /// Parts on disk, in order.
    pub parts: Vec<PathBuf>,
    /// Why writing failed.
    pub error: Option<anyhow::Error>,
}

/// Runs until every stream has dropped its end of the ring and all marks are on disk.
pub fn record(
    mut rings: Vec<Consumer<Mark>>,
    target: &Target<'_>,
    start: &Start,
    clock: &Clock,
    failed: &AtomicBool,
    live: &Live,
) -> Record {
    let mut record = Record { tallies: vec![Tally::default(); rings.len()], ..Record::default() };
    let mut next_seq = vec![0_u32; rings.len()];
    let mut buffer = Vec::new();
    let mut opened_ns = clock.now_ns();
    loop {
        // asked before emptying: what a stream pushed before it ended is then surely seen
        let over = rings.iter().all(Consumer::is_abandoned);
        if let Some(window) = start.window() {
            for (stream, ring) in rings.iter_mut().enumerate() {
                while let Ok(mark) = ring.pop() {
                    let sample = label(mark, stream, target.round, window.start_ns);
                    tally(&mut record.tallies[stream], &sample, &mut next_seq[stream]);
                    buffer.push(sample);
                }
            }
        }
        let completed = record.tallies.iter().map(Tally::recorded).sum();
        live.completed.store(completed, Ordering::Relaxed);
        let now_ns = clock.now_ns();
        if !buffer.is_empty() && (over || now_ns - opened_ns >= PART_NS) {
            flush(&mut buffer, target, &mut record, failed);
            opened_ns = now_ns;
        }
        if over {
            return record;
        }
        std::thread::sleep(POLL);
    }
}

fn label(mark: Mark, stream: usize, round: u32, start_ns: i64) -> Sample {
    Sample {
        round: i64::from(round),
        stream: stream as i64,
        seq: i64::from(mark.seq),
        phase: if mark.issue_ns >= start_ns { Phase::Steady } else { Phase::WarmUp },
        issue_ns: mark.issue_ns,
        enqueue_ns: None,
        h2d_ns: None,
        compute_ns: mark.done_ns - mark.issue_ns,
        d2h_ns: None,
        start_ns: None,
        done_ns: mark.done_ns,
        scheduled_ns: None,
    }
}

fn tally(tally: &mut Tally, sample: &Sample, next_seq: &mut u32) {
    if sample.seq != i64::from(*next_seq) {
        tally.gaps += 1;
    }
    *next_seq = (sample.seq as u32).wrapping_add(1);
    if sample.done_ns < sample.issue_ns {
        tally.backwards += 1;
    }
    match sample.phase {
        Phase::WarmUp => tally.warm_up += 1,
        Phase::Steady => {
            tally.steady += 1;
            tally.compute_ns += i128::from(sample.compute_ns);
            tally.first_issue_ns.get_or_insert(sample.issue_ns);
            tally.last_done_ns = Some(sample.done_ns);
        }
    }
}

fn flush(buffer: &mut Vec<Sample>, target: &Target<'_>, record: &mut Record, failed: &AtomicBool) {
    if record.error.is_none() {
        let path =
            samples::part_path(target.run, target.case, target.round, record.parts.len() as u32);
        match samples::write(&path, target.case, buffer, target.provenance) {
            Ok(()) => record.parts.push(path),
            Err(error) => {
                failed.store(true, Ordering::Relaxed);
                record.error = Some(error);
            }
        }
    }
    buffer.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::touched_ring;

    fn record_marks(dir: &std::path::Path, marks: &[Mark]) -> Record {
        let run = RunDir::new(dir);
        let provenance = Provenance::default();
        let target = Target { run: &run, case: "base", round: 0, provenance: &provenance };
        let clock = Clock::start();
        let start = Start::new(1, 0, 1);
        start.wait(&clock);
        let (mut producer, consumer) = touched_ring();
        for &mark in marks {
            producer.push(mark).unwrap();
        }
        drop(producer);
        record(vec![consumer], &target, &start, &clock, &AtomicBool::new(false), &Live::default())
    }

    #[test]
    fn every_mark_becomes_a_row_and_gaps_are_seen() {
        let dir = tempfile::tempdir().unwrap();
        let far = 1 << 40;
        let marks = [(0, 1, 2), (1, far, far + 5), (3, far + 6, far + 4)];
        let marks = marks.map(|(seq, issue_ns, done_ns)| Mark { seq, issue_ns, done_ns });
        let record = record_marks(dir.path(), &marks);
        assert!(record.error.is_none());
        let tally = record.tallies[0];
        assert_eq!((tally.warm_up, tally.steady, tally.gaps, tally.backwards), (1, 2, 1, 1));
        assert_eq!(samples::read(&RunDir::new(dir.path()), "base").unwrap().len(), 3);
    }

    #[test]
    fn a_failing_disk_stops_the_measurement() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("samples"), "a file where a folder should be").unwrap();
        let record = record_marks(dir.path(), &[Mark { seq: 0, issue_ns: 1, done_ns: 2 }]);
        assert!(record.error.is_some());
        assert_eq!(record.tallies[0].recorded(), 1);
    }
}
