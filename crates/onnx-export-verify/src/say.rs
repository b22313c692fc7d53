//! The one place where this stage writes to the terminal: lines and warnings to stderr, a spinner on a
//! terminal for what takes long. Data goes to stdout through [`data`].

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// One line about what happened.
pub(crate) fn line(text: &str) {
    anstream::eprintln!("onnx-export-verify: {text}");
}

/// One line that must not be missed.
pub(crate) fn warning(text: &str) {
    anstream::eprintln!("\x1b[1;33mwarning\x1b[0m: {text}");
}

/// Data for stdout.
pub(crate) fn data(text: &str) {
    anstream::println!("{text}");
}

/// Runs `work` with a spinner, which is drawn on a terminal only.
pub(crate) fn while_working<T>(text: String, work: impl FnOnce() -> T) -> T {
    let spinner = ProgressBar::new_spinner().with_message(text);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(120));
    let result = work();
    spinner.finish_and_clear();
    result
}

/// One line about what failed.
pub(crate) fn error(text: &str) {
    anstream::eprintln!("\x1b[1;31mFAILED\x1b[0m: {text}");
}
