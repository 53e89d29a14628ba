"""Measure `kzoo serve`: answers under load, abuse, memory, speed beside the same SavedModel in process.

    python tools/bench/serving.py fuzz              10,000 malformed requests
    python tools/bench/serving.py soak --minutes 10
    python tools/bench/serving.py all               everything, about half an hour on two cores

Each prints a table and writes it to results/ as serving-NAME.csv, with machine, versions and commit; some
draw a picture beside it. The models are CFN-A, small and as in the thesis, with random weights, in two
versions each; `batching` also asks a model of wide dense layers, which gains by it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _common import RESULTS, progress, write_results
from serving_evidence import Load, Soak, abuse, overload, ready, soak, swap_under_load
from serving_load import Outcome, closed_loop, questions
from serving_server import FULL, SMALL, WIDE, export_models, export_wide, started
from serving_speed import batching_gain, cold_start, overhead, throughput

BOTH_VERSIONS = ("--latest-versions", "2")
BATCH_OF_SOME_MS = 16
COLD_MODELS = 8
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Bench:
    """What a subcommand works with: folders, and the arguments it was given."""

    models: Path
    scratch: Path
    results: Path
    arguments: argparse.Namespace

    @property
    def log(self) -> Path:
        """The file of the server's standard error."""
        return self.scratch / "server.log"

    def write(
        self, name: str, rows: Sequence[dict[str, Any]], draw: Callable[[Any], None] | None = None
    ) -> None:
        """Write a result under its name."""
        write_results(f"serving-{name}", rows, draw, folder=self.results)


def outcome_row(outcome: Outcome) -> dict[str, Any]:
    """Return the columns that every load has."""
    return {
        "calls": outcome.calls,
        "failed": outcome.failed,
        "wrong": outcome.wrong,
        "p50_ms": round(outcome.milliseconds(50), 3),
        "p99_ms": round(outcome.milliseconds(99), 3),
    }


def bench_answers(bench: Bench) -> None:
    """Concurrent calls over two models and two versions, each answer compared with the SavedModel's."""
    asked = questions(bench.models, (SMALL, FULL), (1, 2), 8)
    rows = []
    with started(bench.models, bench.log, *BOTH_VERSIONS) as server:
        ready(server, asked)
        for clients in (8, 32):
            outcome = closed_loop(server.address, asked, clients, calls=bench.arguments.calls)
            rows.append({"clients": clients, "models": 2, "versions": 2, **outcome_row(outcome)})
    bench.write("answers", rows)


def bench_swap(bench: Bench) -> None:
    """New versions put into place while clients ask."""
    base = bench.scratch / "swap"
    export_models(base, versions=(1,), names=(FULL,))
    asked = questions(base, (FULL,), (1,), 8, newest=True)
    swaps = bench.arguments.swaps
    with started(base, bench.log, "--poll-seconds", "0.2") as server:
        ready(server, asked)
        outcome = swap_under_load(server, base, asked, range(2, 2 + swaps))
    bench.write("swap", [{"swaps": swaps, "clients": 4, **outcome_row(outcome)}])


def bench_fuzz(bench: Bench) -> None:
    """Malformed requests; then the server must live, answer rightly, and hold no more memory."""
    asked = questions(bench.models, (SMALL, FULL), (1, 2), 8)
    arguments = bench.arguments
    with started(bench.models, bench.log, *BOTH_VERSIONS) as server, progress("malformed") as watch:
        ready(server, asked)
        seen = abuse(server, asked, arguments.requests, seed=arguments.seed, watch=watch)
    statuses = sorted({status for _, status in seen.statuses})
    rows = [
        {"kind": kind, **{status: seen.statuses[kind, status] for status in statuses}}
        for kind in sorted({kind for kind, _ in seen.statuses})
    ]
    summary = {
        "alive": seen.alive,
        "wrong_afterwards": seen.wrong_afterwards,
        "memory_growth_percent": round(seen.growth_percent, 2),
        "faults": len(seen.faults),
    }
    bench.write("fuzz", [{**row, **summary} for row in rows])
    for fault in seen.faults[:10]:
        print(f"{fault.request.kind}: {fault.status}: {fault.details}\n  {fault.request.message[:200].hex()}")


def bench_soak(bench: Bench) -> None:
    """A long run of mixed load with malformed requests in between; memory must stay flat."""
    asked = questions(bench.models, (SMALL, FULL), (1, 2), 8)
    with started(bench.models, bench.log, *BOTH_VERSIONS) as server, progress("soak") as watch:
        ready(server, asked)
        seen = soak(server, asked, 60 * bench.arguments.minutes, watch=watch)
    row = {
        "minutes": bench.arguments.minutes,
        "clients": 4,
        **outcome_row(seen.outcome),
        "memory_growth_percent": round(seen.growth_percent, 2),
        "memory_MiB": round(seen.resident[-1] / MEBIBYTE, 1),
    }
    bench.write("soak", [row], lambda figure: draw_memory(figure, seen))


def draw_memory(figure: Any, seen: Soak) -> None:
    """Draw the memory of a soak over time."""
    axes = figure.subplots()
    axes.plot([second / 60 for second in seen.seconds], [size / MEBIBYTE for size in seen.resident])
    axes.set(xlabel="minutes", ylabel="resident memory, MiB", ylim=(0, None))
    axes.grid(alpha=0.3)


def bench_overload(bench: Bench) -> None:
    """Multiples of what the server can answer; what is more must be refused, and the rest stay quick."""
    asked = questions(bench.models, (FULL,), (1,), 8, batch=BATCH_OF_SOME_MS)
    with started(
        bench.models, bench.log, *BOTH_VERSIONS, "--max-concurrent-calls", "8", "--max-queued-calls", "8"
    ) as server:
        ready(server, asked)
        loads = overload(server, asked, (0.5, 1.0, 2.0, 4.0), bench.arguments.seconds)
    rows = [
        {
            "offered_per_second": round(load.offered_per_second, 1),
            "answered_per_second": round(load.outcome.statuses["OK"] / load.seconds, 1),
            "refused": load.outcome.statuses["RESOURCE_EXHAUSTED"],
            "otherwise_failed": load.outcome.failed - load.outcome.statuses["RESOURCE_EXHAUSTED"],
            **{
                f"p{percentile}_ms": round(load.outcome.milliseconds(percentile), 1)
                for percentile in (50, 95, 99)
            },
        }
        for load in loads
    ]
    bench.write("overload", rows, lambda figure: draw_overload(figure, loads[1:]))


def draw_overload(figure: Any, loads: Sequence[Load]) -> None:
    """Draw answered calls and their latency over offered calls."""
    offered = [load.offered_per_second for load in loads]
    left, right = figure.subplots(1, 2)
    left.plot(offered, [load.outcome.statuses["OK"] / load.seconds for load in loads], marker="o")
    left.set(xlabel="calls offered a second", ylabel="calls answered a second", ylim=(0, None))
    for percentile in (50, 95, 99):
        latencies = [load.outcome.milliseconds(percentile) for load in loads]
        right.plot(offered, latencies, marker="o", label=f"p{percentile}")
    right.set(xlabel="calls offered a second", ylabel="latency of answered calls, ms", ylim=(0, None))
    right.legend()
    for axes in (left, right):
        axes.grid(alpha=0.3)


def bench_overhead(bench: Bench) -> None:
    """Time of a call by one client over that of the function in process, beside gRPC that does nothing."""
    rows = []
    with started(bench.models, bench.log, *BOTH_VERSIONS) as server:
        ready(server, questions(bench.models, (SMALL, FULL), (1,), 1))
        for model, batch in ((SMALL, 1), (FULL, 1), (FULL, BATCH_OF_SOME_MS)):
            seen = overhead(server, bench.models, model, rounds=9, calls=100, batch=batch)
            rows.append(
                {
                    "model": model,
                    "images_a_call": batch,
                    "in_process_ms": round(seen.in_process, 3),
                    "paced_ms": round(seen.paced, 3),
                    "server_ms": round(seen.server, 3),
                    "overhead_ms": round(seen.server - seen.in_process, 3),
                    "over_paced_ms": round(seen.server - seen.paced, 3),
                    "bare_grpc_ms": round(seen.grpc, 3),
                }
            )
    bench.write("overhead", rows)


def bench_throughput(bench: Bench) -> None:
    """Calls a second of eight clients beside eight threads in process."""
    rows = []
    with started(bench.models, bench.log, *BOTH_VERSIONS) as server:
        for model, batch in ((SMALL, 1), (FULL, 1), (FULL, BATCH_OF_SOME_MS)):
            asked = questions(bench.models, (model,), (1,), 8, batch=batch)
            ready(server, asked)
            pair = throughput(
                server, bench.models, asked, clients=8, rounds=3, seconds=bench.arguments.seconds
            )
            rows.append(
                {
                    "model": model,
                    "images_a_call": batch,
                    "clients": 8,
                    "in_process_per_second": round(pair.baseline, 1),
                    "server_per_second": round(pair.server, 1),
                    "share_percent": round(100 * pair.server / pair.baseline, 1),
                }
            )
    bench.write("throughput", rows)


def bench_batching(bench: Bench) -> None:
    """Calls a second with `--batching` beside those without, for one client and for many."""
    export_wide(bench.models)
    rows = []
    plain_log, batching_log = bench.scratch / "plain.log", bench.log
    with (
        started(bench.models, plain_log, *BOTH_VERSIONS) as plain,
        started(bench.models, batching_log, *BOTH_VERSIONS, "--batching") as batching,
    ):
        for model in (SMALL, FULL, WIDE):
            asked = questions(bench.models, (model,), (1,), 8)
            for server in (plain, batching):
                ready(server, asked)
            for clients in (1, 8, 32):
                pair = batching_gain(
                    plain, batching, asked, clients=clients, rounds=3, seconds=bench.arguments.seconds
                )
                rows.append(
                    {
                        "model": model,
                        "clients": clients,
                        "plain_per_second": round(pair.baseline, 1),
                        "batching_per_second": round(pair.server, 1),
                        "gain_percent": round(100 * (pair.server / pair.baseline - 1), 1),
                    }
                )
    bench.write("batching", rows)


def bench_cold(bench: Bench) -> None:
    """Start with eight models, beside a process that loads the same."""
    base = bench.scratch / "cold"
    for number in range(COLD_MODELS):
        shutil.copytree(bench.models / FULL / "1", base / f"cfn_{number}" / "1")
    pair = cold_start(base, bench.log, rounds=3)
    row = {
        "models": COLD_MODELS,
        "in_process_seconds": round(pair.baseline, 2),
        "server_seconds": round(pair.server, 2),
        "more_percent": round(100 * (pair.server / pair.baseline - 1), 1),
    }
    bench.write("cold", [row])


BENCHES: dict[str, Callable[[Bench], None]] = {
    "answers": bench_answers,
    "swap": bench_swap,
    "fuzz": bench_fuzz,
    "soak": bench_soak,
    "overload": bench_overload,
    "overhead": bench_overhead,
    "throughput": bench_throughput,
    "batching": bench_batching,
    "cold": bench_cold,
}


def main() -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bench", choices=[*BENCHES, "all"])
    parser.add_argument("--results", type=Path, default=RESULTS, help="where tables are written")
    parser.add_argument("--models", type=Path, help="folder to keep the exported models in")
    parser.add_argument("--calls", type=int, default=10_000, help="of answers, for each number of clients")
    parser.add_argument("--requests", type=int, default=10_000, help="of fuzz")
    parser.add_argument("--seed", type=int, default=0, help="of fuzz")
    parser.add_argument("--swaps", type=int, default=5, help="of swap")
    parser.add_argument("--minutes", type=float, default=10.0, help="of soak")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement of a rate")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kzoo-bench-") as scratch:
        models = arguments.models or Path(scratch) / "models"
        export_models(models)
        bench = Bench(models, Path(scratch), arguments.results, arguments)
        for name in BENCHES if arguments.bench == "all" else [arguments.bench]:
            BENCHES[name](bench)
    return 0


if __name__ == "__main__":
    sys.exit(main())
