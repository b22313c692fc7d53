//! Logs in the shapes of each generation.

use super::*;

fn read(text: &str) -> Log {
    let mut log = Log::default();
    text.lines().for_each(|line| log.line(line));
    log
}

/// A build of 8.2: the library says when the engine is made, trtexec times the whole set-up.
const OLD_BUILD: &str = "\
&&&& RUNNING TensorRT.trtexec [TensorRT v8205] # trtexec --onnx=m.onnx --buildOnly
[04/17/2026-10:00:01] [I] === Model Options ===
[04/17/2026-10:00:01] [I] Format: ONNX
[04/17/2026-10:00:01] [I] Model: /models/a:b.onnx
[04/17/2026-10:00:01] [I] Output:
[04/17/2026-10:00:01] [I] === Build Options ===
[04/17/2026-10:00:01] [I] Workspace: 7620 MiB
[04/17/2026-10:00:01] [I] Precision: FP32+FP16
[04/17/2026-10:00:01] [I] === Inference Options ===
[04/17/2026-10:00:01] [I] Streams: 1
[04/17/2026-10:00:01] [I] === Device Information ===
[04/17/2026-10:00:01] [I] Selected Device: Orin
[04/17/2026-10:00:01] [I] Compute Capability: 8.7
[04/17/2026-10:00:01] [I] SMs: 16
[04/17/2026-10:00:01] [I] Compute Clock Rate: 1.3 GHz
[04/17/2026-10:00:01] [I] Device Global Memory: 30536 MiB
[04/17/2026-10:00:01] [I] Memory Clock Rate: 0.612 GHz
[04/17/2026-10:00:01] [I] 
[04/17/2026-10:00:01] [I] TensorRT version: 8.2.5
[04/17/2026-10:00:02] [I] [TRT] [MemUsageChange] Init CUDA: CPU +303, GPU +0, now: CPU 327, GPU 5217 (MiB)
[04/17/2026-10:00:02] [I] Start parsing network model
[04/17/2026-10:00:02] [I] Finish parsing network model
[04/17/2026-10:00:02] [W] Could not read timing cache from: t.cache. A new timing cache will be generated and written.
[04/17/2026-10:00:02] [W] [TRT] TensorRT was linked against cuBLAS/cuBLAS LT 11.6.5 but loaded cuBLAS/cuBLAS LT 11.6.1
[04/17/2026-10:00:02] [W] [TRT] TensorRT was linked against cuBLAS/cuBLAS LT 11.6.5 but loaded cuBLAS/cuBLAS LT 11.6.1
[04/17/2026-10:01:02] [I] [TRT] Detected 1 inputs and 1 output network tensors.
[04/17/2026-10:01:03] [I] [TRT] Engine generation completed in 61.6 seconds.
[04/17/2026-10:01:03] [I] Saved 12345 bytes of timing cache to t.cache
[04/17/2026-10:01:03] [I] Engine built in 63.25 sec.
&&&& PASSED TensorRT.trtexec [TensorRT v8205] # trtexec --onnx=m.onnx --buildOnly
";

#[test]
fn a_build_is_told_from_banner_to_banner() {
    let log = read(OLD_BUILD);
    assert_eq!(log.version, Some(Version::new(8, 2, 5)));
    assert_eq!(log.verdict, Some(Verdict::Passed));
    assert_eq!((log.built_s, log.generation_s, log.engine_mib), (Some(63.25), Some(61.6), None));
    assert_eq!(log.device.identity(), "Orin, sm 8.7, 16 SMs, memory 0.612 GHz");
    assert_eq!(log.device.memory_mib, Some(30_536));
    assert_eq!(log.setting(&["Precision"]), Some("FP32+FP16"));
    assert_eq!(log.setting(&["Model"]), Some("/models/a:b.onnx"));
    assert_eq!(log.setting(&["Inference Streams"]), None);
    let cache = CacheLog { saved: Some(12_345), begun: true, ..CacheLog::default() };
    assert_eq!(log.cache, cache);
    assert_eq!(log.warnings.len(), 1, "once, and not of the new cache: {:?}", log.warnings);
    assert_eq!(log.phase(), Phase::Loading);
    assert!(log.errors().is_empty());
}

#[test]
fn caches_are_told_in_two_wordings() {
    let ten = "[01/02/2026-03:04:05] [I] [TRT] Loaded 2048 bytes of timing cache from /t/c\n\
               [01/02/2026-03:04:06] [I] [TRT] Loaded 4096 bytes of timing cache from /t/c\n\
               [01/02/2026-03:04:07] [I] [TRT] Saved 4100 bytes of timing cache to /t/c";
    let eleven = "[I] [TRT] Loaded 2048 bytes of cache from file: /t/c\n\
                  [I] [TRT] Saved 4100 bytes of timing cache to /t/c";
    for text in [ten, eleven] {
        let cache = read(text).cache;
        assert_eq!((cache.loaded, cache.saved, cache.begun), (Some(2048), Some(4100), false));
    }
    let begun =
        "[W] [TRT] Could not read cache from: /t/c. A new cache will be generated and written.";
    assert!(read(begun).cache.begun && read(begun).warnings.is_empty());
    for refused in [
        "[E] TimingCache creation failed",
        "[E] [TRT] Failed to create ITimingCache from file /t/c",
        "[W] [TRT] The timing cache will not be used!",
    ] {
        assert!(read(refused).cache.refused.is_some(), "{refused}");
    }
}

#[test]
fn a_benchmark_is_told_with_its_summary() {
    let text = "\
&&&& RUNNING TensorRT.trtexec [TensorRT v101600] [b72] # trtexec --loadEngine=e
[01/02/2026-03:04:05] [I] === Inference Options ===
[01/02/2026-03:04:05] [I] Batch: Explicit
[01/02/2026-03:04:05] [I] Duration: 30s (+ 500ms warm up)
[01/02/2026-03:04:05] [I] Inference Streams: 2
[01/02/2026-03:04:05] [I] CUDA Graph: Enabled
[01/02/2026-03:04:05] [I] === Reporting Options ===
[01/02/2026-03:04:05] [I] Percentiles: 90,95,99
[01/02/2026-03:04:06] [I] Engine loaded in 0.02 sec.
[01/02/2026-03:04:06] [I] Capturing CUDA graph for the current execution context
[01/02/2026-03:04:06] [I] Successfully captured CUDA graph for the current execution context
[01/02/2026-03:04:06] [I] Starting inference
[01/02/2026-03:04:36] [I] Warmup completed 229 queries over 500 ms
[01/02/2026-03:04:36] [I] Timing trace has 13730 queries over 30.005 s
[01/02/2026-03:04:36] [I] 
[01/02/2026-03:04:36] [I] === Trace details ===
[01/02/2026-03:04:36] [I] Average on 10 runs - GPU latency: 2.18 ms - Host latency: 2.24 ms (enqueue 0.86 ms)
[01/02/2026-03:04:36] [I] 
[01/02/2026-03:04:36] [I] === Performance summary ===
[01/02/2026-03:04:36] [I] Throughput: 457.6 qps
[01/02/2026-03:04:36] [I] GPU Compute Time: min = 2.1 ms, max = 2.9 ms, mean = 2.1818 ms, median = 2.1811 ms, percentile(90%) = 2.19 ms, percentile(95%) = 2.19 ms, percentile(99%) = 2.1943 ms
[01/02/2026-03:04:36] [I] Total Host Walltime: 30.005 s
[01/02/2026-03:04:36] [W] * GPU compute time is unstable, with coefficient of variance = 1.12%.
[01/02/2026-03:04:36] [W]   If not already in use, locking GPU clock frequency or adding --useSpinWait may improve the stability.
[01/02/2026-03:04:36] [I] Explanations of the performance metrics are printed in the verbose logs.
&&&& PASSED TensorRT.trtexec [TensorRT v101600] [b72] # trtexec --loadEngine=e
";
    let log = read(text);
    assert_eq!(log.setting(&["Inference Streams", "Streams"]), Some("2"));
    assert_eq!(log.setting(&["Duration"]), Some("30s (+ 500ms warm up)"));
    assert_eq!(log.graph_captured, Some(true));
    assert_eq!(log.summary.throughput, Some(457.6));
    assert_eq!((log.summary.warm_up_queries, log.summary.queries), (Some(229), Some(13_730)));
    assert_eq!(log.summary.metrics.len(), 1);
    assert_eq!((log.warnings.len(), log.phase()), (2, Phase::Reporting));
    assert!(log.tail.iter().all(|line| !line.contains("Average on")));
}

#[test]
fn the_last_words_are_errors_before_anything_else() {
    let failed = "\
&&&& RUNNING TensorRT.trtexec [TensorRT v8601] # trtexec --bad
[01/02/2026-03:04:05] [E] Unknown option: --bad 
=== Model Options ===
  --onnx=<file>               ONNX model
&&&& FAILED TensorRT.trtexec [TensorRT v8601] # trtexec --bad
";
    let log = read(failed);
    assert_eq!(log.last_words(), ["Unknown option: --bad"]);
    assert_eq!((log.verdict, log.settings.len()), (Some(Verdict::Failed), 0));
    let bare = read("one\n\nterminate called after throwing an instance of 'std::bad_alloc'\ntwo");
    assert_eq!(
        bare.last_words(),
        ["terminate called after throwing an instance of 'std::bad_alloc'"]
    );
    let plain = read("Average on 10 runs - GPU latency: 1 ms\nonly\nthis");
    assert_eq!(plain.last_words(), ["only", "this"]);
    let many: Vec<String> = (0..100).map(|n| format!("[E] error {n}")).collect();
    let log = read(&many.join("\n"));
    assert_eq!((log.last_words().len(), log.errors().len()), (8, ERRORS));
    assert_eq!(log.last_words()[7], "error 99");
}

#[test]
fn a_graph_that_fails_on_one_stream_has_failed() {
    let good = "[I] Successfully captured CUDA graph for the current execution context";
    let bad =
        "[W] CUDA graph capture failed. The inference will be launched without using CUDA graph.";
    assert_eq!(read(&format!("{good}\n{bad}")).graph_captured, Some(false));
    assert_eq!(read(&format!("{bad}\n{good}")).graph_captured, Some(false));
    assert_eq!(read("[I] Starting inference").graph_captured, None);
}
