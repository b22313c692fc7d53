//! What a build shows while it runs: a bar on a terminal, a debug line for each phase elsewhere.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backend::{Flow, Progress};
use indicatif::{ProgressBar, ProgressStyle};

/// The progress of one build; draws nothing when stderr is not a terminal.
pub(super) struct Display {
    bar: ProgressBar,
    title: String,
    /// Begun so far, in order.
    phases: Mutex<Vec<String>>,
}

impl Display {
    /// A spinner with this text until the first phase is known.
    pub(super) fn new(title: &str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(title.to_owned());
        bar.set_style(style("{spinner} {msg} {elapsed}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, title: title.to_owned(), phases: Mutex::default() }
    }

    /// What prints above the bar, for another thread.
    pub(super) fn printer(&self) -> Printer {
        Printer(self.bar.clone())
    }

    /// The phase that was last begun; empty before the first.
    pub(super) fn phase(&self) -> String {
        let phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        phases.last().cloned().unwrap_or_default()
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Prints lines to stderr above a bar.
pub(super) struct Printer(ProgressBar);

impl Printer {
    /// Prints a line.
    pub(super) fn line(&self, text: &str) {
        self.0.suspend(|| anstream::eprintln!("{text}"));
    }
}

impl Progress for Display {
    fn update(&self, phase: &str, done: u32, total: u32) -> Flow {
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        if !phases.iter().any(|known| known == phase) {
            tracing::debug!("{}: {phase}, {total} steps", self.title);
            phases.push(phase.to_owned());
            self.bar.set_style(style("{spinner} {msg} {bar:30} {pos}/{len} {elapsed}"));
        }
        self.bar.set_message(format!("{}: {phase}", self.title));
        self.bar.set_length(total.into());
        self.bar.set_position(done.into());
        Flow::Continue
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
