"""Exact quantiles and the mean of one column of a Parquet file by DuckDB or Polars, on as many threads as cores.

quantiles_peer.py ENGINE-FORM FILE COLUMN prints one JSON object: the values, and the time of the query alone.
Each engine is asked in two forms: by its own function for quantiles, and by counting equal values, which is
faster when there are few different ones and takes a reader who knows it.
"""
import json
import os
import sys
import time

form, path, column = sys.argv[1:4]
shares = [0.5, 0.9, 0.99, 0.999]
names = ["p50", "p90", "p99", "p99.9"]
cores = len(os.sched_getaffinity(0))
os.environ["POLARS_MAX_THREADS"] = str(cores)


def duckdb(query):
    import duckdb
    connection = duckdb.connect()
    connection.execute(f"set threads = {cores}")
    return lambda: connection.execute(query, [path]).fetchone()


def duckdb_function():
    query = duckdb(f"select quantile_disc({column}, {shares}), avg({column}) from read_parquet(?)")
    return lambda: (lambda row: [*row[0], row[1]])(query())


def duckdb_counts():
    ranks = ", ".join(f"min(v) filter (c >= {share} * n)" for share in shares)
    return duckdb(
        f"with g as (select {column} v, count(*) k from read_parquet(?) group by v), "
        "s as (select v, k, sum(k) over (order by v) c, sum(k) over () n from g) "
        f"select {ranks}, sum(v::hugeint * k) / max(n) from s"
    )


def polars_function():
    import polars as pl
    picks = [pl.col(column).quantile(share, "lower").alias(str(share)) for share in shares]
    query = pl.scan_parquet(path).select(*picks, pl.col(column).mean())
    return lambda: query.collect(engine="streaming").row(0)


def polars_counts():
    import polars as pl
    query = pl.scan_parquet(path).group_by(column).len()

    def run():
        table = query.collect(engine="streaming").sort(column)
        counts = table["len"].cast(pl.Int64)
        n, below = counts.sum(), counts.cum_sum()
        values = [table[column][below.search_sorted(share * n, "left")] for share in shares]
        return [*values, (table[column].cast(pl.Float64) * counts).sum() / n]
    return run


run = {
    "duckdb-function": duckdb_function,
    "duckdb-counts": duckdb_counts,
    "polars-function": polars_function,
    "polars-counts": polars_counts,
}[form]()
started = time.perf_counter_ns()
row = run()
elapsed = time.perf_counter_ns() - started
values = dict(zip(names, (int(value) for value in row[:4])))
print(json.dumps({**values, "mean": float(row[4]), "query_ns": elapsed}))
