//! Rows in the format of trtexec 8.4 to 11, for tools that read it.

use std::io::{self, Write};

use super::Row;

/// Writes rows as `--exportTimes` does, one a line; what a row does not have is left out.
///
/// trtexec prints six significant digits; here every nanosecond is printed, so that reading gives the same rows.
pub fn write(mut to: impl Write, rows: impl IntoIterator<Item = Row>) -> io::Result<()> {
    to.write_all(b"[\n")?;
    let mut line = String::new();
    for (place, row) in rows.into_iter().enumerate() {
        line.clear();
        line.push_str(if place == 0 { "  { " } else { ", { " });
        for (k, (key, ns)) in present(&row).enumerate() {
            line.push_str(if k == 0 { "\"" } else { ", \"" });
            line.push_str(key);
            line.push_str("\" : ");
            push_milliseconds(&mut line, ns);
        }
        line.push_str(" }\n");
        to.write_all(line.as_bytes())?;
    }
    to.write_all(b"]\n")
}

/// Keys and values in trtexec's order.
fn present(row: &Row) -> impl Iterator<Item = (&'static str, i64)> {
    let all = [
        ("startEnqMs", row.start_enqueue_ns),
        ("endEnqMs", row.end_enqueue_ns),
        ("startH2dMs", row.start_h2d_ns),
        ("endH2dMs", row.end_h2d_ns),
        ("startComputeMs", row.start_compute_ns),
        ("endComputeMs", row.end_compute_ns),
        ("startD2hMs", row.start_d2h_ns),
        ("endD2hMs", row.end_d2h_ns),
        ("h2dMs", row.h2d_ns),
        ("computeMs", row.compute_ns),
        ("d2hMs", row.d2h_ns),
        ("latencyMs", row.latency_ns),
        ("endToEndMs", row.end_to_end_ns),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key, value?)))
}

/// `2.96048` for 2,960,480 ns: all decimals that are not zero.
fn push_milliseconds(line: &mut String, ns: i64) {
    use std::fmt::Write as _;
    let sign = if ns < 0 { "-" } else { "" };
    let (whole, rest) = (ns.unsigned_abs() / 1_000_000, ns.unsigned_abs() % 1_000_000);
    // writing to a String cannot fail
    let _ = write!(line, "{sign}{whole}");
    if rest > 0 {
        let decimals = format!("{rest:06}");
        line.push('.');
        line.push_str(decimals.trim_end_matches('0'));
    }
}
