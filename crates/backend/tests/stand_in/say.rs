//! What the program prints: banner, options, device, and lines with a time and a severity.

use std::ffi::OsString;
use std::io::{self, Write as _};

use crate::config::Config;
use crate::flags::Arguments;

/// Prints; information to standard output, the rest to standard error, as the original does.
pub(crate) struct Say {
    out: io::Stdout,
    err: io::Stderr,
    number: u32,
    build: bool,
}

impl Say {
    pub(crate) fn new(config: &Config) -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        Self { out, err, number: config.number(), build: config.since(10, 8) }
    }

    pub(crate) fn banner(&mut self, state: &str, words: &[OsString]) {
        let command: Vec<String> = words.iter().map(|w| w.to_string_lossy().into_owned()).collect();
        let build = if self.build { " [b42]" } else { "" };
        let version = format!("[TensorRT v{}]{build}", self.number);
        self.raw(&format!("&&&& {state} TensorRT.trtexec {version} # {}", command.join(" ")));
    }

    pub(crate) fn raw(&mut self, text: &str) {
        // a reader that has gone away is no reason to panic
        let _ = writeln!(self.out, "{text}");
    }

    pub(crate) fn line(&mut self, severity: char, text: &str) {
        let line = format!("[01/02/2026-03:04:05] [{severity}] {text}");
        let _ = match severity {
            'I' | 'V' => writeln!(self.out, "{line}"),
            _ => writeln!(self.err, "{line}"),
        };
    }

    pub(crate) fn info(&mut self, text: &str) {
        self.line('I', text);
    }
}

/// A number as C++ prints a float: six significant digits, an exponent where it is shorter.
pub(crate) fn float(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = format!("{value:.5e}");
    let (digits, power) = exponent.split_once('e').expect("an exponent");
    let power: i32 = power.parse().expect("a power");
    let trim = |text: &str| {
        let whole = !text.contains('.');
        let end = if whole { text } else { text.trim_end_matches('0').trim_end_matches('.') };
        end.to_owned()
    };
    if (-4..6).contains(&power) {
        trim(&format!("{value:.*}", (5 - power).max(0) as usize))
    } else {
        let sign = if power < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trim(digits), power.abs())
    }
}

fn switch(on: bool) -> &'static str {
    if on { "Enabled" } else { "Disabled" }
}

/// The echo of the options that it took.
pub(crate) fn options(config: &Config, arguments: &Arguments, say: &mut Say) {
    let eleven = config.major >= 11;
    let transfers = if eleven {
        arguments.has("--includeDataTransfers")
    } else {
        !arguments.has("--noDataTransfers")
    };
    let spin = if eleven { !arguments.has("--noSpinWait") } else { arguments.has("--useSpinWait") };
    let graph =
        if eleven { !arguments.has("--noCudaGraph") } else { arguments.has("--useCudaGraph") };
    // a version whose defaults nobody told us of
    let graph = graph != config.is("other-defaults");
    let streams = if config.since(8, 6) { "Inference Streams" } else { "Streams" };
    let text = |name: &str| arguments.get(name).unwrap_or("").to_owned();
    if eleven {
        for flag in ["--noDataTransfers", "--useSpinWait", "--useCudaGraph"] {
            if arguments.has(flag) {
                say.line('W', &format!("{flag} is deprecated. It is the default now."));
            }
        }
    }
    let lines = [
        "=== Model Options ===".to_owned(),
        "Format: ONNX".to_owned(),
        format!("Model: {}", text("--onnx")),
        "Output:".to_owned(),
        "=== Build Options ===".to_owned(),
        format!("Precision: {}", if arguments.has("--fp16") { "FP32+FP16" } else { "FP32" }),
        format!("timingCacheFile: {}", text("--timingCacheFile")),
        "=== Inference Options ===".to_owned(),
        "Batch: Explicit".to_owned(),
        format!("Iterations: {}", arguments.number("--iterations", 10.0)),
        format!(
            "{streams}: {}",
            arguments.number("--infStreams", arguments.number("--streams", 1.0))
        ),
        format!("ExposeDMA: {}", switch(arguments.has("--exposeDMA"))),
        format!("Data transfers: {}", switch(transfers)),
        format!("Spin-wait: {}", switch(spin)),
        format!("Multithreading: {}", switch(arguments.has("--threads"))),
        format!("CUDA Graph: {}", switch(graph)),
        "Inputs:".to_owned(),
        "=== Reporting Options ===".to_owned(),
        "Verbose: Disabled".to_owned(),
        String::new(),
    ];
    for line in lines {
        say.info(&line);
    }
}

/// The device.
pub(crate) fn device(config: &Config, say: &mut Say) {
    let mut lines = vec!["=== Device Information ===".to_owned()];
    if config.major >= 10 {
        lines.push("Available Devices: ".to_owned());
        lines.push(format!("  Device 0: \"{}\" UUID: GPU-00000000", config.device));
    }
    let clock =
        if config.since(8, 6) { "Application Memory Clock Rate" } else { "Memory Clock Rate" };
    lines.extend([
        format!("Selected Device: {}", config.device),
        "Compute Capability: 8.7".to_owned(),
        "SMs: 8".to_owned(),
        "Device Global Memory: 7620 MiB".to_owned(),
        "Shared Memory per SM: 164 KiB".to_owned(),
        "Memory Bus Width: 128 bits (ECC disabled)".to_owned(),
        format!("{clock}: 1.02 GHz"),
        String::new(),
        format!("TensorRT version: {}.{}.{}", config.major, config.minor, config.patch),
        "Loading standard plugins".to_owned(),
    ]);
    for line in lines {
        say.info(&line);
    }
}
