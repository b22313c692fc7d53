//! What xtask says: messages on stderr, data on stdout, colours only where the stream shows them.

use std::time::Duration;

use crate::fault;

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const GREEN: &str = "\x1b[1;32m";
const YELLOW: &str = "\x1b[1;33m";
const CYAN: &str = "\x1b[1;36m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// Starts a part of the work.
pub(crate) fn heading(text: &str) {
    anstream::eprintln!("{CYAN}▶{RESET} {BOLD}{text}{RESET}");
}

/// Ends a part of the work that went well.
pub(crate) fn done(text: &str, took: Duration) {
    anstream::eprintln!("{GREEN}✓{RESET} {text} {DIM}{}{RESET}", seconds(took));
}

/// Ends a part of the work that did not.
pub(crate) fn failed(text: &str, took: Duration) {
    anstream::eprintln!("{RED}✗{RESET} {text} {DIM}{}{RESET}", seconds(took));
}

/// One line worth knowing.
pub(crate) fn note(text: &str) {
    anstream::eprintln!("{text}");
}

/// One line that the user should not miss.
pub(crate) fn warn(text: &str) {
    anstream::eprintln!("{YELLOW}warning{RESET}: {text}");
}

/// What to do next.
pub(crate) fn hint(text: &str) {
    anstream::eprintln!("{CYAN}hint{RESET}: {text}");
}

/// An error line.
pub(crate) fn error(text: &str) {
    anstream::eprintln!("{RED}error{RESET}: {text}");
}

/// Reports an error once, with its hint.
pub(crate) fn report(problem: &anyhow::Error) {
    error(&format!("{problem:#}"));
    if let Some(text) = fault::hint_of(problem) {
        hint(text);
    }
    if fault::exit_of(problem) == fault::BUG {
        hint("this looks like a bug in Tailmark");
    }
}

/// A line of data.
pub(crate) fn data(text: &str) {
    anstream::println!("{text}");
}

/// A duration as it stands in messages.
pub(crate) fn seconds(took: Duration) -> String {
    if took >= Duration::from_secs(100) {
        format!("{}m{:02}s", took.as_secs() / 60, took.as_secs() % 60)
    } else {
        format!("{:.1} s", took.as_secs_f64())
    }
}

/// A bar of bytes on a terminal, nothing elsewhere.
pub(crate) fn download(text: &str, bytes: u64) -> indicatif::ProgressBar {
    let style =
        "{spinner} {msg} {wide_bar} {decimal_bytes} of about {decimal_total_bytes} {elapsed}";
    let style = indicatif::ProgressStyle::with_template(style);
    let bar = indicatif::ProgressBar::new(bytes).with_message(text.to_owned());
    bar.set_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// A spinner on a terminal, nothing elsewhere.
pub(crate) fn spinner(text: &str) -> indicatif::ProgressBar {
    let spinner = indicatif::ProgressBar::new_spinner().with_message(text.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
