//! Rules on the text of files: what every source opens with, what no file may contain, how long things are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// Crates whose manifest or sources may lift the ban on unsafe code.
const MAY_BE_UNSAFE: [&str; 3] = ["crates/backend/", "crates/tensorrt/", "crates/tensorrt-fake/"];
/// Folders of a person's own machine; a path below one of them works nowhere else.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];
/// Places that packages come from: the user's client is configured for one, and we name none.
const REGISTRIES: [&str; 5] = [
    concat!("py", "pi.org"),
    concat!("files.python", "hosted.org"),
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("registry.npm", "js.org"),
];
/// A longer file is worth a second look.
const FILE_LINES: usize = 300;
/// A longer function is worth a second look.
const FUNCTION_LINES: usize = 50;

/// A text file of the repository.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the root, with `/`.
    path: String,
    text: String,
}

/// All text files that belong to the repository: those git knows or would add.
pub(crate) fn sources(root: &Path) -> anyhow::Result<Vec<Source>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .output();
    let listed = output.ok().filter(|output| output.status.success());
    let paths: Vec<PathBuf> = match listed {
        Some(output) => String::from_utf8(output.stdout)
            .context("a file name is not UTF-8")?
            .split_terminator('\0')
            .map(PathBuf::from)
            .collect(),
        None => walk(root, Path::new("")),
    };
    let mut sources = Vec::new();
    for path in paths {
        // a listed file may be gone already, and a binary one has no text rules
        let Ok(bytes) = fs::read(root.join(&path)) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        sources.push(Source { path: path.to_string_lossy().replace('\\', "/"), text });
    }
    Ok(sources)
}

/// The same without git, as in an unpacked source archive.
fn walk(root: &Path, below: &Path) -> Vec<PathBuf> {
    const SKIPPED: [&str; 4] = ["target", ".git", "data", "runs"];
    let mut paths = Vec::new();
    let Ok(entries) = fs::read_dir(root.join(below)) else { return paths };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let path = below.join(&name);
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !SKIPPED.iter().any(|skip| *skip == name) => {
                paths.extend(walk(root, &path));
            }
            Ok(kind) if kind.is_file() => paths.push(path),
            _ => {}
        }
    }
    paths.sort();
    paths
}

/// Every breach of the rules in one file, in words.
pub(crate) fn check(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut problems = Vec::new();
    if is_rust(path) {
        if !source.text.starts_with("//!") {
            problems.push(format!("{path}: a source opens with //! and its point"));
        }
        if !MAY_BE_UNSAFE.iter().any(|crate_| path.starts_with(crate_)) {
            for (line, _) in numbered(&source.text).filter(|(_, text)| lifts_the_ban(text)) {
                problems.push(format!(
                    "{path}:{line}: unsafe code belongs in backend, tensorrt or tensorrt-fake"
                ));
            }
        }
    }
    for (line, text) in numbered(&source.text) {
        if MACHINE_PATHS.iter().any(|folder| has_path(text, folder)) {
            problems.push(format!("{path}:{line}: an absolute path of one machine"));
        }
        if !path.ends_with("Cargo.lock") && REGISTRIES.iter().any(|host| text.contains(host)) {
            problems.push(format!("{path}:{line}: a package registry is named"));
        }
    }
    problems
}

/// Files and functions that are long.
pub(crate) fn lengths(source: &Source) -> Vec<String> {
    if !is_rust(&source.path) {
        return Vec::new();
    }
    let mut long = Vec::new();
    let code = source.text.split("\n#[cfg(test)]\nmod ").next().unwrap_or("");
    let lines: Vec<&str> = code.lines().collect();
    if lines.len() > FILE_LINES {
        long.push(format!("{}: {} lines without its tests", source.path, lines.len()));
    }
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if !is_function(line.trim_start()) {
            continue;
        }
        // rustfmt closes a function at the indent that it opened with
        let close = |text: &&str| text.trim_start() == "}" && text.len() == indent + 1;
        let length = lines[start..].iter().position(close).map_or(0, |end| end + 1);
        if length > FUNCTION_LINES {
            long.push(format!("{}:{}: a function of {length} lines", source.path, start + 1));
        }
    }
    long
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

fn lifts_the_ban(line: &str) -> bool {
    let line = line.trim_start();
    let stricter = line.contains("deny(") || line.contains("forbid(");
    line.starts_with('#') && line.contains("unsafe_code") && !stricter
}

/// Whether a path below `folder` stands in the text: not in the middle of a longer path or of an address.
fn has_path(text: &str, folder: &str) -> bool {
    text.match_indices(folder).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-/~}*)".contains(c))
    })
}

fn is_function(line: &str) -> bool {
    let line =
        line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) ")).unwrap_or(line);
    let line = line.strip_prefix("const ").unwrap_or(line);
    let line = line.strip_prefix("unsafe ").unwrap_or(line);
    line.starts_with("fn ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    #[test]
    fn the_repository_keeps_the_rules() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let problems: Vec<String> = sources(root).unwrap().iter().flat_map(check).collect();
        assert_eq!(problems, Vec::<String>::new());
    }

    #[test]
    fn each_rule_finds_its_breach() {
        let here = concat!("see /ho", "me/someone/x");
        let host = concat!("from pyp", "i.org");
        for (path, text, found) in [
            ("crates/stats/src/a.rs", "fn a() {}\n", "opens with"),
            ("crates/stats/src/a.rs", "//! A\n#![allow(unsafe_code)]\n", "belongs in backend"),
            ("README.md", here, "one machine"),
            ("data/README.md", host, "registry"),
        ] {
            let problems = check(&source(path, text));
            assert!(problems.len() == 1 && problems[0].contains(found), "{path}: {problems:?}");
        }
    }

    #[test]
    fn what_is_allowed_passes() {
        let lock = concat!("from pyp", "i.org");
        for (path, text) in [
            ("crates/backend/src/a.rs", "//! A\n#![expect(unsafe_code, reason = \"FFI\")]\n"),
            ("Cargo.lock", lock),
            ("README.md", concat!("an address example.org/ho", "me/page and data/wo", "rk/x")),
        ] {
            assert_eq!(check(&source(path, text)), Vec::<String>::new(), "{path}");
        }
    }

    #[test]
    fn long_functions_are_named() {
        let body = "    x();\n".repeat(60);
        let text = format!("//! A\nfn short() {{\n}}\n\npub(crate) fn long() {{\n{body}}}\n");
        let long = lengths(&source("a.rs", &text));
        assert_eq!(long, ["a.rs:5: a function of 62 lines"]);
    }
}
