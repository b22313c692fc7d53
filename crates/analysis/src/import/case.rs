//! A trace, its log and the name of its mode → the row of `cases` and what must be said of it. Pure.

use pipeline::Verdict;
use pipeline::artifact::CaseRow;
use pipeline::config::named_mode;
use stats::{Estimator, Share};
use trtexec_format::Log;

use super::check::Checked;
use super::trace::Trace;
use crate::format::{count, ms, percent, short_duration};

/// The backend of imported cases, and of whatever trtexec measures.
pub(crate) const BACKEND: &str = "trtexec";
/// What stands where nothing is told.
pub(crate) const UNKNOWN: &str = "unknown";

/// What is known beside the trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    /// Name of the mode.
    pub(crate) name: &'a str,
    /// File name, for notes.
    pub(crate) file: &'a str,
    /// Round, from 0.
    pub(crate) round: i64,
    /// Place among all traces, from 0.
    pub(crate) position: i64,
    /// Device by the user's word.
    pub(crate) device: Option<&'a str>,
    /// Precision by the user's word.
    pub(crate) precision: Option<&'a str>,
    /// Precision that the layers tell.
    pub(crate) achieved: Option<&'a str>,
    /// Identity of the engine; empty where nothing is known of it.
    pub(crate) engine: &'a str,
    /// Batch size.
    pub(crate) batch: i64,
    /// The log of the run.
    pub(crate) log: Option<&'a Log>,
}

/// Makes the row; `checked` is what the log's summary was found to be.
pub(crate) fn row(trace: &Trace, given: &Given<'_>, checked: &Checked) -> CaseRow {
    let named = named_mode(given.name);
    let (streams, graph) = named.map_or((1, false), |(streams, graph)| (i64::from(streams), graph));
    let told = Told::of(given.log);
    let (achieved_streams, achieved_graph) =
        (told.streams.unwrap_or(streams), told.graph.unwrap_or(graph));
    let (start, end) = trace.window().unwrap_or_default();
    let busy: i128 = trace.steady().map(|sample| i128::from(sample.compute_ns)).sum();
    let n = trace.steady().count() as i64;
    let depth = trace.most_in_flight().div_ceil(achieved_streams.max(1) as usize).max(1);
    let or_unknown = |text: Option<&str>| text.unwrap_or(UNKNOWN).to_owned();
    let precision = given.precision.or(told.precision.as_deref());
    let mut row = CaseRow {
        device: or_unknown(given.device.or(told.device)),
        requested_streams: named.map_or(achieved_streams, |_| streams),
        achieved_streams,
        requested_graph: named.map_or(achieved_graph, |_| graph),
        achieved_graph,
        requested_precision: or_unknown(precision),
        achieved_precision: or_unknown(given.achieved),
        transfers: trace.transfers.unwrap_or(false),
        depth: depth as i64,
        wait: or_unknown(told.wait),
        clock_error_ns: Some(trace.stamp_step_ns / 2),
        clock_quantum_ns: quantum_ns(trace),
        n,
        n_warm_up: trace.samples.len() as i64 - n,
        start_ns: start,
        wall_ns: end - start,
        concurrency: (end > start).then(|| busy as f64 / (end - start) as f64),
        ..untold(given)
    };
    objections(&mut row, trace);
    row.reasons.extend(notes(trace, given, &row, checked));
    row
}

/// A row with nothing but names: what no trace tells stays as it is here.
fn untold(given: &Given<'_>) -> CaseRow {
    CaseRow {
        device: UNKNOWN.to_owned(),
        case: given.name.to_owned(),
        round: given.round,
        position: given.position,
        engine_digest: given.engine.to_owned(),
        model_digest: String::new(),
        backend: BACKEND.to_owned(),
        requested_streams: 1,
        achieved_streams: 1,
        requested_graph: false,
        achieved_graph: false,
        requested_precision: UNKNOWN.to_owned(),
        achieved_precision: UNKNOWN.to_owned(),
        requested_threads: None,
        achieved_threads: None,
        spinning: None,
        batch: given.batch,
        transfers: false,
        depth: 1,
        wait: UNKNOWN.to_owned(),
        clock_error_ns: None,
        clock_quantum_ns: 1,
        n: 0,
        n_warm_up: 0,
        start_ns: 0,
        wall_ns: 0,
        concurrency: None,
        recorder_waits: 0,
        host_load: None,
        outputs_checked: false,
        output_max_abs: None,
        verdict: Verdict::Valid,
        reasons: Vec::new(),
        error: None,
    }
}

/// The step of `compute`.
fn quantum_ns(trace: &Trace) -> i64 {
    if trace.of_stamps {
        return trace.stamp_step_ns;
    }
    trace.compute_step_ns.map_or(1, |step| step.round() as i64)
}

/// What the log says of the mode; nothing where there is no log.
#[derive(Default)]
struct Told<'a> {
    streams: Option<i64>,
    graph: Option<bool>,
    wait: Option<&'static str>,
    precision: Option<String>,
    device: Option<&'a str>,
}

impl<'a> Told<'a> {
    fn of(log: Option<&'a Log>) -> Self {
        let Some(log) = log else { return Self::default() };
        let switch = |keys: &[&str]| match log.setting(keys) {
            Some("Enabled") => Some(true),
            Some("Disabled") => Some(false),
            _ => None,
        };
        let streams = log.setting(&["Inference Streams", "Streams"]);
        let graph = switch(&["CUDA Graph"]);
        Self {
            streams: streams.and_then(|text| text.parse().ok()).filter(|n| (1..=4096).contains(n)),
            graph: graph.map(|asked| asked && log.graph_captured != Some(false)),
            wait: switch(&["Spin-wait"]).map(|spin| if spin { "spin" } else { "block" }),
            precision: log.setting(&["Precision"]).map(str::to_ascii_lowercase),
            device: Some(log.device.name.as_str()).filter(|name| !name.is_empty()),
        }
    }
}

/// What speaks against the case.
fn objections(row: &mut CaseRow, trace: &Trace) {
    let mut failed = Vec::new();
    if row.requested_streams != row.achieved_streams {
        failed.push(format!(
            "the mode is called {}, but its log tells of {} streams; give it the name streams-{}",
            row.case, row.achieved_streams, row.achieved_streams
        ));
    }
    if row.requested_graph && !row.achieved_graph {
        failed.push(format!(
            "the mode is called {}, but its log tells that no CUDA graph was used",
            row.case
        ));
    }
    let most =
        if row.achieved_streams == 1 { 1.001 } else { (row.achieved_streams * row.depth) as f64 };
    if let Some(busy) = row.concurrency.filter(|&busy| busy > most) {
        failed.push(format!(
            "Σ compute is {busy:.3} × the wall time, which {} {} cannot do; name the mode after its streams: streams-N",
            row.achieved_streams,
            if row.achieved_streams == 1 { "stream" } else { "streams" },
        ));
    }
    if row.n == 0 {
        failed.push("every row belongs to the warm-up".to_owned());
    }
    if !failed.is_empty() {
        row.verdict = Verdict::Failed;
    }
    row.reasons = failed;
    if let Some(why) = &trace.cut_off {
        row.reasons.push(format!("interrupted: the file is {why}; its complete rows are kept"));
    }
}

/// What must be known of an imported case, as notes.
fn notes(trace: &Trace, given: &Given<'_>, row: &CaseRow, checked: &Checked) -> Vec<String> {
    let mut notes = vec![format!(
        "imported from {}, {} rows, SHA-256 {}",
        given.file,
        count(trace.samples.len() as u64),
        trace.digest.short()
    )];
    notes.extend(steps(trace));
    match given.log {
        Some(_) if checked.figures > 0 && checked.differences.is_empty() => notes.push(format!(
            "{} figures of the log's summary follow from the rows",
            checked.figures
        )),
        Some(_) => notes.push("the log has no summary to compare with".to_owned()),
        None => notes.push(
            "streams and graph are what the mode's name says, depth is what the stamps show: no log was given"
                .to_owned(),
        ),
    }
    if !trace.sorted {
        notes.push("the rows were not in order of their start and were sorted".to_owned());
    }
    if trace.transfers.is_none() {
        notes.push("the rows do not tell whether copies took place".to_owned());
    }
    if row.achieved_streams > 1 {
        notes.push("rows do not tell their stream: all stand on stream 0".to_owned());
    }
    notes.into_iter().map(|note| format!("note: {note}")).collect()
}

/// What rounding did to the times.
fn steps(trace: &Trace) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(step) = trace.compute_step_ns {
        notes.push(format!("compute has steps of {}, those of float32", short_duration(step)));
    }
    if trace.stamp_step_ns <= 1 {
        return notes;
    }
    let step = short_duration(trace.stamp_step_ns as f64);
    let compute = if trace.of_stamps { "compute, enqueue" } else { "enqueue" };
    notes.push(format!(
        "stamps have steps of {step}: {compute} and response are differences of two, so their bounds are widened by it"
    ));
    notes.extend(effect(trace, &step).filter(|_| !trace.of_stamps));
    notes
}

/// What p99 would be if compute were taken from the stamps.
fn effect(trace: &Trace, step: &str) -> Option<String> {
    let mut values: Vec<i64> = trace.steady().map(|sample| sample.compute_ns).collect();
    values.sort_unstable();
    let p99 = |sorted: &[i64]| Estimator::Trtexec.of_sorted(sorted, Share::from_ppm(990_000)?);
    let (own, stamps) = (p99(&values)?, p99(&trace.differences)?);
    let change = (stamps as f64 / own as f64 - 1.0).abs();
    Some(format!(
        "end − start of the stamps would put p99 of compute at {} ms instead of {} ms ({} off), with {} distinct values instead of {}, the coarsest {step} apart",
        ms(stamps as f64),
        ms(own as f64),
        percent(change),
        count(distinct(&trace.differences)),
        count(distinct(&values)),
    ))
}

fn distinct(sorted: &[i64]) -> u64 {
    sorted.chunk_by(|a, b| a == b).count() as u64
}
