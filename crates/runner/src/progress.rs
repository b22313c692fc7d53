//! A progress bar with the time left and the live rate, on a terminal only.

use std::io::IsTerminal as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::measure::Live;

/// Progress of a whole run; draws nothing when stderr is not a terminal.
pub struct Progress {
    bar: ProgressBar,
    visible: bool,
    done: Duration,
}

impl Progress {
    /// For a run that takes `total`, warm-up included.
    pub fn new(total: Duration) -> Self {
        let visible = std::io::stderr().is_terminal();
        let target =
            if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total.as_millis() as u64), target);
        let style = ProgressStyle::with_template("{bar:30} {percent:>3}%  {eta} left  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, visible, done: Duration::ZERO }
    }

    /// Redraws until `finished` says so; `label` names the visit, `expected` is how long it takes.
    pub fn follow(
        &mut self,
        label: &str,
        expected: Duration,
        live: &Live,
        finished: impl Fn() -> bool,
    ) {
        if self.visible {
            let begun = Instant::now();
            let mut last = (begun, 0_i64);
            let mut rate = 0.0;
            while !finished() {
                let now = Instant::now();
                let completed = live.completed.load(Ordering::Relaxed);
                let since = now.duration_since(last.0).as_secs_f64();
                if since >= 0.5 {
                    rate = (completed - last.1) as f64 / since;
                    last = (now, completed);
                }
                let position = self.done + now.duration_since(begun).min(expected);
                self.bar.set_position(position.as_millis() as u64);
                self.bar.set_message(format!("{label}  {rate:.1}/s"));
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        self.done += expected;
    }

    /// Prints a line above the bar.
    pub fn line(&self, text: &str) {
        self.bar.suspend(|| anstream::eprintln!("{text}"));
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
