//! The command line of a benchmark.

use std::path::Path;
use std::time::Duration;

use crate::error::Result;
use crate::trtexec::flags::{self, Flag};
use crate::trtexec::unsupported;
use trtexec_format::Version;

use super::{Command, join_inputs, join_shapes};

/// How the host waits for the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The thread sleeps until an event wakes it: trtexec's default before 11.
    Block,
    /// The thread polls: less jitter, one busy core.
    Spin,
}

/// Files that a benchmark writes.
#[derive(Clone, Copy, Debug)]
pub struct Exports<'a> {
    /// `--exportTimes`.
    pub times: &'a Path,
    /// `--exportProfile`, when [`BenchSpec::profile`] asks for it.
    pub profile: &'a Path,
}

/// A benchmark of one engine.
#[derive(Clone, Debug)]
pub struct BenchSpec<'a> {
    /// The engine file.
    pub engine: &'a Path,
    /// Streams of inferences at once.
    pub streams: u32,
    /// Whether inferences are launched as a CUDA graph.
    pub graph: bool,
    /// Whether input and output are copied within each inference.
    pub transfers: bool,
    /// Inferences in flight a stream: 1, or 2 (the next copy overlaps the current computation).
    pub depth: u32,
    /// How the host waits.
    pub wait: Wait,
    /// One host thread a stream instead of one for all.
    pub threads: bool,
    /// Time before the measured part.
    pub warm_up: Duration,
    /// Least time of the measured part.
    pub duration: Duration,
    /// Least number of inferences; both must be met.
    pub iterations: u32,
    /// Sizes of inputs with open dimensions, by name.
    pub shapes: &'a [(String, Vec<usize>)],
    /// Raw bytes of inputs, by name; others get trtexec's random values.
    pub inputs: &'a [(String, &'a Path)],
    /// Whether the times of layers are measured too, in a run of their own after the measured one.
    pub profile: bool,
    /// The device's number.
    pub device: u32,
}

impl<'a> BenchSpec<'a> {
    /// What trtexec 10.3 does by default, with 500 ms of warm-up and 30 s.
    pub fn new(engine: &'a Path) -> Self {
        Self {
            engine,
            streams: 1,
            graph: false,
            transfers: true,
            depth: 2,
            wait: Wait::Block,
            threads: false,
            warm_up: Duration::from_millis(500),
            duration: Duration::from_secs(30),
            iterations: 10,
            shapes: &[],
            inputs: &[],
            profile: false,
            device: 0,
        }
    }
}

/// The command line of a benchmark.
///
/// # Errors
/// [`crate::Error::Unsupported`] for a depth beyond two or no stream; [`crate::Error::Shape`] as in `command::build`.
pub fn bench(version: Version, spec: &BenchSpec<'_>, exports: &Exports<'_>) -> Result<Command> {
    if !(1..=2).contains(&spec.depth) || spec.streams == 0 {
        let (depth, streams) = (spec.depth, spec.streams);
        return Err(unsupported(format!(
            "keep {depth} inferences in flight on each of {streams} streams"
        )));
    }
    let mut line = Command::default();
    line.value("--loadEngine", spec.engine);
    line.number("--device", spec.device);
    let streams =
        if flags::INF_STREAMS.known_to(version) { flags::INF_STREAMS.name } else { "--streams" };
    line.number(streams, spec.streams);
    toggles(version, spec, &mut line);
    times(version, spec, &mut line);
    if !spec.shapes.is_empty() {
        line.value("--shapes", join_shapes(spec.shapes)?);
    }
    if !spec.inputs.is_empty() {
        line.value("--loadInputs", join_inputs(spec.inputs)?);
    }
    line.value("--exportTimes", exports.times);
    if spec.profile {
        line.value("--exportProfile", exports.profile);
        if !version.since(flags::ALWAYS_SEPARATE_PROFILE) {
            line.flag("--separateProfileRun");
        }
    }
    Ok(line)
}

/// What 11.0 turned round. The older flags are accepted there and do nothing, but say what is meant.
fn toggles(version: Version, spec: &BenchSpec<'_>, line: &mut Command) {
    let mut toggle = |on: bool, yes: Option<&str>, no: Option<&str>| {
        if let Some(name) = if on { yes } else { no } {
            line.flag(name);
        }
    };
    let new = |flag: Flag| flag.known_to(version).then_some(flag.name);
    toggle(spec.transfers, new(flags::INCLUDE_DATA_TRANSFERS), Some("--noDataTransfers"));
    toggle(spec.wait == Wait::Spin, Some("--useSpinWait"), new(flags::NO_SPIN_WAIT));
    toggle(spec.graph, Some("--useCudaGraph"), new(flags::NO_CUDA_GRAPH));
    toggle(spec.depth == 1, Some("--exposeDMA"), None);
    toggle(spec.threads, Some("--threads"), None);
}

fn times(version: Version, spec: &BenchSpec<'_>, line: &mut Command) {
    if version.since(flags::FRACTIONAL_TIMES) {
        line.number("--warmUp", spec.warm_up.as_secs_f64() * 1e3);
        line.number("--duration", spec.duration.as_secs_f64());
    } else {
        let warm_up = spec.warm_up.as_micros().div_ceil(1000) as u64;
        let duration = spec.duration.as_millis().div_ceil(1000) as u64;
        line.number("--warmUp", warm_up);
        line.number("--duration", duration);
        let taken = (Duration::from_millis(warm_up), Duration::from_secs(duration));
        if taken != (spec.warm_up, spec.duration) {
            line.notes.push(format!(
                "trtexec {version} takes whole milliseconds of warm-up and whole seconds: {:?} and {:?} \
                 became {warm_up} ms and {duration} s",
                spec.warm_up, spec.duration
            ));
        }
    }
    line.number("--iterations", spec.iterations);
    line.flag("--sleepTime=0");
    line.flag("--idleTime=0");
    line.flag("--avgRuns=10");
    let list = version.since(flags::PERCENTILE_LIST);
    line.value("--percentile", if list { "50,90,95,99,99.9" } else { "99" });
}
