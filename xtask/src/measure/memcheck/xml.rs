//! Valgrind's XML: one tag a line, so that lines are enough to read it.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use super::name;

/// Parts of the system and of valgrind: an error in them was brought about by whoever called them. The
/// loader is not among them: it reads files that we do not write.
const SYSTEM: [&str; 8] = [
    "vgpreload_",
    "libc.so",
    "libc-",
    "libm.so",
    "libpthread",
    "libgcc_s",
    "libstdc++",
    "libdl.so",
];

/// Who brought an error about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Our program.
    Ours,
    /// A library, by its file name.
    Library(String),
    /// Nobody but the system, as when a program starts.
    System,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours => f.write_str("our program"),
            Self::Library(name) => f.write_str(name),
            Self::System => f.write_str("the system alone"),
        }
    }
}

/// One error or loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Error {
    unique: String,
    pub(super) what: String,
    pub(super) owner: Owner,
    /// How often it happened.
    pub(super) times: u64,
    /// Bytes, when it is a loss.
    pub(super) lost: Option<u64>,
    /// `function (object)`, innermost first.
    pub(super) frames: Vec<String>,
}

#[derive(Default)]
struct Raw {
    unique: String,
    what: String,
    lost: Option<u64>,
    stacks: Vec<Vec<Frame>>,
}

#[derive(Default)]
struct Frame {
    object: String,
    function: String,
}

/// The errors of a report about a run of `program`.
///
/// # Errors
/// When the report has no end: valgrind was killed.
pub(super) fn read(report: &str, program: &Path) -> anyhow::Result<Vec<Error>> {
    let program = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    let program = program.to_string_lossy().into_owned();
    let mut errors = Vec::new();
    let mut counts: HashMap<String, u64> = HashMap::new();
    let (mut raw, mut count) = (None, None);
    for line in report.lines().map(str::trim) {
        match line {
            "<error>" => raw = Some(Raw::default()),
            "</error>" => errors.extend(raw.take().map(|raw| judge(raw, &program))),
            "<pair>" => count = Some(0),
            "</pair>" => count = None,
            _ => {}
        }
        if let Some(raw) = &mut raw {
            take(raw, line);
        } else if let Some(number) = &mut count {
            if let Some(text) = within(line, "count") {
                *number = text.parse().unwrap_or(1);
            } else if let Some(unique) = within(line, "unique") {
                counts.insert(unique, *number);
            }
        }
    }
    anyhow::ensure!(report.contains("</valgrindoutput>"), "valgrind's report has no end");
    for error in &mut errors {
        error.times = counts.get(&error.unique).copied().unwrap_or(1);
    }
    Ok(errors)
}

fn take(raw: &mut Raw, line: &str) {
    let stack = |raw: &mut Raw, set: &dyn Fn(&mut Frame)| {
        if let Some(frame) = raw.stacks.last_mut().and_then(|stack| stack.last_mut()) {
            set(frame);
        }
    };
    if line == "<stack>" {
        raw.stacks.push(Vec::new());
    } else if line == "<frame>" {
        if let Some(stack) = raw.stacks.last_mut() {
            stack.push(Frame::default());
        }
    } else if let Some(text) = within(line, "obj") {
        stack(raw, &|frame| frame.object.clone_from(&text));
    } else if let Some(text) = within(line, "fn") {
        stack(raw, &|frame| frame.function.clone_from(&text));
    } else if let Some(text) = within(line, "unique") {
        raw.unique = text;
    } else if let Some(text) = within(line, "what").or_else(|| within(line, "text")) {
        if raw.what.is_empty() {
            raw.what = text;
        }
    } else if let Some(text) = within(line, "leakedbytes") {
        raw.lost = text.parse().ok();
    }
}

/// The text of a line that is one element of this name.
fn within(line: &str, tag: &str) -> Option<String> {
    let text = line.strip_prefix('<')?.strip_prefix(tag)?.strip_prefix('>')?;
    let text = text.strip_suffix('>')?.strip_suffix(tag)?.strip_suffix("</")?;
    Some(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

fn judge(raw: Raw, program: &str) -> Error {
    let owners: Vec<Owner> = raw.stacks.iter().map(|stack| owner(stack, program)).collect();
    let first = owners.first().cloned().unwrap_or(Owner::System);
    // the second stack tells who made the memory
    let owner = if owners.contains(&Owner::Ours) { Owner::Ours } else { first };
    let frames = raw.stacks.first().map(|stack| stack.iter().map(show).collect());
    Error {
        unique: raw.unique,
        what: raw.what,
        owner,
        times: 1,
        lost: raw.lost,
        frames: frames.unwrap_or_default(),
    }
}

/// The first frame that is no part of the system says whose stack it is.
fn owner(stack: &[Frame], program: &str) -> Owner {
    let system = |object: &str| SYSTEM.iter().any(|part| name(object).starts_with(part));
    match stack.iter().find(|frame| !frame.object.is_empty() && !system(&frame.object)) {
        Some(frame) if frame.object == program => Owner::Ours,
        Some(frame) => Owner::Library(name(&frame.object)),
        None => Owner::System,
    }
}

fn show(frame: &Frame) -> String {
    let function = if frame.function.is_empty() { "?" } else { &frame.function };
    format!("{function} ({})", name(&frame.object))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// A report in valgrind's form: frames are `object function`.
    fn report(errors: &[(&str, &[&[&str]])]) -> String {
        let mut text = String::from("<valgrindoutput>\n");
        for (index, (body, stacks)) in errors.iter().enumerate() {
            writeln!(text, "<error>\n  <unique>0x{index}</unique>\n  {body}").unwrap();
            for stack in *stacks {
                text += "  <stack>\n";
                for frame in *stack {
                    let (object, function) = frame.split_once(' ').unwrap();
                    writeln!(text, "    <frame>\n      <obj>{object}</obj>").unwrap();
                    writeln!(text, "      <fn>{function}</fn>\n    </frame>").unwrap();
                }
                text += "  </stack>\n";
            }
            text += "</error>\n";
        }
        text += "<errorcounts>\n<pair>\n<count>5</count>\n<unique>0x0</unique>\n</pair>\n";
        text + "</errorcounts>\n</valgrindoutput>\n"
    }

    #[test]
    fn the_innermost_frame_that_is_no_system_owns() {
        let what = "<what>Invalid read of size 1</what>";
        let lost = "<text>10 bytes lost</text>\n<leakedbytes>10</leakedbytes>";
        let text = report(&[
            (
                what,
                &[&["/usr/lib/vgpreload_memcheck.so memcpy", "/bin/p f&lt;T&gt;", "/bin/p main"]],
            ),
            (what, &[&["/lib/libx.so.1 g", "/bin/p main"]]),
            (what, &[&["/lib/libx.so.1 g"], &["/usr/vgpreload_memcheck.so malloc", "/bin/p h"]]),
            (lost, &[&["/usr/vgpreload_memcheck.so malloc", "/lib/ld-linux-x86-64.so.2 open"]]),
        ]);
        let errors = read(&text, Path::new("/bin/p")).unwrap();
        let owners: Vec<String> = errors.iter().map(|error| error.owner.to_string()).collect();
        assert_eq!(owners, ["our program", "libx.so.1", "our program", "ld-linux-x86-64.so.2"]);
        assert_eq!((errors[0].times, errors[1].times), (5, 1));
        assert_eq!(errors[0].frames[1], "f<T> (p)");
        assert_eq!((errors[0].lost, errors[3].lost), (None, Some(10)));
        assert_eq!(errors[3].what, "10 bytes lost");
    }

    #[test]
    fn a_report_without_its_end_is_none() {
        let text = report(&[]).replace("</valgrindoutput>", "");
        assert!(read(&text, Path::new("/bin/p")).is_err());
    }
}
