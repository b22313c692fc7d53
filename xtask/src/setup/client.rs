//! Python package clients: which are here, and how to ask one for a wheel or an environment.
//!
//! The client's own configuration decides where packages come from; nothing here names a place.

use std::path::Path;
use std::process::Command;

use crate::fault::Fault;

/// A wheel of one package for one platform, whatever Python this machine has.
pub(crate) struct Wanted<'a> {
    /// Package and version, `name==1.2.3`.
    pub(crate) package: &'a str,
    /// Python version of the wheel.
    pub(crate) python: &'a str,
    /// Platform tag of the wheel.
    pub(crate) platform: &'a str,
    /// What the user can do without the package.
    pub(crate) instead: &'a str,
}

/// What a client left in the folder it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// The wheel file itself.
    Wheel,
    /// The contents of the wheel.
    Unpacked,
}

const PIPS: [&[&str]; 4] =
    [&["python3", "-m", "pip"], &["python", "-m", "pip"], &["pip3"], &["pip"]];

/// Lets the first client that can do it put the wheel, or its contents, into `folder`.
///
/// # Errors
/// Exit 4, with what each client said.
pub(crate) fn fetch(wanted: &Wanted<'_>, folder: &Path) -> anyhow::Result<Got> {
    let mut said: Vec<String> = Vec::new();
    for pip in PIPS {
        let mut command = Command::new(pip[0]);
        command.args(&pip[1..]).env("TMPDIR", folder);
        command.args(["download", "--disable-pip-version-check", "--no-input", "--quiet"]);
        command.args(["--retries", "1", "--timeout", "20", "--no-deps", "--only-binary=:all:"]);
        command.args(["--implementation", "cp", "--python-version", wanted.python]);
        command.args(["--platform", wanted.platform, "--dest"]).arg(folder).arg(wanted.package);
        match attempt(&mut command) {
            Ok(()) => return Ok(Got::Wheel),
            Err(reason) if said.iter().any(|known| known.ends_with(&reason)) => {}
            Err(reason) => said.push(format!("{}: {reason}", pip.join(" "))),
        }
    }
    let platform = wanted.platform.replace("manylinux_2_28_", "");
    let mut command = Command::new("uv");
    command.args(["pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]);
    command.args(["--python-version", wanted.python]);
    if platform != "any" {
        command.arg("--python-platform").arg(format!("{platform}-manylinux_2_28"));
    }
    command.arg("--target").arg(folder).arg(wanted.package);
    match attempt(&mut command) {
        Ok(()) => Ok(Got::Unpacked),
        Err(reason) => {
            said.push(format!("uv: {reason}"));
            let message = format!(
                "no Python package client could fetch {}: {}",
                wanted.package,
                said.join("; ")
            );
            Err(Fault::environment(message)
                .hint(format!(
                    "install Python's pip and see that it reaches its packages; or: {}",
                    wanted.instead
                ))
                .into())
        }
    }
}

/// Runs a command to its end; an error is what it said, in one line.
pub(crate) fn attempt(command: &mut Command) -> Result<(), String> {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err("not here".into()),
        Err(error) => return Err(error.to_string()),
    };
    if output.status.success() { Ok(()) } else { Err(last_words(&output.stderr)) }
}

/// The last line that says what went wrong, without addresses.
fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let names_a_place = |line: &str| line.contains("://") || line.contains("host=");
    let line = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty() && !names_a_place(line))
        .unwrap_or("failed without a word");
    let line = line.strip_prefix("ERROR: ").unwrap_or(line);
    if line.chars().count() > 160 {
        line.chars().take(157).chain("...".chars()).collect()
    } else {
        line.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_name_no_place_and_are_short() {
        let said = b"ERROR: no matching distribution for x\nsee https://example.org/x for more\n\n";
        assert_eq!(last_words(said), "no matching distribution for x");
        assert_eq!(last_words(b""), "failed without a word");
        assert_eq!(last_words("y".repeat(500).as_bytes()).len(), 160);
    }

    #[test]
    fn a_client_that_is_not_here_says_so() {
        assert_eq!(attempt(&mut Command::new("no-such-client-anywhere")).unwrap_err(), "not here");
    }
}
