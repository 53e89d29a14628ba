"""Recall at 10 against queries a second: kzoo's index on ScaNN, faiss, hnswlib and exact search, on one core.

Every contender gets the same vectors and queries in a process of its own that is bound to one core, and its
time is the processor's, so that what else the machine does counts as little as it can. When all have built
their index, they are asked in turn, setting after setting, round after round; figures are medians over the
rounds. kzoo's index is called as its users call it, with all its checks and ids.

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
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from _common import processor
from ann_contenders import CONTENDERS, Exact, K
from ann_data import DATA

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
QUERIES = 1000
SINGLE, SINGLE_AT_ONCE, SINGLE_SECONDS = 500, 50, 0.25
SLOW = 1500  # queries a second below which one round is enough
TARGET = 0.99
PACKAGES = ("scann", "faiss-cpu", "hnswlib", "numpy")
TIMES = ("batched_queries_per_second", "single_queries_per_second")

Row = dict[str, Any]


def serve(name: str, folder: Path) -> None:
    """Build one contender, print what that took, and measure each setting whose number is read."""
    import numpy as np

    vectors, queries, truth = (np.load(folder / f"{one}.npy") for one in ("vectors", "queries", "truth"))
    contender, before = CONTENDERS[name](), resident_mebibytes()
    build, _ = seconds(partial(contender.build, vectors))
    built: Row = {
        "build_seconds": round(build, 1),
        "memory_mebibytes": round(resident_mebibytes() - before),
        "settings": ["" if one is None else str(one) for one in contender.settings],
    }
    print(json.dumps(built), flush=True)
    del vectors  # a contender that needs them holds them
    for line in sys.stdin:
        contender.use(contender.settings[int(line)])
        single = single_queries_per_second(contender.search, queries)
        batch, found = seconds(lambda: contender.search(queries))
        hits = [len(set(row) & set(right)) for row, right in zip(found.tolist(), truth.tolist(), strict=True)]
        times = (len(queries) / batch, single)
        measured = {"recall_at_10": round(sum(hits) / (K * len(hits)), 4)} | dict(
            zip(TIMES, times, strict=True)
        )
        print(json.dumps(measured), flush=True)


def single_queries_per_second(search: Callable[[Any], Any], queries: Any) -> float:
    """Ask one query a call, until there were SINGLE of them or SINGLE_SECONDS are over."""
    asked, spent = 0, 0.0
    while asked < SINGLE and spent < SINGLE_SECONDS:
        part = queries[asked : asked + SINGLE_AT_ONCE]
        took, _ = seconds(partial(_each, search, part))
        asked, spent = asked + len(part), spent + took
    return asked / spent


def _each(search: Callable[[Any], Any], queries: Any) -> None:
    for query in queries:
        search(query[None])


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


class Worker:
    """A contender in a process of its own."""

    def __init__(self, name: str, own: list[str], core: int) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [*own, "--serve", name, "--core", str(core)],
            env={**os.environ, **dict.fromkeys(THREADS, "1")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.built = self._answer()
        self.settings: list[str] = self.built.pop("settings")
        print(f"built {name}: {self.built}", flush=True)

    def measure(self, setting: int) -> Row:
        """Return recall and queries a second."""
        print(setting, file=self.process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self.process.communicate()

    def _answer(self) -> Row:
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise SystemExit(f"{self.name} ended with exit code {self.process.wait()}")
        answer: Row = json.loads(line)
        return answer


def run(data: str, size: int, names: list[str], core: int, rounds: int) -> list[Row]:
    """Measure each setting of each contender; return a row each."""
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        own = [sys.executable, __file__, "--in", place, "--data", data, "--size", str(size)]
        subprocess.run([*own, "--prepare"], check=True)
        workers = [Worker(name, own, core) for name in names]
        for worker in workers:
            stack.callback(worker.close)
        print(f"measuring {data}", flush=True)
        clock, busy = time.monotonic(), busy_seconds()
        found = asked_in_turn(workers, rounds)
        others = (busy_seconds() - busy) / (time.monotonic() - clock)
    return [
        {
            "data": data,
            "size": size,
            "contender": worker.name,
            "setting": worker.settings[setting],
            "recall_at_10": times[0]["recall_at_10"],
            **{name: round(statistics.median(one[name] for one in times), 1) for name in TIMES},
            "rounds": len(times),
            **worker.built,
            "busy_cores": f"{others:.2f} of {os.cpu_count()}",
        }
        for (worker, setting), times in found
    ]


def asked_in_turn(workers: list[Worker], rounds: int) -> list[tuple[tuple[Worker, int], list[Row]]]:
    """Return what each setting of each worker answered, round by round; slow ones are asked once."""
    answers: list[tuple[tuple[Worker, int], list[Row]]] = [
        ((worker, setting), []) for worker in workers for setting in range(len(worker.settings))
    ]
    for number in range(rounds):
        for (worker, setting), rows in answers:
            if number == 0 or rows[0][TIMES[0]] >= SLOW:
                rows.append(worker.measure(setting))
                if number == 0:
                    print(f"{worker.name} {worker.settings[setting]}: {rows[0]}", flush=True)
    return answers


def busy_seconds() -> float:
    """Return the seconds that all cores together were at work since the machine started."""
    values = [int(one) for one in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _wait, irq, softirq, *_ = values
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def facts() -> dict[str, str]:
    """Say where and with what the figures were made."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False)
    present = [name for name in PACKAGES if name != "hnswlib" or has_hnswlib()]
    versions = " ".join(f"{name}={importlib.metadata.version(name)}" for name in present)
    return {"machine": f"{processor()}, one core", "versions": versions, "commit": commit.stdout.strip()}


def has_hnswlib() -> bool:
    """Say whether it is installed."""
    return importlib.util.find_spec("hnswlib") is not None


def main() -> None:
    """Measure, print the table, write it and the curve."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=200_000)
    parser.add_argument("--data", nargs="*", choices=DATA, default=list(DATA))
    parser.add_argument("--only", nargs="*", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("results/ann"))
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--in", dest="folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.prepare:
        prepare(given.data[0], given.size, given.folder)
        return
    if given.serve:
        os.sched_setaffinity(0, {given.core})
        serve(given.serve, given.folder)
        return
    names = [name for name in given.only if name != "hnswlib" or has_hnswlib()]
    said = facts()
    rows: list[Row] = []
    for data in given.data:
        rows += [{**row, **said} for row in run(data, given.size, names, given.core, given.rounds)]
        write(rows, given.out)


def write(rows: list[Row], out: Path) -> None:
    """Write OUT.csv and OUT.png, and print each contender's fastest settings of recall .99 or more."""
    from ann_curve import draw

    out.parent.mkdir(parents=True, exist_ok=True)
    with out.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, out.with_suffix(".png"))
    for line in fastest(rows):
        print(line)


def fastest(rows: list[Row]) -> Iterator[str]:
    """Say for each data set, contender and way to ask which setting of recall .99 or more is the fastest."""
    for data, name in dict.fromkeys((row["data"], row["contender"]) for row in rows):
        own = [row for row in rows if (row["data"], row["contender"]) == (data, name)]
        right = [row for row in own if row["recall_at_10"] >= TARGET]
        for way in TIMES:
            best = max(right, key=lambda row: row[way], default=None)
            what = f"{best['setting']} {best['recall_at_10']} {best[way]}" if best else "none"
            print_name = way.removesuffix("_queries_per_second")
            yield f"{data}: {name}: {print_name}: {what}"


if __name__ == "__main__":
    main()
