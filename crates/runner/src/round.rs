//! One visit of one mode: streams on threads of their own, a recorder, a check of the outputs, a row.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use backend::Session;
use pipeline::artifact::CaseRow;
use pipeline::{Provenance, RunDir, Verdict};

use crate::check::{self, Finding};
use crate::clock::Clock;
use crate::engines::Expected;
use crate::invariants;
use crate::measure::{self, Halt, Live, Start, StreamEnd};
use crate::progress::Progress;
use crate::recorder::{self, Record, Target};
use crate::telemetry::Sampler;

/// Everything that a visit shares with the others.
pub struct Shared<'a> {
    /// The run folder.
    pub run: &'a RunDir,
    /// The clock of all stamps.
    pub clock: Clock,
    /// For the footers.
    pub provenance: &'a Provenance,
    /// The sensors.
    pub sampler: &'a Sampler,
    /// Set by Ctrl-C.
    pub interrupted: &'a AtomicBool,
    /// Least that is dropped.
    pub warm_up: Duration,
    /// Measured time of one visit.
    pub duration: Duration,
}

/// What one visit left, beside its row.
pub struct Visited {
    /// Parts on disk.
    pub parts: Vec<std::path::PathBuf>,
    /// Why the samples could not be written.
    pub write_error: Option<anyhow::Error>,
}

struct StreamResult {
    end: StreamEnd,
    finding: Option<Finding>,
}

/// Runs one visit and completes its row.
pub fn run(
    shared: &Shared<'_>,
    row: &mut CaseRow,
    sessions: &mut [Box<dyn Session>],
    expected: &Expected,
    progress: &mut Progress,
) -> Visited {
    let failed = AtomicBool::new(false);
    let halt = Halt { interrupted: shared.interrupted, failed: &failed };
    let start = Start::new(
        sessions.len(),
        shared.warm_up.as_nanos() as i64,
        shared.duration.as_nanos() as i64,
    );
    let live = Live::default();
    let running = AtomicUsize::new(sessions.len());
    let target = Target {
        run: shared.run,
        case: &row.case,
        round: row.round as u32,
        provenance: shared.provenance,
    };
    let (producers, consumers): (Vec<_>, Vec<_>) =
        sessions.iter().map(|_| measure::touched_ring()).unzip();
    shared.sampler.set_current(Some((row.case.clone(), row.round)));
    let clock = &shared.clock;
    let (results, record) = std::thread::scope(|scope| {
        let streams: Vec<_> = sessions
            .iter_mut()
            .zip(producers)
            .map(|(session, mut ring)| {
                let (halt, start, running) = (&halt, &start, &running);
                scope.spawn(move || {
                    let window = start.wait(clock);
                    let end = measure::drive(session.as_mut(), clock, window, halt, &mut ring);
                    drop(ring);
                    running.fetch_sub(1, Ordering::Relaxed);
                    // an engine that failed is not asked again
                    let finding =
                        end.error.is_none().then(|| check::check(session.as_mut(), expected));
                    match finding.transpose() {
                        Ok(finding) => StreamResult { end, finding },
                        Err(error) => StreamResult {
                            end: StreamEnd { error: Some(error), ..end },
                            finding: None,
                        },
                    }
                })
            })
            .collect();
        let recorder =
            scope.spawn(|| recorder::record(consumers, &target, &start, clock, &failed, &live));
        let label = format!("{} round {}", row.case, row.round + 1);
        let expected_time = shared.warm_up + shared.duration;
        progress.follow(&label, expected_time, &live, || running.load(Ordering::Relaxed) == 0);
        let results: Vec<StreamResult> = streams.into_iter().map(join).collect();
        (results, join(recorder))
    });
    shared.sampler.set_current(None);
    judge(shared, row, &results, &record, expected);
    Visited { parts: record.parts, write_error: record.error }
}

/// A panic in a measuring thread is a bug and ends the program as one.
fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn judge(
    shared: &Shared<'_>,
    row: &mut CaseRow,
    results: &[StreamResult],
    record: &Record,
    expected: &Expected,
) {
    let completed: Vec<u64> = results.iter().map(|result| result.end.completed).collect();
    row.n = record.tallies.iter().map(|tally| tally.steady).sum();
    row.n_warm_up = record.tallies.iter().map(|tally| tally.warm_up).sum();
    row.recorder_waits = results.iter().map(|result| result.end.recorder_waits as i64).sum();
    row.achieved_streams = record.tallies.iter().filter(|tally| tally.steady > 0).count() as i64;
    if let Some((start_ns, end_ns)) = invariants::window(&record.tallies) {
        row.start_ns = start_ns;
        row.wall_ns = end_ns - start_ns;
    }
    row.concurrency = invariants::concurrency(&record.tallies);
    let findings: Vec<&Finding> =
        results.iter().filter_map(|result| result.finding.as_ref()).collect();
    row.outputs_checked = findings.len() == results.len();
    row.output_max_abs = findings.iter().filter_map(|finding| finding.max_abs).reduce(f64::max);

    let mut failures = Vec::new();
    for (stream, result) in results.iter().enumerate() {
        if let Some(error) = &result.end.error {
            failures.push(format!("stream {stream}: {error}"));
            row.error.get_or_insert_with(|| error.to_string());
        }
        let wrong = result.finding.iter().flat_map(|finding| &finding.wrong);
        failures.extend(wrong.map(|what| format!("stream {stream}: {what}")));
    }
    if let Some(error) = &record.error {
        failures.push(format!("samples could not be written: {error:#}"));
        row.error.get_or_insert_with(|| format!("{error:#}"));
    } else {
        failures.extend(invariants::broken(&record.tallies, &completed, row.depth as u32));
    }
    let interrupted = shared.interrupted.load(Ordering::SeqCst);
    if interrupted {
        let seconds = row.wall_ns as f64 / 1e9;
        failures.push(format!(
            "interrupted after {seconds:.1} s of {:.1} s",
            shared.duration.as_secs_f64()
        ));
    } else if row.n == 0 && failures.is_empty() {
        failures.push("no inference was completed in the measured window".to_owned());
    }
    row.verdict = if failures.is_empty() { Verdict::Valid } else { Verdict::Failed };
    row.reasons.splice(0..0, failures);
    note(shared, row, expected);
}

/// What a reader should know that is no failure, and a sampler that died.
fn note(shared: &Shared<'_>, row: &mut CaseRow, expected: &Expected) {
    const SILENCE_NS: i64 = 2_000_000_000;
    if row.wall_ns > 0 {
        let gap_ns = shared.sampler.longest_gap_ns(row.start_ns, row.start_ns + row.wall_ns);
        if gap_ns > SILENCE_NS {
            row.verdict = row.verdict.max(Verdict::Uncertified);
            row.reasons.push(format!("no sensor was read for {:.1} s", gap_ns as f64 / 1e9));
        }
    }
    if row.recorder_waits > 0 {
        row.reasons.push(format!(
            "note: a stream waited {} times for the recorder, outside the timed region",
            row.recorder_waits
        ));
    }
    if row.outputs_checked && !expected.is_known() {
        row.reasons
            .push("note: no verified reference: outputs were searched for NaN only".to_owned());
    } else if row.outputs_checked && !expected.tells_apart() {
        row.reasons.push("note: the two references differ by less than the tolerance: a stale output would not show".to_owned());
    }
}
