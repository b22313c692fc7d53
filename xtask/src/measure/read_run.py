"""Reads one `runner bench` folder for `measure python` and prints the same JSON object as the peer."""
import json
import sys
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

run = Path(sys.argv[1])
cases = pq.ParquetFile(run / "cases.parquet").read().to_pylist()
assert len(cases) == 1 and cases[0]["error"] is None, cases
case = cases[0]
samples = pq.ParquetFile(run / "samples" / f"{case['case']}.parquet").read()
steady = samples.filter(pc.field("phase") == "steady")
times = sorted(steady["compute_ns"].to_pylist())
n, wall = len(times), case["wall_ns"]
assert n == case["n"]
print(json.dumps({
    "n": n, "wall_ns": wall, "throughput": n / (wall / 1e9), "p99_ns": times[-(-n * 99 // 100) - 1],
    "threads": case["achieved_threads"], "spinning": case["spinning"], "load": case["host_load"],
}))
