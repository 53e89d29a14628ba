"""Recall at 10 against queries a second: kzoo's index on ScaNN, faiss, hnswlib and exact search, on one core.

Every contender gets the same vectors and queries in a process of its own that is bound to one core, and its
time is the processor's, so that what else the machine does counts as little as it can. kzoo's index is called
as its users call it, with all its checks and ids.

    python tools/bench/ann.py --size 200000 --out results/ann

writes OUT.csv and OUT.png. hnswlib is built from source (`pip install kzoo[peers]`), and left out without it.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ann_data import DATA
from typing_extensions import override

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
QUERIES, SINGLE, K = 1000, 100, 10
TARGET = 0.99
PACKAGES = ("scann", "faiss-cpu", "hnswlib", "numpy")


class Contender(ABC):
    """One way to search; `settings` go from fast to right."""

    settings: tuple[Any, ...] = (None,)

    @abstractmethod
    def build(self, vectors: Any) -> None:
        """Take float32 (N, D) of length 1."""

    def use(self, setting: Any) -> None:
        """Search with one of `settings` from now on."""
        return

    @abstractmethod
    def search(self, queries: Any) -> Any:
        """Return the rows (Q, 10) nearest to each query by dot product."""


class Exact(Contender):
    """A matrix product and a partial sort, by NumPy."""

    @override
    def build(self, vectors: Any) -> None:
        self.vectors = vectors

    @override
    def search(self, queries: Any) -> Any:
        import numpy as np

        found = []
        for start in range(0, len(queries), 100):
            scores = queries[start : start + 100] @ self.vectors.T
            best = np.argpartition(-scores, K, axis=1)[:, :K]
            order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
            found.append(np.take_along_axis(best, order, 1))
        return np.concatenate(found)


class Kzoo(Contender):
    """kzoo.retrieval.Index: a tree, hashing and exact scores again, with a plan's fields changed or not."""

    def __init__(self, **changes: Any) -> None:
        self.changes = changes

    @override
    def build(self, vectors: Any) -> None:
        from kzoo.retrieval import Index, Plan

        leaves = round(len(vectors) ** 0.5)
        fields = {"leaves": leaves, "leaves_to_search": leaves // 10, "block": 4, "reorder": 100}
        plan = Plan(**(fields | self.changes))
        ids = [str(row) for row in range(len(vectors))]
        self.index = Index.build(vectors, ids, plan=plan, model="bench", model_version="1")
        parts = ((1 / 64, 60), (1 / 32, 60), (1 / 32, 120), (1 / 24, 60), (1 / 24, 100), (1 / 16, 60))
        more = ((1 / 16, 120), (1 / 8, 120), (1 / 4, 120), (1 / 2, 250))
        self.settings = tuple((max(1, round(leaves * part)), reorder) for part, reorder in parts + more)

    @override
    def use(self, setting: Any) -> None:
        self.leaves, self.reorder = setting

    @override
    def search(self, queries: Any) -> Any:
        return self.index.search(queries, K, leaves_to_search=self.leaves, reorder=self.reorder).indices


class Faiss(Contender):
    """An index of faiss by its factory's words; N stands for the square root of the gallery's size."""

    index: Any  # of the class that the factory gives

    def __init__(self, words: str) -> None:
        self.words = words

    @override
    def build(self, vectors: Any) -> None:
        import faiss

        cells = round(len(vectors) ** 0.5)
        words = self.words.replace("N", str(cells), 1) if "IVF" in self.words else self.words
        self.index = faiss.index_factory(vectors.shape[1], words, faiss.METRIC_INNER_PRODUCT)
        if "HNSW" in words:
            self.index.hnsw.efConstruction = 80
            self.settings = (16, 18, 20, 24, 32, 64)
        elif "RFlat" in words:
            parts = ((1 / 32, 6), (1 / 24, 4), (1 / 24, 6), (1 / 16, 6), (1 / 16, 8), (1 / 8, 12))
            self.settings = tuple((max(1, round(cells * part)), factor) for part, factor in parts)
        elif "IVF" in words:
            self.settings = tuple(max(1, round(cells / part)) for part in (64, 32, 16, 8, 4))
        if not self.index.is_trained:
            self.index.train(vectors[:100_000])
        self.index.add(vectors)

    @override
    def use(self, setting: Any) -> None:
        import faiss

        if "HNSW" in self.words:
            self.index.hnsw.efSearch = setting
        elif "RFlat" in self.words:
            inverted: Any = faiss.downcast_index(self.index.base_index)
            inverted.nprobe, self.index.k_factor = setting
        elif "IVF" in self.words:
            self.index.nprobe = setting

    @override
    def search(self, queries: Any) -> Any:
        return self.index.search(queries, K)[1]


class Hnswlib(Contender):
    """The authors' own HNSW."""

    settings = (16, 18, 20, 24, 32, 64)

    @override
    def build(self, vectors: Any) -> None:
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        self.index.init_index(max_elements=len(vectors), ef_construction=80, M=32)
        self.index.add_items(vectors, num_threads=1)

    @override
    def use(self, setting: Any) -> None:
        self.index.set_ef(setting)

    @override
    def search(self, queries: Any) -> Any:
        return self.index.knn_query(queries, k=K, num_threads=1)[0]


CONTENDERS: dict[str, Callable[[], Contender]] = {
    "exact": Exact,
    "kzoo": Kzoo,
    "kzoo, finer hashes": lambda: Kzoo(block=2),
    "faiss flat": lambda: Faiss("Flat"),
    "faiss IVF": lambda: Faiss("IVFN,Flat"),
    "faiss IVF, fast-scan PQ": lambda: Faiss("IVFN,PQ256x4fs,RFlat"),
    "faiss HNSW": lambda: Faiss("HNSW32,Flat"),
    "hnswlib": Hnswlib,
}


def measure(name: str, folder: Path) -> None:
    """Build one contender and print a line of JSON for each of its settings."""
    import numpy as np

    vectors, queries, truth = (np.load(folder / f"{one}.npy") for one in ("vectors", "queries", "truth"))
    contender, before = CONTENDERS[name](), resident_mebibytes()
    build, _ = seconds(lambda: contender.build(vectors))
    memory = resident_mebibytes() - before
    for setting in contender.settings:
        contender.use(setting)
        single, _ = seconds(lambda: [contender.search(query[None]) for query in queries[:SINGLE]])
        batch, found = seconds(lambda: contender.search(queries))
        hits = [len(set(row) & set(right)) for row, right in zip(found.tolist(), truth.tolist(), strict=True)]
        row = {
            "contender": name,
            "setting": "" if setting is None else str(setting),
            "recall_at_10": round(sum(hits) / (K * len(hits)), 4),
            "batched_queries_per_second": round(len(queries) / batch, 1),
            "single_queries_per_second": round(SINGLE / single, 1),
            "build_seconds": round(build, 1),
            "memory_mebibytes": round(memory),
        }
        print(json.dumps(row), flush=True)


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor's seconds that `work` takes, and what it returns."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def resident_mebibytes() -> float:
    """Return the memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def prepare(data: str, size: int, folder: Path) -> None:
    """Write the vectors, the queries, which are none of them, and the true neighbours into `folder`."""
    import numpy as np

    made = DATA[data](size + QUERIES)
    vectors, queries = np.ascontiguousarray(made[:size]), np.ascontiguousarray(made[size:])
    exact = Exact()
    exact.build(vectors)
    for name, array in (("vectors", vectors), ("queries", queries), ("truth", exact.search(queries))):
        np.save(folder / f"{name}.npy", array)


def run(data: str, size: int, names: list[str], core: int) -> list[dict[str, Any]]:
    """Measure each contender in a process of its own."""
    rows = []
    with tempfile.TemporaryDirectory() as place:
        own = [sys.executable, __file__, "--in", place, "--data", data, "--size", str(size)]
        subprocess.run([*own, "--prepare"], check=True)
        for name in names:
            ended = subprocess.run(
                [*own, "--measure", name, "--core", str(core)],
                env={**os.environ, **dict.fromkeys(THREADS, "1")},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            for line in ended.stdout.splitlines():
                rows.append({"data": data, "size": size, **json.loads(line)})
                print(line, flush=True)
    return rows


def facts() -> dict[str, str]:
    """Say where and with what the figures were made."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line for line in lines if line.startswith("model name")]
    present = [name for name in PACKAGES if name != "hnswlib" or has_hnswlib()]
    versions = " ".join(f"{name}={importlib.metadata.version(name)}" for name in present)
    machine = models[0].partition(":")[2].strip() if models else platform.processor()
    return {"machine": f"{machine}, one core", "versions": versions, "commit": commit.stdout.strip()}


def has_hnswlib() -> bool:
    """Say whether it is installed."""
    return importlib.util.find_spec("hnswlib") is not None


def main() -> None:
    """Measure, print the table, write it and the curve."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=200_000)
    parser.add_argument("--data", nargs="*", choices=DATA, default=list(DATA))
    parser.add_argument("--only", nargs="*", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--out", type=Path, default=Path("results/ann"))
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--in", dest="folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.prepare:
        prepare(given.data[0], given.size, given.folder)
        return
    if given.measure:
        os.sched_setaffinity(0, {given.core})
        measure(given.measure, given.folder)
        return
    names = [name for name in given.only if name != "hnswlib" or has_hnswlib()]
    said = facts()
    rows = []
    for data in given.data:
        rows += [{**row, **said} for row in run(data, given.size, names, given.core)]
        write(rows, given.out)


def write(rows: list[dict[str, Any]], out: Path) -> None:
    """Write OUT.csv and OUT.png, and print for each contender its fastest setting of recall .99 or more."""
    from ann_curve import draw

    out.parent.mkdir(parents=True, exist_ok=True)
    with out.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, out.with_suffix(".png"))
    for data, name in dict.fromkeys((row["data"], row["contender"]) for row in rows):
        right = [
            row
            for row in rows
            if (row["data"], row["contender"]) == (data, name) and row["recall_at_10"] >= TARGET
        ]
        best = max(right, key=lambda row: row["batched_queries_per_second"], default=None)
        print(f"{data}: {name}: {best or 'does not reach ' + str(TARGET)}")


if __name__ == "__main__":
    main()
