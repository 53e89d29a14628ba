"""Measure the pipeline: from the delivery of new data to the first answer of the model that learnt from them.

    python tools/bench/retraining.py                     each case below
    python tools/bench/retraining.py --system cfn_a

A server is asked five times a second all the while. The first half of a data set is span 1; the clock starts
when the second half is delivered as span 2, by `kzoo pipeline deliver` and `run` as a user types them.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _common import RESULTS, write_results
from serving_server import ROOT, started

from kzoo.errors import KzooError
from kzoo.serving import Client

PAUSE_SECONDS = 0.2
LIMIT_SECONDS = 3600


@dataclass(frozen=True)
class Case:
    """A system that is retrained, by its short recipe and what `options` change of it."""

    system: str
    data: str
    ask: Callable[[Client], object]
    options: tuple[str, ...] = ()


SMALL_ALEXNET = "options={channels: [32, 64, 64, 64, 64], units: 128}"
CASES = {
    one.system: one
    for one in (
        Case(
            "cfn_a",
            "house/emoji",
            lambda client: client.predict("cfn_a", {"image_bytes": [picture()]}),
            ("--set", "epochs=10"),  # a quarter of the recipe's: span 2 goes on from the model of span 1
        ),
        Case(
            "alexnet",
            "house/emoji",
            lambda client: client.search("alexnet", picture(), k=3),
            (
                *("--index", "--set", "blessing.metric=mean_average_precision", "--set", SMALL_ALEXNET),
                *("--set", "optimizer.learning_rate=0.001"),
            ),
        ),
        Case(
            "cyclematch",
            "house/emoji_captions",
            lambda client: client.predict("cyclematch", {"text": [b"a cat"]}, signature="embed_text"),
        ),
    )
}


class Stream:
    """Asks a server without a pause; `first` has the time of the first answer of each version."""

    def __init__(self, address: str, case: Case) -> None:
        self.address, self.case = address, case
        self.first: dict[int, float] = {}
        self.calls, self.failed = 0, 0
        self.stop = threading.Event()

    def run(self) -> None:
        """Ask until it is told to stop."""
        with Client(self.address) as client:
            client.wait_until_ready(self.case.system, timeout_seconds=LIMIT_SECONDS)
            while not self.stop.wait(PAUSE_SECONDS):
                self.calls += 1
                try:
                    version = client.wait_until_ready(self.case.system).version
                    self.case.ask(client)
                    self.first.setdefault(version, time.monotonic())
                except KzooError as error:
                    self.failed += 1
                    print(error, file=sys.stderr)


def picture() -> bytes:
    """Return the PNG of a grey square."""
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (40, 40), (200, 200, 200)).save(file, "PNG")
    return file.getvalue()


def measure(case: Case, scratch: Path) -> dict[str, Any]:
    """Return the row of a case.

    Raises:
        subprocess.CalledProcessError: if a command fails; what it prints goes to the screen.
        RuntimeError: if the new version never answers.
    """
    place, models = scratch / "pipeline", scratch / "savedmodels"

    def kzoo(verb: str, *arguments: object) -> float:
        begun = time.monotonic()
        words = ("-m", "kzoo.cli", "pipeline", verb, case.system, *arguments, "--root", place)
        subprocess.run([sys.executable, *map(str, words)], check=True, cwd=ROOT)
        return time.monotonic() - begun

    run = ("--out", models, "--window", 2, *case.options)
    kzoo("deliver", case.data, "--part", "1/2")
    kzoo("run", *run)
    with started(models, scratch / "server.log") as server:
        stream = Stream(server.address, case)
        thread = threading.Thread(target=stream.run)
        thread.start()
        try:
            load, before, begun = os.getloadavg()[0], _children_seconds(), time.monotonic()
            delivered = kzoo("deliver", case.data, "--part", "2/2")
            ran = kzoo("run", *run)
            worked = _children_seconds() - before
            while 2 not in stream.first:
                if time.monotonic() - begun > LIMIT_SECONDS:
                    raise RuntimeError(f"version 2 of {case.system} has not answered")
                time.sleep(PAUSE_SECONDS)
        finally:
            stream.stop.set()
            thread.join()
    return {
        "system": case.system,
        "data": case.data,
        "options": " ".join(case.options),
        "deliver_s": round(delivered, 1),
        "run_s": round(ran, 1),
        "live_s": round(stream.first[2] - begun, 1),
        "processor_s": round(worked, 1),
        "calls": stream.calls,
        "failed": stream.failed,
        "load_before": round(load, 2),
    }


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the cases that were asked for, and write results/pipeline-live.csv."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--system", choices=CASES, action="append", help="one of these; all if left out")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the table")
    asked = parser.parse_args(arguments)
    rows = []
    for name in asked.system or CASES:
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(measure(CASES[name], Path(scratch)))
    write_results("pipeline-live", rows, folder=asked.results)


if __name__ == "__main__":
    main()
