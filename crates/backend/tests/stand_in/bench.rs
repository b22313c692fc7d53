//! A benchmark: made-up times, in the files and lines of the version that is played.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::config::Config;
use crate::faults;
use crate::flags::Arguments;
use crate::say::{Say, float};

/// Milliseconds of one inference.
struct Row {
    enqueue: (f64, f64),
    h2d: (f64, f64),
    compute: (f64, f64),
    d2h: (f64, f64),
}

/// Whether it passed.
pub(crate) fn run(config: &Config, arguments: &Arguments, say: &mut Say) -> bool {
    let engine = arguments.get("--loadEngine").unwrap_or("");
    if !Path::new(engine).is_file() {
        say.line('E', &format!("Error opening engine file: {engine}"));
        say.line('E', "Engine set up failed");
        return false;
    }
    say.info("Engine loaded in 0.0021 sec.");
    let graph = if config.major >= 11 {
        !arguments.has("--noCudaGraph")
    } else {
        arguments.has("--useCudaGraph")
    };
    if graph {
        capture(config, say);
    }
    say.info("Starting inference");
    faults::in_the_middle(config, say);
    let warm_up = arguments.number("--warmUp", 200.0);
    let total = warm_up + arguments.number("--duration", 3.0) * 1e3;
    let rows = rows(total, arguments.number("--iterations", 10.0) as usize);
    let first = rows.iter().position(|row| row.compute.0 >= warm_up).unwrap_or(0);
    let kept = if config.since(8, 5) { &rows[first..] } else { &rows[..] };
    report(config, say, &rows[first..], first, warm_up);
    if let Some(file) = arguments.get("--exportTimes") {
        let _ = fs::write(file, times(config, kept));
    }
    if let Some(file) = arguments.get("--exportProfile") {
        let _ = fs::write(file, profile(config));
    }
    true
}

fn capture(config: &Config, say: &mut Say) {
    if config.is("no-graph") {
        say.line('W', "The built TensorRT engine contains operations that are not permitted under CUDA graph capture mode.");
        say.line('W', "The specified --useCudaGraph flag has been ignored. The inference will be launched without using CUDA graph launch.");
    } else if config.major >= 10 {
        say.info("Capturing CUDA graph for the current execution context");
        say.info("Successfully captured CUDA graph for the current execution context");
    }
}

fn rows(total: f64, least: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut at = 0.7;
    while at < total || rows.len() < least {
        let noise = ((rows.len() * 7919) % 101) as f64 / 5000.0;
        let (h2d, compute, d2h) = (0.043, 2.18 + noise, 0.005);
        rows.push(Row {
            enqueue: (at - 0.5, at - 0.1),
            h2d: (at, at + h2d),
            compute: (at + h2d, at + h2d + compute),
            d2h: (at + h2d + compute, at + h2d + compute + d2h),
        });
        at += compute + 0.004;
    }
    rows
}

fn report(config: &Config, say: &mut Say, rows: &[Row], warm_ups: usize, warm_up: f64) {
    let wall = rows.last().map_or(0.0, |row| row.d2h.1) - rows.first().map_or(0.0, |row| row.h2d.0);
    say.info(&format!("Warmup completed {warm_ups} queries over {} ms", float(warm_up)));
    say.info(&format!("Timing trace has {} queries over {} s", rows.len(), float(wall / 1e3)));
    say.info("");
    say.info("=== Trace details ===");
    say.info("Trace averages of 10 runs:");
    say.info("Average on 10 runs - GPU latency: 2.18 ms - Host latency: 2.23 ms (enqueue 0.4 ms)");
    say.info("");
    say.info("=== Performance summary ===");
    say.info(&format!("Throughput: {} qps", float(rows.len() as f64 / wall * 1e3)));
    let line = |name: &str, value: &dyn Fn(&Row) -> f64| {
        let mut values: Vec<f64> = rows.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        let (n, mean) = (values.len(), values.iter().sum::<f64>() / values.len() as f64);
        let (min, max, median) = (float(values[0]), float(values[n - 1]), float(values[n / 2]));
        let mut text = format!(
            "{name}: min = {min} ms, max = {max} ms, mean = {} ms, median = {median} ms",
            float(mean)
        );
        let list: &[f64] =
            if config.since(8, 5) { &[50.0, 90.0, 95.0, 99.0, 99.9] } else { &[99.0] };
        for p in list {
            let cut = n - 1 - ((1.0 - p / 100.0) * n as f64) as usize;
            let _ = write!(text, ", percentile({p}%) = {} ms", float(values[cut]));
        }
        text
    };
    let width = |(start, end): (f64, f64)| end - start;
    say.info(&line("Latency", &|row| row.d2h.1 - row.h2d.0));
    if !config.since(8, 4) {
        say.info(&line("End-to-End Host Latency", &|row| row.d2h.1 - row.h2d.0));
    }
    say.info(&line("Enqueue Time", &|row| width(row.enqueue)));
    say.info(&line("H2D Latency", &|row| width(row.h2d)));
    say.info(&line("GPU Compute Time", &|row| width(row.compute)));
    say.info(&line("D2H Latency", &|row| width(row.d2h)));
    say.info(&format!("Total Host Walltime: {} s", float(wall / 1e3)));
    say.info(&format!("Total GPU Compute Time: {} s", float(wall / 1e3)));
    say.line('W', "* GPU compute time is unstable, with coefficient of variance = 1.2%.");
    say.info("Explanations of the performance metrics are printed in the verbose logs.");
    say.info("");
}

fn times(config: &Config, rows: &[Row]) -> String {
    let mut text = "[\n".to_owned();
    for (index, row) in rows.iter().enumerate() {
        let mut pairs = vec![
            ("startEnqMs", row.enqueue.0),
            ("endEnqMs", row.enqueue.1),
            ("startH2dMs", row.h2d.0),
            ("endH2dMs", row.h2d.1),
            ("startComputeMs", row.compute.0),
            ("endComputeMs", row.compute.1),
            ("startD2hMs", row.d2h.0),
            ("endD2hMs", row.d2h.1),
            ("h2dMs", row.h2d.1 - row.h2d.0),
            ("computeMs", row.compute.1 - row.compute.0),
            ("d2hMs", row.d2h.1 - row.d2h.0),
            ("latencyMs", row.d2h.1 - row.h2d.0),
        ];
        if !config.since(8, 4) {
            pairs.push(("endToEndMs", row.d2h.1 - row.h2d.0));
        }
        let pairs: Vec<String> =
            pairs.iter().map(|(key, value)| format!("\"{key}\" : {}", float(*value))).collect();
        let start = if index == 0 { "  " } else { ", " };
        let _ = writeln!(text, "{start}{{ {} }}", pairs.join(", "));
    }
    text + "]\n"
}

/// Names are not escaped, as in the original.
fn profile(config: &Config) -> String {
    let median = if config.since(8, 4) { ", \"medianMs\" : 1.09" } else { "" };
    format!(
        "[\n  {{ \"count\" : 128 }}\n, {{ \"name\" : \"conv + act\", \"timeMs\" : 140.5, \"averageMs\" : 1.0976{median}, \"percentage\" : 62.5 }}\n\
         , {{ \"name\" : \"{{ForeignNode[\"pool\"...fc]}}\", \"timeMs\" : 84.3, \"averageMs\" : 0.6586{median}, \"percentage\" : 37.5 }}\n]\n"
    )
}
