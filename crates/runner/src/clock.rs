//! The host's monotonic clock: the only file that reads it for samples.

use std::time::Instant;

/// Nanoseconds since the start of the run.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Nanoseconds since the start; enough for 292 years.
    #[inline]
    pub fn now_ns(&self) -> i64 {
        self.origin.elapsed().as_nanos() as i64
    }

    /// The smallest step seen between two different readings: what the clock can tell apart.
    pub fn quantum_ns(&self) -> i64 {
        let mut least = i64::MAX;
        for _ in 0..1000 {
            let first = self.now_ns();
            let mut second = self.now_ns();
            while second == first {
                second = self.now_ns();
            }
            least = least.min(second - first);
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_goes_back() {
        let clock = Clock::start();
        let mut last = clock.now_ns();
        for _ in 0..10_000 {
            let now = clock.now_ns();
            assert!(now >= last);
            last = now;
        }
        assert!(clock.quantum_ns() > 0);
    }
}
