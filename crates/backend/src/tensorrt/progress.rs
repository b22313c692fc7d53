//! Progress of a build for whoever waits, and its end when they or the clock say so.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::tensorrt::ProgressMonitor;

use crate::traits::{Flow, Progress};

/// Passes on steps, counts the time, remembers why a build was cancelled.
pub(super) struct Monitor<'a> {
    progress: Option<&'a dyn Progress>,
    limit: Option<Duration>,
    start: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Phases that are open, with their number of steps.
    phases: Vec<(String, u32)>,
    why: Option<String>,
}

impl<'a> Monitor<'a> {
    pub(super) fn new(progress: Option<&'a dyn Progress>, limit: Option<Duration>) -> Self {
        Self { progress, limit, start: Instant::now(), state: Mutex::default() }
    }

    /// Whether anybody waits for what it hears.
    pub(super) fn is_needed(&self) -> bool {
        self.progress.is_some() || self.limit.is_some()
    }

    /// Why the build was cancelled, if it was.
    pub(super) fn why(&self) -> Option<String> {
        self.lock().why.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go_on(&self, phase: &str, done: u32, total: u32) -> ::tensorrt::Flow {
        let asked = self.progress.map(|progress| progress.update(phase, done, total));
        let late = self.limit.filter(|limit| self.start.elapsed() > *limit);
        let why = match (asked, late) {
            (Some(Flow::Cancel), _) => "as asked".to_owned(),
            (_, Some(limit)) => format!("it took longer than {} s", limit.as_secs_f64()),
            _ => return ::tensorrt::Flow::Continue,
        };
        self.lock().why.get_or_insert(why);
        ::tensorrt::Flow::Cancel
    }
}

/// The builder owns its monitor; this one stays readable after the build.
pub(super) struct Shared<'a, 'm>(pub(super) &'m Monitor<'a>);

impl ProgressMonitor for Shared<'_, '_> {
    fn phase_start(&self, phase: &str, _parent: Option<&str>, steps: i32) {
        let steps = u32::try_from(steps).unwrap_or(0);
        self.0.lock().phases.push((phase.to_owned(), steps));
        // whoever cancels here is asked again at the next step, which can end the build
        let _ = self.0.progress.map(|progress| progress.update(phase, 0, steps));
    }

    fn step_complete(&self, phase: &str, step: i32) -> ::tensorrt::Flow {
        let total = {
            let state = self.0.lock();
            state.phases.iter().rev().find(|(name, _)| name == phase).map_or(0, |(_, n)| *n)
        };
        self.0.go_on(phase, u32::try_from(step).unwrap_or(0).saturating_add(1), total)
    }

    fn phase_finish(&self, phase: &str) {
        let mut state = self.0.lock();
        if let Some(at) = state.phases.iter().rposition(|(name, _)| name == phase) {
            state.phases.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Until(u32, Mutex<Vec<(String, u32, u32)>>);

    impl Progress for Until {
        fn update(&self, phase: &str, done: u32, total: u32) -> Flow {
            self.1.lock().unwrap().push((phase.to_owned(), done, total));
            if done >= self.0 { Flow::Cancel } else { Flow::Continue }
        }
    }

    #[test]
    fn steps_are_passed_on_with_their_totals() {
        let until = Until(2, Mutex::default());
        let monitor = Monitor::new(Some(&until), None);
        let shared = Shared(&monitor);
        shared.phase_start("build", None, 1);
        shared.phase_start("time", Some("build"), 3);
        assert_eq!(shared.step_complete("time", 0), ::tensorrt::Flow::Continue);
        assert_eq!(monitor.why(), None);
        assert_eq!(shared.step_complete("time", 1), ::tensorrt::Flow::Cancel);
        shared.phase_finish("time");
        assert_eq!(monitor.why().as_deref(), Some("as asked"));
        let told = until.1.lock().unwrap().clone();
        let last = told.last().unwrap();
        assert_eq!((last.0.as_str(), last.1, last.2), ("time", 2, 3));
    }

    #[test]
    fn the_clock_ends_a_build() {
        let monitor = Monitor::new(None, Some(Duration::ZERO));
        assert!(monitor.is_needed());
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(Shared(&monitor).step_complete("x", 0), ::tensorrt::Flow::Cancel);
        assert_eq!(monitor.why().as_deref(), Some("it took longer than 0 s"));
        assert!(!Monitor::new(None, None).is_needed());
    }
}
