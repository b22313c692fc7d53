//! The rows of `--exportTimes`: one inference each, with the keys of every version since 7.0.
//!
//! A JSON array of objects; all values are milliseconds with six significant digits, `1e-05` included.
//!
//! | version | keys |
//! |---|---|
//! | 7.0 | `startInMs endInMs startComputeMs endComputeMs startOutMs endOutMs inMs computeMs outMs latencyMs endToEndMs` |
//! | 7.2 | the same and `startEnqMs endEnqMs`, with the values of `In` and `Enq` swapped |
//! | 8.0 to 8.2 | `startEnqMs endEnqMs startH2dMs endH2dMs … startD2hMs endD2hMs h2dMs computeMs d2hMs latencyMs endToEndMs` |
//! | 8.4 to 11 | without `endToEndMs` |
//!
//! Durations come from the file's own `computeMs`, `h2dMs` and `d2hMs`: a stamp after 10 s has steps of
//! 0.1 ms, so a difference of two is only used where nothing else is there. The `Enq` stamps are on the
//! host's clock, the others on the device's, with another zero: they are never subtracted.

use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};

/// One inference; nanoseconds, rounded from what the file tells. `None` where it tells nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimesRow {
    /// Start of the enqueue call on the host's clock.
    pub start_enqueue_ns: Option<i64>,
    /// How long the enqueue call took, from its two stamps.
    pub enqueue_ns: Option<i64>,
    /// Start of the copy in, on the device's clock.
    pub start_h2d_ns: Option<i64>,
    /// Copy in.
    pub h2d_ns: Option<i64>,
    /// Start of the computation, on the device's clock.
    pub start_compute_ns: Option<i64>,
    /// Computation.
    pub compute_ns: Option<i64>,
    /// Copy out.
    pub d2h_ns: Option<i64>,
    /// End of the copy out, on the device's clock.
    pub end_d2h_ns: Option<i64>,
    /// Copy in, computation and copy out, as a sum.
    pub latency_ns: Option<i64>,
}

/// As the file has it.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Wire {
    #[serde(rename = "startEnqMs")]
    start_enqueue: Option<f64>,
    #[serde(rename = "endEnqMs")]
    end_enqueue: Option<f64>,
    #[serde(rename = "startH2dMs", alias = "startInMs")]
    start_h2d: Option<f64>,
    #[serde(rename = "endH2dMs", alias = "endInMs")]
    end_h2d: Option<f64>,
    #[serde(rename = "startComputeMs")]
    start_compute: Option<f64>,
    #[serde(rename = "endComputeMs")]
    end_compute: Option<f64>,
    #[serde(rename = "startD2hMs", alias = "startOutMs")]
    start_d2h: Option<f64>,
    #[serde(rename = "endD2hMs", alias = "endOutMs")]
    end_d2h: Option<f64>,
    #[serde(rename = "h2dMs", alias = "inMs")]
    h2d: Option<f64>,
    #[serde(rename = "computeMs")]
    compute: Option<f64>,
    #[serde(rename = "d2hMs", alias = "outMs")]
    d2h: Option<f64>,
    #[serde(rename = "latencyMs")]
    latency: Option<f64>,
}

/// Reads the file of a run.
///
/// # Errors
/// [`Error::Model`] when it is missing, cut off, not such a file, or tells no computation.
pub fn read_times(path: &Path) -> Result<Vec<TimesRow>> {
    let wrong = |reason: String| Error::Model { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path)
        .map_err(|source| Error::Io { path: path.to_owned(), source })?;
    parse(&text).map_err(wrong)
}

fn parse(text: &str) -> Result<Vec<TimesRow>, String> {
    let wire: Vec<Wire> = serde_json::from_str(text)
        .map_err(|error| format!("not the exported times of trtexec, or cut off: {error}"))?;
    let rows: Vec<TimesRow> = wire.iter().map(row).collect();
    match rows.iter().position(|row| row.compute_ns.is_none()) {
        Some(index) => Err(format!(
            "row {} has neither computeMs nor startComputeMs and endComputeMs",
            index + 1
        )),
        None => Ok(rows),
    }
}

fn row(wire: &Wire) -> TimesRow {
    let duration = |own: Option<f64>, start: Option<f64>, end: Option<f64>| {
        own.or_else(|| Some(end? - start?)).and_then(nanos)
    };
    TimesRow {
        start_enqueue_ns: wire.start_enqueue.and_then(nanos),
        enqueue_ns: duration(None, wire.start_enqueue, wire.end_enqueue),
        start_h2d_ns: wire.start_h2d.and_then(nanos),
        h2d_ns: duration(wire.h2d, wire.start_h2d, wire.end_h2d),
        start_compute_ns: wire.start_compute.and_then(nanos),
        compute_ns: duration(wire.compute, wire.start_compute, wire.end_compute),
        d2h_ns: duration(wire.d2h, wire.start_d2h, wire.end_d2h),
        end_d2h_ns: wire.end_d2h.and_then(nanos),
        latency_ns: wire.latency.and_then(nanos),
    }
}

fn nanos(milliseconds: f64) -> Option<i64> {
    let value = (milliseconds * 1e6).round();
    (value.is_finite() && value.abs() < 9e18).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_every_version_are_read() {
        let now = r#"[
  { "startEnqMs" : 0.5, "endEnqMs" : 0.9, "startH2dMs" : 1, "endH2dMs" : 1.25, "startComputeMs" : 1.25, "endComputeMs" : 3.5, "startD2hMs" : 3.5, "endD2hMs" : 3.6, "h2dMs" : 0.25, "computeMs" : 2.2501, "d2hMs" : 1e-05, "latencyMs" : 2.50011 }
, { "startEnqMs" : 1.5, "endEnqMs" : 1.9, "startH2dMs" : 2, "endH2dMs" : 2.25, "startComputeMs" : 3.5, "endComputeMs" : 5.5, "startD2hMs" : 5.5, "endD2hMs" : 5.6, "h2dMs" : 0.25, "computeMs" : 2, "d2hMs" : 0.1, "latencyMs" : 2.35, "endToEndMs" : 3.6 }
]"#;
        let rows = parse(now).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].compute_ns, Some(2_250_100), "its own value, not the difference");
        assert_eq!((rows[0].d2h_ns, rows[0].enqueue_ns), (Some(10), Some(400_000)));
        assert_eq!(rows[1].latency_ns, Some(2_350_000));
        let seven = r#"[{ "startInMs" : 1, "endInMs" : 2, "startComputeMs" : 2, "endComputeMs" : 4, "startOutMs" : 4, "endOutMs" : 5, "inMs" : 1, "computeMs" : 2, "outMs" : 1, "latencyMs" : 4, "endToEndMs" : 4 }]"#;
        let row = parse(seven).unwrap()[0];
        assert_eq!(
            (row.h2d_ns, row.d2h_ns, row.end_d2h_ns),
            (Some(1_000_000), Some(1_000_000), Some(5_000_000))
        );
        assert_eq!(row.start_enqueue_ns, None);
    }

    #[test]
    fn a_row_may_be_minimal_but_not_empty() {
        let rows = parse(r#"[{"startComputeMs": 1.5, "endComputeMs": 3.75}]"#).unwrap();
        assert_eq!(rows[0].compute_ns, Some(2_250_000));
        assert_eq!(parse("[]").unwrap(), []);
        let error = parse(r#"[{"computeMs": 1}, {"h2dMs": 1}]"#).unwrap_err();
        assert!(error.starts_with("row 2 has neither"), "{error}");
        let cut = parse(r#"[{"computeMs": 1}, {"#).unwrap_err();
        assert!(cut.contains("cut off"), "{cut}");
    }
}
