//! Rows of stage 3, samples apart: cases and telemetry.

use serde::{Deserialize, Serialize};

use super::{Artifact, Column};
use crate::verdict::Verdict;

/// One mode in one round: what was asked, what happened, and whether to believe it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseRow {
    /// Device that ran it.
    pub device: String,
    /// Name of the mode.
    pub case: String,
    /// Round, from 0.
    pub round: i64,
    /// Place in the order in which cases were run, from 0.
    pub position: i64,
    /// The engine; empty when there was none.
    pub engine_digest: String,
    /// The model behind the engine.
    pub model_digest: String,
    /// Backend by name.
    pub backend: String,
    /// Streams asked for.
    pub requested_streams: i64,
    /// Streams that ran.
    pub achieved_streams: i64,
    /// CUDA graph asked for.
    pub requested_graph: bool,
    /// CUDA graph replayed.
    pub achieved_graph: bool,
    /// Precision asked for.
    pub requested_precision: String,
    /// Precision in the engine.
    pub achieved_precision: String,
    /// Threads a stream that were asked for (CPU backends).
    pub requested_threads: Option<i64>,
    /// Threads a stream that the backend was given.
    pub achieved_threads: Option<i64>,
    /// Whether idle threads spin, on CPU backends.
    pub spinning: Option<bool>,
    /// Batch size.
    pub batch: i64,
    /// Whether copies in and out are inside the measured path.
    pub transfers: bool,
    /// Inferences in flight a stream.
    pub depth: i64,
    /// How completion was seen: `call` (synchronous), `spin`, `block` or `poll`.
    pub wait: String,
    /// Largest error of the mapping from device to host clock; null on CPU backends.
    pub clock_error_ns: Option<i64>,
    /// Smallest step of the clock that stamped the samples.
    pub clock_quantum_ns: i64,
    /// Inferences in the steady phase.
    pub n: i64,
    /// Inferences in the warm-up phase.
    pub n_warm_up: i64,
    /// Start of the measured window, on the clock of the samples.
    pub start_ns: i64,
    /// The measured window: from the common start to the last completion.
    pub wall_ns: i64,
    /// Mean number of inferences under way at once: Σ compute ÷ wall.
    pub concurrency: Option<f64>,
    /// Times that a measuring thread had to wait for the recorder, outside the timed region.
    pub recorder_waits: i64,
    /// Load average of the host over a minute, at the start.
    pub host_load: Option<f64>,
    /// Whether the outputs were checked after the timed part, on every stream.
    pub outputs_checked: bool,
    /// Largest absolute difference from the reference in that check.
    pub output_max_abs: Option<f64>,
    /// Verdict of this round.
    pub verdict: Verdict,
    /// Reasons with the figures behind them.
    pub reasons: Vec<String>,
    /// The error that ended it; null when there was none.
    pub error: Option<String>,
}

impl Artifact for CaseRow {
    const NAME: &'static str = "cases";
    const WRITER: &'static str = "runner";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("device", Column::Text),
        ("case", Column::Text),
        ("round", Column::Int),
        ("position", Column::Int),
        ("engine_digest", Column::Text),
        ("model_digest", Column::Text),
        ("backend", Column::Text),
        ("requested_streams", Column::Int),
        ("achieved_streams", Column::Int),
        ("requested_graph", Column::Flag),
        ("achieved_graph", Column::Flag),
        ("requested_precision", Column::Text),
        ("achieved_precision", Column::Text),
        ("requested_threads", Column::IntOrNull),
        ("achieved_threads", Column::IntOrNull),
        ("spinning", Column::FlagOrNull),
        ("batch", Column::Int),
        ("transfers", Column::Flag),
        ("depth", Column::Int),
        ("wait", Column::Text),
        ("clock_error_ns", Column::IntOrNull),
        ("clock_quantum_ns", Column::Int),
        ("n", Column::Int),
        ("n_warm_up", Column::Int),
        ("start_ns", Column::Int),
        ("wall_ns", Column::Int),
        ("concurrency", Column::RealOrNull),
        ("recorder_waits", Column::Int),
        ("host_load", Column::RealOrNull),
        ("outputs_checked", Column::Flag),
        ("output_max_abs", Column::RealOrNull),
        ("verdict", Column::Text),
        ("reasons", Column::Texts),
        ("error", Column::TextOrNull),
    ];
}

/// One reading of the host's and the device's sensors; null = not supported here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TelemetryRow {
    /// When it was read, on the clock of the samples.
    pub at_ns: i64,
    /// The case that was running.
    pub case: Option<String>,
    /// Its round.
    pub round: Option<i64>,
    /// Mean clock of the processor's cores.
    pub cpu_clock_khz: Option<i64>,
    /// Slowest core.
    pub cpu_clock_min_khz: Option<i64>,
    /// Share of the host's cores that were busy since the last tick, 0 to 1.
    pub cpu_utilisation: Option<f64>,
    /// Share that this process used, in cores.
    pub process_cores: Option<f64>,
    /// Share of time that the hypervisor gave to others, 0 to 1.
    pub cpu_steal: Option<f64>,
    /// Load average over a minute.
    pub load_1m: Option<f64>,
    /// Share of time in which some task waited for a processor, over 10 s, 0 to 1.
    pub cpu_pressure: Option<f64>,
    /// Hottest thermal zone of the processor.
    pub cpu_temperature_mc: Option<i64>,
    /// Core and package throttle events since the last tick.
    pub cpu_throttle_events: Option<i64>,
    /// Power of the processor package.
    pub cpu_power_mw: Option<i64>,
    /// Resident memory of this process.
    pub process_memory_bytes: Option<i64>,
    /// SM clock.
    pub sm_clock_mhz: Option<i64>,
    /// Memory clock of the GPU.
    pub memory_clock_mhz: Option<i64>,
    /// GPU utilisation, 0 to 1.
    pub gpu_utilisation: Option<f64>,
    /// Power of the GPU.
    pub power_mw: Option<i64>,
    /// Energy of the GPU since the driver was loaded.
    pub energy_mj: Option<i64>,
    /// Temperature of the GPU.
    pub temperature_mc: Option<i64>,
    /// Throttle reasons of the GPU, as the driver's bit set.
    pub throttle_reasons: Option<i64>,
    /// Clock of the Jetson memory controller.
    pub emc_clock_khz: Option<i64>,
}

impl Artifact for TelemetryRow {
    const NAME: &'static str = "telemetry/host";
    const WRITER: &'static str = "runner";
    const COLUMNS: &'static [(&'static str, Column)] = &[
        ("at_ns", Column::Int),
        ("case", Column::TextOrNull),
        ("round", Column::IntOrNull),
        ("cpu_clock_khz", Column::IntOrNull),
        ("cpu_clock_min_khz", Column::IntOrNull),
        ("cpu_utilisation", Column::RealOrNull),
        ("process_cores", Column::RealOrNull),
        ("cpu_steal", Column::RealOrNull),
        ("load_1m", Column::RealOrNull),
        ("cpu_pressure", Column::RealOrNull),
        ("cpu_temperature_mc", Column::IntOrNull),
        ("cpu_throttle_events", Column::IntOrNull),
        ("cpu_power_mw", Column::IntOrNull),
        ("process_memory_bytes", Column::IntOrNull),
        ("sm_clock_mhz", Column::IntOrNull),
        ("memory_clock_mhz", Column::IntOrNull),
        ("gpu_utilisation", Column::RealOrNull),
        ("power_mw", Column::IntOrNull),
        ("energy_mj", Column::IntOrNull),
        ("temperature_mc", Column::IntOrNull),
        ("throttle_reasons", Column::IntOrNull),
        ("emc_clock_khz", Column::IntOrNull),
    ];
}
