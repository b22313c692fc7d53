//! Synthetic run folders, written with the same writers as the runner's.

use std::path::Path;

use pipeline::artifact::{self, CaseRow, EngineRow, ModelRow, TelemetryRow, VerifyRow};
use pipeline::samples::{self, Phase, Sample};
use pipeline::{Provenance, RunDir, Verdict};

/// One mode of a synthetic run.
#[derive(Clone)]
pub(crate) struct Mode {
    pub(crate) name: &'static str,
    pub(crate) streams: i64,
    pub(crate) graph: bool,
    pub(crate) skipped: Option<&'static str>,
    /// Time of one inference.
    pub(crate) base_ns: f64,
    /// Spread relative to it.
    pub(crate) cv: f64,
    /// Inferences a stream in each round.
    pub(crate) per_round: usize,
}

/// A synthetic run.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) modes: Vec<Mode>,
    pub(crate) rounds: i64,
    pub(crate) gpu: bool,
    pub(crate) analysis: &'static str,
    /// Change of the time over a round.
    pub(crate) drift: f64,
    /// Of every random draw.
    pub(crate) seed: u64,
}

fn mode(name: &'static str, streams: i64, base_ns: f64, cv: f64, per_round: usize) -> Mode {
    Mode { name, streams, graph: false, skipped: None, base_ns, cv, per_round }
}

/// ResNet-50 on two cores.
pub(crate) fn cpu() -> Spec {
    let graph = Mode {
        graph: true,
        skipped: Some("onnxruntime-cpu has no CUDA graphs"),
        ..mode("cuda-graph", 1, 0.0, 0.0, 0)
    };
    Spec {
        modes: vec![
            mode("base", 1, 39.6e6, 0.02, 150),
            graph,
            mode("streams-2", 2, 75.2e6, 0.025, 80),
            mode("streams-4", 4, 149.5e6, 0.04, 40),
        ],
        rounds: 5,
        gpu: false,
        analysis: "claims = [\"cuda-graph enqueue/p50 < base enqueue/p50\", \"streams-2 throughput > base throughput * 1.02\", \"base response/p50 > streams-2 response/p50\"]",
        drift: 0.0,
        seed: 7,
    }
}

/// ResNet-50 FP16 on a small GPU.
pub(crate) fn gpu() -> Spec {
    Spec {
        modes: vec![
            mode("base", 1, 2.23e6, 0.004, 2600),
            Mode { graph: true, ..mode("cuda-graph", 1, 2.051e6, 0.002, 2900) },
            mode("streams-2", 2, 4.27e6, 0.01, 1400),
            mode("streams-4", 4, 8.43e6, 0.012, 700),
        ],
        rounds: 5,
        gpu: true,
        analysis: "claims = [\"cuda-graph enqueue/p50 < base enqueue/p50\", \"base build/warm < base build/cold * 0.5\"]",
        drift: 0.0,
        seed: 7,
    }
}

/// Uniform draws of a generator whose stream never changes (Steele, Lea and Flood, 2014: SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal, from twelve uniform draws.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

const MODEL: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const ENGINE: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

/// Writes a whole run folder as the stages before the analysis leave it.
pub(crate) fn write(dir: &Path, spec: &Spec) {
    let run = RunDir::new(dir);
    std::fs::create_dir_all(dir).unwrap();
    let pipeline =
        format!("[pipeline]\nname = \"resnet50\"\nseed = 1\n\n[analysis]\n{}\n", spec.analysis);
    std::fs::write(run.pipeline_toml(), pipeline).unwrap();
    let provenance = provenance();
    let (rows, samples, telemetry) = measure(spec);
    for (mode, mut samples) in spec.modes.iter().zip(samples) {
        if mode.skipped.is_none() {
            samples::write(&run.samples_of(mode.name), mode.name, &mut samples, &provenance)
                .unwrap();
        }
    }
    artifact::write(&run, &rows, &provenance).unwrap();
    artifact::write(&run, &telemetry, &provenance).unwrap();
    artifact::write(&run, &engines(spec), &provenance).unwrap();
    artifact::write(&run, &[model()], &provenance).unwrap();
    artifact::write(&run, &verification(), &provenance).unwrap();
}

pub(crate) fn provenance() -> Provenance {
    Provenance::default()
        .with("tailmark.version", "0.1.0")
        .with("git.revision", "0123456789ab")
        .with("host.cpu", "a processor of two cores")
        .with("host.cores", "2")
        .with("argv", "runner run --run here")
}

/// Rows of `cases`, samples of each mode, telemetry.
fn measure(spec: &Spec) -> (Vec<CaseRow>, Vec<Vec<Sample>>, Vec<TelemetryRow>) {
    let mut random = Random(spec.seed);
    let mut rows = Vec::new();
    let mut samples = vec![Vec::new(); spec.modes.len()];
    let mut telemetry = Vec::new();
    let mut now = 1_000_000_i64;
    for round in 0..spec.rounds {
        for step in 0..spec.modes.len() {
            let place = (step + round as usize) % spec.modes.len();
            let mode = &spec.modes[place];
            let mut row = case_row(spec, mode, round, rows.len() as i64);
            if mode.skipped.is_none() {
                let level = 1.0 + 0.003 * random.normal();
                let made = visit(spec, mode, round, now, level, &mut random);
                finish(&mut row, &made);
                let end = made.iter().map(|sample| sample.done_ns).max().unwrap_or(now);
                telemetry.extend(ticks(spec, mode, round, (now, end), &mut random));
                now = end + 50_000_000;
                samples[place].extend(made);
            }
            rows.push(row);
        }
    }
    (rows, samples, telemetry)
}

fn visit(
    spec: &Spec,
    mode: &Mode,
    round: i64,
    start: i64,
    level: f64,
    random: &mut Random,
) -> Vec<Sample> {
    let warm_up = (mode.per_round / 12).max(2);
    let mut made = Vec::new();
    for stream in 0..mode.streams {
        let mut issue_ns = start + stream * 1_000;
        for seq in 0..mode.per_round + warm_up {
            let share = seq as f64 / mode.per_round as f64;
            let hot = if seq < warm_up { 0.15 * (-(seq as f64)).exp() } else { 0.0 };
            let slow = if random.next() < 0.01 { random.next() * 0.25 } else { 0.0 };
            let skew = (random.normal() * mode.cv).abs();
            let factor = level * (1.0 + hot + slow + skew + spec.drift * share);
            let compute_ns = (mode.base_ns * factor / 32.0).round() as i64 * 32;
            let copy = |ns: i64| spec.gpu.then_some(ns);
            let enqueue = if mode.graph { 60_000.0 } else { 900_000.0 }
                * (1.0 + 0.05 * random.normal().abs());
            let (h2d, d2h) = (60_000, 8_000);
            let around = if spec.gpu { h2d + d2h + 12_000 } else { 0 };
            let done_ns = issue_ns + compute_ns + around;
            made.push(Sample {
                round,
                stream,
                seq: seq as i64,
                phase: if seq < warm_up { Phase::WarmUp } else { Phase::Steady },
                issue_ns,
                enqueue_ns: copy(enqueue as i64),
                h2d_ns: copy(h2d),
                compute_ns,
                d2h_ns: copy(d2h),
                start_ns: copy(issue_ns + h2d),
                done_ns,
                scheduled_ns: None,
            });
            issue_ns = done_ns + 900;
        }
    }
    made
}

fn case_row(spec: &Spec, mode: &Mode, round: i64, position: i64) -> CaseRow {
    let precision = "fp16".to_owned();
    CaseRow {
        device: if spec.gpu { "a small GPU" } else { "a processor of two cores" }.to_owned(),
        case: mode.name.to_owned(),
        round,
        position,
        engine_digest: ENGINE.to_owned(),
        model_digest: MODEL.to_owned(),
        backend: if spec.gpu { "tensorrt" } else { "onnxruntime-cpu" }.to_owned(),
        requested_streams: mode.streams,
        achieved_streams: 0,
        requested_graph: mode.graph,
        achieved_graph: mode.graph && spec.gpu,
        requested_precision: precision.clone(),
        achieved_precision: if spec.gpu { precision } else { "fp32".to_owned() },
        requested_threads: (!spec.gpu).then(|| (2 / mode.streams).max(1)),
        achieved_threads: (!spec.gpu).then(|| (2 / mode.streams).max(1)),
        spinning: (!spec.gpu).then_some(mode.streams == 1),
        batch: 1,
        transfers: spec.gpu,
        depth: 1,
        wait: if spec.gpu { "spin" } else { "call" }.to_owned(),
        clock_error_ns: spec.gpu.then_some(900),
        clock_quantum_ns: if spec.gpu { 32 } else { 20 },
        n: 0,
        n_warm_up: 0,
        start_ns: 0,
        wall_ns: 0,
        concurrency: None,
        recorder_waits: 0,
        host_load: Some(0.4),
        outputs_checked: false,
        output_max_abs: None,
        verdict: if mode.skipped.is_some() { Verdict::Skipped } else { Verdict::Valid },
        reasons: match mode.skipped {
            Some(reason) => vec![reason.to_owned()],
            None if spec.gpu => Vec::new(),
            None => vec!["note: fp16 asked, fp32 achieved: onnxruntime-cpu computes so".to_owned()],
        },
        error: None,
    }
}

/// What the runner adds to a row when a visit has ended.
fn finish(row: &mut CaseRow, samples: &[Sample]) {
    let steady = || samples.iter().filter(|sample| sample.phase == Phase::Steady);
    row.n = steady().count() as i64;
    row.n_warm_up = samples.len() as i64 - row.n;
    row.achieved_streams = row.requested_streams;
    row.start_ns = steady().map(|sample| sample.issue_ns).min().unwrap_or(0);
    row.wall_ns = steady().map(|sample| sample.done_ns).max().unwrap_or(0) - row.start_ns;
    let busy: i64 = steady().map(|sample| sample.compute_ns).sum();
    row.concurrency = Some(busy as f64 / row.wall_ns as f64);
    row.outputs_checked = true;
    row.output_max_abs = Some(1.8e-5);
}

fn ticks(
    spec: &Spec,
    mode: &Mode,
    round: i64,
    (start, end): (i64, i64),
    random: &mut Random,
) -> Vec<TelemetryRow> {
    let step = 100_000_000;
    (0..=(end - start) / step)
        .map(|k| {
            let wobble = random.normal();
            TelemetryRow {
                at_ns: start + k * step,
                case: Some(mode.name.to_owned()),
                round: Some(round),
                cpu_clock_khz: Some(2_600_000 + (wobble * 4_000.0) as i64),
                cpu_utilisation: Some((0.93 + 0.02 * wobble).clamp(0.0, 1.0)),
                cpu_steal: Some((0.004 * wobble).clamp(0.0, 1.0)),
                load_1m: Some(1.9 + 0.05 * wobble),
                sm_clock_mhz: spec.gpu.then_some(1_020),
                power_mw: spec.gpu.then_some(14_000 + (wobble * 300.0) as i64),
                temperature_mc: spec.gpu.then_some(61_000 + k * 40),
                ..TelemetryRow::default()
            }
        })
        .collect()
}

fn engines(spec: &Spec) -> Vec<EngineRow> {
    let row = |round: i64, cache: &str, build_ns: i64| EngineRow {
        model_digest: MODEL.to_owned(),
        engine_digest: ENGINE.to_owned(),
        engine_key: "key".to_owned(),
        path: "data/engines/x.engine".to_owned(),
        backend: if spec.gpu { "tensorrt" } else { "onnxruntime-cpu" }.to_owned(),
        backend_version: if spec.gpu { "10.3.0" } else { "1.32.0" }.to_owned(),
        device: "here".to_owned(),
        build_round: round,
        precision_requested: "fp16".to_owned(),
        precision_achieved: if spec.gpu { "fp16" } else { "fp32" }.to_owned(),
        precision_share: Some(if spec.gpu { 0.98 } else { 0.0 }),
        cache: cache.to_owned(),
        cache_hits: spec.gpu.then_some(if cache == "warm" { 160 } else { 0 }),
        cache_misses: spec.gpu.then_some(if cache == "warm" { 0 } else { 160 }),
        build_ns,
        original_build_ns: build_ns,
        bytes: 51_200_000,
        flags: vec!["optimization-level=5".to_owned()],
        error: None,
    };
    if spec.gpu {
        (0..3)
            .flat_map(|k| {
                [
                    row(k, "cold", 312_000_000_000 + k * 900_000_000),
                    row(k, "warm", 41_000_000_000 + k * 300_000_000),
                ]
            })
            .collect()
    } else {
        vec![row(0, "none", 812_000_000)]
    }
}

fn model() -> ModelRow {
    ModelRow {
        model_digest: MODEL.to_owned(),
        name: "resnet50".to_owned(),
        precision: "fp16".to_owned(),
        source: "synthetic".to_owned(),
        seed: Some(1),
        path: "data/models/x.onnx".to_owned(),
        opset: 17,
        inputs: vec!["input: float32[1,3,224,224]".to_owned()],
        outputs: vec!["output: float32[1,1000]".to_owned()],
        parameters: 25_557_032,
        flops: Some(8_200_000_000),
        bytes: 51_100_000,
    }
}

fn verification() -> Vec<VerifyRow> {
    (0..3)
        .map(|k| VerifyRow {
            model_digest: MODEL.to_owned(),
            precision: "fp16".to_owned(),
            engine: "onnxruntime-cpu 1.32.0".to_owned(),
            reference: "rten 0.27.0 fp32".to_owned(),
            output: "output".to_owned(),
            input_set: format!("image-like, seed {k}"),
            max_abs: 2.4e-2 - f64::from(k) * 1e-3,
            max_rel: 3e-3,
            ulp: Some(25.1),
            cosine: Some(0.999_998_7),
            top1_agree: Some(true),
            top5_agree: Some(1.0),
            equal_share: None,
            nan_count: 0,
            inf_count: 0,
            reference_nan_count: 0,
            scale: 1.47,
            minimum_tolerance: Some((2.4e-2 - f64::from(k) * 1e-3) / 1.47),
            relative_tolerance: 5e-2,
            tolerance: 7.4e-2,
            tolerance_from: "error model".to_owned(),
            verdict: Verdict::Valid,
            reasons: Vec::new(),
        })
        .collect()
}
