"""The peer of `measure python`: a loop over one ONNX Runtime session, as a Python user would write it well.

Inputs and outputs are bound once, so that nothing is copied or allocated in the loop; threads and spinning are given.
Prints one JSON object: n, wall_ns (from the first start to the last end), throughput, p99_ns.
"""
import json
import sys
import time

import numpy as np
import onnxruntime as ort

engine, threads, spinning, warm_up, duration = sys.argv[1:6]
options = ort.SessionOptions()
options.intra_op_num_threads = int(threads)
options.inter_op_num_threads = 1
options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
# the engine is an optimised model already
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
session = ort.InferenceSession(engine, options, providers=["CPUExecutionProvider"])
binding = session.io_binding()
rng = np.random.default_rng(1)
for spec in session.get_inputs():
    values = rng.normal(0.0, 1.0, spec.shape).astype(np.float32)
    binding.bind_ortvalue_input(spec.name, ort.OrtValue.ortvalue_from_numpy(values))
for spec in session.get_outputs():
    binding.bind_ortvalue_output(spec.name, ort.OrtValue.ortvalue_from_shape_and_type(spec.shape, np.float32))

run, now = session.run_with_iobinding, time.perf_counter_ns
end = now() + int(float(warm_up) * 1e9)
while now() < end:
    run(binding)
stamps = []
start = now()
end = start + int(float(duration) * 1e9)
at = start
while at < end:
    run(binding)
    done = now()
    stamps.append(done - at)
    at = done
stamps.sort()
n = len(stamps)
wall = at - start
# the smallest value with at least 99 % of the samples at or below it
p99 = stamps[-(-n * 99 // 100) - 1]
print(json.dumps({"n": n, "wall_ns": wall, "throughput": n / (wall / 1e9), "p99_ns": p99}))
