"""Runs a command and prints one JSON object: its wall time, processor time, peak resident memory and last line.

A process of its own around each side, since only a parent is told its child's peak memory.
With TAILMARK_CORES=2 the command and all its threads have two processors.
"""
import json
import os
import sys
import time

if os.environ.get("TAILMARK_CORES"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(os.environ["TAILMARK_CORES"])])
read, write = os.pipe()
started = time.perf_counter_ns()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
os.close(write)
with os.fdopen(read) as pipe:
    said = pipe.read().strip().splitlines()
_, status, usage = os.wait4(child, 0)
wall = time.perf_counter_ns() - started
if status != 0:
    sys.exit(f"{sys.argv[1]} ended with {os.waitstatus_to_exitcode(status)}")
print(json.dumps({
    "wall_ns": wall,
    "cpu_ns": round((usage.ru_utime + usage.ru_stime) * 1e9),
    "rss_bytes": usage.ru_maxrss * 1024,
    "said": said[-1] if said else "",
}))
