//! Reads the sensors in a thread of its own while cases run; a sensor that is not there reads as null.

pub mod host;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use pipeline::artifact::TelemetryRow;

use crate::clock::Clock;

/// The case and the round that are running, for the rows.
type Current = Option<(String, i64)>;

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    current: Mutex<Current>,
    rows: Mutex<Vec<TelemetryRow>>,
}

/// The thread that reads; it ends when this is dropped.
pub struct Sampler {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Starts reading every `interval`.
    pub fn start(clock: Clock, interval: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || sample(&shared, clock, interval)
        });
        Self { shared, thread: Some(thread) }
    }

    /// Says which case runs from now on; `None` between cases.
    pub fn set_current(&self, current: Current) {
        *self.shared.current.lock().unwrap_or_else(PoisonError::into_inner) = current;
    }

    /// All rows so far.
    pub fn rows(&self) -> Vec<TelemetryRow> {
        self.shared.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The longest time without a reading between two stamps, edges included.
    pub fn longest_gap_ns(&self, start_ns: i64, end_ns: i64) -> i64 {
        longest_gap(self.rows().iter().map(|row| row.at_ns), start_ns, end_ns)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // a sampler that panicked shows as a gap in its rows
            let _ = thread.join();
        }
    }
}

fn longest_gap(at_ns: impl Iterator<Item = i64>, start_ns: i64, end_ns: i64) -> i64 {
    let mut last = start_ns;
    let mut longest = 0;
    for at in at_ns.filter(|at| (start_ns..=end_ns).contains(at)) {
        longest = longest.max(at - last);
        last = at;
    }
    longest.max(end_ns - last)
}

fn sample(shared: &Shared, clock: Clock, interval: Duration) {
    let mut sensors = host::Sensors::find();
    let step_ns = interval.as_nanos() as i64;
    let mut due_ns = clock.now_ns();
    while !shared.stop.load(Ordering::Relaxed) {
        let mut row = sensors.read();
        row.at_ns = clock.now_ns();
        if let Some((case, round)) =
            shared.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
        {
            row.case = Some(case);
            row.round = Some(round);
        }
        shared.rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
        due_ns = (due_ns + step_ns).max(clock.now_ns());
        // short naps, so that the end of a run does not wait for a long interval
        while !shared.stop.load(Ordering::Relaxed) && clock.now_ns() < due_ns {
            let left = Duration::from_nanos((due_ns - clock.now_ns()).max(0) as u64);
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_count_the_edges() {
        assert_eq!(longest_gap([10, 20, 50].into_iter(), 0, 60), 30);
        assert_eq!(longest_gap([10, 20].into_iter(), 0, 100), 80);
        assert_eq!(longest_gap([].into_iter(), 0, 100), 100);
    }

    #[test]
    fn reads_this_host() {
        let sampler = Sampler::start(Clock::start(), Duration::from_millis(5));
        sampler.set_current(Some(("base".into(), 3)));
        std::thread::sleep(Duration::from_millis(60));
        let rows = sampler.rows();
        assert!(rows.len() >= 2);
        assert!(rows.iter().any(|row| row.case.as_deref() == Some("base") && row.round == Some(3)));
    }
}
