//! One line of a log: its parts, and how much of it is kept.

/// Characters of one kept line.
const WIDTH: usize = 500;

/// Severity and text of a line.
pub(super) fn parts(line: &str) -> (Option<char>, &str) {
    let mut rest = line.trim_end_matches(['\r', '\n']);
    let is_time = |text: &str| {
        text.len() >= 10 && text.bytes().all(|b| b.is_ascii_digit() || b"/-:".contains(&b))
    };
    if let Some((time, after)) = rest.strip_prefix('[').and_then(|text| text.split_once("] "))
        && is_time(time)
    {
        rest = after;
    }
    let mark = rest.get(..3).filter(|mark| mark.starts_with('[') && mark.ends_with(']'));
    let severity = mark.and_then(|mark| mark.chars().nth(1)).filter(|c| "VIWEF".contains(*c));
    if severity.is_some() {
        return (severity, rest[3..].trim());
    }
    (None, rest.trim())
}

/// Messages without a severity that say why a process is about to end.
pub(super) fn is_bare_failure(line: &str) -> bool {
    const STARTS: [&str; 5] = [
        "Cuda failure",
        "terminate called",
        "  what():",
        "Segmentation fault",
        "Cannot find any available devices",
    ];
    STARTS.iter().any(|start| line.starts_with(start))
        || line.contains("error while loading shared libraries")
        || line.contains("Exception detected")
}

pub(super) fn push(lines: &mut Vec<String>, most: usize, line: String) {
    if lines.len() == most {
        lines.remove(0);
    }
    lines.push(line);
}

pub(super) fn clipped(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_severity_and_a_text() {
        assert_eq!(parts("[01/31/2026-12:00:00] [W] [TRT] hot"), (Some('W'), "[TRT] hot"));
        assert_eq!(parts("[I] === Model Options ==="), (Some('I'), "=== Model Options ==="));
        assert_eq!(parts("  --onnx=<file>"), (None, "--onnx=<file>"));
        assert_eq!(parts("[€] text"), (None, "[€] text"));
        assert_eq!(parts("[X] text"), (None, "[X] text"));
        assert_eq!(parts(""), (None, ""));
    }

    #[test]
    fn long_lines_are_clipped_between_characters() {
        let long = "ä".repeat(WIDTH + 1);
        assert_eq!(clipped(&long).chars().count(), WIDTH + 1);
        assert_eq!(clipped("short"), "short");
    }
}
