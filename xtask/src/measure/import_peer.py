"""Reads trtexec's exported times as one would in Python, for `measure import`: json, then one NumPy array a key."""
import json
import sys
import time

import numpy as np

source, target = sys.argv[1:3]
started = time.perf_counter()
with open(source) as file:
    rows = json.load(file)
columns = {key: np.array([row[key] for row in rows]) for key in rows[0]}
read_s = time.perf_counter() - started
np.savez(target, **columns)
print(json.dumps({"rows": len(rows), "read_s": read_s}))
