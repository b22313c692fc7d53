//! Errors that know their exit code and what the user can do; the codes are those of every stage.

use std::fmt;
use std::io;

/// A bug in Tailmark.
pub(crate) const BUG: u8 = 1;
/// The configuration or the command line is wrong.
pub(crate) const CONFIG: u8 = 2;
/// What was asked for was not achieved.
pub(crate) const VERIFICATION: u8 = 3;
/// The environment lacks something: library, permission, disk, network.
pub(crate) const ENVIRONMENT: u8 = 4;
/// A case failed or the run was interrupted.
pub(crate) const INCOMPLETE: u8 = 5;

/// What an exit code of a stage means, in a few words.
pub(crate) fn meaning(exit: u8) -> &'static str {
    match exit {
        0 => "ok",
        1 => "a bug in Tailmark",
        2 => "the configuration or the command line is wrong",
        3 => "verification failed",
        4 => "the environment lacks something",
        5 => "a case failed, or the run was interrupted",
        6 => "slower, beyond the stated margin",
        7 => "undecided",
        _ => "unknown",
    }
}

/// An error that the user can act on.
#[derive(Debug)]
pub(crate) struct Fault {
    exit: u8,
    message: String,
    hint: Option<String>,
}

impl Fault {
    /// A fault with an exit code; `message` is lower case and has no final period.
    pub(crate) fn new(exit: u8, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// The configuration or the command line is wrong.
    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(CONFIG, message)
    }

    /// The environment lacks something.
    pub(crate) fn environment(message: impl Into<String>) -> Self {
        Self::new(ENVIRONMENT, message)
    }

    /// Says what to do next; printed on a line of its own.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// The exit code of an error: that of its fault, else what an I/O error suggests, else a bug.
pub(crate) fn exit_of(error: &anyhow::Error) -> u8 {
    if let Some(fault) = error.downcast_ref::<Fault>() {
        return fault.exit;
    }
    let environment = |io: &io::Error| {
        matches!(
            io.kind(),
            io::ErrorKind::PermissionDenied
                | io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge
                | io::ErrorKind::ReadOnlyFilesystem
        )
    };
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    if causes.any(environment) { ENVIRONMENT } else { BUG }
}

/// The hint of an error.
pub(crate) fn hint_of(error: &anyhow::Error) -> Option<&str> {
    error.downcast_ref::<Fault>()?.hint.as_deref()
}

/// `; did you mean "x"?` when one of `candidates` is close to `word`, else nothing.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    let best = candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or_else(String::new, |(_, candidate)| format!("; did you mean \"{candidate}\"?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_fault_keeps_its_code_under_context() {
        let error = anyhow::Error::from(Fault::environment("no disk").hint("free some"))
            .context("while packing");
        assert_eq!(exit_of(&error), ENVIRONMENT);
        assert_eq!(hint_of(&error), Some("free some"));
    }

    #[test]
    fn an_io_error_of_the_environment_is_no_bug() {
        let full: Result<(), _> = Err(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(exit_of(&full.context("writing").unwrap_err()), ENVIRONMENT);
        assert_eq!(exit_of(&anyhow::anyhow!("oops")), BUG);
    }
}
