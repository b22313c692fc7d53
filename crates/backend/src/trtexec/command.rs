//! Command lines of `trtexec`, as pure functions from what is wanted and a version.
//!
//! Everything that changes an engine or a measurement is on the line, also where it is today's
//! default, so that the line says what was run and a default that moves cannot change it. Where a
//! version has no flag for something its behaviour there is fixed (transfers on, blocking wait and no
//! CUDA graph before 11), and where it cannot do what is asked the answer is an error or a note.

mod bench;
mod build;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use crate::error::{Error, Result};

pub use bench::{BenchSpec, Exports, Wait, bench};
pub use build::{BuildSpec, TimingCache, build};

/// The arguments after the program's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// In order; no shell is involved.
    pub arguments: Vec<OsString>,
    /// What this version cannot be told, in words.
    pub notes: Vec<String>,
}

impl Command {
    fn flag(&mut self, name: &str) {
        self.arguments.push(name.into());
    }

    fn value(&mut self, name: &str, value: impl AsRef<OsStr>) {
        let mut argument = OsString::from(name);
        argument.push("=");
        argument.push(value);
        self.arguments.push(argument);
    }

    fn number(&mut self, name: &str, value: impl fmt::Display) {
        self.value(name, value.to_string());
    }

    /// The whole line as a shell would take it.
    pub fn line(&self, program: &Path) -> String {
        let words =
            std::iter::once(program.as_os_str()).chain(self.arguments.iter().map(AsRef::as_ref));
        words.map(quoted).collect::<Vec<_>>().join(" ")
    }
}

/// A word as a shell would take it.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_=./:,+%@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// `name:1x3x224x224,other:1`. A comma or a quote in a name would be read as the end of it; a shape
/// without sizes cannot be written before 10.
fn join_shapes(shapes: &[(String, Vec<usize>)]) -> Result<String> {
    let mut joined = Vec::new();
    for (name, dims) in shapes {
        if name.is_empty() || name.contains([',', '\'']) || dims.is_empty() {
            let reason = "its name or shape cannot stand on the command line of trtexec".to_owned();
            return Err(Error::Shape { input: name.clone(), reason });
        }
        let dims: Vec<String> = dims.iter().map(usize::to_string).collect();
        joined.push(format!("{name}:{}", dims.join("x")));
    }
    Ok(joined.join(","))
}

fn join_inputs(inputs: &[(String, &Path)]) -> Result<OsString> {
    let mut joined = OsString::new();
    for (name, file) in inputs {
        let hidden = [',', '\''];
        if name.is_empty()
            || name.contains(hidden)
            || file.to_string_lossy().contains([',', '\'', ':'])
        {
            let reason = "its name or file cannot stand on the command line of trtexec".to_owned();
            return Err(Error::Shape { input: name.clone(), reason });
        }
        if !joined.is_empty() {
            joined.push(",");
        }
        joined.push(name);
        joined.push(":");
        joined.push(file);
    }
    Ok(joined)
}
