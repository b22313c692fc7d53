//! Errors that know their exit code and what the user can do about them.
//!
//! Stages use `anyhow` for context; the innermost [`Fault`] of the chain decides the exit code.
//! An error without a `Fault` is a bug in Tailmark ([`Exit::Bug`]), except an I/O error that the
//! environment explains (permission, full disk).

use std::fmt;
use std::io;

/// Exit codes, fixed because CI scripts read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Everything worked.
    Ok = 0,
    /// A bug in Tailmark.
    Bug = 1,
    /// The configuration or the command line is wrong.
    Config = 2,
    /// Numbers disagree with the reference, or the run did not achieve what was requested.
    Verification = 3,
    /// The environment lacks something: library, GPU, permission, disk.
    Environment = 4,
    /// A case failed or the run was interrupted; with `--strict`, any verdict that is not VALID and any claim that FAILS.
    Incomplete = 5,
    /// `compare`: slower, beyond the stated margin.
    Slower = 6,
    /// `compare`: undecided.
    Undecided = 7,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that the user can act on.
#[derive(Debug)]
pub struct Fault {
    exit: Exit,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Fault {
    /// A fault with an exit code; `message` is lower case and has no final period.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, source: None }
    }

    /// The configuration or the command line is wrong (exit 2).
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(Exit::Config, message)
    }

    /// Numbers disagree, or what was requested was not achieved (exit 3).
    pub fn verification(message: impl Into<String>) -> Self {
        Self::new(Exit::Verification, message)
    }

    /// The environment lacks something (exit 4).
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Exit::Environment, message)
    }

    /// A case failed or the run was interrupted (exit 5).
    pub fn incomplete(message: impl Into<String>) -> Self {
        Self::new(Exit::Incomplete, message)
    }

    /// A fault from an error of a crate that knows exit codes as numbers only, such as `backend`.
    pub fn from_code(code: u8, message: impl Into<String>, hint: Option<&str>) -> Self {
        let known = [
            Exit::Config,
            Exit::Verification,
            Exit::Environment,
            Exit::Incomplete,
            Exit::Slower,
            Exit::Undecided,
        ];
        let exit = known.into_iter().find(|&exit| exit as u8 == code).unwrap_or(Exit::Bug);
        Self { hint: hint.map(str::to_owned), ..Self::new(exit, message) }
    }

    /// A fault from an error of a crate that knows exit codes as numbers only, with all its causes in
    /// the message; `exit_code` and `hint` are the error's own methods.
    pub fn of<E: std::error::Error>(
        error: &E,
        exit_code: fn(&E) -> u8,
        hint: fn(&E) -> Option<&str>,
    ) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        let message = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
        Self::from_code(exit_code(error), message, hint(error))
    }

    /// Says what to do next; printed on a line of its own.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The exit code that this fault asks for.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The exit code of an error: that of its innermost [`Fault`], else what an I/O error suggests.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    if let Some(fault) = faults_of(error).last() {
        return fault.exit;
    }
    let environment =
        error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|io| {
            matches!(
                io.kind(),
                io::ErrorKind::PermissionDenied
                    | io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::FileTooLarge
                    | io::ErrorKind::ReadOnlyFilesystem
            )
        });
    if environment { Exit::Environment } else { Exit::Bug }
}

/// The hints of an error, outermost first.
pub fn hints_of(error: &anyhow::Error) -> Vec<&str> {
    faults_of(error).into_iter().filter_map(|fault| fault.hint.as_deref()).collect()
}

/// The faults of an error, outermost first. A fault that was attached as `anyhow` context is no
/// link of the chain by its own type; only `downcast_ref` on the whole error finds it.
fn faults_of(error: &anyhow::Error) -> Vec<&Fault> {
    let links = error.chain().filter_map(|cause| cause.downcast_ref::<Fault>());
    let mut faults: Vec<&Fault> = error.downcast_ref::<Fault>().into_iter().collect();
    for fault in links {
        if !faults.iter().any(|&known| std::ptr::eq(known, fault)) {
            faults.push(fault);
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn the_innermost_fault_decides() {
        let error = anyhow::Error::from(Fault::environment("no library").hint("run setup"))
            .context(Fault::config("bad backend").hint("choose another"));
        assert_eq!(exit_of(&error), Exit::Environment);
        assert_eq!(hints_of(&error), ["choose another", "run setup"]);
    }

    #[test]
    fn a_full_disk_is_the_environment() {
        let full: Result<(), _> = Err(io::Error::from(io::ErrorKind::StorageFull));
        let error = full.context("cannot write samples").unwrap_err();
        assert_eq!(exit_of(&error), Exit::Environment);
    }

    #[test]
    fn a_foreign_error_keeps_code_hint_and_causes() {
        #[derive(Debug)]
        struct Foreign(io::Error);
        impl fmt::Display for Foreign {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("cannot read x")
            }
        }
        impl std::error::Error for Foreign {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let fault = Fault::of(&Foreign(io::Error::other("gone")), |_| 3, |_| Some("look again"));
        assert_eq!(fault.to_string(), "cannot read x: gone");
        assert_eq!(fault.exit(), Exit::Verification);
        assert_eq!(hints_of(&fault.into()), ["look again"]);
    }

    #[test]
    fn an_unexplained_error_is_a_bug() {
        assert_eq!(exit_of(&anyhow::anyhow!("oops")), Exit::Bug);
    }
}
