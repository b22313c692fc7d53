//! Files in the formats of trtexec 7.0 to 11.x, and what it would print beside them: the writer of our own that
//! tests import.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Which keys a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// `In` and `Out`.
    Seven,
    /// The same with `Enq`, whose values are those of `In`, and the other way round.
    SevenTwo,
    /// With `endToEndMs`.
    Eight,
    /// Until 11.
    Ten,
    /// Stamps of the computation alone.
    Minimal,
}

/// One inference, in milliseconds: enqueue, copy in, compute, copy out as (start, end).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inference {
    pub(crate) enqueue: (f64, f64),
    pub(crate) h2d: (f64, f64),
    pub(crate) compute: (f64, f64),
    pub(crate) d2h: (f64, f64),
}

/// `n` inferences of about 2.18 ms at depth 2 on one stream, from `start` ms on.
pub(crate) fn inferences(n: usize, start: f64) -> Vec<Inference> {
    let mut at = start;
    let mut found = Vec::new();
    for k in 0..n {
        // a fixed sequence that looks like noise
        let noise = ((k * 7919) % 1009) as f64 / 1009.0;
        let (h2d, compute, d2h) = (0.043, 2.17 + 0.02 * noise * noise, 0.005);
        let begin = at.max(start + h2d);
        found.push(Inference {
            enqueue: (begin - 1.9, begin - 1.5),
            h2d: (begin - 2.0, begin - 2.0 + h2d),
            compute: (begin, begin + compute),
            d2h: (begin + compute, begin + compute + d2h),
        });
        at = begin + compute + 0.004;
    }
    found
}

/// A number as C++ prints it by default: six significant digits.
fn six(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap();
    rounded.to_string()
}

/// The difference of two times as float32 has it.
fn float(of: (f64, f64)) -> f64 {
    f64::from(of.1 as f32 - of.0 as f32)
}

/// The text of `--exportTimes`.
pub(crate) fn json(keys: Keys, inferences: &[Inference]) -> String {
    let mut text = "[\n".to_owned();
    for (k, one) in inferences.iter().enumerate() {
        let pairs: Vec<String> = pairs(keys, one)
            .into_iter()
            .map(|(key, value)| format!("\"{key}\" : {}", six(value)))
            .collect();
        let start = if k == 0 { "  " } else { ", " };
        writeln!(text, "{start}{{ {} }}", pairs.join(", ")).unwrap();
    }
    text + "]\n"
}

fn pairs(keys: Keys, one: &Inference) -> Vec<(&'static str, f64)> {
    let sum = float(one.h2d) + float(one.compute) + float(one.d2h);
    let compute = [("startComputeMs", one.compute.0), ("endComputeMs", one.compute.1)];
    if keys == Keys::Minimal {
        return compute.to_vec();
    }
    let old = matches!(keys, Keys::Seven | Keys::SevenTwo);
    let (first, second) =
        if keys == Keys::SevenTwo { (one.h2d, one.enqueue) } else { (one.enqueue, one.h2d) };
    let mut pairs = Vec::new();
    if keys != Keys::Seven {
        pairs.extend([("startEnqMs", first.0), ("endEnqMs", first.1)]);
    }
    let name = |new: &'static str, of_seven: &'static str| if old { of_seven } else { new };
    pairs.extend([
        (name("startH2dMs", "startInMs"), second.0),
        (name("endH2dMs", "endInMs"), second.1),
    ]);
    pairs.extend(compute);
    pairs.extend([
        (name("startD2hMs", "startOutMs"), one.d2h.0),
        (name("endD2hMs", "endOutMs"), one.d2h.1),
        (name("h2dMs", "inMs"), float(one.h2d)),
        ("computeMs", float(one.compute)),
        (name("d2hMs", "outMs"), float(one.d2h)),
        ("latencyMs", sum),
    ]);
    if old || keys == Keys::Eight {
        pairs.push(("endToEndMs", one.d2h.1 - one.h2d.0));
    }
    pairs
}

/// What trtexec prints around a benchmark of these rows, its summary included.
pub(crate) fn log(version: u32, streams: usize, warm_up_ms: usize, rows: &[Inference]) -> String {
    let wall = rows[rows.len() - 1].d2h.1 - rows[0].h2d.0;
    let mut text = format!(
        "&&&& RUNNING TensorRT.trtexec [TensorRT v{version}] # trtexec --loadEngine=e
[I] === Build Options ===
[I] Precision: FP32+FP16
[I] === Inference Options ===
[I] Duration: 3s (+ {warm_up_ms}ms warm up)
[I] Inference Streams: {streams}
[I] Spin-wait: Enabled
[I] CUDA Graph: Disabled
[I] === Device Information ===
[I] Selected Device: Orin
[I] 
[I] Timing trace has {} queries over {} s
[I] === Performance summary ===
[I] Throughput: {} qps
",
        rows.len(),
        six(wall / 1e3),
        six(rows.len() as f64 / wall * 1e3)
    );
    let latency = |one: &Inference| float(one.h2d) + float(one.compute) + float(one.d2h);
    let enqueue = |one: &Inference| float(one.enqueue);
    for (name, of) in [
        ("Latency", &latency as &dyn Fn(&Inference) -> f64),
        ("Enqueue Time", &enqueue),
        ("GPU Compute Time", &|one| float(one.compute)),
    ] {
        let mut values: Vec<f64> = rows.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let (n, mean) = (values.len(), values.iter().sum::<f64>() / values.len() as f64);
        let median = f64::midpoint(values[(n - 1) / 2], values[n / 2]);
        let p99 = values[n - 1 - (0.01_f64 * n as f64) as usize];
        writeln!(
            text,
            "[I] {name}: min = {} ms, max = {} ms, mean = {} ms, median = {} ms, percentile(99%) = {} ms",
            six(values[0]),
            six(values[n - 1]),
            six(mean),
            six(median),
            six(p99)
        )
        .unwrap();
    }
    text + "&&&& PASSED TensorRT.trtexec [TensorRT v100300] # trtexec --loadEngine=e\n"
}

/// Bytes as gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes a file into a folder.
pub(crate) fn file(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
