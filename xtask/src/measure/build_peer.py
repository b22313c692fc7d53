"""The peer of `measure build`: one parse and one build through NVIDIA's own bindings, as few lines as they take.

Same settings as crates/tensorrt/examples/time.rs, which it is compared with. Prints one JSON object.
"""
import json
import sys
import time

import tensorrt_rtx_bindings as trt

model, out, level, mebibytes = sys.argv[1:5]
now = time.perf_counter_ns
logger = trt.Logger(trt.Logger.WARNING)
builder = trt.Builder(logger)
network = builder.create_network(0)
parser = trt.OnnxParser(network, logger)
started = now()
if not parser.parse_from_file(model):
    sys.exit("\n".join(str(parser.get_error(i)) for i in range(parser.num_errors)))
parsed = now() - started
config = builder.create_builder_config()
config.builder_optimization_level = int(level)
config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, int(mebibytes) << 20)
started = now()
plan = builder.build_serialized_network(network, config)
built = now() - started
with open(out, "wb") as file:
    file.write(plan)
print(json.dumps({"version": trt.__version__, "parse_ns": parsed, "build_ns": built, "bytes": plan.nbytes}))
