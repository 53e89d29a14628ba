"""Milvus beside local ScaNN behind the same interface: recall at 10, queries a second, seconds to build.

    python tools/bench/milvus.py --size 20000 --out results/milvus.csv

Milvus is Milvus Lite, a file below a temporary folder, unless --uri names a server; SCANN is a type of a
server alone. All are asked in turn, round after round, so that a busy machine slows all alike; the figures
are medians over the rounds, and the machine's load stands beside them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from _common import write_results
from ann_data import clustered

from kzoo.retrieval.milvus import IndexType

QUERIES, SINGLE, K = 200, 40, 10
LITE_TYPES: tuple[IndexType, ...] = ("IVF_FLAT", "HNSW", "FLAT")
MADE_BY: dict[str, Any] = {"model": "bench", "model_version": "1"}


def built(vectors: Any, uri: str, types: tuple[IndexType, ...]) -> dict[str, tuple[Any, float]]:
    """Return every index over the vectors and the seconds that it took."""
    from kzoo.retrieval import Index, MilvusIndex, Plan

    ids = [str(row) for row in range(len(vectors))]
    leaves = round(len(vectors) ** 0.5)
    tree = Plan(leaves=leaves, leaves_to_search=max(1, leaves // 16), block=4, reorder=120)
    makers: dict[str, Callable[[], Any]] = {
        "local, chosen by size": lambda: Index.build(vectors, ids, **MADE_BY),
        "local, tree": lambda: Index.build(vectors, ids, plan=tree, **MADE_BY),
        "local, exact": lambda: Index.build(vectors, ids, plan=Plan(), **MADE_BY),
    }
    for kind in types:
        place = f"{uri}/bench_{kind.lower()}"
        makers[f"Milvus, {kind}"] = partial(
            MilvusIndex.build, place, vectors, ids, index_type=kind, **MADE_BY
        )
    found = {}
    for name, make in makers.items():
        start = time.perf_counter()
        found[name] = make(), time.perf_counter() - start
        print(f"built {name}: {found[name][1]:.1f} s", flush=True)
    return found


def measure(size: int, rounds: int, uri: str) -> list[dict[str, Any]]:
    """Return a row an index."""
    import numpy as np

    made = clustered(size + QUERIES)
    vectors, queries = made[:size], made[size:]
    nearest = np.argsort(-(queries @ vectors.T), axis=1)[:, :K].tolist()
    types: tuple[IndexType, ...] = LITE_TYPES if uri.endswith(".db") else ("SCANN", *LITE_TYPES)
    indexes = built(vectors, uri, types)
    batched: dict[str, list[float]] = {name: [] for name in indexes}
    single: dict[str, list[float]] = {name: [] for name in indexes}
    recall = {}
    for _ in range(rounds):
        for name, (index, _) in indexes.items():
            start = time.perf_counter()
            found = index.search(queries, K)
            batched[name].append(QUERIES / (time.perf_counter() - start))
            start = time.perf_counter()
            for query in queries[:SINGLE]:
                index.search(query[None], K)
            single[name].append(SINGLE / (time.perf_counter() - start))
            hits = [
                len({*row} & {*map(str, right)})
                for row, right in zip(found.ids.tolist(), nearest, strict=True)
            ]
            recall[name] = sum(hits) / (K * QUERIES)
    rows, load = [], round(os.getloadavg()[0], 1)
    for name, (index, seconds) in indexes.items():
        facts = index.info()
        rows.append(
            {
                "index": name,
                "how": facts.get("plan_kind") or facts["index_type"],
                "vectors": size,
                "recall_at_10": recall[name],
                "batched_queries_per_second": round(statistics.median(batched[name]), 1),
                "single_queries_per_second": round(statistics.median(single[name]), 1),
                "build_seconds": round(seconds, 1),
                "load_average": load,
            }
        )
        index.close()
    return rows


def main() -> None:
    """Measure, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--uri", help="of a server, milvus://HOST:PORT; a Milvus Lite file if left out")
    parser.add_argument("--out", type=Path, default=Path("results/milvus.csv"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        rows = measure(given.size, given.rounds, given.uri or f"milvus://{place}/bench.db")
    write_results(given.out.stem, rows, folder=given.out.parent)


if __name__ == "__main__":
    main()
